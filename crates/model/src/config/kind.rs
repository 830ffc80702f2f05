//! How a configuration value is read and checked.

use std::fmt;

use super::nearest;
use super::secret::Secret;
use super::units::{parse_duration, parse_size};

/// The kind of a value, with its limits (both ends inclusive).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ConfigKind {
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Whole {
        /// The least.
        min: i64,
        /// The greatest; `i64::MAX` means no limit worth naming.
        max: i64,
    },
    /// A number of bytes: `65536`, `64KiB`, `1GiB`. A least of -1 makes `-1` mean "no limit".
    Size {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A span of time: `604800000`, `7d`, `1500ms`. A least of -1 makes `-1` mean "no limit".
    Duration {
        /// What a bare number counts, and what the value is kept in.
        unit: TimeUnit,
        /// The least, in that unit.
        min: i64,
        /// The greatest, in that unit.
        max: i64,
    },
    /// A fraction from 0 to 1.
    Ratio,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Some of these words, separated by commas; at least one.
    Choices(&'static [&'static str]),
    /// Any texts, separated by commas.
    List,
    /// Any text.
    Text,
    /// A text that is never shown, not even in a fault.
    Secret,
}

/// What a bare number in a duration counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Milliseconds.
    Milliseconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
}

impl TimeUnit {
    /// How many milliseconds one of these has.
    #[must_use]
    pub const fn in_ms(self) -> i64 {
        match self {
            Self::Milliseconds => 1,
            Self::Minutes => 60_000,
            Self::Hours => 3_600_000,
        }
    }

    /// Its name in the plural.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Milliseconds => "milliseconds",
            Self::Minutes => "minutes",
            Self::Hours => "hours",
        }
    }
}

/// A value that was read. Printed, it is what Kafka's tools show: plain bytes, plain milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigValue {
    /// Of [`ConfigKind::Boolean`].
    Boolean(bool),
    /// Of [`ConfigKind::Whole`], [`ConfigKind::Size`] (bytes) and [`ConfigKind::Duration`] (its unit).
    Number(i64),
    /// Of [`ConfigKind::Ratio`].
    Ratio(f64),
    /// Of [`ConfigKind::Choice`] and [`ConfigKind::Text`].
    Text(String),
    /// Of [`ConfigKind::Choices`] and [`ConfigKind::List`].
    List(Vec<String>),
    /// Of [`ConfigKind::Secret`].
    Secret(Secret),
}

impl ConfigValue {
    /// The number, if it is one.
    #[must_use]
    pub const fn as_number(&self) -> Option<i64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    /// The truth, if it is one.
    #[must_use]
    pub const fn as_boolean(&self) -> Option<bool> {
        if let Self::Boolean(truth) = self { Some(*truth) } else { None }
    }

    /// The fraction, if it is one.
    #[must_use]
    pub const fn as_ratio(&self) -> Option<f64> {
        if let Self::Ratio(ratio) = self { Some(*ratio) } else { None }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The list, if it is one.
    #[must_use]
    pub fn as_list(&self) -> Option<&[String]> {
        if let Self::List(list) = self { Some(list) } else { None }
    }
}

impl fmt::Display for ConfigValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(truth) => write!(f, "{truth}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Ratio(ratio) => write!(f, "{ratio}"),
            Self::Text(text) => f.write_str(text),
            Self::List(list) => f.write_str(&list.join(",")),
            Self::Secret(secret) => write!(f, "{secret}"),
        }
    }
}

impl ConfigKind {
    /// Reads a value; white space around it does not count.
    ///
    /// # Errors
    ///
    /// A sentence fragment that quotes the text and says what is expected, e.g.
    /// `"1GB" is not a size (use bytes, or 1GiB)`.
    pub fn parse(self, text: &str) -> Result<ConfigValue, String> {
        let text = text.trim();
        match self {
            Self::Boolean => match text.to_ascii_lowercase().as_str() {
                "true" => Ok(ConfigValue::Boolean(true)),
                "false" => Ok(ConfigValue::Boolean(false)),
                _ => Err(format!("\"{text}\" is not true or false")),
            },
            Self::Whole { min, max } => match text.parse() {
                Ok(number) if (min..=max).contains(&number) => Ok(ConfigValue::Number(number)),
                Ok(number) if number > max => Err(format!("\"{text}\" is not a whole number <= {max}")),
                _ => Err(format!("\"{text}\" is not a whole number >= {min}")),
            },
            Self::Size { min, max } => within(parse_size(text)?, min, max, text, "bytes"),
            Self::Duration { unit, min, max } => {
                within(parse_duration(text, unit)?, min, max, text, unit.name())
            }
            Self::Ratio => match text.parse() {
                Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ConfigValue::Ratio(ratio)),
                _ => Err(format!("\"{text}\" is not a number from 0 to 1")),
            },
            Self::Choice(words) => one_of(text, words).map(|word| ConfigValue::Text(word.to_owned())),
            Self::Choices(words) => some_of(text, words),
            Self::List => Ok(ConfigValue::List(split(text).map(str::to_owned).collect())),
            Self::Text => Ok(ConfigValue::Text(text.to_owned())),
            Self::Secret => Secret::read(text).map(ConfigValue::Secret),
        }
    }
}

