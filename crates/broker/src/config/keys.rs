//! The table of a broker's keys, in order of name, with Kafka's names, and Kafka's defaults unless said otherwise.

use yak_model::config::{ConfigKey, ConfigKind, Effect, KeyTable, TimeUnit};
use yak_model::limits::{
    MAX_PARTITIONS_PER_TOPIC, MAX_REQUEST_BYTES, MAX_TOPIC_MESSAGE_BYTES, MIN_SEGMENT_BYTES,
};

use super::kafka_keys::IDLE_KEYS;

/// Every key of a broker.
pub static BROKER_KEYS: KeyTable = KeyTable { keys: KEYS, idle: IDLE_KEYS };

const ANY: i64 = i64::MAX;
const INT: i64 = i32::MAX as i64;
/// [`MAX_REQUEST_BYTES`] as a limit of the table.
const MAX_REQUEST: i64 = 104_857_600;
const _: () = assert!(MAX_REQUEST_BYTES == 104_857_600);
const NODE_ID: ConfigKind = ConfigKind::Whole { min: 0, max: INT };
const COUNT: ConfigKind = ConfigKind::Whole { min: 1, max: INT };

static KEYS: &[ConfigKey] = &[
    key(
        "advertised.listeners",
        ConfigKind::Text,
        "",
        "The address that every client is told to connect to; needed behind a port mapping. Unset, it is the one by \
         which the client came.",
    ),
    key(
        "auto.create.topics.enable",
        ConfigKind::Boolean,
        "true",
        "Create a missing topic when it is first named.",
    ),
    key(
        "broker.heartbeat.interval.ms",
        ConfigKind::Duration { unit: TimeUnit::Milliseconds, min: 10, max: 500 },
        "500",
        "How often the broker tells the zookeeper that it lives. More seldom than every half second it would lose its lease \
         of acks=1, and its session.",
    ),
    key("broker.id", NODE_ID, "", "Like node.id, under its older name."),
    key("broker.rack", ConfigKind::Text, "", "Where this broker stands; shown to clients."),
    key(
        "cluster.secret",
        ConfigKind::Secret,
        "",
        "What the zookeeper wants to be shown before it lets a broker in: its own cluster.secret (ours; not with \
         --standalone).",
    ),
    of_topic(
        "compression.type",
        "compression.type",
        ConfigKind::Choice(&["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"]),
        "producer",
        "How batches are stored; producer leaves the choice to each producer, else what comes otherwise is compressed anew.",
    ),
    key("connections.max.idle.ms", ms(1), "600000", "A connection without a request for so long is closed."),
    key(
        "default.replication.factor",
        ConfigKind::Whole { min: 1, max: i16::MAX as i64 },
        "1",
        "Replicas of a topic that does not say how many.",
    ),
    key("delete.topic.enable", ConfigKind::Boolean, "true", "Whether topics may be deleted."),
    key(
        "group.consumer.heartbeat.interval.ms",
        ms(10),
        "5000",
        "How often members of server-side groups (KIP-848) are to say that they live.",
    ),
    key(
        "group.consumer.max.size",
        COUNT,
        "10000",
        "Most members of a server-side group (Kafka's default is no limit).",
    ),
    key(
        "group.consumer.session.timeout.ms",
        ms(50),
        "45000",
        "After so long a silence a member of a server-side group counts as gone.",
    ),
    key(
        "group.initial.rebalance.delay.ms",
        ms(0),
        "0",
        "How long the first member of an empty classic group waits for others (Kafka waits three seconds).",
    ),
    key(
        "group.max.session.timeout.ms",
        ms(1),
        "1800000",
        "The longest silence that a member of a classic group may ask to be granted.",
    ),
    key("group.max.size", COUNT, "10000", "Most members of a classic group (Kafka's default is no limit)."),
    key(
        "group.min.session.timeout.ms",
        ms(1),
        "6000",
        "The shortest silence that a member of a classic group may ask to be granted.",
    ),
    key(
        "listeners",
        ConfigKind::Text,
        "",
        "Where to listen: PLAINTEXT://HOST:PORT. An empty host is loopback, 0.0.0.0 every interface, port 0 any free \
         port; by default port 9091 plus node.id.",
    ),
    key("log.cleaner.backoff.ms", ms(1), "15000", "How often logs of compacted topics are looked at."),
    key(
        "log.cleaner.dedupe.buffer.size",
        ConfigKind::Size { min: 65_536, max: ANY },
        "134217728",
        "Most memory for the keys of the log that is being compacted, one log at a time; 128 MiB are for about 2.8 \
         million keys, and a log with more is compacted in several rounds.",
    ),
    of_topic(
        "log.cleaner.delete.retention.ms",
        "delete.retention.ms",
        ms(0),
        "86400000",
        "How long tombstones of a compacted topic stay after they were first compacted.",
    ),
    of_topic(
        "log.cleaner.max.compaction.lag.ms",
        "max.compaction.lag.ms",
        ms(1),
        "9223372036854775807",
        "How long a record of a compacted topic may stay uncompacted, however little of the log is dirty.",
    ),
    of_topic(
        "log.cleaner.min.cleanable.ratio",
        "min.cleanable.dirty.ratio",
        ConfigKind::Ratio,
        "0.5",
        "How much of a log must be uncompacted, by bytes, before it is compacted.",
    ),
    of_topic(
        "log.cleaner.min.compaction.lag.ms",
        "min.compaction.lag.ms",
        ms(0),
        "0",
        "How long a record of a compacted topic stays before it may be compacted.",
    ),
    of_topic(
        "log.cleanup.policy",
        "cleanup.policy",
        ConfigKind::Choices(&["delete", "compact"]),
        "delete",
        "What happens to old records: delete removes segments by age and size, compact keeps the last record of each \
         key; or both.",
    ),
    key("log.dir", ConfigKind::Text, "", "Like log.dirs, under its older name."),
    key(
        "log.dir.reserve.bytes",
        ConfigKind::Size { min: 0, max: ANY },
        "67108864",
        "With less room than this on the disk, produce requests are refused until there is more (ours).",
    ),
    key(
        "log.dirs",
        ConfigKind::List,
        "",
        "The directory of the broker's partitions; by default data/broker- and node.id.",
    ),
    of_new_topics(
        "log.flush.mode",
        "flush",
        ConfigKind::Choice(&["sync", "os"]),
        "sync",
        "What acks=all means for topics created from now on: sync, on stable storage of the in-sync replicas; \
         os, in their page cache, as in Kafka (ours; os with --standalone).",
    ),
    of_topic(
        "log.index.interval.bytes",
        "index.interval.bytes",
        ConfigKind::Size { min: 0, max: INT },
        "4096",
        "How many bytes are appended between two entries of the offset index.",
    ),
    of_topic(
        "log.index.size.max.bytes",
        "segment.index.bytes",
        ConfigKind::Size { min: 4, max: INT },
        "10485760",
        "The largest size of a segment's offset index; a full index begins the next segment.",
    ),
    of_topic(
        "log.message.timestamp.after.max.ms",
        "message.timestamp.after.max.ms",
        ms(0),
        "3600000",
        "How far a record's timestamp may lie ahead of the broker's clock.",
    ),
    of_topic(
        "log.message.timestamp.before.max.ms",
        "message.timestamp.before.max.ms",
        ms(0),
        "9223372036854775807",
        "How far a record's timestamp may lie behind the broker's clock.",
    ),
    of_topic(
        "log.message.timestamp.type",
        "message.timestamp.type",
        ConfigKind::Choice(&["CreateTime", "LogAppendTime"]),
        "CreateTime",
        "Whether a record keeps its producer's timestamp or gets the time of its append.",
    ),
    of_topic(
        "log.retention.bytes",
        "retention.bytes",
        ConfigKind::Size { min: -1, max: ANY },
        "-1",
        "How many bytes of a partition are kept before its oldest segments are deleted; -1 keeps all.",
    ),
    key("log.retention.check.interval.ms", ms(1), "300000", "How often old segments are looked for."),
    dynamic("log.retention.hours", span(TimeUnit::Hours, -1), "", "Like log.retention.ms, in hours."),
    dynamic("log.retention.minutes", span(TimeUnit::Minutes, -1), "", "Like log.retention.ms, in minutes."),
    of_topic(
        "log.retention.ms",
        "retention.ms",
        span(TimeUnit::Milliseconds, -1),
        "604800000",
        "How long records are kept before their segment is deleted; -1 keeps them for ever.",
    ),
    dynamic("log.roll.hours", span(TimeUnit::Hours, 1), "", "Like log.roll.ms, in hours."),
    dynamic("log.roll.jitter.hours", span(TimeUnit::Hours, 0), "", "Like log.roll.jitter.ms, in hours."),
    of_topic(
        "log.roll.jitter.ms",
        "segment.jitter.ms",
        ms(0),
        "0",
        "A random part of this is taken off log.roll.ms, so that segments do not all roll at once.",
    ),
    of_topic(
        "log.roll.ms",
        "segment.ms",
        ms(1),
        "604800000",
        "How old a segment may grow before the next one begins.",
    ),
    of_topic(
        "log.segment.bytes",
        "segment.bytes",
        ConfigKind::Size { min: MIN_SEGMENT_BYTES, max: INT },
        "1073741824",
        "The largest size of a segment file; a batch that does not fit begins the next one.",
    ),
    of_topic(
        "log.segment.delete.delay.ms",
        "file.delete.delay.ms",
        ms(0),
        "60000",
        "How long files of deleted segments and partitions stay on disk, renamed, before they are removed.",
    ),
    key("max.connections", COUNT, "5000", "Most connections at a time (Kafka's default is no limit)."),
    key(
        "max.connections.per.ip",
        COUNT,
        "5000",
        "Most connections at a time from one address (Kafka's default is no limit).",
    ),
    of_topic(
        "message.max.bytes",
        "max.message.bytes",
        ConfigKind::Size { min: 0, max: MAX_TOPIC_MESSAGE_BYTES },
        "1048588",
        "The largest record batch, as it is stored, header included.",
    ),
    of_topic(
        "min.insync.replicas",
        "min.insync.replicas",
        ConfigKind::Whole { min: 1, max: i16::MAX as i64 },
        "1",
        "How many replicas must be in sync for acks=all to be accepted.",
    ),
    key("node.id", NODE_ID, "1", "The number of this broker, unique in its cluster."),
    key(
        "num.partitions",
        ConfigKind::Whole { min: 1, max: MAX_PARTITIONS_PER_TOPIC as i64 },
        "1",
        "Partitions of a topic that does not say how many.",
    ),
    key(
        "offset.metadata.max.bytes",
        ConfigKind::Whole { min: 0, max: INT },
        "4096",
        "The longest text that a commit may carry.",
    ),
    key(
        "offsets.commit.timeout.ms",
        ms(1),
        "5000",
        "How long a commit waits for the replicas before its client is told that it may not have been stored.",
    ),
    key(
        "offsets.retention.check.interval.ms",
        ms(1),
        "600000",
        "How often commits that nobody needs any more are looked for.",
    ),
    key(
        "offsets.retention.minutes",
        ConfigKind::Whole { min: 1, max: INT },
        "10080",
        "How long commits are kept after their group lost its last member, or stopped reading their topic.",
    ),
    key(
        "offsets.topic.num.partitions",
        ConfigKind::Whole { min: 1, max: MAX_PARTITIONS_PER_TOPIC as i64 },
        "50",
        "Partitions of __consumer_offsets, when it is created (4 with --standalone).",
    ),
    key(
        "offsets.topic.replication.factor",
        ConfigKind::Whole { min: 1, max: i16::MAX as i64 },
        "3",
        "Replicas of __consumer_offsets, as soon as there are so many brokers (1 with --standalone).",
    ),
    key(
        "offsets.topic.segment.bytes",
        ConfigKind::Size { min: MIN_SEGMENT_BYTES, max: INT },
        "104857600",
        "The largest size of a segment file of __consumer_offsets.",
    ),
    key(
        "producer.id.expiration.ms",
        ms(1),
        "86400000",
        "How long a producer that sends nothing is remembered, so that it cannot write twice.",
    ),
    key(
        "queued.max.request.bytes",
        ConfigKind::Size { min: -1, max: ANY },
        "268435456",
        "Most bytes of requests of all connections that are being read or done; -1 means no limit.",
    ),
    key(
        "replica.fetch.attachments",
        ConfigKind::Boolean,
        "true",
        "Whether this broker asks leaders for records as raw bytes behind the line; if not, links between brokers are pure NDJSON.",
    ),
    key(
        "socket.request.max.bytes",
        ConfigKind::Size { min: 1024, max: MAX_REQUEST },
        "104857600",
        "The largest request.",
    ),
    key(
        "zookeeper.connect",
        ConfigKind::List,
        "localhost:2181",
        "Where the cluster's zookeeper is: HOST:PORT, several separated by commas (not with --standalone).",
    ),
];

