//! Kafka's text, as `DumpLogSegments` prints it.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::Write as _;

use yak_cli::text::push_visible;
use yak_record::{BatchHeader, RecordRef};

use super::groups::GroupRecord;
use super::printer::Contents;
use super::small::ProducerEntry;

/// Writing into memory does not fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {
        write!($out, $($arg)*).unwrap_or_default()
    };
}

pub(super) fn batch(out: &mut Vec<u8>, position: u64, header: &BatchHeader, valid: bool) {
    let attributes = header.attributes;
    put!(out, "baseOffset: {} lastOffset: {}", header.base_offset, header.last_offset());
    put!(out, " count: {} baseSequence: {}", header.record_count, header.base_sequence);
    put!(
        out,
        " lastSequence: {} producerId: {}",
        sequence(header, header.last_offset_delta),
        header.producer_id
    );
    put!(out, " producerEpoch: {}", header.producer_epoch);
    put!(out, " partitionLeaderEpoch: {}", header.partition_leader_epoch);
    put!(out, " isTransactional: {} isControl: {}", attributes.is_transactional(), attributes.is_control());
    if attributes.has_delete_horizon() {
        put!(out, " deleteHorizonMs: OptionalLong[{}]", header.base_timestamp);
    } else {
        put!(out, " deleteHorizonMs: OptionalLong.empty");
    }
    put!(out, " position: {position} {}: {}", attributes.timestamp_type(), header.max_timestamp);
    put!(out, " size: {} magic: {}", header.size_in_bytes(), header.magic);
    put!(out, " compresscodec: {} crc: {} isvalid: {valid}\n", attributes.compression(), header.crc);
}

/// One record; keys and values are shown as text, which they may not be, or as what they say of a group.
pub(super) fn record(
    out: &mut Vec<u8>,
    header: &BatchHeader,
    record: &RecordRef<'_>,
    (contents, terminal): (Contents<'_>, bool),
) {
    let len = |field: Option<&[u8]>| field.map_or_else(|| "-1".to_owned(), |bytes| bytes.len().to_string());
    put!(out, "| offset: {} {}: {}", record.offset, header.attributes.timestamp_type(), record.timestamp);
    put!(out, " keySize: {} valueSize: {}", len(record.key), len(record.value));
    let delta = record.offset.since(header.base_offset);
    put!(out, " sequence: {} headerKeys: [", sequence(header, i32::try_from(delta).unwrap_or(i32::MAX)));
    for (index, header) in record.headers().iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push(out, header.key, terminal);
    }
    out.push(b']');
    if header.attributes.is_control() {
        control(out, record);
    } else {
        let (key, payload) = shown(record, contents);
        for (name, field) in [("key", key), ("payload", payload)] {
            if let Some(bytes) = field {
                put!(out, " {name}: ");
                push(out, &bytes, terminal);
            }
        }
    }
    out.push(b'\n');
}

/// Bytes, if there are any.
type Shown<'a> = Option<Cow<'a, [u8]>>;

/// What stands for key and value.
fn shown<'a>(record: &RecordRef<'a>, contents: Contents<'a>) -> (Shown<'a>, Shown<'a>) {
    let instead = |text: String| (Some(Cow::Owned(text.into_bytes())), None);
    match contents {
        Contents::None => (None, None),
        Contents::Bytes => (record.key.map(Cow::Borrowed), record.value.map(Cow::Borrowed)),
        Contents::Group(GroupRecord::Decoded { key, value }) => {
            let value = value.as_deref().unwrap_or(b"<DELETE>");
            (Some(Cow::Borrowed(key)), Some(Cow::Borrowed(value)))
        }
        Contents::Group(GroupRecord::Unknown(number)) => {
            instead(format!("Unknown record type {number} at offset {}, skipping.", record.offset))
        }
        Contents::Group(GroupRecord::Malformed(problem)) => {
            instead(format!("Error at offset {}, skipping. {problem}", record.offset))
        }
    }
}

/// The end of a transaction: int16 version, int16 type; value int16 version, int32 coordinator epoch.
fn control(out: &mut Vec<u8>, record: &RecordRef<'_>) {
    let kind = match record.key {
        Some([_, _, 0, 0, ..]) => "ABORT",
        Some([_, _, 0, 1, ..]) => "COMMIT",
        _ => return put!(out, " controlType: UNKNOWN"),
    };
    put!(out, " endTxnMarker: {kind}");
    if let Some([_, _, epoch @ ..]) = record.value
        && let Some(epoch) = epoch.first_chunk()
    {
        put!(out, " coordinatorEpoch: {}", i32::from_be_bytes(*epoch));
    }
}

pub(super) fn producer(out: &mut Vec<u8>, entry: &ProducerEntry) {
    put!(out, "producerId: {} producerEpoch: {}", entry.producer_id, entry.producer_epoch);
    put!(out, " coordinatorEpoch: {}", entry.coordinator_epoch);
    put!(out, " currentTxnFirstOffset: {}", transaction(entry));
    put!(out, " lastTimestamp: {}", entry.timestamp);
    if entry.has_batch() {
        put!(out, " firstSequence: {} lastSequence: {}", entry.first_sequence(), entry.last_sequence);
        put!(out, " lastOffset: {} offsetDelta: {}", entry.last_offset, entry.offset_delta);
        put!(out, " timestamp: {}", entry.timestamp);
    }
    out.push(b'\n');
}

/// Java prints an `OptionalLong`.
fn transaction(entry: &ProducerEntry) -> impl Display {
    match entry.transaction_offset {
        ..0 => "OptionalLong.empty".to_owned(),
        offset => format!("OptionalLong[{offset}]"),
    }
}

/// The sequence `delta` records after the batch's first, -1 without one.
pub(super) fn sequence(header: &BatchHeader, delta: i32) -> i32 {
    let base = header.base_sequence;
    if base.get() < 0 || delta < 0 { -1 } else { base.plus(delta).get() }
}

fn push(out: &mut Vec<u8>, bytes: &[u8], terminal: bool) {
    if terminal {
        push_visible(bytes, out);
    } else {
        out.extend_from_slice(String::from_utf8_lossy(bytes).as_bytes());
    }
}
