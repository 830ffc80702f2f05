//! How a line becomes a record.

use yak_cli::Failure;
use yak_client::{Header, Record};
use yak_model::PartitionIndex;
use yak_protocol::{ReplyParser, parse_record_line};

use crate::args::{InputKind, ProducerArgs};
use crate::line::LineFormat;

/// Room for what is in a line and not in its record.
const LINE_OVERHEAD: usize = 64 * 1024;

/// How lines become records.
#[derive(Debug)]
pub struct RecordPlan {
    kind: Kind,
    format: LineFormat,
    /// Room that is used again for each line of JSON.
    parser: ReplyParser,
    key: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
    partition: Option<PartitionIndex>,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The value, and there is nothing else.
    Plain,
    /// What [`LineFormat`] takes apart.
    Lines,
    /// A record line.
    Json,
}

impl RecordPlan {
    /// What the flags say about each record.
    ///
    /// # Errors
    /// Flags that contradict each other.
    pub fn new(args: &ProducerArgs) -> Result<Self, Failure> {
        let input = &args.input;
        let format = LineFormat::new(
            input.key_separator.as_ref().map(|separator| separator.0.as_slice()),
            input.null_marker.as_deref(),
            &input.reader_property,
        )?;
        let kind = match input.input {
            InputKind::Json if !format.is_plain() => {
                return Err(Failure::usage(
                    "--input json cannot be used with separators and markers of lines",
                ));
            }
            InputKind::Json => Kind::Json,
            InputKind::Lines if format.is_plain() && input.key.is_none() && input.header.is_empty() => {
                Kind::Plain
            }
            InputKind::Lines => Kind::Lines,
        };
        if input.key.is_some() && format.has_key() {
            return Err(Failure::usage(
                "--key cannot be used with parse.key: the key is either given or read",
            ));
        }
        Ok(Self {
            kind,
            format,
            parser: ReplyParser::new(),
            key: input.key.clone().map(String::into_bytes),
            headers: input.header.iter().map(|(n, v)| (n.clone(), v.clone().into_bytes())).collect(),
            partition: args.sending.partition,
        })
    }

    /// Longest line worth keeping when a record may have `limit` bytes. It may be longer than its record: separators
    /// do not count, and JSON takes up to six characters for a byte.
    #[must_use]
    pub const fn longest_line(&self, limit: usize) -> usize {
        match self.kind {
            Kind::Plain => limit,
            Kind::Lines => limit + LINE_OVERHEAD,
            Kind::Json => limit.saturating_mul(6) + LINE_OVERHEAD,
        }
    }

    /// Makes a record of a line and hands it to `take`. Headers of the flags stand before those of the line.
    /// Without headers nothing is allocated.
    ///
    /// # Errors
    /// What is wrong with the line.
    #[inline]
    pub fn with_record<T>(&mut self, line: &[u8], take: impl FnOnce(&Record<'_>) -> T) -> Result<T, String> {
        match self.kind {
            Kind::Plain => Ok(take(&Record { partition: self.partition, ..Record::value(line) })),
            Kind::Lines => self.text_record(line, take),
            Kind::Json => self.json_record(line, take),
        }
    }

    fn fixed_headers(&self) -> Vec<Header<'_>> {
        self.headers.iter().map(|(name, value)| Header::new(name, Some(value))).collect()
    }

    fn text_record<T>(&self, line: &[u8], take: impl FnOnce(&Record<'_>) -> T) -> Result<T, String> {
        let mut headers = self.fixed_headers();
        let parts = self.format.parse(line, &mut headers)?;
        Ok(take(&Record {
            key: self.key.as_deref().or(parts.key),
            value: parts.value,
            headers: &headers,
            partition: self.partition,
            timestamp: None,
        }))
    }

    /// The record keeps its key, value, headers and timestamp; its topic and place are those of the flags.
    fn json_record<T>(&mut self, line: &[u8], take: impl FnOnce(&Record<'_>) -> T) -> Result<T, String> {
        let mut parser = std::mem::take(&mut self.parser);
        let taken = parse_record_line(line, &mut parser, |read| {
            let mut headers = self.fixed_headers();
            headers.extend_from_slice(read.headers);
            take(&Record {
                key: self.key.as_deref().or(read.key),
                value: read.value,
                headers: &headers,
                partition: self.partition,
                timestamp: read.timestamp,
            })
        });
        self.parser = parser;
        taken.map_err(|problem| problem.0)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn shown(line: &str, input: &[u8]) -> String {
        let line = format!("yak-producer -t t {line}");
        let args = ProducerArgs::try_parse_from(line.split_whitespace()).unwrap();
        let mut records = RecordPlan::new(&args).unwrap();
        records.with_record(input, |record| format!("{record:?}")).unwrap_or_else(|problem| problem)
    }

    #[test]
    fn flags_give_key_headers_and_partition() {
        let headers =
            [Header::new("a", Some(b"1")), Header::new("b", Some(b"")), Header::new("c", Some(b"3"))];
        let expected = Record {
            key: Some(b"user-7"),
            value: Some(b"value"),
            headers: &headers,
            partition: Some(PartitionIndex::new(2)),
            timestamp: None,
        };
        let flags = "-k user-7 -H a=1 -H b= -p 2 --reader-property parse.headers=true";
        assert_eq!(shown(flags, b"c:3\tvalue"), format!("{expected:?}"));
        assert_eq!(shown("", b"c:3\tvalue"), format!("{:?}", Record::value(b"c:3\tvalue")));
    }

    #[test]
    fn what_the_consumer_prints_is_read_again() {
        let line = br#"{"topic":"a","partition":3,"offset":5,"timestamp":1700000000000,"timestamp_type":"create","key":"k","value_base64":"/w==","headers":[{"key":"h","value":"x"}]}"#;
        let headers = [Header::new("h", Some(b"x"))];
        let expected = Record {
            key: Some(b"k"),
            value: Some(b"\xff"),
            headers: &headers,
            partition: None,
            timestamp: Some(yak_model::TimestampMs::new(1_700_000_000_000)),
        };
        assert_eq!(shown("--input json", line), format!("{expected:?}"));
        let tombstone = Record { value: None, ..Record::default() };
        assert_eq!(shown("--input json", br#"{"value":null}"#), format!("{tombstone:?}"));
        for bad in [&b"hello"[..], b"{}", b"{\"value\":\"x\",\"valeu\":1}", b"\xff"] {
            let problem = shown("--input json", bad);
            assert!(!problem.starts_with("Record"), "{problem}");
        }
    }
}
