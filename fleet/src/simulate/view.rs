//! Shows a running fleet: a live table if standard output is a terminal, else a line every two seconds.

use std::io::{self, IsTerminal};
use std::time::Duration;

use anyhow::{Context, Result};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Block, Row, Table};
use ratatui::{DefaultTerminal, Frame};

use super::terminal::Progress;
use crate::{output, stop};

const LANES: [&str; 3] = ["ris   instances", "rts   trades", "rtss  signals"];
const LINE_EVERY: Duration = Duration::from_secs(2);
/// The time over which rates are averaged.
const RATE_OVER: Duration = Duration::from_secs(1);

pub struct View {
    screen: Option<DefaultTerminal>,
    next_line: Duration,
    rates: Rates,
}

impl View {
    pub fn open() -> Result<Self> {
        let screen = io::stdout().is_terminal().then(ratatui::try_init).transpose();
        let screen = screen.context("this terminal cannot show a live table: pipe the output through cat")?;
        Ok(Self { screen, next_line: LINE_EVERY, rates: Rates::default() })
    }

    /// Shows the terminals' progress.
    pub fn show(&mut self, elapsed: Duration, terminals: &[&Progress]) -> Result<()> {
        let totals = Totals::of(terminals);
        self.rates.update(elapsed, totals.accepted);
        if let Some(screen) = &mut self.screen {
            screen.draw(|frame| draw(frame, elapsed, &totals, &self.rates, terminals))?;
            while event::poll(Duration::ZERO)? {
                if wants_to_stop(&event::read()?) {
                    stop::request();
                }
            }
        } else if elapsed >= self.next_line {
            self.next_line = elapsed + LINE_EVERY;
            output::print(&totals.line(elapsed))?;
        }
        Ok(())
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if self.screen.is_some() {
            ratatui::restore();
        }
    }
}

/// While the table is shown, Ctrl-C is an ordinary key.
fn wants_to_stop(event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => true,
        KeyCode::Char('c') => key.modifiers.contains(KeyModifiers::CONTROL),
        _ => false,
    }
}

/// The whole fleet in numbers.
#[derive(Default)]
struct Totals {
    running: usize,
    finished: usize,
    accepted: [u64; 3],
    committed: [u64; 3],
    refused: u64,
    copied: u64,
    /// The median of the terminals' medians, and the worst of their 99th percentiles.
    call_p50_ns: u64,
    call_p99_ns: u64,
}

impl Totals {
    fn of(terminals: &[&Progress]) -> Self {
        let mut totals = Self::default();
        for terminal in terminals {
            totals.finished += usize::from(terminal.finished);
            totals.running += usize::from(!terminal.finished);
            totals.refused += terminal.refused;
            totals.copied += terminal.copied;
            totals.call_p99_ns = totals.call_p99_ns.max(terminal.call_p99_ns);
            for lane in 0..3 {
                totals.accepted[lane] += terminal.accepted[lane];
                totals.committed[lane] += terminal.committed[lane];
            }
        }
        let mut medians: Vec<u64> = terminals.iter().map(|terminal| terminal.call_p50_ns).collect();
        medians.sort_unstable();
        totals.call_p50_ns = medians.get(medians.len() / 2).copied().unwrap_or(0);
        totals
    }

    fn line(&self, elapsed: Duration) -> String {
        format!(
            "{:>3} s  {} running, {} finished  accepted {}  committed {}  refused {}{}  call p50 {} ns",
            elapsed.as_secs(),
            self.running,
            self.finished,
            self.accepted.iter().sum::<u64>(),
            self.committed.iter().sum::<u64>(),
            self.refused,
            self.copied(),
            self.call_p50_ns,
        )
    }

    /// How many signals followers have copied, if there are followers.
    fn copied(&self) -> String {
        if self.copied == 0 { String::new() } else { format!("  copied {}", self.copied) }
    }
}

/// Records a second, lane by lane.
#[derive(Default)]
struct Rates {
    since: Duration,
    accepted: [u64; 3],
    per_second: [u64; 3],
}

impl Rates {
    fn update(&mut self, now: Duration, accepted: [u64; 3]) {
        let over = now.saturating_sub(self.since);
        if over < RATE_OVER {
            return;
        }
        for (lane, rate) in self.per_second.iter_mut().enumerate() {
            let new = accepted[lane].saturating_sub(self.accepted[lane]);
            *rate = (new as f64 / over.as_secs_f64()).round() as u64;
        }
        (self.since, self.accepted) = (now, accepted);
    }
}

