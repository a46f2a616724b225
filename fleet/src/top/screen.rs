//! The rows as 80 columns of text, printed once or drawn live.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Text};

use super::sort::{Instance, Sort};
use super::watch::Look;
use crate::observe::lane::Node;
use crate::{output, stop};

/// How a line is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Head,
    Good,
    Warning,
    Bad,
}

/// The share of memory from which on a node is marked.
const HIGH_MEMORY: f64 = 0.8;
/// Time between two redraws; a key redraws at once.
const REDRAW: Duration = Duration::from_millis(200);
/// The width of a line in characters.
const WIDTH: usize = 80;
/// Longer names of instances and nodes are cut.
const NAME: usize = 23;
const NODE: usize = 22;

/// All lines, with the instances sorted and filtered.
pub(super) fn lines(look: &Look, sort: Sort, filter: &str) -> Vec<(String, Mark)> {
    let mut lines = vec![(head_of_nodes(), Mark::Head)];
    lines.extend(look.nodes.iter().flat_map(node));
    let mut shown: Vec<Instance> =
        look.instances.iter().filter(|instance| instance.name.contains(filter)).cloned().collect();
    sort.sort(&mut shown);
    let alive = shown.iter().filter(|instance| instance.heartbeat.is_some()).count();
    lines.push((String::new(), Mark::Good));
    lines.push((
        format!(
            "{:<NAME$} {:>5} {:>10} {:>9} {:>4} {:>6} {:>6} {:>6} {:>2}",
            format!("{alive} of {} alive", shown.len()),
            "seen",
            "login",
            "equity",
            "pos",
            "trades",
            "sigs",
            "commit",
            "lv"
        ),
        Mark::Head,
    ));
    lines.extend(look.trouble.iter().flat_map(|why| wrapped(why, "")));
    lines.extend(shown.iter().flat_map(instance));
    if look.hidden > 0 {
        lines.push((format!("and {} more names without a heartbeat", look.hidden), Mark::Warning));
    }
    lines
}

fn head_of_nodes() -> String {
    format!(
        "{:<4} {:<7} {:<NODE$} {:>7} {:>9} {:>5} {:>4} {:>6} {:>8}",
        "lane", "role", "node", "ops/s", "memory", "used", "cpu", "ping", "lag"
    )
}

fn node(node: &Node) -> Vec<(String, Mark)> {
    let role = if node.replica.is_some() { "replica" } else { "master" };
    let start = format!("{:<4} {role:<7} {:<NODE$}", node.lane, cut(&node.address, NODE));
    match &node.seen {
        Err(why) => {
            let first = (cut(start.trim_end(), WIDTH), Mark::Bad);
            [first].into_iter().chain(wrapped(why, "     ")).collect()
        }
        Ok(seen) => {
            let used = seen.memory();
            let share = used.map_or("-".to_owned(), |used| format!("{:.0} %", used * 100.0));
            let lag = match &node.replica {
                None => "-".to_owned(),
                // A replica acknowledges each second; in between only the bytes say how far behind it is.
                Some(replica) if replica.lag_s > 1 => format!("{} s", replica.lag_s),
                Some(replica) => bytes(replica.lag_bytes),
            };
            let line = format!(
                "{start} {:>7} {:>9} {share:>5} {:>3.0}% {:>6} {lag:>8}",
                seen.now.ops_per_second,
                bytes(seen.now.used_memory),
                seen.cpu * 100.0,
                duration(seen.now.ping.as_micros() as u64),
            );
            let late = node.replica.as_ref().is_some_and(|replica| replica.lag_s > 1);
            let marked = late || used.is_some_and(|used| used > HIGH_MEMORY);
            let line = (line, if marked { Mark::Warning } else { Mark::Good });
            let no_info = seen.now.no_info.iter();
            let no_info = no_info.map(|why| format!("refuses INFO ({why}): only its ping is known"));
            [line].into_iter().chain(no_info.flat_map(|words| wrapped(&words, "     "))).collect()
        }
    }
}

