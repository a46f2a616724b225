//! The equity of one instance in the last 7 days, ten minutes a point. Payments into and out of the account are taken out, as
//! far as the trade events tell them: what was before a payment is compared as if it had been made already.

use mt5_redis::model::equity::EquityHistory;

use super::Trend;

/// How long points and payments are kept, ms: as long as Redis keeps the trade events.
pub const DAYS_MS: i64 = 7 * DAY_MS;
const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
/// The length of a point, ms.
const STEP_MS: i64 = 600_000;
/// The steps of the line of the last 24 hours.
const STEPS: i64 = 48;
/// The most payments that are kept.
const PAYMENTS: usize = 1_000;

/// A payment into the account, or out of it if the amount is negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Payment {
    /// Its ticket.
    pub deal: i64,
    pub time_ms: i64,
    pub amount: f64,
}

/// The equity in some minutes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    from_ms: i64,
    to_ms: i64,
    last: f64,
    high: f64,
}

/// What is known of an instance.
#[derive(Debug)]
pub struct Curve {
    points: Vec<Point>,
    payments: Vec<Payment>,
    /// Where to read on in the trade events.
    pub events_from: String,
    /// Whether there are more events to read.
    pub is_behind: bool,
}

impl Curve {
    pub fn new(now_ms: i64) -> Self {
        let from_ms = (now_ms - DAYS_MS).max(0);
        Self { points: Vec::new(), payments: Vec::new(), events_from: from_ms.to_string(), is_behind: true }
    }

    /// Whether nothing recent is known of its equity.
    pub fn lacks(&self, now_ms: i64) -> bool {
        self.points.last().is_none_or(|last| last.to_ms < now_ms - STEP_MS)
    }

    /// Takes the points of a history.
    pub fn begin(&mut self, history: &EquityHistory, now_ms: i64) {
        self.points.clear();
        let first = history.minutes.first().map_or(now_ms, |sample| sample.time_ms);
        for sample in &history.hours {
            // The minutes tell more.
            if sample.time_ms + HOUR_MS <= first {
                self.put(sample.time_ms, HOUR_MS, sample.equity);
            }
        }
        for sample in &history.minutes {
            self.add(sample.time_ms, sample.equity);
        }
    }

    /// Adds the equity at this time, which is not before the last one's.
    pub fn add(&mut self, time_ms: i64, equity: f64) {
        self.put(time_ms.div_euclid(STEP_MS) * STEP_MS, STEP_MS, equity);
    }

    fn put(&mut self, from_ms: i64, length_ms: i64, equity: f64) {
        match self.points.last_mut() {
            Some(last) if from_ms < last.to_ms => {
                (last.last, last.high) = (equity, last.high.max(equity));
            }
            _ => self.points.push(Point { from_ms, to_ms: from_ms + length_ms, last: equity, high: equity }),
        }
    }

    /// Notes a payment. Several terminals of one account may tell of the same.
    pub fn pay(&mut self, payment: Payment) {
        let is_known = self.payments.iter().any(|known| known.deal == payment.deal);
        if !is_known && self.payments.len() < PAYMENTS {
            self.payments.push(payment);
        }
    }

    /// Forgets what was before this time, ms.
    pub fn forget(&mut self, before_ms: i64) {
        self.points.retain(|point| point.from_ms >= before_ms);
        self.payments.retain(|payment| payment.time_ms >= before_ms);
    }

    fn paid_after(&self, time_ms: i64) -> f64 {
        self.payments.iter().filter(|paid| paid.time_ms >= time_ms).map(|paid| paid.amount).sum()
    }

    /// The points as if all payments had been made before them. Where one was made nobody knows what was before it.
    fn compared(&self) -> impl DoubleEndedIterator<Item = Point> + Clone {
        let within = move |point: &&Point| {
            self.payments.iter().any(|paid| (point.from_ms..point.to_ms).contains(&paid.time_ms))
        };
        self.points.iter().filter(move |point| !within(point)).map(move |point| {
            let paid = self.paid_after(point.to_ms);
            Point { last: point.last + paid, high: point.high + paid, ..*point }
        })
    }

    /// What follows from it at this time; `offset_ms` is the broker's clock minus UTC.
    pub fn trend(&self, now_ms: i64, equity: f64, offset_ms: i64) -> Trend {
        let day_ms = (now_ms + offset_ms).div_euclid(DAY_MS) * DAY_MS - offset_ms;
        let points = self.compared();
        // Without an equity of the day before: the day's first.
        let start = points.clone().rfind(|point| point.to_ms <= day_ms).or_else(|| points.clone().next());
        let high = points.clone().map(|point| point.high).fold(equity, f64::max);
        let cents = |value: f64| (value * 1e8).round() / 1e8;
        let is_known = !self.is_behind;
        Trend {
            day_profit: start.filter(|_| is_known).map(|start| cents(equity - start.last)),
            drawdown: (is_known && high > 0.0).then(|| cents((high - equity) / high * 100.0)),
            spark: spark(points, now_ms),
        }
    }
}

