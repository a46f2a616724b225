//! Reports and their figures as lines: for people, or as CSV.

use std::cmp::Reverse;
use std::time::{Duration, UNIX_EPOCH};

use mt5_redis::model::report::OUTCOMES;
use mt5_redis::model::reported::Reported;

use super::figures::{Figures, Row, quantile};

const NAMES: [&str; 3] = ["follower", "source", "symbol"];
const FILLS: [&str; 5] = ["fills", "delay_ms", "delay_ms_p99", "slippage", "slippage_p99"];

/// For people: the table, the reasons, and what could not be read.
pub fn text(figures: &Figures) -> Vec<String> {
    let mut lines = match figures.rows.is_empty() {
        true => vec!["no reports".to_owned()],
        false => aligned(figures),
    };
    let mut reasons: Vec<_> = figures.reasons.iter().collect();
    reasons.sort_by_key(|((follower, _), count)| (follower, Reverse(**count)));
    lines.extend(reasons.iter().map(|((follower, reason), count)| format!("{follower}: {count} × {reason}")));
    lines.extend(unreadable(figures));
    lines
}

/// What could not be read.
pub fn unreadable(figures: &Figures) -> Vec<String> {
    let line = |(name, (count, why)): (&String, &(u64, String))| {
        format!("{name}: {count} unreadable, the first: {why}")
    };
    figures.unreadable.iter().map(line).collect()
}

/// For programs: a line for each follower, source and symbol.
pub fn csv(figures: &Figures) -> Vec<String> {
    let line = |row: Vec<String>| row.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",");
    std::iter::once(heads()).chain(rows(figures)).map(line).collect()
}

/// A cell of CSV. A spreadsheet takes a text that begins with one of four characters for a formula, and a follower
/// may call its symbol anything: such a text gets an apostrophe.
pub(crate) fn quoted(cell: &str) -> String {
    let number = cell.parse::<f64>().is_ok();
    let cell = if cell.starts_with(['=', '+', '-', '@']) && cell != "-" && !number {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    if cell.contains([',', '"']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

fn aligned(figures: &Figures) -> Vec<String> {
    let mut cells = vec![heads()];
    cells.extend(rows(figures));
    let width = |at: usize| cells.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..cells[0].len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cell = |(at, text): (usize, &String)| match at < NAMES.len() {
            true => format!("{text:<width$}", width = widths[at]),
            false => format!("{text:>width$}", width = widths[at]),
        };
        row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ")
    };
    cells.iter().map(line).collect()
}

fn heads() -> Vec<String> {
    let outcomes = OUTCOMES.iter().map(|(_, name, _)| *name);
    let heads = NAMES.into_iter().chain(FILLS).chain(outcomes).chain(["unreported"]);
    heads.map(str::to_owned).collect()
}

fn rows(figures: &Figures) -> impl Iterator<Item = Vec<String>> {
    figures.rows.iter().map(|((follower, source, symbol), row)| {
        let Row { delays, slippages, outcomes, unreported } = row;
        let show = |value: Option<f32>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        let mut cells = vec![follower.clone(), source.clone(), symbol.clone(), delays.len().to_string()];
        for values in [delays, slippages] {
            cells.extend([0.5, 0.99].map(|share| show(quantile(values, share))));
        }
        cells.extend(outcomes.iter().chain([unreported]).map(u64::to_string));
        cells
    })
}

/// A report in one line.
pub fn line(report: &Reported) -> String {
    let Reported { instance, source, symbol, reason, report: numbers, .. } = report;
    let time = UNIX_EPOCH + Duration::from_millis(numbers.time_ms.max(0) as u64);
    let time = humantime::format_rfc3339_millis(time);
    let filled = match numbers.volume_done > 0.0 {
        true => format!(
            " {} of {} at {}, slippage {:.1} points, {} ms",
            numbers.volume_done,
            numbers.volume_wanted,
            numbers.price_filled,
            numbers.slippage,
            numbers.latency_ms
        ),
        false => String::new(),
    };
    let answer = if numbers.retcode > 0 { format!(" ({})", numbers.retcode) } else { String::new() };
    let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    let (number, outcome) = (numbers.sequence, report.outcome());
    format!("{time} {instance} {source}/{number} {symbol} {outcome}{filled}{answer}{why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_computes_nothing_of_a_cell() {
        for (cell, shown) in [
            ("EURUSD", "EURUSD"),
            ("-", "-"),
            ("-1.5", "-1.5"),
            ("=1+2", "'=1+2"),
            ("@a,\"b\"", "\"'@a,\"\"b\"\"\""),
            ("-x", "'-x"),
        ] {
            assert_eq!(quoted(cell), shown);
        }
    }
}
