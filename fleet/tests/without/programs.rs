//! The governor and the screen, and the login of all programs.

use std::process::Command;

use super::{Refusal, Site, rows, says};

pub const BOTH: [Refusal; 2] = [Refusal::ToTheUser, Refusal::ToAll];

/// A server with a live instance, one that died long ago, old signals, and signals that are being read.
pub fn populated(command: &str, refusal: Refusal) -> Site {
    let mut site = Site::without(command, refusal);
    site.ask::<()>("CONFIG SET maxmemory 64mb");
    let (seconds, _): (u64, u64) = site.ask("TIME");
    site.ask::<()>(&format!("ZADD il {} 1.Demo 1 9.Dead", seconds * 1000));
    site.ask::<()>("HSET is:{1.Demo} iv 1000 lg 5 eq 100 cn 1 th 0");
    site.ask::<()>("PEXPIRE is:{1.Demo} 90000");
    site.ask::<()>("SET ctl:{9.Dead} 1:1");
    site.ask::<()>("HSET ts:{1.Demo}:7 vo 1");
    site.ask::<()>("SADD to:{1.Demo} 7");
    site.ask::<String>("XADD ss:{0}:1.Demo 1-1 d old");
    site.signals(3);
    site.ask::<()>("ZADD sl:{0} 1 9.Gone");
    site.ask::<()>("HSET fp:{2.Demo} @ token 1.Demo 9999999999999-0");
    site.ask::<()>("XGROUP CREATE ss:{0}:1.Demo workers 0");
    site.ask::<()>("XREADGROUP GROUP workers one COUNT 1 STREAMS ss:{0}:1.Demo >");
    site
}

/// A program's words, and whether it ended well.
fn run(url: &str, arguments: &[&str]) -> (String, bool) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    let output = program.args(arguments).args(["--config", url]).output().unwrap();
    (String::from_utf8([output.stdout, output.stderr].concat()).unwrap(), output.status.success())
}

const GOVERN: [&str; 4] = ["govern", "--once", "--every", "100ms"];
const TOP: [&str; 2] = ["top", "--once"];

#[test]
fn a_governor_that_is_refused_a_command_warns_and_goes_on() {
    let mut tried = 0;
    for (command, cell) in rows("governor") {
        for refusal in BOTH {
            governs_without(&command, refusal, &cell);
            tried += 1;
        }
    }
    assert!(tried >= 2 * 18, "{tried}");
}

fn governs_without(command: &str, refusal: Refusal, cell: &str) {
    let mut site = populated(command, refusal);
    let leads = !cell.starts_with("It only looks");
    if command == "UNWATCH" {
        site.ask::<()>("SET ctl:lease somebody PX 60000");
    }
    let (said, _) = run(&site.url(), &GOVERN);
    let what = format!("{command} {refusal:?}: {said}");
    let warnings: Vec<&str> = said.lines().filter(|line| line.contains("\"event\":\"warning\"")).collect();
    match command {
        "PING" => assert!(!warnings.iter().any(|line| says(line, command)), "{what}"),
        "INFO" => {
            let missing = "does not report the memory limit, memory, CPU time";
            assert!(warnings.iter().any(|line| line.contains(missing)), "{what}");
        }
        _ => assert!(warnings.iter().any(|line| says(line, command)), "{what}"),
    }
    assert_eq!(said.contains("\"event\":\"round\""), leads, "{what}");
    let (kept, names): (u64, Vec<String>) = (site.kept(), site.ask("ZRANGE il 0 -1"));
    if leads {
        // What does not need the command is done.
        let trims = !["TIME", "ZSCAN", "HMGET", "XINFO", "XPENDING", "XTRIM"].contains(&command);
        assert_eq!(kept == 3, trims, "{kept} signals, {what}");
        let forgets = !["TIME", "ZSCAN", "HMGET", "ZREM", "DEL"].contains(&command);
        assert_eq!(names == ["1.Demo"], forgets, "{names:?}, {what}");
    } else {
        assert_eq!((kept, names.len()), (4, 2), "{what}");
    }
    assert!(names.contains(&"1.Demo".to_owned()), "{what}");
}

/// What a governor may not ask about does not count as processed.
#[test]
fn a_governor_that_cannot_see_who_reads_trims_nothing_that_may_be_unread() {
    for command in ["HMGET", "XPENDING", "SCAN", "XINFO"] {
        for refusal in BOTH {
            let mut site = Site::without(command, refusal);
            site.ask::<()>("ZADD sl:{0} 1 1.Demo");
            // Older than the signals that are always kept, and not so old that they go unread.
            let (seconds, _): (u64, u64) = site.ask("TIME");
            let ms = (seconds - 600) * 1000;
            for number in 1..=3 {
                site.ask::<String>(&format!("XADD ss:{{0}}:1.Demo {ms}-{number} d x"));
            }
            // The group was given all, and acknowledged one, or all while a follower has read one.
            site.ask::<()>("XGROUP CREATE ss:{0}:1.Demo workers 0");
            site.ask::<()>("XREADGROUP GROUP workers one COUNT 3 STREAMS ss:{0}:1.Demo >");
            site.ask::<()>(&format!("XACK ss:{{0}}:1.Demo workers {ms}-1"));
            if ["HMGET", "SCAN"].contains(&command) {
                site.ask::<()>(&format!("XACK ss:{{0}}:1.Demo workers {ms}-2 {ms}-3"));
                site.ask::<()>(&format!("HSET fp:{{2.Demo}} @ token 1.Demo {ms}-1"));
            }
            let (said, _) = run(&site.url(), &GOVERN);
            assert_eq!(site.kept(), 3, "{command} {refusal:?}: {said}");
        }
    }
}

#[test]
fn the_screen_says_what_it_is_refused() {
    let mut tried = 0;
    for (command, _) in rows("top") {
        for refusal in BOTH {
            let site = populated(&command, refusal);
            let (said, good) = run(&site.url(), &TOP);
            let what = format!("{command} {refusal:?}: {said}");
            assert!(said.contains(&format!("master  127.0.0.1:{}", site.server.port)), "{what}");
            match command.as_str() {
                "PING" => assert!(good && said.contains("1 of 2 alive"), "{what}"),
                "INFO" => assert!(good && said.contains("1 of 2 alive") && says(&said, "INFO"), "{what}"),
                _ => assert!(!good && says(&said, &command), "{what}"),
            }
            tried += 1;
        }
    }
    assert!(tried >= 2 * 5, "{tried}");
}

#[test]
fn without_a_login_nothing_works_and_the_programs_say_so() {
    let site = Site::without("AUTH", Refusal::ToAll);
    for arguments in [&TOP[..], &GOVERN, &["doctor"]] {
        let (said, good) = run(&site.url(), arguments);
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let told = words.contains("the server knows no AUTH") && !words.contains("secret");
        assert!(!good && told, "{arguments:?}: {said}");
    }
}

#[test]
fn without_its_database_nothing_works_and_the_programs_say_so() {
    for refusal in BOTH {
        let site = Site::without("SELECT", refusal);
        let cure = match refusal {
            Refusal::ToTheUser => "check username, password and permissions",
            Refusal::ToAll => "leave /2 out",
        };
        for arguments in [&TOP[..], &GOVERN, &["doctor"], &["deadletters", "list"]] {
            let (said, good) = run(&format!("{}/2", site.url()), arguments);
            let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
            let told = says(&words, "SELECT") && words.contains(cure);
            assert!(!good && told, "{arguments:?} {refusal:?}: {said}");
        }
    }
}
