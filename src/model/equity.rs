//! The history of an instance's equity: a string with two rings, one of minutes and one of hours, of samples that were
//! rounded to fit into eight bytes each (`docs/wire-format.md`).
//!
//! A writer knows nothing of what is there: it writes a sample to the slot of its minute and to the slot of its hour.
//! Each sample says in which lap of the ring it was written, so that a reader tells a gap from what an earlier lap left.

use super::InstanceState;

/// How many minutes are kept: 48 hours.
pub const MINUTES: usize = 2_880;
/// How many hours are kept: a year.
pub const HOURS: usize = 8_760;
/// The size of the whole string, bytes: the rings and the number of this layout.
pub const SIZE: usize = LAYOUT_AT + 1;
/// The number of this layout, the string's last byte.
pub(crate) const LAYOUT: u8 = 1;
pub(crate) const LAYOUT_AT: usize = MINUTES * MINUTE_BYTES + HOURS * HOUR_BYTES;

pub(crate) const MINUTE_MS: i64 = 60_000;
pub(crate) const HOUR_MS: i64 = 3_600_000;
/// A word, and the upper bits of the lap.
const MINUTE_BYTES: usize = 9;
/// A word.
const HOUR_BYTES: usize = 8;

/// Where the unit, the flag for credit and the lower bits of the lap stand in a word.
const UNIT_AT: u32 = 53;
const CREDIT_AT: u32 = 59;
const LAP_AT: u32 = 60;
/// How many units there are. The value of a unit is 1, 2 or 5 times a power of ten.
const UNITS: u32 = 63;
/// The power of ten of the first units.
const FIRST_POWER: i32 = -8;

/// What an account was worth, rounded: to half a unit, which is at most 1/50,000 of the largest of these numbers, or
/// 1/1,600 if the account has credit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// The beginning of its minute or hour, ms since 1970 UTC.
    pub time_ms: i64,
    /// Balance.
    pub balance: f64,
    /// Equity: balance, floating profit and credit.
    pub equity: f64,
    /// Margin in use.
    pub margin: f64,
    /// Floating profit.
    pub profit: f64,
}

/// What a history has, oldest first. Minutes and hours without a heartbeat are missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EquityHistory {
    /// At most 48 hours before now.
    pub minutes: Vec<Sample>,
    /// At most a year before now.
    pub hours: Vec<Sample>,
}

/// A ring of samples.
#[derive(Clone, Copy)]
struct Ring {
    at: usize,
    slots: usize,
    slot_bytes: usize,
    every_ms: i64,
}

const RINGS: [Ring; 2] = [
    Ring { at: 0, slots: MINUTES, slot_bytes: MINUTE_BYTES, every_ms: MINUTE_MS },
    Ring { at: MINUTES * MINUTE_BYTES, slots: HOURS, slot_bytes: HOUR_BYTES, every_ms: HOUR_MS },
];

impl Ring {
    /// The lap of a minute or hour, and where its slot starts.
    fn place(self, number: i64) -> (u64, usize) {
        let slots = self.slots as i64;
        (number.div_euclid(slots) as u64, self.at + number.rem_euclid(slots) as usize * self.slot_bytes)
    }

    fn read(self, bytes: &[u8], now_ms: i64) -> Vec<Sample> {
        let newest = now_ms.div_euclid(self.every_ms);
        let numbers = (newest - self.slots as i64 + 1).max(0)..=newest;
        let sample = |number: i64| {
            let (lap, at) = self.place(number);
            let found = &bytes[at..at + self.slot_bytes];
            let word = u64::from_le_bytes(found[..8].try_into().expect("eight bytes"));
            let of_this_lap = slot(lap, word & ((1 << LAP_AT) - 1));
            (found == &of_this_lap[..found.len()]).then(|| unpack(word, number * self.every_ms))?
        };
        numbers.filter_map(sample).collect()
    }
}

