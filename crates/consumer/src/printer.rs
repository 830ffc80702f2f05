//! How a record becomes text on stdout.
//!
//! Into a file or a pipe everything is written byte for byte. On a terminal control characters are made visible
//! (CWE-150), unless `--raw`: there data must not be able to move the cursor or rewrite what was shown.

use bytes::BytesMut;
use yak_cli::{Failure, text};
use yak_client::{Chunk, ConsumedRecord, Header};
use yak_model::{PartitionIndex, TopicName};
use yak_protocol::{FetchedRecord, ValueStyle, encode_record_line};

use crate::args::FormatArgs;
use crate::kafka_text::KafkaText;
use crate::template::Template;

/// Prints records in one format.
#[derive(Debug)]
pub struct Printer {
    format: Format,
    /// Make control characters visible.
    visible: bool,
    /// Room for one record that is looked at before it is printed.
    scratch: Vec<u8>,
    json: BytesMut,
}

#[derive(Debug)]
enum Format {
    /// The value and a newline.
    Value,
    Kafka(KafkaText),
    Template(Template),
    Json,
}

impl Printer {
    /// The format that the flags ask for, for a terminal or for something else.
    ///
    /// # Errors
    /// A formatter property that does not exist, or a bad value of one.
    pub fn new(args: &FormatArgs, json: bool, is_terminal: bool) -> Result<Self, Failure> {
        let format = if json {
            Format::Json
        } else if let Some(template) = &args.format {
            Format::Template(template.clone())
        } else {
            let text = KafkaText::new(&args.print, &args.formatter_property)?;
            if text.is_bare_value() { Format::Value } else { Format::Kafka(text) }
        };
        let visible = is_terminal && !args.raw;
        Ok(Self { format, visible, scratch: Vec::new(), json: BytesMut::new() })
    }

    /// Appends one record of a chunk.
    #[inline]
    pub fn print(&mut self, chunk: &Chunk, record: &ConsumedRecord<'_>, out: &mut Vec<u8>) {
        self.record(chunk.topic(), chunk.partition(), record, out);
    }

    #[inline]
    fn record(
        &mut self,
        topic: &TopicName,
        partition: PartitionIndex,
        record: &ConsumedRecord<'_>,
        out: &mut Vec<u8>,
    ) {
        if !self.visible {
            return self.plain(topic, partition, record, out);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        self.plain(topic, partition, record, &mut scratch);
        match self.format {
            Format::Json => text::push_visible_json(&scratch, out),
            _ => text::push_visible(&scratch, out),
        }
        self.scratch = scratch;
    }

    #[inline]
    fn plain(
        &mut self,
        topic: &TopicName,
        partition: PartitionIndex,
        record: &ConsumedRecord<'_>,
        out: &mut Vec<u8>,
    ) {
        match &self.format {
            Format::Value => {
                out.extend_from_slice(record.value.unwrap_or(b"null"));
                out.push(b'\n');
            }
            Format::Kafka(text) => text.write(partition, record, out),
            Format::Template(template) => template.write(topic, partition, record, out),
            Format::Json => {
                // Without headers this allocates nothing.
                let headers: Vec<Header<'_>> = record.headers.iter().collect();
                let record = FetchedRecord {
                    offset: record.offset,
                    timestamp: record.timestamp,
                    timestamp_type: record.timestamp_type,
                    key: record.key,
                    value: record.value,
                    headers: &headers,
                };
                self.json.clear();
                encode_record_line(&mut self.json, topic, partition, &record, ValueStyle::Text);
                out.extend_from_slice(&self.json);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Field;
    use crate::fixtures::{bare, record};

    fn shown(args: &FormatArgs, json: bool, terminal: bool, record: &ConsumedRecord<'_>) -> String {
        let mut out = Vec::new();
        let mut printer = Printer::new(args, json, terminal).unwrap();
        printer.record(&"t".parse().unwrap(), PartitionIndex::new(0), record, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_default_is_the_value_byte_for_byte() {
        let args = FormatArgs::default();
        assert_eq!(shown(&args, false, false, &record()), "value\n");
        assert_eq!(shown(&args, false, false, &bare(Some(b"\x1b[2J\r"))), "\x1b[2J\r\n");
        assert_eq!(shown(&args, false, false, &bare(Some(b""))), "\n");
        assert_eq!(shown(&args, false, false, &bare(None)), "null\n");
    }

    #[test]
    fn on_a_terminal_control_characters_are_visible_unless_raw() {
        let mut args = FormatArgs::default();
        let escape = bare(Some(b"\x1b[2J\xff"));
        assert_eq!(shown(&args, false, true, &escape), "\\x1b[2J\\xff\n");
        args.print = vec![Field::Offset];
        assert_eq!(shown(&args, false, true, &escape), "Offset:5\t\\x1b[2J\\xff\n");
        let reordering = bare(Some("\u{202e}\u{9b}".as_bytes()));
        assert!(shown(&FormatArgs::default(), true, true, &reordering).contains(r#""value":"\u202e\u009b""#));
        args.raw = true;
        assert_eq!(shown(&args, false, true, &bare(Some(b"\x1b"))), "Offset:5\t\x1b\n");
    }

    #[test]
    fn json_is_the_envelope_of_the_protocol() {
        assert_eq!(
            shown(&FormatArgs::default(), true, false, &record()),
            concat!(
                r#"{"topic":"t","partition":0,"offset":5,"timestamp":1700000000000,"timestamp_type":"create","#,
                r#""key":"key","value":"value","headers":[{"key":"h1","value":"v1"},{"key":"h2","value":null}]}"#,
                "\n"
            )
        );
    }
}