fn instance(instance: &Instance) -> Vec<(String, Mark)> {
    let start = format!("{:<NAME$} {:>5}", cut(&instance.name, NAME), age(instance.age_ms));
    match &instance.heartbeat {
        None => vec![(format!("{start} gone"), Mark::Bad)],
        Some(heartbeat) => {
            let [trades, signals] = heartbeat.waiting.map(count);
            let line = format!(
                "{start} {:>10} {:>9.0} {:>4} {trades:>6} {signals:>6} {:>6} {:>2}",
                heartbeat.login,
                heartbeat.equity,
                heartbeat.positions,
                duration(heartbeat.slowest_us()),
                heartbeat.level
            );
            let halted = heartbeat.halted();
            let marked = heartbeat.level > 0 || !heartbeat.connected || halted.is_some();
            let mark = if marked { Mark::Warning } else { Mark::Good };
            let clock = heartbeat.clock_error().map(|error| format!("its clock is {error}"));
            let troubles = halted.map(str::to_owned).into_iter().chain(clock);
            [(line, mark)].into_iter().chain(troubles.flat_map(|words| wrapped(&words, "     "))).collect()
        }
    }
}

/// An age in a suitable unit.
fn age(ms: u64) -> String {
    match ms {
        0..10_000 => format!("{:.1} s", ms as f64 / 1000.0),
        10_000..600_000 => format!("{} s", ms / 1000),
        600_000..36_000_000 => format!("{} m", ms / 60_000),
        36_000_000..864_000_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}

/// A duration in six columns; 0 is unknown.
fn duration(us: u64) -> String {
    match us {
        0 => "-".to_owned(),
        1..1000 => format!("{us} µs"),
        1000..9_950 => format!("{:.1} ms", us as f64 / 1000.0),
        9_950..999_500 => format!("{:.0} ms", us as f64 / 1000.0),
        _ => age(us / 1000),
    }
}

/// A count of records, in six columns.
fn count(records: u64) -> String {
    match records {
        0..1_000_000 => records.to_string(),
        _ => format!("{:.1}M", records as f64 / 1e6),
    }
}

fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} B"),
        1024..1_048_576 => format!("{} KiB", count >> 10),
        1_048_576..10_737_418_240 => format!("{} MiB", count >> 20),
        _ => format!("{} GiB", count >> 30),
    }
}

/// An error in as many lines as it takes: its end says what to do.
fn wrapped(why: &str, margin: &str) -> Vec<(String, Mark)> {
    let mut lines = vec![margin.to_owned()];
    for word in why.split_whitespace() {
        let last = lines.last_mut().expect("there is one");
        if last.chars().count() + 1 + word.chars().count() > WIDTH && *last != margin {
            lines.push(format!("{margin}{word}"));
        } else {
            let space = if *last == margin { "" } else { " " };
            *last += &format!("{space}{word}");
        }
    }
    lines.into_iter().map(|line| (cut(&line, WIDTH), Mark::Bad)).collect()
}

/// The beginning of a foreign text.
fn cut(text: &str, width: usize) -> String {
    output::sanitized(text).chars().take(width).collect()
}

/// The terminal, and what its user has chosen.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    typed: Receiver<Event>,
    sort: Sort,
    filter: String,
    /// Whether the user is typing the filter.
    filtering: bool,
}

impl Screen {
    pub(super) fn open(sort: Sort, filter: String) -> Result<Self> {
        let terminal = ratatui::try_init().context("this terminal cannot show a live table: pass --once")?;
        let (sender, typed) = channel();
        // In a thread of its own: reading never returns once the terminal is gone.
        thread::spawn(move || while event::read().is_ok_and(|event| sender.send(event).is_ok()) {});
        Ok(Self { terminal, typed, sort, filter, filtering: false })
    }

