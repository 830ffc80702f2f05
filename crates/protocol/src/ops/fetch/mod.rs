//! fetch: records from partitions, waiting until there are some.

mod client;
mod encode;

pub use client::{FetchSink, FetchedHead, FetchedRecord, ReplyParser, parse_fetch_reply};
pub use encode::{FetchEncoder, SentPartition};

use bytes::BytesMut;
use yak_model::api::{Fetch, FetchEntry, Isolation};
use yak_model::limits::{DEFAULT_FETCH_MAX_BYTES, MAX_FETCH_BYTES, MAX_FETCH_WAIT_MS};

use super::shared;
use crate::call;
use crate::json::{Fields, Problem};
use crate::record_line::VALUES;
use crate::request::FetchRequest;

pub(crate) const NAME: &str = "fetch";

/// Default of `max_wait_ms` (Kafka's `fetch.max.wait.ms`).
const DEFAULT_MAX_WAIT_MS: u32 = 500;

const ISOLATION: [(&str, Isolation); 2] =
    [("read_uncommitted", Isolation::ReadUncommitted), ("read_committed", Isolation::ReadCommitted)];

/// Reads a request. Sizes and times beyond the limits mean the limit.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<FetchRequest, Problem> {
    let max_bytes =
        fields.optional_count("max_bytes")?.unwrap_or(DEFAULT_FETCH_MAX_BYTES).min(MAX_FETCH_BYTES);
    let fetch = Fetch {
        max_wait_ms: fields
            .optional_count("max_wait_ms")?
            .unwrap_or(DEFAULT_MAX_WAIT_MS)
            .min(MAX_FETCH_WAIT_MS),
        min_bytes: fields.optional_count("min_bytes")?.unwrap_or(1).min(MAX_FETCH_BYTES),
        max_bytes,
        isolation: fields.optional("isolation", |node| node.one_of(&ISOLATION))?.unwrap_or_default(),
        read_from: shared::read_from(fields)?,
        entries: shared::one_or_many(fields, (NAME, "entries"), |fields| read_entry(fields, max_bytes))?,
    };
    let values = fields.optional("values", |node| node.one_of(&VALUES))?.unwrap_or_default();
    Ok(FetchRequest { fetch, values })
}

fn read_entry(fields: &mut Fields<'_, '_>, default_max_bytes: u32) -> Result<FetchEntry, Problem> {
    Ok(FetchEntry {
        topic_id: None,
        topic: shared::topic(fields)?,
        partition: shared::partition(fields)?,
        leader_epoch: shared::leader_epoch(fields)?,
        offset: fields.required("offset", |node| node.count::<i64>())?.into(),
        max_bytes: fields.optional_count("max_bytes")?.unwrap_or(default_max_bytes).min(MAX_FETCH_BYTES),
        last_fetched_epoch: None,
    })
}

/// Appends the request line of a fetch.
pub fn encode_fetch_request(out: &mut BytesMut, id: Option<u64>, fetch: &Fetch) {
    call::encode_request(out, id, NAME, |object| {
        object.field("max_wait_ms", &fetch.max_wait_ms);
        object.field("min_bytes", &fetch.min_bytes);
        object.field("max_bytes", &fetch.max_bytes);
        if fetch.isolation == Isolation::ReadCommitted {
            object.field("isolation", "read_committed");
        }
        shared::write_read_from(object, fetch.read_from);
        object.objects("entries", &fetch.entries, |object, entry| {
            shared::write_partition(object, &entry.topic, entry.partition);
            object.optional("leader_epoch", entry.leader_epoch.map(|epoch| epoch.get()).as_ref());
            object.field("offset", &entry.offset.get());
            object.field("max_bytes", &entry.max_bytes);
        });
    });
}
