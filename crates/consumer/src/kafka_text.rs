//! Kafka's own text: what is printed of a record, in Kafka's order, with Kafka's separators.
//!
//! ```text
//! CreateTime:1700000000000<TAB>Partition:0<TAB>Offset:5<TAB>h1:v1,h2:v2|NO_HEADERS<TAB>key<TAB>value
//! ```
//! This is `DefaultMessageFormatter` of Kafka 4: timestamp, partition, offset, headers, key, value, each only
//! if wanted; after each the key separator, after the last one the line separator.

use std::io::Write as _;

use yak_cli::properties::{Properties, Property};
use yak_cli::{Failure, parse};
use yak_client::ConsumedRecord;
use yak_model::PartitionIndex;

use crate::args::Field;

/// What is printed of a record, and between what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaText {
    timestamp: bool,
    partition: bool,
    offset: bool,
    headers: bool,
    key: bool,
    value: bool,
    key_separator: Vec<u8>,
    line_separator: Vec<u8>,
    headers_separator: Vec<u8>,
    null_literal: Vec<u8>,
}

impl KafkaText {
    /// What flags and Kafka's formatter properties ask for.
    ///
    /// # Errors
    /// An unknown property, or a bad value.
    pub fn new(fields: &[Field], formatter_properties: &[(String, String)]) -> Result<Self, Failure> {
        let mut properties = Properties::default();
        for (key, value) in formatter_properties {
            properties.push(Property::new(key, value, "--formatter-property"));
        }
        let mut flag = |key: &'static str, field: Field| {
            let asked = properties.take(key, parse::boolean)?;
            Ok::<_, Failure>(asked.unwrap_or(field == Field::Value) || fields.contains(&field))
        };
        let timestamp = flag("print.timestamp", Field::Timestamp)?;
        let partition = flag("print.partition", Field::Partition)?;
        let offset = flag("print.offset", Field::Offset)?;
        let headers = flag("print.headers", Field::Headers)?;
        let key = flag("print.key", Field::Key)?;
        let value = flag("print.value", Field::Value)?;
        let mut text = |key: &'static str, default: &str| {
            Ok::<_, Failure>(
                properties.take(key, parse::unescape)?.unwrap_or_else(|| default.as_bytes().to_vec()),
            )
        };
        let text = Self {
            timestamp,
            partition,
            offset,
            headers,
            key,
            value,
            key_separator: text("key.separator", "\t")?,
            line_separator: text("line.separator", "\n")?,
            headers_separator: text("headers.separator", ",")?,
            null_literal: text("null.literal", "null")?,
        };
        properties.finish_strictly()?;
        Ok(text)
    }

    /// Whether a record is its value and a newline, so that nothing needs to be looked at.
    #[must_use]
    pub fn is_bare_value(&self) -> bool {
        self.value
            && !(self.timestamp || self.partition || self.offset || self.headers || self.key)
            && self.line_separator == b"\n"
            && self.null_literal == b"null"
    }

    /// Appends a record.
    pub fn write(&self, partition: PartitionIndex, record: &ConsumedRecord<'_>, out: &mut Vec<u8>) {
        // Each part is followed by a separator, and the last one is then replaced by the line's.
        let start = out.len();
        if self.timestamp {
            put(out, format_args!("{}:{}", record.timestamp_type.name(), record.timestamp));
            out.extend_from_slice(&self.key_separator);
        }
        if self.partition {
            put(out, format_args!("Partition:{partition}"));
            out.extend_from_slice(&self.key_separator);
        }
        if self.offset {
            put(out, format_args!("Offset:{}", record.offset));
            out.extend_from_slice(&self.key_separator);
        }
        if self.headers {
            self.write_headers(record, out);
            out.extend_from_slice(&self.key_separator);
        }
        if self.key {
            out.extend_from_slice(record.key.unwrap_or(&self.null_literal));
            out.extend_from_slice(&self.key_separator);
        }
        if self.value {
            out.extend_from_slice(record.value.unwrap_or(&self.null_literal));
        } else if out.len() > start {
            out.truncate(out.len() - self.key_separator.len());
        } else {
            return;
        }
        out.extend_from_slice(&self.line_separator);
    }

    fn write_headers(&self, record: &ConsumedRecord<'_>, out: &mut Vec<u8>) {
        if record.headers.is_empty() {
            out.extend_from_slice(b"NO_HEADERS");
        }
        for (at, header) in record.headers.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(&self.headers_separator);
            }
            out.extend_from_slice(header.key);
            out.push(b':');
            out.extend_from_slice(header.value.unwrap_or(&self.null_literal));
        }
    }
}

/// Appends formatted text; writing to a Vec cannot fail.
fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{bare, record};

    fn shown(fields: &[Field], properties: &[(&str, &str)], record: &ConsumedRecord<'_>) -> String {
        let properties: Vec<_> = properties.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut out = Vec::new();
        KafkaText::new(fields, &properties).unwrap().write(PartitionIndex::new(0), record, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn everything_is_in_kafkas_order_whatever_the_order_asked() {
        let all = [Field::Headers, Field::Key, Field::Timestamp, Field::Offset, Field::Partition];
        assert_eq!(
            shown(&all, &[], &record()),
            "CreateTime:1700000000000\tPartition:0\tOffset:5\th1:v1,h2:null\tkey\tvalue\n"
        );
        assert_eq!(
            shown(&all, &[], &bare(None)),
            "CreateTime:1700000000000\tPartition:0\tOffset:5\tNO_HEADERS\tnull\tnull\n"
        );
    }

    #[test]
    fn properties_ask_for_the_same_and_change_separators() {
        let properties = [
            ("print.key", "true"),
            ("key.separator", "\\x3d"),
            ("line.separator", ";"),
            ("null.literal", "-"),
        ];
        assert_eq!(shown(&[], &properties, &record()), "key=value;");
        assert_eq!(shown(&[], &properties, &bare(None)), "-=-;");
        assert_eq!(
            shown(&[], &[("print.value", "false"), ("print.offset", "true")], &record()),
            "Offset:5\n"
        );
        assert_eq!(shown(&[], &[("print.value", "false")], &record()), "");
    }

    #[test]
    fn the_default_is_the_bare_value() {
        assert!(KafkaText::new(&[], &[]).unwrap().is_bare_value());
        assert!(!KafkaText::new(&[Field::Key], &[]).unwrap().is_bare_value());
        let unknown = KafkaText::new(&[], &[("print.kye".to_owned(), "true".to_owned())]).unwrap_err();
        assert_eq!(unknown.message, "--formatter-property print.kye: unknown property");
        assert_eq!(unknown.hint.as_deref(), Some("did you mean 'print.key'?"));
    }
}
