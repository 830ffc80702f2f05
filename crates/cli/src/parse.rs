//! Readers of flag values, each with the message that its refusal deserves.

use std::str::FromStr;

use yak_model::config::ConfigKind;
use yak_model::{GroupId, PartitionIndex, TopicName};

/// A whole number of some type.
///
/// # Errors
/// When the text is none, or does not fit.
pub fn whole<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_not_a_number| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
            format!("{text} is out of range")
        } else {
            format!("\"{text}\" is not a whole number")
        }
    })
}

/// A whole number of at least 1.
///
/// # Errors
/// When the text is none, does not fit, or is 0 or less.
pub fn positive<T: FromStr + PartialOrd + From<u8>>(text: &str) -> Result<T, String> {
    let number = whole::<T>(text)?;
    if number < T::from(1) { Err(format!("{text} is not at least 1")) } else { Ok(number) }
}

/// A partition's number.
///
/// # Errors
/// When the text is no whole number from 0.
pub fn partition(text: &str) -> Result<PartitionIndex, String> {
    match whole::<i32>(text)? {
        number if number >= 0 => Ok(PartitionIndex::new(number)),
        _ => Err(format!("{text} is not a partition (they count from 0)")),
    }
}

/// A topic's name.
///
/// # Errors
/// Which of Kafka's rules it breaks.
pub fn topic(text: &str) -> Result<TopicName, String> {
    text.parse().map_err(|problem: yak_model::InvalidTopicName| problem.to_string())
}

/// A group's name.
///
/// # Errors
/// It is empty or too long.
pub fn group(text: &str) -> Result<GroupId, String> {
    GroupId::new(text).map_err(|error| error.to_string())
}

/// A text between two parts of a line; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Separator(pub Vec<u8>);

/// A separator, with `\t`, `\n`, `\r`, `\0`, `\\` and `\xHH` as in C.
///
/// # Errors
/// When it is empty, or ends in the middle of an escape.
pub fn separator(text: &str) -> Result<Separator, String> {
    let bytes = unescape(text)?;
    if bytes.is_empty() { Err("a separator must not be empty".to_owned()) } else { Ok(Separator(bytes)) }
}

/// A text with `\t`, `\n`, `\r`, `\0`, `\\` and `\xHH` as in C.
///
/// # Errors
/// When it ends in the middle of an escape, or holds an unknown one.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.extend_from_slice(before.as_bytes());
        let mut chars = after.chars();
        match chars.next() {
            Some('t') => out.push(b'\t'),
            Some('n') => out.push(b'\n'),
            Some('r') => out.push(b'\r'),
            Some('0') => out.push(0),
            Some('\\') => out.push(b'\\'),
            Some('x') => {
                let digits = chars.as_str().get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
                out.push(digits.ok_or_else(|| format!("\"{text}\": \\x needs two hexadecimal digits"))?);
                chars.nth(1);
            }
            Some(other) => {
                return Err(format!("\"{text}\": \\{other} means nothing (use \\t \\n \\r \\0 \\\\ \\xHH)"));
            }
            None => return Err(format!("\"{text}\" ends with a lone \\")),
        }
        rest = chars.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

/// `true` or `false`.
///
/// # Errors
/// When it is neither.
pub fn boolean(text: &str) -> Result<bool, String> {
    Ok(ConfigKind::Boolean.parse(text)?.as_boolean().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_say_what_is_wrong_with_them() {
        assert_eq!(whole::<u32>("12"), Ok(12));
        assert_eq!(whole::<u32>("twelve"), Err("\"twelve\" is not a whole number".to_owned()));
        assert_eq!(whole::<u32>("-3"), Err("-3 is out of range".to_owned()));
        assert_eq!(whole::<u8>("300"), Err("300 is out of range".to_owned()));
        assert_eq!(positive::<u32>("0"), Err("0 is not at least 1".to_owned()));
        assert_eq!(partition("3"), Ok(PartitionIndex::new(3)));
        assert_eq!(partition("-1"), Err("-1 is not a partition (they count from 0)".to_owned()));
    }

    #[test]
    fn topics_follow_the_rule_of_the_model() {
        assert_eq!(topic("orders").unwrap().as_str(), "orders");
        assert_eq!(
            topic("a b").unwrap_err(),
            "topic name \"a b\" contains ' '; allowed are a-z A-Z 0-9 . _ -"
        );
    }

    #[test]
    fn separators_know_escapes() {
        for (text, bytes) in
            [(":", &b":"[..]), ("\\t", b"\t"), ("a\\x00b", b"a\0b"), ("\\\\", b"\\"), ("ä", "ä".as_bytes())]
        {
            assert_eq!(separator(text).unwrap().0, bytes, "{text}");
        }
        for text in ["", "\\", "\\q", "\\x1", "\\xzz", "\\xä"] {
            assert!(separator(text).is_err(), "{text}");
        }
    }

    #[test]
    fn booleans_are_words() {
        assert_eq!(boolean("TRUE"), Ok(true));
        assert_eq!(boolean("false"), Ok(false));
        assert_eq!(boolean("yes"), Err("\"yes\" is not true or false".to_owned()));
    }
}