    /// Draws and waits briefly for a key.
    pub(super) fn show(&mut self, look: &Look) -> Result<()> {
        let mut text: Vec<Line> = lines(look, self.sort, &self.filter)
            .into_iter()
            .map(|(line, mark)| {
                let style = match mark {
                    Mark::Head => Style::new().bold(),
                    Mark::Good => Style::new(),
                    Mark::Warning => Style::new().fg(Color::Yellow),
                    Mark::Bad => Style::new().fg(Color::Red),
                };
                Line::styled(line, style)
            })
            .collect();
        let sorted = format!("{:?}", self.sort).to_lowercase();
        let cursor = if self.filtering { "_" } else { "" };
        text.insert(0, format!("q: quit  s: sort by {sorted}  /: filter {}{cursor}", self.filter).into());
        self.terminal.draw(|frame| frame.render_widget(Text::from(text), frame.area()))?;
        let typed = self.typed.recv_timeout(REDRAW);
        if typed == Err(RecvTimeoutError::Disconnected) {
            stop::request();
        }
        if let Ok(Event::Key(key)) = typed {
            let control = key.modifiers.contains(KeyModifiers::CONTROL);
            match key.code {
                KeyCode::Char('c') if control => stop::request(),
                KeyCode::Enter | KeyCode::Esc if self.filtering => self.filtering = false,
                KeyCode::Backspace if self.filtering => drop(self.filter.pop()),
                KeyCode::Char(typed) if self.filtering => self.filter.push(typed),
                KeyCode::Char('/') => self.filtering = true,
                KeyCode::Char('s') => self.sort = self.sort.next(),
                KeyCode::Char('q') | KeyCode::Esc => stop::request(),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The terminal may be gone.
        let _ = ratatui::try_restore();
    }
}

#[cfg(test)]
mod tests {
    use mt5_redis::config::Address;

    use super::*;
    use crate::observe::instances::Heartbeat;
    use crate::observe::sample::{Replica, Sample, Seen};

    #[test]
    fn every_line_fits_and_marks_what_needs_attention() {
        let heartbeat = |waiting, level| Heartbeat {
            login: 9_999_999_999,
            equity: 12_345_678.9,
            connected: true,
            positions: 9999,
            waiting: [waiting, 1_234_567],
            commit_us: [900, 12_300],
            level,
            ..Heartbeat::default()
        };
        let instance = |name: &str, age_ms, heartbeat| Instance { name: name.into(), age_ms, heartbeat };
        let sample = Sample {
            used_memory: 90 << 30,
            max_memory: 100 << 30,
            ops_per_second: 9_999_999,
            ping: Duration::from_micros(900),
            ..Default::default()
        };
        let address = "a-very-long-host-name.example.com:6390".to_owned();
        let replica = |lag_s| {
            let address = Address { host: "replica".into(), port: 6400 };
            Some(Replica { address, lag_s, lag_bytes: 3000 })
        };
        let node =
            |address: &str, replica, seen| Node { lane: "rtss", address: address.into(), replica, seen };
        let calm = || Ok(Seen { now: Sample::default(), ..Default::default() });
        let look = Look {
            nodes: vec![
                node(&address, None, Ok(Seen { now: sample, cpu: 0.999, ..Default::default() })),
                node("replica:6400", replica(0), calm()),
                node("replica:6401", replica(7), calm()),
                node("", None, Err("connection refused".repeat(9))),
            ],
            trouble: None,
            hidden: 0,
            instances: vec![
                instance("1.A", 400, Some(Heartbeat { clock_ms: -5_000, ..heartbeat(5, 0) })),
                instance("2.B", 90_000, Some(Heartbeat { halt: Some(1), ..heartbeat(70_000, 2) })),
                instance("3.A-name-of-more-than-thirty-letters", 400_000_000, None),
            ],
        };
        let shown = lines(&look, Sort::Waiting, "");
        for (line, _) in &shown {
            assert!(line.chars().count() <= 80, "{line}");
        }
        let marks: Vec<Mark> = shown.iter().map(|(_, mark)| *mark).collect();
        use Mark::{Bad, Good, Head, Warning};
        // The error of a node is shown in full, in three lines here.
        assert_eq!(
            marks,
            [Head, Warning, Good, Warning, Bad, Bad, Bad, Bad, Good, Head, Warning, Bad, Good, Bad, Bad]
        );
        assert!(
            shown[1].0.contains(" 90 GiB  90 % 100% 900 µs ") && shown[1].0.ends_with(" -"),
            "{}",
            shown[1].0
        );
        assert!(shown[2].0.starts_with("rtss replica ") && shown[2].0.ends_with(" 2 KiB"), "{}", shown[2].0);
        assert!(shown[3].0.ends_with(" 7 s"), "{}", shown[3].0);
        assert!(shown[9].0.starts_with("2 of 3 alive"), "{}", shown[9].0);
        assert!(
            shown[10].0.starts_with("2.B ") && shown[10].0.ends_with(" 70000   1.2M  12 ms  2"),
            "{}",
            shown[10].0
        );
        assert_eq!(shown[11].0, "     halted: it opens no positions");
        assert_eq!(shown[13].0, "     its clock is 5.0 s behind the server's");
        assert!(shown[14].0.ends_with(" 111 h gone"), "{}", shown[14].0);
        assert_eq!(lines(&look, Sort::Instance, "2.").len(), 12);
    }
}
