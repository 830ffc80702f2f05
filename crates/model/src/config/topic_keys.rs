//! The table of topic-level keys, in order of name, with Kafka's names and defaults.

use super::{ConfigKey, ConfigKind, Effect, TimeUnit};
use crate::limits::{MAX_TIMESTAMP_AHEAD_MS, MAX_TOPIC_MESSAGE_BYTES, MIN_SEGMENT_BYTES};

const ONE_LEVEL: Effect = Effect::None("each compression has one level, chosen for speed");
const NO_TIERS: Effect = Effect::None("there is no remote storage");
const NO_THROTTLE: Effect = Effect::None("replication is not throttled");
const MS: ConfigKind = ConfigKind::Duration { unit: TimeUnit::Milliseconds, min: 0, max: i64::MAX };
const MS_OR_FOREVER: ConfigKind =
    ConfigKind::Duration { unit: TimeUnit::Milliseconds, min: -1, max: i64::MAX };
const LONGEST: &str = "9223372036854775807";

/// Every topic-level key, ours and Kafka's, in order of name.
pub static TOPIC_KEYS: &[ConfigKey] = &[
    works(
        "cleanup.policy",
        ConfigKind::Choices(&["delete", "compact"]),
        "delete",
        "What happens to old records: delete removes segments by retention.ms and retention.bytes, compact keeps the last record of each key, and refuses records without one; or both.",
    ),
    idle(
        "compression.gzip.level",
        ConfigKind::Whole { min: -1, max: 9 },
        "-1",
        "How hard gzip tries.",
        ONE_LEVEL,
    ),
    idle(
        "compression.lz4.level",
        ConfigKind::Whole { min: 1, max: 17 },
        "9",
        "How hard lz4 tries.",
        ONE_LEVEL,
    ),
    works(
        "compression.type",
        ConfigKind::Choice(&["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"]),
        "producer",
        "How batches are stored; producer leaves the choice to each producer, else what comes otherwise is compressed anew.",
    ),
    idle(
        "compression.zstd.level",
        ConfigKind::Whole { min: -131_072, max: 22 },
        "3",
        "How hard zstd tries.",
        ONE_LEVEL,
    ),
    works(
        "delete.retention.ms",
        MS,
        "86400000",
        "How long tombstones of a compacted topic stay after they were first compacted.",
    ),
    works(
        "file.delete.delay.ms",
        MS,
        "60000",
        "How long files of deleted segments and partitions stay on disk, renamed, before they are removed.",
    ),
    created(
        "flush",
        ConfigKind::Choice(&["sync", "os"]),
        "sync",
        "What acks=all means: sync, on stable storage of the in-sync replicas; os, in their page cache. \
         Decided at creation.",
    ),
    idle(
        "flush.messages",
        ConfigKind::Whole { min: 1, max: i64::MAX },
        LONGEST,
        "Records between two syncs.",
        Effect::None("flush=sync|os decides when a topic is synced"),
    ),
    idle(
        "flush.ms",
        MS,
        LONGEST,
        "Time between two syncs.",
        Effect::None("flush=sync|os decides when a topic is synced"),
    ),
    idle(
        "follower.replication.throttled.replicas",
        ConfigKind::List,
        "",
        "Throttled followers.",
        NO_THROTTLE,
    ),
    works(
        "index.interval.bytes",
        ConfigKind::Size { min: 0, max: i32::MAX as i64 },
        "4096",
        "How many bytes are appended between two entries of the offset index.",
    ),
    idle("leader.replication.throttled.replicas", ConfigKind::List, "", "Throttled leaders.", NO_THROTTLE),
    idle(
        "local.retention.bytes",
        ConfigKind::Size { min: -2, max: i64::MAX },
        "-2",
        "Bytes kept locally once they are in remote storage.",
        NO_TIERS,
    ),
    idle(
        "local.retention.ms",
        ConfigKind::Duration { unit: TimeUnit::Milliseconds, min: -2, max: i64::MAX },
        "-2",
        "Time kept locally once in remote storage.",
        NO_TIERS,
    ),
    works(
        "max.compaction.lag.ms",
        ConfigKind::Duration { unit: TimeUnit::Milliseconds, min: 1, max: i64::MAX },
        LONGEST,
        "How long a record of a compacted topic may stay uncompacted, however little of the log is dirty; segments are rolled in time.",
    ),
    works(
        "max.message.bytes",
        ConfigKind::Size { min: 0, max: MAX_TOPIC_MESSAGE_BYTES },
        "1048588",
        "The largest record batch, as it is stored, header included.",
    ),
    idle(
        "message.downconversion.enable",
        ConfigKind::Boolean,
        "true",
        "Conversion to old record formats.",
        Effect::None("there is only the current record format"),
    ),
    idle(
        "message.format.version",
        ConfigKind::Text,
        "3.0-IV1",
        "The record format.",
        Effect::None("there is only the current record format"),
    ),
    works(
        "message.timestamp.after.max.ms",
        MS,
        MAX_TIMESTAMP_AHEAD_TEXT,
        "How far a record's timestamp may lie ahead of the broker's clock.",
    ),
    works(
        "message.timestamp.before.max.ms",
        MS,
        LONGEST,
        "How far a record's timestamp may lie behind the broker's clock.",
    ),
    works(
        "message.timestamp.type",
        ConfigKind::Choice(&["CreateTime", "LogAppendTime"]),
        "CreateTime",
        "Whether a record keeps its producer's timestamp or gets the time of its append.",
    ),
    works(
        "min.cleanable.dirty.ratio",
        ConfigKind::Ratio,
        "0.5",
        "How much of a log must be uncompacted, by bytes, before it is compacted.",
    ),
    works(
        "min.compaction.lag.ms",
        MS,
        "0",
        "How long a record stays before it may be compacted: a segment with a younger one is left alone.",
    ),
    works(
        "min.insync.replicas",
        ConfigKind::Whole { min: 1, max: i16::MAX as i64 },
        "1",
        "How many replicas must be in sync for acks=all to be accepted.",
    ),
    idle(
        "preallocate",
        ConfigKind::Boolean,
        "false",
        "Reserve the room of a whole segment at once.",
        Effect::None("segments grow as they are appended to"),
    ),
    idle(
        "remote.log.copy.disable",
        ConfigKind::Boolean,
        "false",
        "Stop copying to remote storage.",
        NO_TIERS,
    ),
    idle("remote.log.delete.on.disable", ConfigKind::Boolean, "false", "Delete remote data.", NO_TIERS),
    idle("remote.storage.enable", ConfigKind::Boolean, "false", "Keep old segments remotely.", NO_TIERS),
    works(
        "retention.bytes",
        ConfigKind::Size { min: -1, max: i64::MAX },
        "-1",
        "How many bytes of a partition are kept before its oldest segments are deleted; -1 keeps all.",
    ),
    works(
        "retention.ms",
        MS_OR_FOREVER,
        "604800000",
        "How long records are kept before their segment is deleted; -1 keeps them for ever.",
    ),
    works(
        "segment.bytes",
        ConfigKind::Size { min: MIN_SEGMENT_BYTES, max: i32::MAX as i64 },
        "1073741824",
        "The largest size of a segment file; a batch that does not fit begins the next one.",
    ),
    works(
        "segment.index.bytes",
        ConfigKind::Size { min: 4, max: i32::MAX as i64 },
        "10485760",
        "The largest size of a segment's offset index; a full index begins the next segment.",
    ),
    works(
        "segment.jitter.ms",
        MS,
        "0",
        "A random part of this is taken off segment.ms, so that segments do not all roll at once.",
    ),
    works(
        "segment.ms",
        ConfigKind::Duration { unit: TimeUnit::Milliseconds, min: 1, max: i64::MAX },
        "604800000",
        "How old a segment may grow before the next one begins.",
    ),
    works(
        "unclean.leader.election.enable",
        ConfigKind::Boolean,
        "false",
        "Whether a replica that may lack acknowledged records leads at once when no other lives; the journal says so.",
    ),
];

