//! `-f`: kcat's format letters.

use std::io::Write as _;

use yak_cli::parse::unescape;
use yak_client::ConsumedRecord;
use yak_model::{PartitionIndex, TopicName};

/// A format, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Letter(Letter),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letter {
    Value,
    ValueLength,
    ValueLengthBytes,
    Key,
    KeyLength,
    Timestamp,
    Headers,
    Topic,
    Partition,
    Offset,
}

impl Letter {
    const fn new(byte: u8) -> Option<Self> {
        Some(match byte {
            b's' => Self::Value,
            b'S' => Self::ValueLength,
            b'R' => Self::ValueLengthBytes,
            b'k' => Self::Key,
            b'K' => Self::KeyLength,
            b'T' => Self::Timestamp,
            b'h' => Self::Headers,
            b't' => Self::Topic,
            b'p' => Self::Partition,
            b'o' => Self::Offset,
            _ => return None,
        })
    }
}

impl Template {
    /// Reads a format. As in kcat nothing is added to it: a newline is written `\n`.
    ///
    /// # Errors
    /// A letter or an escape that means nothing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = Vec::new();
        let mut bytes = unescape(text)?.into_iter();
        while let Some(byte) = bytes.next() {
            match (byte, bytes.as_slice().first().copied()) {
                (b'%', Some(b'%')) => literal.push(b'%'),
                (b'%', letter) => {
                    let letter = letter.and_then(Letter::new).ok_or_else(|| {
                        let shown = letter.map_or_else(String::new, |byte| byte.escape_ascii().to_string());
                        format!("\"%{shown}\" means nothing (use %t %p %o %T %k %s %h %K %S %R %%)")
                    })?;
                    if !literal.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut literal)));
                    }
                    parts.push(Part::Letter(letter));
                }
                _ => {
                    literal.push(byte);
                    continue;
                }
            }
            bytes.next();
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self { parts })
    }

    /// Appends a record.
    pub fn write(
        &self,
        topic: &TopicName,
        partition: PartitionIndex,
        record: &ConsumedRecord<'_>,
        out: &mut Vec<u8>,
    ) {
        for part in &self.parts {
            let written = match part {
                Part::Text(text) => out.write_all(text),
                Part::Letter(Letter::Value) => out.write_all(record.value.unwrap_or_default()),
                Part::Letter(Letter::ValueLength) => write!(out, "{}", length(record.value)),
                Part::Letter(Letter::ValueLengthBytes) => out.write_all(&length(record.value).to_be_bytes()),
                Part::Letter(Letter::Key) => out.write_all(record.key.unwrap_or_default()),
                Part::Letter(Letter::KeyLength) => write!(out, "{}", length(record.key)),
                Part::Letter(Letter::Timestamp) => write!(out, "{}", record.timestamp),
                Part::Letter(Letter::Headers) => write_headers(record, out),
                Part::Letter(Letter::Topic) => out.write_all(topic.as_str().as_bytes()),
                Part::Letter(Letter::Partition) => write!(out, "{partition}"),
                Part::Letter(Letter::Offset) => write!(out, "{}", record.offset),
            };
            // Writing to a Vec cannot fail.
            written.unwrap_or_default();
        }
    }
}

/// -1 for null, as kcat has it.
fn length(bytes: Option<&[u8]>) -> i32 {
    bytes.map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap_or(i32::MAX))
}

/// `n=v,n=v`; kcat shows a null value as `NULL`.
fn write_headers(record: &ConsumedRecord<'_>, out: &mut Vec<u8>) -> std::io::Result<()> {
    for (at, header) in record.headers.iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        out.write_all(header.key)?;
        out.write_all(b"=")?;
        out.write_all(header.value.unwrap_or(b"NULL"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{bare, record};

    fn shown(format: &str, record: &ConsumedRecord<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        let topic = "t".parse().unwrap();
        Template::parse(format).unwrap().write(&topic, PartitionIndex::new(3), record, &mut out);
        out
    }

    #[test]
    fn letters_are_kcats() {
        assert_eq!(
            shown(r"%t-%p@%o %T %k=%s (%K,%S) [%h] 100%%\n", &record()),
            b"t-3@5 1700000000000 key=value (3,5) [h1=v1,h2=NULL] 100%\n"
        );
        assert_eq!(shown(r"%k|%s|%K|%S|%h", &bare(None)), b"||-1|-1|");
        assert_eq!(shown(r"%R%s", &record()), b"\0\0\0\x05value");
        assert_eq!(shown(r"\t\x41%%s", &record()), b"\tA%s");
    }

    #[test]
    fn unknown_letters_are_refused() {
        for (format, shown) in [("%q", "%q"), ("100%", "%"), ("%\\n", "%\\n")] {
            assert_eq!(
                Template::parse(format),
                Err(format!("\"{shown}\" means nothing (use %t %p %o %T %k %s %h %K %S %R %%)"))
            );
        }
    }
}
