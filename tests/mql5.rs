//! The MQL5 sources: checked as MetaEditor would, and run in a stand-in terminal against the real Windows DLL
//! and a real Redis. `tests/mql5/README.md` says how; here are the runs, and the proof that a mistake in the
//! sources turns each of them red.

mod support;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use support::process::{self, Finished};
use support::server::Server;
use support::wine;
use tempfile::TempDir;

/// The first run compiles the terminal and may make Wine's folder.
const LIMIT: Duration = Duration::from_secs(900);

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `run.py` with these words, on these sources.
fn run(words: &[&str], sources: &Path, header: &Path, server: Option<&Server>) -> Finished {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/");
    let mut command = Command::new(project().join("target/python/bin/python"));
    command.arg(project().join("tests/mql5/run.py")).args(words);
    command.arg("--build").arg(target.join("mql5")).arg("--prefix").arg(target.join("wine"));
    command.arg("--sources").arg(sources).arg("--header").arg(header).arg("--library").arg(wine::library());
    let Some(server) = server else { return process::run(&mut command, LIMIT) };
    static PLAYING: Mutex<()> = Mutex::new(());
    // One run after the other, and each with a Wine server of its own.
    let _alone = PLAYING.lock().unwrap_or_else(PoisonError::into_inner);
    let finished = process::run(command.arg("--redis").arg(server.port.to_string()), LIMIT);
    wine::end();
    finished
}

fn run_ours(words: &[&str], server: Option<&Server>) -> Finished {
    run(words, &project().join("mql5"), &project().join("include/mt5_redis.h"), server)
}

fn succeeds(words: &[&str], server: Option<&Server>) {
    let finished = run_ours(words, server);
    assert!(finished.status.success(), "{words:?}:\n{}", finished.output);
}

/// A copy of `mql5/` in which the first `from` of a file is replaced.
fn spoiled(file: &str, from: &str, to: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy(&project().join("mql5"), folder.path());
    let path = folder.path().join(file);
    let text = fs::read_to_string(&path).expect("a source");
    assert!(text.contains(from), "{file} has no {from:?}: adapt this test");
    fs::write(&path, text.replacen(from, to, 1)).expect("the copy");
    folder
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        let target: PathBuf = to.join(entry.file_name().expect("a name"));
        if entry.is_dir() {
            fs::create_dir_all(&target).expect("a folder");
            copy(&entry, &target);
        } else {
            fs::copy(&entry, &target).expect("a copy");
        }
    }
}

fn is_refused(sources: &Path, header: &Path, reason: &str) {
    let finished = run(&["check"], sources, header, None);
    assert!(!finished.status.success() && finished.output.contains(reason), "{}", finished.output);
}

/// The scenario must find that Redis differs from the broker's books.
fn differs(sources: &TempDir, scenario: &str, reason: &str) {
    let scenario = project().join("tests/mql5/scenarios").join(scenario);
    let scenario = scenario.to_str().expect("a plain path");
    let header = project().join("include/mt5_redis.h");
    let finished = run(&["scenarios", scenario], sources.path(), &header, Some(&Server::start()));
    assert!(!finished.status.success() && finished.output.contains(reason), "{}", finished.output);
}

#[test]
fn the_sources_and_the_examples_are_judged_right() {
    if !wine::left_out() {
        succeeds(&["check"], None);
    }
}

#[test]
fn the_stand_in_offers_what_the_reference_says() {
    if !wine::left_out() {
        succeeds(&["reference"], None);
    }
}

/// A part of the scenarios, by the first words of their names. Each part has two runs, with and without a kill, which
/// takes a terminal of its own. Each run has a Redis of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    /// What is published of an account's trades as signals.
    Publisher,
    /// What the guards, the limits and an operator's halt keep a follower from.
    Guards,
    /// Everything else that a follower does.
    Follower,
    /// A publisher and a follower together.
    Copy,
    /// The state of an account in Redis, and the programs beside the copier.
    Others,
}

fn part_of(name: &str) -> Part {
    let begins = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
    match name {
        _ if begins(&["publisher_"]) => Part::Publisher,
        _ if begins(&["follower_guards", "follower_halt", "follower_limits"]) => Part::Guards,
        _ if begins(&["follower"]) => Part::Follower,
        _ if begins(&["copy_"]) => Part::Copy,
        _ => Part::Others,
    }
}

fn scenarios_succeed(part: Part, with_a_kill: bool) {
    if wine::left_out() {
        return;
    }
    let mut paths: Vec<String> = fs::read_dir(project().join("tests/mql5/scenarios"))
        .expect("the scenarios")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            let text = fs::read_to_string(path).expect("a scenario");
            let name = path.file_name().expect("a name").to_str().expect("a plain name");
            part_of(name) == part && text.lines().any(|line| line == "kill") == with_a_kill
        })
        .map(|path| path.to_str().expect("a plain path").to_owned())
        .collect();
    assert!(!paths.is_empty(), "{part:?} has no scenario");
    paths.sort();
    let words: Vec<&str> = ["scenarios"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    succeeds(&words, Some(&Server::start()));
}

