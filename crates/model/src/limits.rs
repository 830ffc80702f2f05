//! Every limit on what comes from outside, in one place. Sizes are in bytes.

use crate::ErrorCode;
use crate::api::Rejection;

/// Longest topic name, so that `<topic>-<partition>` fits a file name.
pub const MAX_TOPIC_NAME_LEN: usize = 249;
/// Longest client id, software name, host name or similar label a peer may give.
pub const MAX_LABEL_LEN: usize = 255;
/// Longest group id or member id.
pub const MAX_GROUP_ID_LEN: usize = 32_767;
/// Most groups of one coordinator, which is one partition of `__consumer_offsets`.
pub const MAX_GROUPS_PER_COORDINATOR: usize = 100_000;
/// Most protocols that a member of a classic group offers. Clients know three or four.
pub const MAX_GROUP_PROTOCOLS: usize = 32;
/// Most that one member says of itself: its names, its protocols with what they say, the topics that it wants. All members
/// of a group have to fit into one record batch when it is stored.
pub const MAX_MEMBER_BYTES: usize = DEFAULT_MAX_MESSAGE_BYTES;
/// Most that is kept of the members of all groups that a broker coordinates. With more, nobody joins for now.
pub const MAX_MEMBERS_BYTES: usize = 256 * 1024 * 1024;
/// Most batches that a coordinator has appended and that wait for its replicas. With more, it takes nothing new for now.
pub const MAX_COORDINATOR_WRITES: usize = 3_000;
/// Longest text that is remembered of why a rebalance began.
pub const MAX_REBALANCE_CAUSE_LEN: usize = 512;
/// Longest expression by which a member of a group wants topics.
pub const MAX_TOPIC_REGEX_LEN: usize = 4_096;
/// Largest request line before anything is known of the peer (`socket.request.max.bytes` may lower it).
pub const MAX_REQUEST_BYTES: usize = 100 * 1024 * 1024;
/// Deepest nesting of JSON that is read; records carry deeper values only as text.
pub const MAX_JSON_DEPTH: usize = 64;
/// Default of `message.max.bytes`: largest record batch in a log, header included (Kafka's default).
pub const DEFAULT_MAX_MESSAGE_BYTES: usize = 1_048_588;
/// Most records in one batch; more would overflow nothing, but no client sends them.
pub const MAX_RECORDS_PER_BATCH: usize = 1_000_000;
/// Most headers of one record.
pub const MAX_HEADERS_PER_RECORD: usize = 1_000;
/// Most partitions of one topic, and most created by one request.
pub const MAX_PARTITIONS_PER_TOPIC: i32 = 10_000;
/// Most brokers that a cluster ever has: each stays in its metadata, also when it is gone for good.
pub const MAX_BROKERS: usize = 1_000;
/// Most topics, partitions or resources named in one request.
pub const MAX_ENTRIES_PER_REQUEST: usize = 10_000;
/// Default most bytes of records in one fetch reply.
pub const DEFAULT_FETCH_MAX_BYTES: u32 = 1024 * 1024;
/// Most bytes of records in one fetch reply, whatever was asked for.
pub const MAX_FETCH_BYTES: u32 = 16 * 1024 * 1024;
/// Once a fetch reply has as many bytes of JSON, no further batch is added to it. What was asked for is counted in
/// bytes of batches, which may be compressed.
pub const MAX_FETCH_REPLY_BYTES: usize = 32 * 1024 * 1024;
/// Once a tail was sent as many bytes of JSON at once, the next batch waits for the reader.
pub const MAX_TAIL_CHUNK_BYTES: usize = 1024 * 1024;
/// Most bytes behind one line between brokers: a full fetch reply, whose last batch may be as large as batches get.
pub const MAX_ATTACHMENT_BYTES: usize = MAX_FETCH_BYTES as usize + 64 * 1024 * 1024;
/// Most partitions that one follower's connection may follow; more than a broker can hold.
pub const MAX_REPLICA_SESSION_ENTRIES: usize = 100_000;
/// Longest a fetch may be held, in milliseconds.
pub const MAX_FETCH_WAIT_MS: u32 = 60_000;
/// Requests of one connection that may be in progress before reading from it stops.
pub const MAX_IN_FLIGHT_REQUESTS: usize = 64;
/// Reply bytes of one connection that may wait to be sent before reading from it stops.
pub const MAX_OUTBOX_BYTES: usize = 1024 * 1024;
/// Producer ids handed out by the zookeeper to a broker at once (Kafka's block size).
pub const PRODUCER_ID_BLOCK_LEN: i64 = 1_000;
/// Batches remembered for each producer and partition to recognise a retransmission (KIP-98).
pub const PRODUCER_BATCHES_REMEMBERED: usize = 5;
/// How far a record's timestamp may lie ahead of the broker's clock, in milliseconds.
pub const MAX_TIMESTAMP_AHEAD_MS: i64 = 3_600_000;
/// Smallest `segment.bytes`: small enough that a student sees segments roll.
pub const MIN_SEGMENT_BYTES: i64 = 1024;
/// Largest `max.message.bytes`, so that a batch fits one reply and one request.
pub const MAX_TOPIC_MESSAGE_BYTES: i64 = 64 * 1024 * 1024;
/// Longest value of a configuration key.
pub const MAX_CONFIG_VALUE_LEN: usize = 32_767;

/// Bounds how much one request may name.
///
/// # Errors
/// `INVALID_REQUEST` above [`MAX_ENTRIES_PER_REQUEST`].
pub fn at_most_entries(count: usize) -> Result<(), Rejection> {
    if count > MAX_ENTRIES_PER_REQUEST {
        let message = format!("one request names at most {MAX_ENTRIES_PER_REQUEST} things, this one {count}");
        return Err(Rejection::new(ErrorCode::InvalidRequest, message));
    }
    Ok(())
}
