//! Points in time on the command line: ISO 8601, or so long ago; and timestamps in listings.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use yak_model::TimestampMs;

use crate::human::parse_millis;

/// The wall clock.
#[must_use]
pub fn now() -> TimestampMs {
    TimestampMs::new(Timestamp::now().as_millisecond())
}

/// Reads a point in time: `2025-03-01T12:00:00Z`, `2025-03-01T12:00:00.5+01:00`, `2025-03-01T12:00` and
/// `2025-03-01` (both UTC, as Kafka's tools have it), `-10m` (so long before `now`), or milliseconds since 1970.
///
/// # Errors
/// A text that names no point in time, and how to write one.
pub fn parse(text: &str, now: TimestampMs) -> Result<TimestampMs, String> {
    let problem =
        || format!("\"{text}\" is not a time (use 2025-03-01T12:00:00Z, -10m, or milliseconds since 1970)");
    if let Some(ago) = text.strip_prefix('-') {
        let millis =
            parse_millis(ago).ok().and_then(|millis| i64::try_from(millis).ok()).ok_or_else(problem)?;
        return Ok(TimestampMs::new(now.get().saturating_sub(millis).max(0)));
    }
    if let Ok(millis) = text.parse::<i64>() {
        return Ok(TimestampMs::new(millis));
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(TimestampMs::new(instant.as_millisecond()));
    }
    let civil = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(DateTime::from));
    let instant = civil.and_then(|civil| civil.to_zoned(TimeZone::UTC));
    instant.map(|zoned| TimestampMs::new(zoned.timestamp().as_millisecond())).map_err(|_unreadable| problem())
}

/// A timestamp for a person: `2025-03-01 12:00:00.123Z`.
#[must_use]
pub fn show(time: TimestampMs) -> String {
    match Timestamp::from_millisecond(time.get()) {
        Ok(instant) => instant.strftime("%Y-%m-%d %H:%M:%S.%3fZ").to_string(),
        Err(_) => time.to_string(),
    }
}

/// A time of day for a person: `12:00:00.123Z`.
#[must_use]
pub fn show_clock(time: TimestampMs) -> String {
    match Timestamp::from_millisecond(time.get()) {
        Ok(instant) => instant.strftime("%H:%M:%S.%3fZ").to_string(),
        Err(_) => time.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: TimestampMs = TimestampMs::new(1_700_000_000_000);

    #[test]
    fn every_form_is_read() {
        for (text, expected) in [
            ("2023-11-14T22:13:20Z", 1_700_000_000_000),
            ("2023-11-14T23:13:20.250+01:00", 1_700_000_000_250),
            ("2023-11-14T22:13:20", 1_700_000_000_000),
            ("2023-11-14 22:13", 1_699_999_980_000),
            ("2023-11-14", 1_699_920_000_000),
            ("-10m", 1_699_999_400_000),
            ("-90m", 1_699_994_600_000),
            ("-1000", 1_699_999_999_000),
            ("1700000000001", 1_700_000_000_001),
        ] {
            assert_eq!(parse(text, NOW), Ok(TimestampMs::new(expected)), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_the_forms_that_work() {
        for text in ["", "-", "yesterday", "2023-13-01", "2023-11-14T25:00", "-10x"] {
            let problem = parse(text, NOW).unwrap_err();
            assert!(problem.starts_with(&format!("\"{text}\" is not a time")), "{problem}");
        }
    }

    #[test]
    fn times_are_shown_in_utc() {
        assert_eq!(show(TimestampMs::new(1_700_000_000_123)), "2023-11-14 22:13:20.123Z");
        assert_eq!(show_clock(TimestampMs::new(1_700_000_000_123)), "22:13:20.123Z");
        assert_eq!(show(TimestampMs::new(i64::MAX)), i64::MAX.to_string());
    }
}