fn draw(frame: &mut Frame, elapsed: Duration, totals: &Totals, rates: &Rates, terminals: &[&Progress]) {
    let areas = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(6),
        Constraint::Min(4),
        Constraint::Length(1),
    ]);
    let [title, lanes, fleet, event] = areas.areas(frame.area());
    let heading = format!(
        " {:.1} s   {} terminals running, {} finished   {} calls refused{}   call p50 {} ns, worst p99 {} ns   q: stop",
        elapsed.as_secs_f32(),
        totals.running,
        totals.finished,
        totals.refused,
        totals.copied(),
        totals.call_p50_ns,
        totals.call_p99_ns,
    );
    frame.render_widget(Line::from(heading).bold(), title);
    frame.render_widget(lane_table(totals, rates), lanes);

    // Two lines of border, one of headings.
    let visible = usize::from(fleet.height.saturating_sub(3));
    let hidden = terminals.len().saturating_sub(visible);
    frame.render_widget(terminal_table(&terminals[..terminals.len() - hidden], hidden), fleet);
    let newest = terminals.iter().rev().find_map(|terminal| terminal.event.as_deref());
    frame.render_widget(
        Line::from(format!(" {}", output::sanitized(newest.unwrap_or_default()))).dim(),
        event,
    );
}

fn lane_table(totals: &Totals, rates: &Rates) -> Table<'static> {
    let rows = (0..3).map(|lane| {
        let (accepted, committed) = (totals.accepted[lane], totals.committed[lane]);
        let numbers = [accepted, committed, accepted.saturating_sub(committed), rates.per_second[lane]];
        Row::new([LANES[lane].to_owned()].into_iter().chain(numbers.map(right)))
    });
    let widths = [18, 12, 12, 12, 12].map(Constraint::Length);
    Table::new(rows, widths)
        .header(header(["lane", "accepted", "committed", "waiting", "per s"]))
        .block(Block::bordered().title(" lanes "))
}

fn terminal_table<'a>(terminals: &[&'a Progress], hidden: usize) -> Table<'a> {
    let rows = terminals.iter().map(|terminal| {
        let waiting = |lane: usize| terminal.accepted[lane].saturating_sub(terminal.committed[lane]);
        let numbers = [
            terminal.positions as u64,
            terminal.accepted.iter().sum(),
            terminal.committed.iter().sum(),
            (0..3).map(waiting).sum(),
            terminal.refused,
            terminal.call_p50_ns,
            terminal.call_p99_ns,
        ];
        let row = Row::new([terminal.instance.clone()].into_iter().chain(numbers.map(right)));
        match (terminal.finished, terminal.refused) {
            (_, 1..) => row.style(Style::new().fg(Color::Yellow)),
            (true, 0) => row.style(Style::new().fg(Color::Green)),
            (false, 0) => row,
        }
    });
    let title = match hidden {
        0 => " terminals ".to_owned(),
        _ => format!(" terminals, and {hidden} more "),
    };
    let widths = [22, 10, 10, 10, 10, 10, 10, 10].map(Constraint::Length);
    let names = ["instance", "positions", "accepted", "committed", "waiting", "refused", "p50 ns", "p99 ns"];
    Table::new(rows, widths).header(header(names)).block(Block::bordered().title(title))
}

/// The first column holds text, the others numbers.
fn header<const N: usize>(names: [&str; N]) -> Row<'static> {
    let cell = |(column, name): (usize, &str)| if column == 0 { name.to_owned() } else { right(name) };
    Row::new(names.into_iter().enumerate().map(cell)).style(Style::new().bold())
}

fn right(value: impl std::fmt::Display) -> String {
    format!("{value:>9}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    #[test]
    fn the_table_shows_the_sums_and_as_many_terminals_as_fit() {
        let one = Progress {
            instance: "5000001.Fleet-Demo".into(),
            accepted: [10, 200, 3000],
            committed: [10, 200, 2990],
            copied: 7,
            call_p50_ns: 80,
            event: Some("rtss: connected".into()),
            ..Default::default()
        };
        let terminals = vec![&one; 20];
        let mut screen = Terminal::new(TestBackend::new(110, 20)).unwrap();
        let totals = Totals::of(&terminals);
        let mut rates = Rates::default();
        rates.update(Duration::from_secs(2), totals.accepted);
        screen.draw(|frame| draw(frame, Duration::from_secs(2), &totals, &rates, &terminals)).unwrap();
        let shown = screen.backend().to_string();
        for part in [
            "20 terminals running",
            "60000",
            "59800",
            "30000",
            "and 11 more",
            "5000001.Fleet-Demo",
            "connected",
        ] {
            assert!(shown.contains(part), "{part} is not in\n{shown}");
        }
        assert_eq!(
            totals.line(Duration::from_secs(2)),
            "  2 s  20 running, 0 finished  accepted 64200  committed 64000  refused 0  copied 140  call p50 80 ns"
        );
    }
}