const fn ms(min: i64) -> ConfigKind {
    ConfigKind::Duration { unit: TimeUnit::Milliseconds, min, max: ANY }
}

/// A duration that fits milliseconds whatever its unit.
const fn span(unit: TimeUnit, min: i64) -> ConfigKind {
    ConfigKind::Duration { unit, min, max: ANY / unit.in_ms() }
}

const fn key(
    name: &'static str,
    kind: ConfigKind,
    default: &'static str,
    documentation: &'static str,
) -> ConfigKey {
    ConfigKey { name, kind, default, documentation, effect: Effect::Works, read_only: true, topic_key: None }
}

/// A key that is the default of a topic-level key, and can be changed while the broker runs.
const fn of_topic(
    name: &'static str,
    topic_key: &'static str,
    kind: ConfigKind,
    default: &'static str,
    documentation: &'static str,
) -> ConfigKey {
    ConfigKey { read_only: false, ..of_new_topics(name, topic_key, kind, default, documentation) }
}

/// The same of what is decided when a topic is created, and by the zookeeper.
const fn of_new_topics(
    name: &'static str,
    topic_key: &'static str,
    kind: ConfigKind,
    default: &'static str,
    documentation: &'static str,
) -> ConfigKey {
    ConfigKey { topic_key: Some(topic_key), ..key(name, kind, default, documentation) }
}