/// What is expected, as documentation says it.
impl fmt::Display for ConfigKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("true or false"),
            Self::Whole { min, max: i64::MAX } => write!(f, "a whole number >= {min}"),
            Self::Whole { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Size { .. } => f.write_str("a size"),
            Self::Duration { unit, .. } => write!(f, "a duration in {}", unit.name()),
            Self::Ratio => f.write_str("a number from 0 to 1"),
            Self::Choice(words) => f.write_str(&words.join(", ")),
            Self::Choices(words) => write!(f, "some of {}", words.join(", ")),
            Self::List => f.write_str("a list"),
            Self::Text => f.write_str("a text"),
            Self::Secret => f.write_str("a text, never shown"),
        }
    }
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn within(number: i64, min: i64, max: i64, text: &str, unit: &str) -> Result<ConfigValue, String> {
    if (min..=max).contains(&number) {
        return Ok(ConfigValue::Number(number));
    }
    Err(format!("\"{text}\" is out of range, it must be {}", range(min, max, unit)))
}

/// `>= 1 bytes` or `from 1 to 5 bytes`; with a least of -1, what that stands for.
fn range(min: i64, max: i64, unit: &str) -> String {
    let unlimited = if min == -1 { " (-1 means no limit)" } else { "" };
    if max == i64::MAX {
        format!(">= {min} {unit}{unlimited}")
    } else {
        format!("from {min} to {max} {unit}{unlimited}")
    }
}

fn one_of(text: &str, words: &'static [&'static str]) -> Result<&'static str, String> {
    words.iter().copied().find(|word| word.eq_ignore_ascii_case(text)).ok_or_else(|| {
        let hint = nearest(text, words.iter().copied())
            .map(|word| format!(", did you mean {word}?"))
            .unwrap_or_default();
        format!("\"{text}\" is not one of {}{hint}", words.join(", "))
    })
}

fn some_of(text: &str, words: &'static [&'static str]) -> Result<ConfigValue, String> {
    let mut list: Vec<String> = Vec::new();
    for item in split(text) {
        let word = one_of(item, words)?;
        if !list.iter().any(|seen| seen == word) {
            list.push(word.to_owned());
        }
    }
    if list.is_empty() {
        return Err(format!("\"{text}\" names none of {}", words.join(", ")));
    }
    Ok(ConfigValue::List(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: ConfigKind = ConfigKind::Whole { min: 1, max: i64::MAX };
    const RETENTION: ConfigKind = ConfigKind::Size { min: -1, max: i64::MAX };
    const HOURS: ConfigKind = ConfigKind::Duration { unit: TimeUnit::Hours, min: -1, max: i64::MAX };

    fn fault(kind: ConfigKind, text: &str) -> String {
        kind.parse(text).expect_err("a fault was expected")
    }

    #[test]
    fn each_kind_reads_its_values_and_prints_them_as_kafka_does() {
        for (kind, text, printed) in [
            (ConfigKind::Boolean, " TRUE ", "true"),
            (COUNT, "3", "3"),
            (RETENTION, "64KiB", "65536"),
            (RETENTION, "-1", "-1"),
            (HOURS, "7d", "168"),
            (HOURS, "168", "168"),
            (ConfigKind::Ratio, "0.5", "0.5"),
            (ConfigKind::Choice(&["sync", "os"]), "OS", "os"),
            (ConfigKind::Choices(&["delete", "compact"]), "compact, delete,compact", "compact,delete"),
            (ConfigKind::List, "a, b,", "a,b"),
            (ConfigKind::Text, " x=y ", "x=y"),
        ] {
            assert_eq!(kind.parse(text).map(|value| value.to_string()), Ok(printed.to_owned()), "{text}");
        }
    }

    #[test]
    fn each_kind_says_what_it_expects() {
        assert_eq!(fault(COUNT, "three"), "\"three\" is not a whole number >= 1");
        assert_eq!(fault(COUNT, "0"), "\"0\" is not a whole number >= 1");
        assert_eq!(fault(ConfigKind::Whole { min: 0, max: 9 }, "10"), "\"10\" is not a whole number <= 9");
        assert_eq!(fault(ConfigKind::Boolean, "yes"), "\"yes\" is not true or false");
        assert_eq!(
            fault(RETENTION, "-2"),
            "\"-2\" is out of range, it must be >= -1 bytes (-1 means no limit)"
        );
        assert_eq!(
            fault(ConfigKind::Size { min: 1024, max: 4096 }, "1MiB"),
            "\"1MiB\" is out of range, it must be from 1024 to 4096 bytes"
        );
        assert_eq!(fault(ConfigKind::Ratio, "2"), "\"2\" is not a number from 0 to 1");
        assert_eq!(fault(ConfigKind::Ratio, "NaN"), "\"NaN\" is not a number from 0 to 1");
        assert_eq!(
            fault(ConfigKind::Choice(&["sync", "os"]), "synk"),
            "\"synk\" is not one of sync, os, did you mean sync?"
        );
        assert_eq!(fault(ConfigKind::Choices(&["delete"]), " "), "\"\" names none of delete");
    }
}