/// A test for each run.
macro_rules! runs {
    ($($name:ident: $part:ident, $with_a_kill:literal;)*) => {
        $(#[test]
        fn $name() {
            scenarios_succeed(Part::$part, $with_a_kill);
        })*
    };
}

runs! {
    each_event_of_an_account_is_published_once: Publisher, false;
    each_event_is_published_once_though_the_terminal_is_killed: Publisher, true;
    guards_and_halts_keep_a_follower_within_its_limits: Guards, false;
    guards_and_halts_outlive_a_kill: Guards, true;
    a_follower_does_what_signals_say: Follower, false;
    a_killed_follower_does_nothing_twice: Follower, true;
    copies_agree_with_the_source: Copy, false;
    copies_agree_with_the_source_after_a_kill: Copy, true;
    redis_agrees_with_the_books: Others, false;
    redis_agrees_with_the_books_after_a_kill: Others, true;
}

/// The seed `MT5REDIS_SEED`, by default one of the day, and the number in the variable `count`.
fn seed_and(count: &str, usual: u64) -> (String, String) {
    let variable = |name: &str| env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let seed = variable("MT5REDIS_SEED").unwrap_or_else(|| u64::from(fastrand::u32(..)));
    eprintln!("MT5REDIS_SEED={seed}");
    (seed.to_string(), variable(count).unwrap_or(usual).to_string())
}

/// `MT5REDIS_SCENARIOS` of them, from the seed `MT5REDIS_SEED`; by default a few from a seed of the day.
#[test]
fn redis_agrees_with_the_books_in_random_scenarios() {
    if wine::left_out() {
        return;
    }
    let (seed, count) = seed_and("MT5REDIS_SCENARIOS", 6);
    succeeds(&["random", &seed, &count], Some(&Server::start()));
}

/// The terminal of AccountPublisher is killed before and during each event of a day: each is told once. `MT5REDIS_DAYS` of
/// them, from the seed `MT5REDIS_SEED`.
#[test]
fn each_event_is_told_once_whenever_the_terminal_is_killed() {
    if wine::left_out() {
        return;
    }
    let (seed, count) = seed_and("MT5REDIS_DAYS", 1);
    succeeds(&["days", &seed, &count], Some(&Server::start()));
}

/// Fixed seeds of the copier; `make copier` plays others for as long as you like.
#[test]
fn followers_hold_what_the_sources_trades_say() {
    if !wine::left_out() {
        succeeds(&["copier", "5", "10", "cases"], Some(&Server::start()));
    }
}

#[test]
fn a_terminal_killed_at_every_step_changes_nothing() {
    if !wine::left_out() {
        let days = ["s1-2-hedging-netting", "f1-3-netting-hedging", "f1-5-netting-hedging"];
        succeeds(&["killed", days[0], days[1], days[2]], Some(&Server::start()));
    }
}

/// The model does not follow the Expert Advisors: with a mistake in one of them, it says something else.
#[test]
fn a_follower_that_copies_wrong_volumes_is_found() {
    if wine::left_out() {
        return;
    }
    let file = "Include/Mt5Redis/Mt5RedisSymbol.mqh";
    let generous = spoiled(file, "MathFloor(lots_/step_+0.0000001)", "MathCeil(lots_/step_-0.0000001)");
    let header = project().join("include/mt5_redis.h");
    let finished = run(&["copier", "5", "4", "cases"], generous.path(), &header, Some(&Server::start()));
    assert!(!finished.status.success() && finished.output.contains("must hold"), "{}", finished.output);
}

#[test]
fn a_mistake_in_an_import_is_found() {
    if wine::left_out() {
        return;
    }
    let api = "Include/Mt5Redis/Mt5RedisApi.mqh";
    let header = project().join("include/mt5_redis.h");
    let shorter = spoiled(api, "mt5redis_committed(long handle,int lane)", "mt5redis_committed(long handle)");
    is_refused(shorter.path(), &header, "mt5redis_committed takes 1 arguments, not 2");
    let wider = spoiled(
        api,
        "mt5redis_flush(long handle,int timeout_ms)",
        "mt5redis_flush(long handle,long timeout_ms)",
    );
    is_refused(wider.path(), &header, "mt5redis_flush differs from its declaration in the header");
    let unknown = spoiled(
        api,
        "int    mt5redis_version(",
        "int    mt5redis_versions(ushort &buffer[],int capacity);\nint    mt5redis_version(",
    );
    is_refused(unknown.path(), &header, "mt5redis_versions");
    let lane = spoiled(api, "MT5REDIS_LANE_RTSS            2", "MT5REDIS_LANE_RTSS            1");
    is_refused(lane.path(), &header, "MT5REDIS_LANE_RTSS has another value in the header");
}