/// Another name of such a key, in another unit.
const fn dynamic(
    name: &'static str,
    kind: ConfigKind,
    default: &'static str,
    documentation: &'static str,
) -> ConfigKey {
    ConfigKey { read_only: false, ..key(name, kind, default, documentation) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use yak_model::config::{TOPIC_KEYS, dynamic_broker_key, topic_key};

    use super::*;

    #[test]
    fn names_are_in_order_and_defaults_are_values_of_their_kind() {
        assert!(KEYS.is_sorted_by(|a, b| a.name < b.name));
        for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
            let value = key.kind.parse(key.default).map(|value| value.to_string());
            assert_eq!(value.as_deref(), Ok(key.default), "{}", key.name);
        }
    }

    /// Set on topics alone: the zookeeper works by it, and knows no broker's defaults.
    const OF_TOPICS_ALONE: &[&str] = &["unclean.leader.election.enable"];

    #[test]
    fn every_topic_key_that_works_has_a_default_here_of_the_same_kind() {
        let works = |key: &&ConfigKey| key.effect == Effect::Works && !OF_TOPICS_ALONE.contains(&key.name);
        for key in TOPIC_KEYS.iter().filter(works) {
            let here = KEYS.iter().find(|row| row.topic_key == Some(key.name)).expect(key.name);
            assert_eq!(here.default, key.default, "{}", key.name);
            for text in ["-2", "-1", "0", "1", "1KiB", "2d", "true", "delete", "sync", "zstd", "CreateTime"] {
                assert_eq!(
                    here.kind.parse(text).is_ok(),
                    topic_key(key.name).expect("exists").kind.parse(text).is_ok(),
                    "{} {text}",
                    key.name
                );
            }
        }
    }

    #[test]
    fn what_can_change_while_the_broker_runs_is_what_the_controller_takes() {
        for key in KEYS {
            let dynamic = dynamic_broker_key(key.name);
            assert_eq!(key.read_only, dynamic.is_none(), "{}", key.name);
            if let (Some(row), Some(topic_key)) = (dynamic, key.topic_key) {
                assert_eq!(row.topic_key, topic_key, "{}", key.name);
            }
            for text in ["-2", "-1", "0", "1", "5", "1KiB", "zstd", "CreateTime", "9223372036854775807"] {
                let Some(row) = dynamic else { continue };
                assert_eq!(
                    key.kind.parse(text).is_ok(),
                    row.as_topic_value(text).is_ok(),
                    "{} {text}",
                    key.name
                );
            }
        }
    }

    #[test]
    fn no_key_has_two_rows() {
        let mut seen = BTreeSet::new();
        let idle = IDLE_KEYS.iter().flat_map(|group| group.names.iter().copied());
        for name in BROKER_KEYS.names().chain(idle) {
            assert!(seen.insert(name), "{name} has two rows");
        }
    }
}
