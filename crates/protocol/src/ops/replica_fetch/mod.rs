//! replica_fetch: how a follower gets what its leader has; the one operation whose reply may carry raw bytes.
//!
//! ```text
//!   {"ok":{"partitions":[{...,"bytes":150},{...,"bytes":70}]},"attachment":220}\n  150 bytes  70 bytes
//!   {"ok":{"partitions":[{...,"batches_base64":"..."},{...}]}}\n                    without attachments
//! ```
//!
//! The attachment is the partitions' record batches in the order of the partitions, each of the length that its
//! partition says; together they are exactly `attachment` bytes.

mod client;
mod encode;

pub use client::{ReplicaFetchAnswer, parse_replica_fetch_reply};
pub use encode::encode_replica_fetch_reply;

use bytes::BytesMut;
use yak_model::api::{EpochEnd, ReplicaFetch, ReplicaFetchEntry};
use yak_model::limits::{MAX_FETCH_BYTES, MAX_FETCH_WAIT_MS};
use yak_model::{LeaderEpoch, PartitionIndex, TopicId};

use super::shared;
use crate::call;
use crate::json::{Fields, Node, ObjectWriter, Problem};

pub(crate) const NAME: &str = "replica_fetch";

/// Reads a request. Sizes and times beyond the limits mean the limit.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<ReplicaFetch, Problem> {
    Ok(ReplicaFetch {
        broker_id: fields.required("broker_id", shared::broker_id)?,
        broker_epoch: fields.required("broker_epoch", |node| node.count::<i64>())?.into(),
        key: fields.required("key", |node| node.parsed())?,
        max_wait_ms: fields.required("max_wait_ms", |node| node.count::<u32>())?.min(MAX_FETCH_WAIT_MS),
        max_bytes: fields.required("max_bytes", |node| node.count::<u32>())?.min(MAX_FETCH_BYTES),
        attachments: fields.flag("attachments")?,
        entries: fields.optional("entries", |node| node.array(read_entry))?.unwrap_or_default(),
        forget: fields.optional("forget", |node| node.array(read_forgotten))?.unwrap_or_default(),
    })
}

fn read_entry(node: Node<'_, '_>) -> Result<ReplicaFetchEntry, Problem> {
    let mut fields = node.fields()?;
    let entry = ReplicaFetchEntry {
        topic_id: topic_id(&mut fields)?,
        partition: shared::partition(&mut fields)?,
        leader_epoch: epoch(&mut fields, "leader_epoch")?,
        fetch_offset: fields.required("fetch_offset", |node| node.count::<i64>())?.into(),
        last_fetched_epoch: fields.optional_count::<i32>("last_fetched_epoch")?.map(LeaderEpoch::new),
        durable_offset: fields.required("durable_offset", |node| node.count::<i64>())?.into(),
    };
    fields.finish(NAME)?;
    Ok(entry)
}

fn read_forgotten(node: Node<'_, '_>) -> Result<(TopicId, PartitionIndex), Problem> {
    let mut fields = node.fields()?;
    let forgotten = (topic_id(&mut fields)?, shared::partition(&mut fields)?);
    fields.finish(NAME)?;
    Ok(forgotten)
}

fn topic_id(fields: &mut Fields<'_, '_>) -> Result<TopicId, Problem> {
    fields.required("topic_id", |node| node.parsed())
}

fn epoch(fields: &mut Fields<'_, '_>, name: &'static str) -> Result<LeaderEpoch, Problem> {
    Ok(fields.required(name, |node| node.count::<i32>())?.into())
}

fn write_partition(object: &mut ObjectWriter<'_>, topic_id: TopicId, partition: PartitionIndex) {
    object.field("topic_id", &topic_id.to_string());
    object.field("partition", &partition.get());
}

fn write_epoch_end(object: &mut ObjectWriter<'_>, end: EpochEnd) {
    object.field("leader_epoch", &end.leader_epoch.get());
    object.field("end_offset", &end.end_offset.get());
}

/// Appends the request line.
pub fn encode_replica_fetch_request(out: &mut BytesMut, id: Option<u64>, fetch: &ReplicaFetch) {
    call::encode_request(out, id, NAME, |object| {
        object.field("broker_id", &fetch.broker_id.get());
        object.field("broker_epoch", &fetch.broker_epoch.get());
        object.field("key", &fetch.key.to_string());
        object.field("max_wait_ms", &fetch.max_wait_ms);
        object.field("max_bytes", &fetch.max_bytes);
        if fetch.attachments {
            object.field("attachments", &true);
        }
        if !fetch.entries.is_empty() {
            object.objects("entries", &fetch.entries, |object, entry| {
                write_partition(object, entry.topic_id, entry.partition);
                object.field("leader_epoch", &entry.leader_epoch.get());
                object.field("fetch_offset", &entry.fetch_offset.get());
                let epoch = entry.last_fetched_epoch.map(LeaderEpoch::get);
                object.optional("last_fetched_epoch", epoch.as_ref());
                object.field("durable_offset", &entry.durable_offset.get());
            });
        }
        if !fetch.forget.is_empty() {
            object.objects("forget", &fetch.forget, |object, (topic_id, partition)| {
                write_partition(object, *topic_id, *partition);
            });
        }
    });
}
