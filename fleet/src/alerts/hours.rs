//! Quiet hours: times of the week in a time zone, such as `Mon-Fri 22:00-07:00, Sat-Sun`.

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];
const DAY: u32 = 24 * 60;

/// How quiet hours are written, for errors.
pub const FORM: &str = "\"22:00-07:00\", or \"Mon-Fri 22:00-07:00, Sat-Sun\"";

/// The hours in which only what is urgent is told; none by default.
#[derive(Clone, Debug)]
pub struct Quiet {
    times: Vec<Time>,
    pub zone: TimeZone,
}

impl Default for Quiet {
    fn default() -> Self {
        Self { times: Vec::new(), zone: TimeZone::UTC }
    }
}

/// On some days from one minute to another, which may be on the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Time {
    /// By days since Monday.
    days: [bool; 7],
    from: u32,
    until: u32,
}

impl Quiet {
    /// Reads them; none if the text is not of this form.
    pub fn read(text: &str, zone: TimeZone) -> Option<Self> {
        let times = text.split(',').map(|part| time(part.trim())).collect::<Option<Vec<_>>>()?;
        Some(Self { times, zone })
    }

    /// Whether it is quiet at this time, ms since 1970 UTC.
    pub fn is_quiet(&self, now_ms: u64) -> bool {
        let Ok(now) = Timestamp::from_millisecond(now_ms as i64) else { return false };
        let now = now.to_zoned_datetime(self.zone.clone());
        let day = now.weekday().to_monday_zero_offset() as usize;
        let minute = now.hour() as u32 * 60 + now.minute() as u32;
        self.times.iter().any(|time| {
            let Time { days, from, until } = *time;
            if from < until {
                return days[day] && (from..until).contains(&minute);
            }
            // Past midnight: it belongs to the day on which it begins.
            days[day] && minute >= from || days[(day + 6) % 7] && minute < until
        })
    }
}

/// `Mon-Fri 22:00-07:00`, `22:00-07:00` or `Sat-Sun`.
fn time(text: &str) -> Option<Time> {
    let mut words = text.split_whitespace();
    let (first, second) = (words.next()?, words.next());
    if words.next().is_some() {
        return None;
    }
    match (days(first), second) {
        (Some(days), None) => Some(Time { days, from: 0, until: DAY }),
        (Some(days), Some(hours)) => within(days, hours),
        (None, None) => within([true; 7], first),
        (None, Some(_)) => None,
    }
}

fn days(text: &str) -> Option<[bool; 7]> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let at = |name: &str| DAYS.iter().position(|(day, _)| day.eq_ignore_ascii_case(name));
    let (first, last) = (at(first)?, at(last)?);
    let mut days = [false; 7];
    let count = (last + 7 - first) % 7;
    (0..=count).for_each(|day| days[(first + day) % 7] = true);
    Some(days)
}

fn within(days: [bool; 7], hours: &str) -> Option<Time> {
    let (from, until) = hours.split_once('-')?;
    let (from, until) = (minute(from)?, minute(until)?);
    (from < DAY && from != until).then_some(Time { days, from, until })
}

fn minute(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let two = |text: &str| {
        (text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_digit()))
            .then(|| text.parse::<u32>().ok())?
    };
    let (hour, minute) = (two(hour)?, two(minute)?);
    let whole = hour * 60 + minute;
    (minute < 60 && whole <= DAY).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it is quiet at each of these times in UTC.
    fn quiet(text: &str, zone: &str, times: &[&str]) -> Vec<bool> {
        let quiet = Quiet::read(text, TimeZone::get(zone).unwrap()).unwrap();
        let at = |time: &&str| quiet.is_quiet(time.parse::<Timestamp>().unwrap().as_millisecond() as u64);
        times.iter().map(at).collect()
    }

    #[test]
    fn a_night_ends_on_the_next_day() {
        // 2026-11-27 is a Friday.
        let friday =
            ["2026-11-27T21:59:59Z", "2026-11-27T22:00:00Z", "2026-11-28T06:59:00Z", "2026-11-28T07:00:00Z"];
        assert_eq!(quiet("22:00-07:00", "UTC", &friday), [false, true, true, false]);
        assert_eq!(quiet("Fri 22:00-07:00", "UTC", &friday), [false, true, true, false]);
        assert_eq!(quiet("Sat 22:00-07:00", "UTC", &friday), [false; 4]);
        let weekend =
            ["2026-11-27T23:59:00Z", "2026-11-28T00:00:00Z", "2026-11-29T23:59:00Z", "2026-11-30T00:00:00Z"];
        assert_eq!(quiet("Mon-Thu 01:00-02:00, Sat-Sun", "UTC", &weekend), [false, true, true, false]);
        assert_eq!(quiet("sat-mon 00:00-24:00", "UTC", &weekend), [false, true, true, true]);
    }

    #[test]
    fn hours_are_those_of_their_zone_in_summer_and_winter() {
        let times = ["2026-07-01T20:30:00Z", "2026-12-01T20:30:00Z", "2026-12-01T21:30:00Z"];
        assert_eq!(quiet("22:00-07:00", "Europe/Berlin", &times), [true, false, true]);
    }

    #[test]
    fn what_is_not_of_the_form_is_refused() {
        for text in [
            "",
            "22-7",
            "22:00",
            "22:00-22:00",
            "25:00-07:00",
            "22:60-07:00",
            "2:00-07:00",
            "24:00-07:00",
            "Mo 22:00-07:00",
            "Mon 22:00-07:00 UTC",
            "22:00-07:00,",
            "+2:00-07:00",
        ] {
            assert!(Quiet::read(text, TimeZone::UTC).is_none(), "{text}");
        }
    }
}
