//! Numbers, sizes and durations as people write and read them.

use std::time::Duration;

use yak_model::config::{ConfigKind, TimeUnit};

/// Reads a size in bytes: `16384`, `16KiB`, `1MiB`.
///
/// # Errors
/// A text that names no number of bytes, and how to write one.
pub fn parse_size(text: &str) -> Result<u64, String> {
    read(ConfigKind::Size { min: 0, max: i64::MAX }, text)
}

/// Reads a duration in milliseconds: `500` (milliseconds), `500ms`, `10s`, `10m`, `2h`, `7d`.
///
/// # Errors
/// A text that names no duration, and how to write one.
pub fn parse_millis(text: &str) -> Result<u64, String> {
    read(ConfigKind::Duration { unit: TimeUnit::Milliseconds, min: 0, max: i64::MAX }, text)
}

/// Flags read numbers as configuration files do.
fn read(kind: ConfigKind, text: &str) -> Result<u64, String> {
    let number = kind.parse(text)?.as_number().and_then(|number| u64::try_from(number).ok());
    Ok(number.expect("these kinds read numbers of at least 0"))
}

/// A size for a person: `512 B`, `1.5 KiB`, `10.0 GiB`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
pub fn bytes(size: u64) -> String {
    const NAMES: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = size as f64;
    let mut name = 0;
    while value >= 1024.0 && name + 1 < NAMES.len() {
        value /= 1024.0;
        name += 1;
    }
    if name == 0 { format!("{size} B") } else { format!("{value:.1} {}", NAMES[name]) }
}

/// A number with thousands separated: `1,234,567`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A span of time for a person: `0.01 s`, `59.4 s`, `2m 03s`, `3h 07m`, `5d 02h`.
#[must_use]
pub fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..10 => format!("{:.2} s", span.as_secs_f64()),
        10..60 => format!("{:.1} s", span.as_secs_f64()),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// `1 record`, `2 records`: a number with its noun.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_read_as_in_configuration_files() {
        assert_eq!(parse_size("16384"), Ok(16_384));
        assert_eq!(parse_size(" 64KiB "), Ok(65_536));
        assert_eq!(parse_millis("1500"), Ok(1_500));
        assert_eq!(parse_millis("10m"), Ok(600_000));
        for text in ["", "-1", "1.5KiB", "1GB", "12 parsec"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        for text in ["", "-1", "1.5s", "10 fortnights"] {
            assert!(parse_millis(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 512, 1_536, 10 << 30].map(bytes), ["0 B", "512 B", "1.5 KiB", "10.0 GiB"]);
        assert_eq!(counted(1, "record"), "1 record");
        assert_eq!(counted(1_200, "record"), "1,200 records");
        let spans = [10, 59_400, 123_000, 11_220_000, 439_200_000].map(Duration::from_millis);
        assert_eq!(spans.map(duration), ["0.01 s", "59.4 s", "2m 03s", "3h 07m", "5d 02h"]);
    }
}
