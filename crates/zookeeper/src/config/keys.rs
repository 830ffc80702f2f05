//! The table of a zookeeper's keys, in order of name. Those of Apache ZooKeeper's file have its names.

use yak_model::config::{ConfigKey, ConfigKind, Effect, IdleKeys, KeyTable, TimeUnit};

/// Every key of a zookeeper.
pub static ZOOKEEPER_KEYS: KeyTable = KeyTable { keys: KEYS, idle: IDLE_KEYS };

const ANY: i64 = i64::MAX;
const COUNT: ConfigKind = ConfigKind::Whole { min: 1, max: i32::MAX as i64 };
/// Heartbeats come every half second; whoever is given less time than this is dead by the next one.
const MIN_SESSION_MS: i64 = 600;

static KEYS: &[ConfigKey] = &[
    key(
        "auto.leader.rebalance.enable",
        ConfigKind::Boolean,
        "false",
        "Whether leadership goes back by itself to the preferred leader, the first of the replicas, once that one is in \
         sync again (Kafka's default is true).",
    ),
    key(
        "clientPort",
        ConfigKind::Whole { min: 0, max: 65_535 },
        "2181",
        "The port to listen on, 0 is any free one; listeners says the same with a host.",
    ),
    key(
        "cluster.secret",
        ConfigKind::Secret,
        "",
        "What a broker must show to register, if it is set; the same key of every broker.",
    ),
    key("dataDir", ConfigKind::Text, "data/zookeeper", "The directory of the journal."),
    key(
        "journal.history.bytes",
        ConfigKind::Size { min: 0, max: ANY },
        "67108864",
        "How many bytes of older journal files are kept for people to read.",
    ),
    key(
        "journal.max.bytes",
        ConfigKind::Size { min: 4_096, max: 1 << 30 },
        "8388608",
        "How large a journal file grows before the next one is begun from an image.",
    ),
    key(
        "journal.max.lines",
        COUNT,
        "20000",
        "How many lines a journal file has before the next one is begun from an image.",
    ),
    key(
        "leader.imbalance.check.interval.seconds",
        ConfigKind::Whole { min: 1, max: i32::MAX as i64 },
        "300",
        "How often auto.leader.rebalance.enable looks.",
    ),
    key(
        "listeners",
        ConfigKind::Text,
        "",
        "Where to listen: PLAINTEXT://HOST:PORT. An empty host is loopback; by default clientPort there.",
    ),
    key(
        "log.flush.mode",
        ConfigKind::Choice(&["sync", "os"]),
        "sync",
        "What acks=all means for topics created from now on: sync, on stable storage of the in-sync replicas; \
         os, in their page cache, as in Kafka.",
    ),
    key("max.connections", COUNT, "5000", "Most connections at a time."),
    key("max.connections.per.ip", COUNT, "5000", "Most connections at a time from one address."),
    key(
        "session.disconnect.grace.ms",
        ms(0),
        "250",
        "A broker whose connection closed has so long to come back before another one leads in its place.",
    ),
    key(
        "session.timeout.ms",
        ms(MIN_SESSION_MS),
        "1000",
        "A broker that is not heard for so long is dead; it says that it lives every half second.",
    ),
];

static IDLE_KEYS: &[IdleKeys] = &[
    IdleKeys {
        reason: "there is one zookeeper; an ensemble is not built yet",
        refused: false,
        names: &[
            "electionAlg",
            "initLimit",
            "leaderServes",
            "peerType",
            "server.*",
            "group.*",
            "weight.*",
            "syncLimit",
        ],
    },
    IdleKeys {
        reason: "they belong to Apache ZooKeeper's own way of keeping sessions and snapshots",
        refused: false,
        names: &[
            "4lw.commands.whitelist",
            "admin.*",
            "autopurge.*",
            "dataLogDir",
            "maxClientCnxns",
            "maxSessionTimeout",
            "metricsProvider.*",
            "minSessionTimeout",
            "preAllocSize",
            "snapCount",
            "tickTime",
        ],
    },
    IdleKeys {
        reason: "TLS and SASL are not built yet, listeners are PLAINTEXT: clients would come in without",
        refused: true,
        names: &["authProvider.*", "requireClientAuthScheme", "secureClientPort", "ssl.*"],
    },
];

const fn ms(min: i64) -> ConfigKind {
    ConfigKind::Duration { unit: TimeUnit::Milliseconds, min, max: 3_600_000 }
}

const fn key(
    name: &'static str,
    kind: ConfigKind,
    default: &'static str,
    documentation: &'static str,
) -> ConfigKey {
    ConfigKey { name, kind, default, documentation, effect: Effect::Works, read_only: true, topic_key: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_defaults_are_values_of_their_kind() {
        assert!(KEYS.is_sorted_by(|a, b| a.name < b.name));
        for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
            let value = key.kind.parse(key.default).map(|value| value.to_string());
            assert_eq!(value.as_deref(), Ok(key.default), "{}", key.name);
        }
    }
}