/// The last 24 hours in steps, from 0 for the lowest to 100 for the highest value.
fn spark(points: impl Iterator<Item = Point>, now_ms: i64) -> Vec<Option<u8>> {
    let step_ms = DAY_MS / STEPS;
    let mut steps = vec![None::<f64>; STEPS as usize];
    for point in points {
        let ago = (now_ms - point.from_ms).max(0) / step_ms;
        if let Ok(at) = usize::try_from(STEPS - 1 - ago) {
            steps[at] = Some(point.last);
        }
    }
    let known = || steps.iter().flatten().copied();
    let (low, high) = (known().fold(f64::MAX, f64::min), known().fold(f64::MIN, f64::max));
    let scaled =
        |value: f64| if high > low { ((value - low) / (high - low) * 100.0).round() as u8 } else { 50 };
    steps.iter().map(|step| step.map(scaled)).collect()
}

#[cfg(test)]
mod tests {
    use mt5_redis::model::equity::Sample;

    use super::*;

    /// 2025-11-24, the beginning of a day in UTC.
    const DAY: i64 = 1_763_942_400_000;

    fn sample(time_ms: i64, equity: f64) -> Sample {
        Sample { time_ms, equity, balance: equity, margin: 0.0, profit: 0.0 }
    }

    /// Minutes from 20 hours before the day's beginning to 10 hours after it; equity 1,000, from then on 1,100.
    fn curve() -> Curve {
        let minutes = (-1200..600)
            .map(|minute| sample(DAY + minute * 60_000, if minute < 0 { 1000.0 } else { 1100.0 }));
        let hours =
            (-160..10).map(|hour| sample(DAY + hour * HOUR_MS, if hour == -100 { 1250.0 } else { 990.0 }));
        let mut curve = Curve::new(DAY);
        curve
            .begin(&EquityHistory { minutes: minutes.collect(), hours: hours.collect() }, DAY + 10 * HOUR_MS);
        curve.is_behind = false;
        curve
    }

    fn at(curve: &Curve, hour: i64, equity: f64, offset_hours: i64) -> (Option<f64>, Option<f64>) {
        let trend = curve.trend(DAY + hour * HOUR_MS, equity, offset_hours * HOUR_MS);
        (trend.day_profit, trend.drawdown)
    }

    #[test]
    fn the_day_begins_with_the_brokers_and_the_drawdown_with_the_highest_of_the_week() {
        let curve = curve();
        assert_eq!(at(&curve, 10, 1050.0, 0), (Some(50.0), Some(16.0)));
        // Two hours ahead the day began two hours earlier; two hours behind the jump was yesterday's.
        assert_eq!(at(&curve, 10, 1050.0, 2).0, Some(50.0));
        assert_eq!(at(&curve, 10, 1050.0, -2).0, Some(-50.0));
        assert_eq!(at(&curve, 10, 1300.0, 0), (Some(300.0), Some(0.0)), "a new high");
    }

    #[test]
    fn payments_are_neither_profit_nor_drawdown() {
        let mut curve = curve();
        let paid = Payment { deal: 5, time_ms: DAY + 10 * HOUR_MS - 300_000, amount: -500.0 };
        curve.pay(paid);
        curve.pay(paid);
        // 1,250 would be 750 by now, and 1,000 would be 500.
        assert_eq!(at(&curve, 10, 600.0, 0), (Some(100.0), Some(20.0)));
        curve.pay(Payment { deal: 6, time_ms: DAY + 10 * HOUR_MS - 200_000, amount: 500.0 });
        assert_eq!(at(&curve, 10, 1050.0, 0), (Some(50.0), Some(16.0)));
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        let mut curve = Curve::new(DAY);
        curve.is_behind = false;
        assert!(curve.lacks(DAY));
        assert_eq!(at(&curve, 0, 1000.0, 0), (None, Some(0.0)));
        curve.add(DAY + HOUR_MS, 1000.0);
        assert!(!curve.lacks(DAY + HOUR_MS));
        assert_eq!(at(&curve, 2, 1010.0, 0), (Some(10.0), Some(0.0)), "the day's first equity");
        curve.is_behind = true;
        assert_eq!(at(&curve, 2, 1010.0, 0), (None, None), "there may be payments");
        assert_eq!(at(&Curve { is_behind: false, ..Curve::new(DAY) }, 0, 0.0, 0), (None, None));
    }

    #[test]
    fn the_line_shows_the_last_day_with_its_gaps() {
        let mut curve = Curve::new(DAY);
        for (hour, equity) in [(-30, 5.0), (-12, 100.0), (-11, 300.0), (-1, 200.0)] {
            curve.add(DAY + hour * HOUR_MS, equity);
        }
        let spark = curve.trend(DAY, 200.0, 0).spark;
        let shown: Vec<_> = spark.iter().enumerate().filter_map(|(at, step)| Some((at, (*step)?))).collect();
        assert_eq!((spark.len(), shown), (48, vec![(23, 0), (25, 100), (45, 50)]));
    }

    #[test]
    fn a_week_is_kept_and_no_more() {
        let mut curve = curve();
        curve.pay(Payment { deal: 5, time_ms: DAY - 90 * HOUR_MS, amount: 10.0 });
        curve.forget(DAY - 80 * HOUR_MS);
        assert_eq!((curve.points[0].from_ms, curve.payments.len()), (DAY - 80 * HOUR_MS, 0));
        assert!(curve.points.len() < 80 + 180 + 1, "{}", curve.points.len());
    }
}