/// The bytes of a slot: in the ring of hours the last one is left out.
fn slot(lap: u64, word: u64) -> [u8; MINUTE_BYTES] {
    let mut slot = [0; MINUTE_BYTES];
    slot[..8].copy_from_slice(&(word | (lap & 15) << LAP_AT).to_le_bytes());
    slot[8] = (lap >> 4) as u8;
    slot
}

impl EquityHistory {
    /// Reads the string. `now_ms` is the time, ms since 1970 UTC: what lies behind it is from an earlier lap, or from a
    /// clock that was wrong. The error is a text for people.
    pub fn read(bytes: &[u8], now_ms: i64) -> Result<Self, String> {
        if bytes.len() != SIZE {
            return Err(format!("it has {} bytes, and a history of equity has {SIZE}", bytes.len()));
        }
        if bytes[LAYOUT_AT] != LAYOUT {
            return Err(format!("its layout is {}, and this reader knows {LAYOUT}", bytes[LAYOUT_AT]));
        }
        let [minutes, hours] = RINGS.map(|ring| ring.read(bytes, now_ms));
        Ok(Self { minutes, hours })
    }
}

/// The bytes to write of a sample and where: the minute's first, then the hour's.
pub(crate) fn pieces(state: &InstanceState, time_ms: i64) -> [(usize, [u8; MINUTE_BYTES], usize); 2] {
    let word = pack(state);
    RINGS.map(|ring| {
        let (lap, at) = ring.place(time_ms.div_euclid(ring.every_ms));
        (at, slot(lap, word), ring.slot_bytes)
    })
}

/// The numbers of a word: where each starts, and its bits. All but a margin without credit may be negative.
const PLAIN: [(u32, u32); 3] = [(0, 18), (18, 18), (36, 17)];
const WITH_CREDIT: [(u32, u32); 4] = [(0, 13), (13, 13), (26, 13), (39, 13)];
/// The largest multiples of a unit that fit.
const PLAIN_LIMIT: f64 = 131_071.0;
const WITH_CREDIT_LIMIT: f64 = 4_095.0;

/// A unit as its first digit and a power of ten.
fn unit(number: u32) -> (i64, i32) {
    let at = number - 1;
    ([1, 2, 5][(at % 3) as usize], FIRST_POWER + (at / 3) as i32)
}

/// How many units a value is.
fn units(value: f64, number: u32) -> f64 {
    let (digit, power) = unit(number);
    let tens = if power < 0 { value * 10_f64.powi(-power) } else { value / 10_f64.powi(power) };
    (tens / digit as f64).round()
}

/// What so many units are. Dividing by a power of ten gives the number that people write.
fn value(units: i64, number: u32) -> f64 {
    let (digit, power) = unit(number);
    let sum = (units * digit) as f64;
    if power < 0 { sum / 10_f64.powi(-power) } else { sum * 10_f64.powi(power) }
}

/// The numbers as multiples of the smallest unit in which all of them fit, without a lap.
fn pack(state: &InstanceState) -> u64 {
    let InstanceState { balance, profit, margin, credit, .. } = *state;
    let values = [balance, profit, margin.max(0.0), credit];
    let (places, limit): (&[_], _) =
        if credit == 0.0 { (&PLAIN, PLAIN_LIMIT) } else { (&WITH_CREDIT, WITH_CREDIT_LIMIT) };
    let fits = |number: &u32| values.iter().all(|value| units(*value, *number).abs() <= limit);
    // No account has more than the largest unit can say.
    let chosen = (1..=UNITS).find(fits).unwrap_or(UNITS);
    let mut word = u64::from(chosen) << UNIT_AT | u64::from(credit != 0.0) << CREDIT_AT;
    for (&(at, bits), value) in places.iter().zip(values) {
        let multiple = units(value, chosen).clamp(-limit, limit) as i64;
        word |= (multiple as u64 & ((1 << bits) - 1)) << at;
    }
    word
}

