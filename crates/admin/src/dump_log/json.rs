//! JSON lines: one object a batch, a record, an entry, each with the file it is from.

use std::fmt::Display;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use yak_record::{BatchHeader, Header, RecordRef, TimestampType};

use super::groups::GroupRecord;
use super::printer::Contents;
use super::small::{Aborted, ProducerEntry};
use super::text::sequence;

/// A JSON object that is being written, its fields in the order in which they come.
#[derive(Debug)]
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> Object<'a> {
    pub(super) fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    /// The end of the object.
    pub(super) fn close(self) {
        self.out.push(b'}');
    }

    /// The end of the object and of the line.
    pub(super) fn end(self) {
        self.out.extend_from_slice(b"}\n");
    }

    pub(super) fn text(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        push_string(self.out, value);
        self
    }

    /// A number or a boolean.
    pub(super) fn number(mut self, name: &str, value: impl Display) -> Self {
        self.name(name);
        write!(self.out, "{value}").unwrap_or_default();
        self
    }

    /// What is JSON already.
    pub(super) fn json(mut self, name: &str, value: &[u8]) -> Self {
        self.name(name);
        self.out.extend_from_slice(value);
        self
    }

    pub(super) fn nullable_text(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self.json(name, b"null"),
        }
    }

    /// Bytes, whatever they are; null if there are none.
    pub(super) fn base64(self, name: &str, value: Option<&[u8]>) -> Self {
        self.nullable_text(name, value.map(|bytes| STANDARD.encode(bytes)).as_deref())
    }

    pub(super) fn object(mut self, name: &str, fill: impl FnOnce(Object<'_>) -> Object<'_>) -> Self {
        self.name(name);
        fill(Object::begin(self.out)).close();
        self
    }

    pub(super) fn list<T>(
        mut self,
        name: &str,
        items: &[T],
        mut write: impl FnMut(&mut Vec<u8>, &T),
    ) -> Self {
        self.name(name);
        self.out.push(b'[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            write(self.out, item);
        }
        self.out.push(b']');
        self
    }

    pub(super) fn texts(self, name: &str, items: &[String]) -> Self {
        self.list(name, items, |out, item| push_string(out, item))
    }

    pub(super) fn numbers(self, name: &str, items: &[i32]) -> Self {
        self.list(name, items, |out, item| write!(out, "{item}").unwrap_or_default())
    }

    pub(super) fn objects<T>(
        self,
        name: &str,
        items: &[T],
        fill: impl for<'b> Fn(Object<'b>, &T) -> Object<'b>,
    ) -> Self {
        self.list(name, items, |out, item| fill(Object::begin(out), item).close())
    }

    /// Bytes: as text if they are UTF-8, else as `<name>_base64`; null if there are none.
    fn bytes(mut self, name: &str, value: Option<&[u8]>) -> Self {
        match value.map(str::from_utf8) {
            None => self.number(name, "null"),
            Some(Ok(text)) => self.text(name, text),
            Some(Err(_)) => {
                self.name(&format!("{name}_base64"));
                push_string(self.out, &STANDARD.encode(value.unwrap_or_default()));
                self
            }
        }
    }

    fn headers(mut self, headers: impl Iterator<Item = Header<'a>>) -> Self {
        self.name("headers");
        self.out.push(b'[');
        for (index, header) in headers.enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            let object = Object::begin(self.out).text("key", &header.key_text());
            object.bytes("value", header.value).out.push(b'}');
        }
        self.out.push(b']');
        self
    }

    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        write!(self.out, "\"{name}\":").unwrap_or_default();
    }
}

fn push_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a string is JSON, and memory takes it");
}

const fn timestamp_type(header: &BatchHeader) -> &'static str {
    match header.attributes.timestamp_type() {
        TimestampType::Create => "create",
        TimestampType::LogAppend => "log_append",
    }
}

pub(super) fn batch<'a>(object: Object<'a>, position: u64, header: &BatchHeader, valid: bool) -> Object<'a> {
    let attributes = header.attributes;
    let object = object
        .number("position", position)
        .number("size", header.size_in_bytes())
        .number("base_offset", header.base_offset)
        .number("last_offset", header.last_offset())
        .number("count", header.record_count)
        .number("leader_epoch", header.partition_leader_epoch)
        .number("producer_id", header.producer_id)
        .number("producer_epoch", header.producer_epoch)
        .number("base_sequence", header.base_sequence)
        .number("last_sequence", sequence(header, header.last_offset_delta))
        .text("timestamp_type", timestamp_type(header))
        .number("max_timestamp", header.max_timestamp)
        .text("compression", attributes.compression().name())
        .number("transactional", attributes.is_transactional())
        .number("control", attributes.is_control());
    object.number("magic", header.magic).number("crc", header.crc).number("valid", valid)
}

pub(super) fn record<'a>(
    object: Object<'a>,
    header: &BatchHeader,
    record: &RecordRef<'a>,
    contents: Contents<'_>,
) -> Object<'a> {
    let delta = i32::try_from(record.offset.since(header.base_offset)).unwrap_or(i32::MAX);
    let object = object
        .number("offset", record.offset)
        .number("timestamp", record.timestamp)
        .text("timestamp_type", timestamp_type(header))
        .number("sequence", sequence(header, delta));
    match contents {
        Contents::None => {}
        Contents::Group(GroupRecord::Decoded { key, value }) => {
            return object.json("key", key).json("value", value.as_deref().unwrap_or(b"null"));
        }
        Contents::Bytes | Contents::Group(_) => {
            let object = object.bytes("key", record.key).bytes("value", record.value);
            return object.headers(record.headers().iter());
        }
    }
    let len = |field: Option<&[u8]>| field.map_or_else(|| "-1".to_owned(), |bytes| bytes.len().to_string());
    object.number("key_size", len(record.key)).number("value_size", len(record.value))
}

pub(super) fn producer<'a>(object: Object<'a>, entry: &ProducerEntry) -> Object<'a> {
    let object = object
        .number("producer_id", entry.producer_id)
        .number("producer_epoch", entry.producer_epoch)
        .number("coordinator_epoch", entry.coordinator_epoch)
        .number("transaction_first_offset", entry.transaction_offset)
        .number("timestamp", entry.timestamp);
    if !entry.has_batch() {
        return object;
    }
    object
        .number("first_sequence", entry.first_sequence())
        .number("last_sequence", entry.last_sequence)
        .number("last_offset", entry.last_offset)
        .number("offset_delta", entry.offset_delta)
}

pub(super) fn aborted<'a>(object: Object<'a>, entry: &Aborted) -> Object<'a> {
    object
        .number("version", entry.version)
        .number("producer_id", entry.producer_id)
        .number("first_offset", entry.first_offset)
        .number("last_offset", entry.last_offset)
        .number("last_stable_offset", entry.last_stable_offset)
}
