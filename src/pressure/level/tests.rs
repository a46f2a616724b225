//! Levels from readings, and recorded series of load against flapping.

use super::*;

const QUIET: Duration = Duration::from_secs(10);

fn readings() -> Readings {
    Readings { baseline: Duration::from_millis(1), latency: Duration::from_millis(1), ..Default::default() }
}

#[test]
fn each_reading_raises_the_level_by_itself() {
    assert_eq!(judge(&readings()).0, NORMAL);
    let lag = |seconds| Readings { lag: Duration::from_secs(seconds), ..readings() };
    let latency = |ms| Readings { latency: Duration::from_millis(ms), ..readings() };
    for (readings, level, cause) in [
        (Readings { queue: 0.5, ..readings() }, SLOW, Cause::Queue),
        (Readings { queue: 1.0, ..readings() }, CRITICAL, Cause::Queue),
        (Readings { journal: 0.11, ..readings() }, SLOW, Cause::Journal),
        (Readings { journal: 0.5, ..readings() }, CRITICAL, Cause::Journal),
        (lag(1), SLOW, Cause::Lag),
        (lag(6), HEAVY, Cause::Lag),
        (lag(31), CRITICAL, Cause::Lag),
        (latency(60), SLOW, Cause::Latency),
        (latency(300), HEAVY, Cause::Latency),
        (latency(1500), CRITICAL, Cause::Latency),
        (Readings { reply: of_refusal(Some(Refusal::OutOfMemory)), ..readings() }, CRITICAL, Cause::Reply),
        (Readings { reply: of_refusal(Some(Refusal::Strained)), ..readings() }, HEAVY, Cause::Reply),
        (Readings { reply: of_refusal(Some(Refusal::Reconfiguring)), ..readings() }, SLOW, Cause::Reply),
    ] {
        assert_eq!(judge(&readings), (level, cause), "{readings:?}");
    }
}

#[test]
fn a_slow_line_is_no_pressure_and_neither_is_a_blink() {
    // 80 ms away, always.
    let far = Readings {
        latency: Duration::from_millis(120),
        baseline: Duration::from_millis(80),
        ..Default::default()
    };
    assert_eq!(judge(&far).0, NORMAL);
    // A busy machine: forty times the usual, and still nothing.
    assert_eq!(judge(&Readings { latency: Duration::from_millis(40), ..readings() }).0, NORMAL);
}

#[test]
fn a_wrong_password_is_no_pressure() {
    assert_eq!(of_refusal(None), NORMAL);
    assert_eq!(of_refusal(Some(Refusal::NoPermission)), NORMAL);
}

/// The levels of a series, one wanted level a second.
fn play(series: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let (start, mut state) = (Instant::now(), Hysteresis::new(QUIET));
    series
        .into_iter()
        .enumerate()
        .map(|(second, wanted)| state.step(start + Duration::from_secs(second as u64), wanted))
        .collect()
}

fn changes(levels: &[u8]) -> usize {
    levels.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

#[test]
fn it_rises_at_once_and_falls_step_by_step() {
    let levels = play([0, 3].into_iter().chain([0; 60]));
    assert_eq!(levels[..12], [0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3]);
    let at = |level: u8| levels.iter().rposition(|&found| found == level).unwrap() as i64;
    assert_eq!(at(2) - at(3), 10, "a quiet time for each step");
    assert_eq!(at(1) - at(2), 10);
    assert_eq!(levels.last(), Some(&0));
}

#[test]
fn noise_below_the_level_does_not_move_it() {
    // What is asked for changes each second, for five minutes.
    let mut rng = fastrand::Rng::with_seed(7);
    let levels = play((0..300).map(|_| rng.u8(0..3)));
    assert!(changes(&levels) <= 3, "{levels:?}");
}

#[test]
fn waves_hold_the_level_instead_of_making_it_swing() {
    // A burst of 5 s each 20 s, for ten minutes: without the doubling the level would change 60 times.
    let levels = play((0..600).map(|second| u8::from(second % 20 < 5)));
    assert!(changes(&levels) <= 8, "{} {levels:?}", changes(&levels));
    assert!(levels[60..].iter().all(|&level| level == 1), "{levels:?}");
}

#[test]
fn after_a_calm_it_falls_as_fast_as_at_first() {
    let wave = |second: usize| u8::from(second % 20 < 5);
    let series = (0..200).map(wave).chain([0; 600]).chain([1]).chain([0; 12]);
    let levels = play(series);
    assert_eq!(levels[800..], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
}

/// What a batch took, ms, the median of each second of four minutes: a Redis 7.0 on a busy machine, where
/// somebody runs slow commands, one after the other, for twelve seconds of each half minute.
const RECORDED_MS: [u64; 222] = [
    2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 2, 1, 1, 1, 1, 1, 1, 1, 41, 74, 78, 51, 85, 41,
    61, 60, 95, 51, 38, 14, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 39, 40, 16, 82, 70, 29, 80,
    41, 40, 36, 25, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 30, 101, 46, 43, 74, 179, 177, 115,
    176, 151, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 63, 71, 41, 127, 139, 108, 75, 64, 68, 73,
    46, 1, 1, 1, 1, 1, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 95, 68, 90, 29, 81, 47, 62, 49, 69, 34, 34, 4, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 109, 212, 42, 82, 83, 77, 52, 74, 21, 82, 71, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 8, 53, 32, 57, 33, 42, 35, 25, 75, 86, 476, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1,
];

#[test]
fn a_recorded_series_of_slow_commands_does_not_make_it_flap() {
    let usual = Duration::from_millis(1);
    let wanted = RECORDED_MS.map(|ms| {
        judge(&Readings { latency: Duration::from_millis(ms), baseline: usual, ..Default::default() }).0
    });
    let levels = play(wanted);
    assert!(changes(&wanted) > 30, "{} {wanted:?}", changes(&wanted));
    assert!(changes(&levels) <= 10, "{} {levels:?}", changes(&levels));
    assert_eq!(levels[27..30], [0, 1, 1], "at once upwards");
}