/// A word's numbers; none if the slot is empty.
fn unpack(word: u64, time_ms: i64) -> Option<Sample> {
    let number = (word >> UNIT_AT) as u32 & UNITS;
    if number == 0 {
        return None;
    }
    let signed = |(at, bits): (u32, u32)| (word << (64 - at - bits)) as i64 >> (64 - bits);
    let [balance, profit, margin, credit] = if word >> CREDIT_AT & 1 == 1 {
        WITH_CREDIT.map(signed)
    } else {
        let (at, bits) = PLAIN[2];
        [signed(PLAIN[0]), signed(PLAIN[1]), (word >> at & ((1 << bits) - 1)) as i64, 0]
    };
    Some(Sample {
        time_ms,
        balance: value(balance, number),
        equity: value(balance + profit + credit, number),
        margin: value(margin, number),
        profit: value(profit, number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2025-11-22, the beginning of an hour.
    const START_MS: i64 = 1_763_798_400_000;

    fn account(balance: f64, profit: f64, margin: f64, credit: f64) -> InstanceState {
        InstanceState {
            balance,
            profit,
            margin,
            credit,
            equity: balance + profit + credit,
            ..InstanceState::default()
        }
    }

    /// What Redis has after these writes.
    struct Redis(Vec<u8>);

    impl Redis {
        fn new() -> Self {
            let mut bytes = vec![0; SIZE];
            bytes[LAYOUT_AT] = LAYOUT;
            Self(bytes)
        }

        fn write(&mut self, state: &InstanceState, time_ms: i64) {
            for (at, bytes, length) in pieces(state, time_ms) {
                self.0[at..at + length].copy_from_slice(&bytes[..length]);
            }
        }
    }

    #[test]
    fn cents_are_exact_and_large_numbers_are_rounded() {
        for (state, balance, equity, margin, profit) in [
            (account(1310.71, -12.34, 366.67, 0.0), 1310.71, 1298.37, 366.67, -12.34),
            (account(10_016.68, 16.53, 366.67, 0.0), 10_016.7, 10_033.2, 366.7, 16.5),
            (account(0.012_345_67, 0.0, 0.0, 0.0), 0.012_345_7, 0.012_345_7, 0.0, 0.0),
            (account(-50.5, 20.25, 0.0, 0.0), -50.5, -30.25, 0.0, 20.25),
            (account(5_000_000_000.0, -123_456.0, 0.0, 0.0), 5e9, 4_999_900_000.0, 0.0, -100_000.0),
            (account(10_016.68, 16.53, 366.67, 500.0), 10_015.0, 10_530.0, 365.0, 15.0),
            (account(0.0, 0.0, 0.0, 0.0), 0.0, 0.0, 0.0, 0.0),
        ] {
            let sample = unpack(pack(&state), START_MS).unwrap();
            assert_eq!(sample, Sample { time_ms: START_MS, balance, equity, margin, profit }, "{state:?}");
        }
    }

    #[test]
    fn every_account_is_within_the_promised_error() {
        let mut random = fastrand::Rng::with_seed(21);
        for turn in 0..20_000 {
            let any = |random: &mut fastrand::Rng| (random.f64() - 0.3) * 10_f64.powi(random.i32(-6..12));
            let credit = if turn % 2 == 0 { 0.0 } else { any(&mut random).abs() };
            let state = account(any(&mut random), any(&mut random), any(&mut random).abs(), credit);
            let sample = unpack(pack(&state), 0).unwrap();
            let largest = [state.balance, state.profit, state.margin, credit].map(f64::abs);
            let largest = largest.into_iter().fold(0.0, f64::max);
            let error = largest / if credit == 0.0 { 52_000.0 } else { 1_600.0 } + 0.000_000_01;
            for (read, said, count) in [
                (sample.balance, state.balance, 1.0),
                (sample.profit, state.profit, 1.0),
                (sample.margin, state.margin, 1.0),
                (sample.equity, state.equity, 3.0),
            ] {
                assert!((read - said).abs() <= error * count * 2.0, "{read} for {said} of {state:?}");
            }
        }
    }

    #[test]
    fn a_year_of_heartbeats_keeps_48_hours_of_minutes_and_every_hour() {
        let mut redis = Redis::new();
        let end = START_MS + 366 * 24 * HOUR_MS;
        // Equity says which minute it is. A second heartbeat in a minute changes nothing that is asserted.
        let balance = |time_ms: i64| ((time_ms - START_MS) / MINUTE_MS % 1000) as f64;
        let mut now = START_MS;
        while now < end {
            redis.write(&account(balance(now), 0.0, 0.0, 0.0), now);
            now += MINUTE_MS;
        }
        let history = EquityHistory::read(&redis.0, now - 1).unwrap();
        let times = |samples: &[Sample]| samples.iter().map(|sample| sample.time_ms).collect::<Vec<_>>();
        let expected =
            |count: i64, every: i64| (0..count).map(|at| end - (count - at) * every).collect::<Vec<_>>();
        assert_eq!(times(&history.minutes), expected(MINUTES as i64, MINUTE_MS));
        assert_eq!(times(&history.hours), expected(HOURS as i64, HOUR_MS));
        assert!(history.minutes.iter().all(|sample| sample.balance == balance(sample.time_ms)));
        // The last heartbeat of an hour is the one that stands.
        let last = |time_ms: i64| balance(time_ms + 59 * MINUTE_MS);
        assert!(history.hours.iter().all(|sample| sample.balance == last(sample.time_ms)));
    }

    #[test]
    fn a_gap_stays_a_gap_though_an_earlier_lap_left_something_there() {
        let state = account(1000.0, 0.0, 0.0, 0.0);
        // Ten minutes at the same time of day, then nothing for up to five years, then ten minutes elsewhere.
        for days in [1, 2, 3, 32, 64, 365, 366, 5 * 365] {
            let mut redis = Redis::new();
            let second = START_MS + days * 24 * HOUR_MS + 6 * HOUR_MS;
            (0..10).for_each(|minute| redis.write(&state, START_MS + minute * MINUTE_MS));
            (0..10).for_each(|minute| redis.write(&state, second + minute * MINUTE_MS));
            let now = second + 10 * MINUTE_MS;
            let history = EquityHistory::read(&redis.0, now).unwrap();
            let near = |time_ms: i64| now - time_ms < 48 * HOUR_MS;
            assert_eq!(history.minutes.len(), if near(START_MS) { 20 } else { 10 }, "{days} days");
            assert_eq!(history.hours.len(), if days < 365 { 2 } else { 1 }, "{days} days");
        }
    }

    #[test]
    fn a_clock_that_ran_ahead_or_back_spoils_no_more_than_its_own_samples() {
        let mut redis = Redis::new();
        let state = account(1000.0, 0.0, 0.0, 0.0);
        (0..60).for_each(|minute| redis.write(&state, START_MS + minute * MINUTE_MS));
        // A day ahead for one heartbeat, then right again, then an hour back.
        redis.write(&state, START_MS + 24 * HOUR_MS);
        redis.write(&account(2000.0, 0.0, 0.0, 0.0), START_MS + 5 * MINUTE_MS);
        let history = EquityHistory::read(&redis.0, START_MS + 60 * MINUTE_MS).unwrap();
        assert_eq!(history.minutes.len(), 60);
        assert_eq!(history.minutes[5].balance, 2000.0);
    }

    #[test]
    fn what_is_no_history_is_refused() {
        let refusal = |bytes: &[u8]| EquityHistory::read(bytes, START_MS).unwrap_err();
        assert_eq!(refusal(b""), "it has 0 bytes, and a history of equity has 96001");
        let mut other = Redis::new();
        other.0[LAYOUT_AT] = 2;
        assert_eq!(refusal(&other.0), "its layout is 2, and this reader knows 1");
        assert_eq!(EquityHistory::read(&Redis::new().0, START_MS).unwrap(), EquityHistory::default());
        let mut random = fastrand::Rng::with_seed(7);
        let mut noise = Redis::new();
        noise.0[..LAYOUT_AT].fill_with(|| random.u8(..));
        // Noise is read as numbers or as nothing, and never a panic.
        EquityHistory::read(&noise.0, i64::MAX / 2).unwrap();
        EquityHistory::read(&noise.0, -1).unwrap();
    }
}