#[test]
fn a_mistake_in_a_struct_is_found() {
    if wine::left_out() {
        return;
    }
    let api = "Include/Mt5Redis/Mt5RedisApi.mqh";
    let header = project().join("include/mt5_redis.h");
    let swapped = spoiled(
        api,
        "   double    stop_loss;          // 0: none\n   double    take_profit;",
        "   double    take_profit;\n   double    stop_loss;",
    );
    is_refused(swapped.path(), &header, "mt5redis_trade_t.take_profit has another offset in the header");
    // The same mistake on the other side.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let other = folder.path().join("mt5_redis.h");
    let text = fs::read_to_string(&header).expect("the header");
    fs::write(&other, text.replacen("int32_t leverage;", "int64_t leverage;", 1)).expect("a copy");
    is_refused(&project().join("mql5"), &other, "mt5redis_instance_t.leverage has another offset");
}

#[test]
fn a_missed_close_is_found() {
    if wine::left_out() {
        return;
    }
    let file = "Include/Mt5Redis/Mt5RedisPositions.mqh";
    let close = "   state_.commission=m_deals.commission;\n   return(SendTrade(state_,symbol_,comment_));";
    let never = spoiled(file, close, "   return(1);");
    differs(&never, "hedging.txt", "state g, in the books c");
}

#[test]
fn relying_on_transactions_is_found() {
    if wine::left_out() {
        return;
    }
    // Without the look that needs no transaction, a position that lives between two looks is never told.
    let file = "Include/Mt5Redis/Mt5RedisPositions.mqh";
    let trusting = spoiled(file, "if(thorough_ || m_marked || m_exits.AnyUntold())", "if(m_marked)");
    differs(&trusting, "transactions.txt", "closed in Redis");
}

/// The table of the trade server's answers is whole: in the source, in the documentation, and in what is tried.
#[test]
fn every_return_code_has_a_meaning() {
    let read = |path: &str| fs::read_to_string(project().join(path)).expect(path);
    let source = read("mql5/Include/Mt5Redis/Mt5RedisRetcodes.mqh");
    let table = read("docs/mql5.md");
    let tried = read("tests/mql5/scenarios/follower_retcodes.txt");
    let reference = read("tests/mql5/reference.tsv");
    let codes: Vec<(&str, &str)> = reference
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .filter(|columns| columns.len() == 5 && columns[2].starts_with("TRADE_RETCODE_"))
        .map(|columns| (columns[2], columns[3]))
        .collect();
    // 10004 to 10046; the reference has no 10005 and no 10037.
    assert_eq!(codes.len(), 41);
    let (outcomes, person) = source.split_once("bool Mt5RedisNeedsPerson").expect("both functions");
    for (name, number) in codes {
        let case = format!("case {name}:");
        let (_, behind) =
            outcomes.split_once(&case).unwrap_or_else(|| panic!("Mt5RedisRetcodes.mqh has no {name}"));
        let outcome =
            behind.split_once("return(").and_then(|(_, rest)| rest.split_once(';')).expect("a return").0;
        let row = format!("| {number} | {} |", name.trim_start_matches("TRADE_RETCODE_"));
        let cells = table.lines().find_map(|line| line.strip_prefix(&row));
        let cells = cells.unwrap_or_else(|| panic!("docs/mql5.md has no row {row}"));
        assert_eq!(cells.trim_matches([' ', '|']), cells_of(outcome, person.contains(&case)), "{row}");
        let word = name.trim_start_matches("TRADE_RETCODE_").to_lowercase();
        let plain = word == "done" || word == "done_partial";
        assert!(
            plain || tried.contains(&format!("broker {word}")),
            "follower_retcodes.txt does not try {word}"
        );
    }
}

/// What the table says of an opening, a close and a change whose outcome the source gives so.
fn cells_of(outcome: &str, needs_person: bool) -> &'static str {
    match (outcome.trim_end_matches(')'), needs_person) {
        ("MT5REDIS_DONE", false) => "done | done | done",
        ("request_==MT5REDIS_CHANGE ? MT5REDIS_DONE : MT5REDIS_PART", false) => {
            "done, with what was filled | the rest at once | done"
        }
        (
            "request_==MT5REDIS_CHANGE || request_==MT5REDIS_PLACING ? MT5REDIS_DONE : MT5REDIS_UNKNOWN",
            false,
        ) => "looked for | looked for | done",
        ("request_==MT5REDIS_CHANGE ? MT5REDIS_LATER : MT5REDIS_UNKNOWN", false) => {
            "looked for | looked for | again"
        }
        ("request_==MT5REDIS_CHANGE ? MT5REDIS_DONE : MT5REDIS_LATER", false) => "again | again | done",
        ("MT5REDIS_LATER", false) => "again | again | again",
        ("MT5REDIS_LATER", true) => {
            "again, with an alert at once | again, with an alert at once | again, with an alert at once"
        }
        ("request_==MT5REDIS_CLOSING ? MT5REDIS_LATER : MT5REDIS_REFUSED", false) => {
            "skipped | again | skipped"
        }
        ("request_==MT5REDIS_CLOSING ? MT5REDIS_LATER : MT5REDIS_REFUSED", true) => {
            "skipped | again, with an alert at once | skipped"
        }
        other => panic!("the table has no words for {other:?}"),
    }
}