/// [`MAX_TIMESTAMP_AHEAD_MS`] as a default is written.
const MAX_TIMESTAMP_AHEAD_TEXT: &str = "3600000";
const _: () = assert!(MAX_TIMESTAMP_AHEAD_MS == 3_600_000);

const fn works(
    name: &'static str,
    kind: ConfigKind,
    default: &'static str,
    documentation: &'static str,
) -> ConfigKey {
    ConfigKey { name, kind, default, documentation, effect: Effect::Works, read_only: false, topic_key: None }
}

/// A key that is decided when the topic is created.
const fn created(
    name: &'static str,
    kind: ConfigKind,
    default: &'static str,
    documentation: &'static str,
) -> ConfigKey {
    ConfigKey { read_only: true, ..works(name, kind, default, documentation) }
}

/// A key of Kafka that has no effect here.
const fn idle(
    name: &'static str,
    kind: ConfigKind,
    default: &'static str,
    documentation: &'static str,
    effect: Effect,
) -> ConfigKey {
    ConfigKey { effect, ..works(name, kind, default, documentation) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_defaults_are_values_of_their_kind() {
        assert!(TOPIC_KEYS.is_sorted_by(|a, b| a.name < b.name));
        for key in TOPIC_KEYS {
            let value = key.kind.parse(key.default);
            assert_eq!(value.map(|value| value.to_string()).as_deref(), Ok(key.default), "{}", key.name);
            assert!(key.documentation.ends_with('.'), "{}", key.name);
        }
    }
}
