//! `--report`: one line an acknowledgement, saying where the record went.

use std::io::Write;

use yak_cli::parse::unescape;
use yak_model::{Offset, PartitionIndex, TopicName};

/// What to print for each acknowledged record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFormat {
    parts: Vec<Part>,
    /// What stands for an offset that nobody knows.
    unknown: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Topic,
    Partition,
    Offset,
    Line,
}

/// An acknowledged record.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledged<'a> {
    /// The topic.
    pub topic: &'a TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The offset; `None` with `--acks 0`, where nobody says.
    pub offset: Option<Offset>,
    /// The line of the input, from 1.
    pub line: u64,
}

impl ReportFormat {
    /// `orders-2@1041`.
    pub const DEFAULT: &'static str = "%t-%p@%o";

    /// One JSON object a line, for `--json`.
    #[must_use]
    pub fn json() -> Self {
        let text = |text: &str| Part::Text(text.as_bytes().to_vec());
        let parts = vec![
            // A topic's name has no characters that JSON escapes.
            text(r#"{"topic":""#),
            Part::Topic,
            text(r#"","partition":"#),
            Part::Partition,
            text(r#","offset":"#),
            Part::Offset,
            text(r#","line":"#),
            Part::Line,
            text("}"),
        ];
        Self { parts, unknown: "null" }
    }

    /// Reads a format: `%t` topic, `%p` partition, `%o` offset, `%n` line, `%%`; `\t`, `\n` and `\xHH`.
    ///
    /// # Errors
    /// A letter that means nothing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = Vec::new();
        let mut bytes = unescape(text)?.into_iter();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                literal.push(byte);
                continue;
            }
            let part = match bytes.next() {
                Some(b'%') => {
                    literal.push(b'%');
                    continue;
                }
                Some(b't') => Part::Topic,
                Some(b'p') => Part::Partition,
                Some(b'o') => Part::Offset,
                Some(b'n') => Part::Line,
                other => {
                    let letter = other.map_or_else(String::new, |byte| byte.escape_ascii().to_string());
                    return Err(format!("\"%{letter}\" means nothing (use %t %p %o %n %%)"));
                }
            };
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(part);
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self { parts, unknown: "?" })
    }

    /// Appends the line of one record, with its newline.
    pub fn write(&self, record: &Acknowledged<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            let written = match part {
                Part::Text(text) => out.write_all(text),
                Part::Topic => out.write_all(record.topic.as_str().as_bytes()),
                Part::Partition => write!(out, "{}", record.partition),
                Part::Offset => match record.offset {
                    Some(offset) => write!(out, "{offset}"),
                    None => out.write_all(self.unknown.as_bytes()),
                },
                Part::Line => write!(out, "{}", record.line),
            };
            // Writing to a Vec cannot fail.
            written.unwrap_or_default();
        }
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(format: &str, offset: Option<i64>) -> String {
        written(&ReportFormat::parse(format).unwrap(), offset)
    }

    fn written(format: &ReportFormat, offset: Option<i64>) -> String {
        let topic = "orders".parse().unwrap();
        let record = Acknowledged {
            topic: &topic,
            partition: PartitionIndex::new(2),
            offset: offset.map(Offset::new),
            line: 17,
        };
        let mut out = Vec::new();
        format.write(&record, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_default_names_partition_and_offset() {
        assert_eq!(shown(ReportFormat::DEFAULT, Some(1041)), "orders-2@1041\n");
        assert_eq!(shown(ReportFormat::DEFAULT, None), "orders-2@?\n");
    }

    #[test]
    fn json_is_one_object() {
        let json = ReportFormat::json();
        let known = "{\"topic\":\"orders\",\"partition\":2,\"offset\":1041,\"line\":17}\n";
        assert_eq!(written(&json, Some(1041)), known);
        assert_eq!(written(&json, None), known.replace("1041", "null"));
    }

    #[test]
    fn letters_and_escapes_are_replaced() {
        assert_eq!(shown(r"%n\t%t 100%%", Some(0)), "17\torders 100%\n");
        assert_eq!(shown("plain", Some(0)), "plain\n");
        for bad in ["%q", "100%", "\\q"] {
            assert!(ReportFormat::parse(bad).is_err(), "{bad}");
        }
    }
}
