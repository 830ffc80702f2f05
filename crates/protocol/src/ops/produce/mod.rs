//! produce: records into partitions. The request line is the hot path; see [`crate::record_json`].

mod client;
mod line;
mod reply;

pub use client::{ProduceHead, ProduceLine};
pub(crate) use line::LineReader;
pub use reply::parse_produce_reply;
use yak_model::api::{Acks, BatchOrigin, Produce, ProduceEntry};
use yak_model::{ErrorCode, PartitionIndex, ProducerEpoch, ProducerId, Sequence, TimestampMs};
use yak_record::{Compression, ProducerStamp};

use super::shared;
use crate::json::{Fields, Node, Problem};

pub(crate) const NAME: &str = "produce";

/// Reads a request: one entry as typed by hand, or several in `entries`.
pub(crate) fn read_request(
    fields: &mut Fields<'_, '_>,
    line: &mut LineReader<'_, '_>,
) -> Result<Produce, Problem> {
    let acks = fields.optional("acks", read_acks)?.unwrap_or_default();
    let timeout_ms = shared::timeout_ms(fields)?;
    if !fields.has("entries") {
        return Ok(Produce {
            acks,
            origin: BatchOrigin::Built,
            timeout_ms,
            entries: vec![read_entry(fields, line)?],
        });
    }
    let entries = fields.required("entries", |node| {
        node.array(|element| {
            let mut line = line.nested(element)?;
            let mut fields = Fields::new(line.capture()?, element.path)?;
            let entry = read_entry(&mut fields, &mut line)?;
            fields.finish(NAME)?;
            Ok(entry)
        })
    })?;
    if entries.is_empty() {
        return Err(fields.problem("entries: must not be empty"));
    }
    Ok(Produce { acks, origin: BatchOrigin::Built, timeout_ms, entries })
}

fn read_entry(fields: &mut Fields<'_, '_>, line: &mut LineReader<'_, '_>) -> Result<ProduceEntry, Problem> {
    let topic = shared::topic(fields)?;
    let partition = fields.optional_count::<i32>("partition")?.map(PartitionIndex::new);
    let leader_epoch = shared::leader_epoch(fields)?;
    let compression = fields.optional("compression", read_compression)?.unwrap_or_default();
    let producer = read_producer(fields)?;
    let timestamp = fields.optional_count::<i64>("timestamp")?.map(TimestampMs::new);
    if fields.take("records").is_none() {
        return Err(fields.missing("records"));
    }
    let batches = line.finish_batch(timestamp, compression, producer)?;
    Ok(ProduceEntry { topic, topic_id: None, partition, leader_epoch, batches })
}

fn read_acks(node: Node<'_, '_>) -> Result<Acks, Problem> {
    match node.text {
        "\"all\"" | "-1" => Ok(Acks::All),
        "1" => Ok(Acks::Leader),
        "0" => Ok(Acks::None),
        _ => {
            let problem = node.expected("\"all\", 1 or 0");
            Err(Problem { code: ErrorCode::InvalidRequiredAcks, ..problem })
        }
    }
}

fn read_compression(node: Node<'_, '_>) -> Result<Compression, Problem> {
    let problem = match node.string()?.parse() {
        Ok(compression) => return Ok(compression),
        Err(unknown) => node.problem(format!("{unknown}")),
    };
    Err(Problem { code: ErrorCode::UnsupportedCompressionType, ..problem })
}

/// Producer id, epoch and sequence: all of them, or none.
fn read_producer(fields: &mut Fields<'_, '_>) -> Result<Option<ProducerStamp>, Problem> {
    let id = fields.optional_count::<i64>("producer_id")?.map(ProducerId::new);
    let epoch = fields.optional_count::<i16>("producer_epoch")?.map(ProducerEpoch::new);
    let base_sequence = fields.optional_count::<i32>("base_sequence")?.map(Sequence::new);
    match (id, epoch, base_sequence) {
        (None, None, None) => Ok(None),
        (Some(id), Some(epoch), Some(base_sequence)) => Ok(Some(ProducerStamp { id, epoch, base_sequence })),
        _ => Err(fields.problem("\"producer_id\", \"producer_epoch\" and \"base_sequence\" belong together")),
    }
}
