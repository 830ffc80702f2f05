//! Reads a request line: its fields are captured, `records` goes straight into the batch builder.

use std::fmt;

use bytes::BytesMut;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use yak_model::TimestampMs;
use yak_model::limits::MAX_RECORDS_PER_BATCH;
use yak_record::{BatchBuilder, Compression, ProducerStamp};

use crate::Parser;
use crate::json::{CapturedFields, NameSeed, Node, Problem, not_json_line};
use crate::record_json::{CaptureValues, Draft, FieldSet, RecordReader, RecordVisitor};

/// More fields than this are counted, not kept: [`crate::json::Fields`] refuses them.
const MAX_KEPT_FIELDS: usize = 65;

/// Reads one object, the line or one of its entries, which may have `records`.
pub(crate) struct LineReader<'de, 'p> {
    text: &'de str,
    prefix: String,
    now: TimestampMs,
    /// What records without a timestamp were given when the line was read.
    default_timestamp: TimestampMs,
    any_by_default: bool,
    captures_values: bool,
    parser: &'p mut Parser,
}

impl<'de, 'p> LineReader<'de, 'p> {
    pub(crate) const fn new(text: &'de str, now: TimestampMs, parser: &'p mut Parser) -> Self {
        Self {
            text,
            prefix: String::new(),
            now,
            default_timestamp: now,
            any_by_default: false,
            captures_values: false,
            parser,
        }
    }

    /// A reader for an entry of this line.
    pub(crate) fn nested<'q, 'n>(&'q mut self, node: Node<'n, '_>) -> Result<LineReader<'n, 'q>, Problem> {
        if !node.is_object() {
            return Err(node.expected("an object"));
        }
        let mut nested = LineReader::new(node.text, self.now, self.parser);
        nested.prefix = format!("{}.", node.path);
        Ok(nested)
    }

    /// Captures the fields; `records` was built into a batch that [`LineReader::finish_batch`] takes.
    pub(crate) fn capture(&mut self) -> Result<CapturedFields<'de>, Problem> {
        loop {
            match self.try_capture() {
                Ok(captured) => return Ok(captured),
                Err(Failure::CaptureValues) => self.captures_values = true,
                Err(Failure::Problem(problem)) => return Err(problem),
            }
        }
    }

    fn try_capture(&mut self) -> Result<CapturedFields<'de>, Failure> {
        let Parser { builder, scratch } = &mut *self.parser;
        builder.reset();
        builder.set_default_timestamp(self.default_timestamp);
        let mut records = RecordReader::new(FieldSet::PRODUCED, scratch);
        records.captures_values = self.captures_values;
        let mut visitor =
            LineVisitor { records, builder, line_timestamp: None, any_by_default: false, in_records: false };
        let mut json = serde_json::Deserializer::from_str(self.text);
        let captured = json.deserialize_map(&mut visitor);
        match captured.and_then(|captured| json.end().map(|()| captured)) {
            Ok(captured) => {
                self.default_timestamp = visitor.line_timestamp.unwrap_or(self.default_timestamp);
                self.any_by_default = visitor.any_by_default;
                Ok(captured)
            }
            // A number beyond every number type is a value to capture; real damage is found again.
            Err(error) if error.is_syntax() && visitor.in_records && !self.captures_values => {
                Err(Failure::CaptureValues)
            }
            Err(error) if error.is_data() && visitor.in_records => match visitor.records.problem(&error) {
                Ok(problem) => Err(Failure::Problem(self.within(problem))),
                Err(CaptureValues) => Err(Failure::CaptureValues),
            },
            Err(error) => Err(Failure::Problem(not_json_line(self.text, &error))),
        }
    }

    fn within(&self, mut problem: Problem) -> Problem {
        problem.message.insert_str(0, &self.prefix);
        problem
    }

    /// Takes the batch of `records`, whose records have `timestamp` unless they have their own.
    pub(crate) fn finish_batch(
        &mut self,
        timestamp: Option<TimestampMs>,
        compression: Compression,
        producer: Option<ProducerStamp>,
    ) -> Result<BytesMut, Problem> {
        let timestamp = timestamp.unwrap_or(self.now);
        if self.any_by_default && timestamp != self.default_timestamp {
            // The line's timestamp stood behind its records: now it is known.
            self.default_timestamp = timestamp;
            self.capture()?;
        }
        if self.parser.builder.is_empty() {
            return Err(self.within(Problem::new("records: must not be empty")));
        }
        let batch_len = self.parser.builder.encoded_len();
        let batch = self.parser.builder.finish(compression, producer);
        self.parser.trim(batch_len);
        Ok(batch)
    }
}

/// Why a line was not captured.
enum Failure {
    Problem(Problem),
    CaptureValues,
}

/// Visits the fields of the line.
struct LineVisitor<'a> {
    records: RecordReader<'a>,
    builder: &'a mut BatchBuilder,
    /// The line's timestamp, if it stood before the records.
    line_timestamp: Option<TimestampMs>,
    any_by_default: bool,
    in_records: bool,
}

impl<'de> Visitor<'de> for &mut LineVisitor<'_> {
    type Value = CapturedFields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut captured: CapturedFields<'de> = Vec::with_capacity(12);
        let mut has_records = false;
        while let Some(name) = map.next_key_seed(NameSeed)? {
            let mut text = "";
            if name == "records" && !has_records {
                has_records = true;
                self.in_records = true;
                self.records.place.field = "records";
                map.next_value_seed(RecordsSeed { line: self })?;
                self.in_records = false;
            } else {
                text = map.next_value::<&'de RawValue>()?.get();
                self.look_at(&name, text);
            }
            if captured.len() < MAX_KEPT_FIELDS {
                captured.push((name, text));
            }
        }
        Ok(captured)
    }
}

impl LineVisitor<'_> {
    /// The timestamp is needed before the records; whether it is a good one is checked later.
    fn look_at(&mut self, name: &str, text: &str) {
        if name == "timestamp" && self.builder.is_empty() {
            self.line_timestamp = text.parse().ok().map(TimestampMs::new);
            if let Some(timestamp) = self.line_timestamp {
                self.builder.set_default_timestamp(timestamp);
            }
        }
    }
}

/// Reads the array of records into the builder.
struct RecordsSeed<'l, 'a> {
    line: &'l mut LineVisitor<'a>,
}

impl<'de> DeserializeSeed<'de> for RecordsSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RecordsSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let LineVisitor { records, builder, any_by_default, .. } = self.line;
        let mut draft = Draft::default();
        let mut count = 0;
        loop {
            records.place.record = Some(count);
            let record = RecordVisitor { reader: records, draft: &mut draft };
            if elements.next_element_seed(record)?.is_none() {
                break;
            }
            if count == MAX_RECORDS_PER_BATCH {
                return Err(too_many(records));
            }
            *any_by_default |= draft.timestamp.is_none();
            draft.with_parts(records.scratch, |parts| builder.push(parts));
            count += 1;
        }
        records.place.record = None;
        Ok(())
    }
}

#[cold]
fn too_many<E: Error>(records: &mut RecordReader<'_>) -> E {
    records.place.record = None;
    records.place.field = "records";
    records.fail(format!("more than {MAX_RECORDS_PER_BATCH}"))
}
