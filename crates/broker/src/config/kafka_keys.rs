//! Keys of Kafka's brokers (3.9 to 4.3) that do nothing here, by reason.

use yak_model::config::IdleKeys;

/// Accepted with a warning, so that a file written for Kafka needs no editing, or refused where ignoring
/// them would leave open what they were meant to close.
pub(super) static IDLE_KEYS: &[IdleKeys] = &[
    IdleKeys {
        reason: "access control is not built yet, and without it everybody may do everything",
        refused: true,
        names: &["authorizer.class.name", "super.users", "allow.everyone.if.no.acl.found"],
    },
    ignored(
        "TLS and SASL are not built yet, listeners are PLAINTEXT",
        &[
            "connection.failed.authentication.delay.ms",
            "connections.max.reauth.ms",
            "delegation.token.*",
            "early.start.listeners",
            "inter.broker.listener.name",
            "listener.name.*",
            "listener.security.protocol.map",
            "password.encoder.*",
            "principal.builder.class",
            "sasl.*",
            "security.*",
            "ssl.*",
        ],
    ),
    ignored(
        "the metadata is kept by the zookeeper, which --standalone hosts in the same process",
        &[
            "control.plane.listener.name",
            "controller.*",
            "initial.broker.registration.timeout.ms",
            "kafka.raft.*",
            "metadata.*",
            "process.roles",
            "zookeeper.clientCnxnSocket",
            "zookeeper.connection.timeout.ms",
            "zookeeper.max.in.flight.requests",
            "zookeeper.metadata.migration.enable",
            "zookeeper.session.timeout.ms",
            "zookeeper.set.acl",
            "zookeeper.ssl.*",
        ],
    ),
    ignored(
        "elections are the zookeeper's, which knows what is set on a topic: set it there",
        &["unclean.leader.election.enable"],
    ),
    ignored(
        "elections are the zookeeper's: set them in its file",
        &["auto.leader.rebalance.enable", "leader.imbalance.check.interval.seconds"],
    ),
    ignored(
        "replication between brokers and its controller have no such setting yet",
        &[
            "alter.log.dirs.*",
            "broker.id.generation.enable",
            "broker.session.timeout.ms",
            "controlled.shutdown.*",
            "eligible.leader.replicas.enable",
            "inter.broker.protocol.version",
            "leader.imbalance.per.broker.percentage",
            "log.dir.failure.timeout.ms",
            "num.replica.alter.log.dirs.threads",
            "num.replica.fetchers",
            "replica.*",
            "replication.quota.*",
            "request.timeout.ms",
            "reserved.broker.max.id",
        ],
    ),
    ignored(
        "groups have no such setting here",
        &[
            "group.consumer.assignors",
            "group.consumer.assignment.interval.ms",
            "group.consumer.max.*",
            "group.consumer.migration.policy",
            "group.consumer.min.*",
            "group.consumer.regex.refresh.interval.ms",
            "group.coordinator.*",
            "offsets.commit.required.acks",
            "offsets.load.buffer.size",
            "offsets.topic.compression.codec",
        ],
    ),
    ignored("share groups and streams groups are not built yet", &["group.share.*", "group.streams.*"]),
    ignored(
        "transactions are not built yet",
        &["add.partitions.to.txn.*", "transaction.*", "transactional.*"],
    ),
    ignored("share groups are not built yet", &["share.*"]),
    ignored(
        "one thread compacts, whenever there is something to do",
        &[
            "log.cleaner.enable",
            "log.cleaner.io.buffer.load.factor",
            "log.cleaner.io.buffer.size",
            "log.cleaner.io.max.bytes.per.second",
            "log.cleaner.threads",
        ],
    ),
    ignored(
        "there is no remote storage",
        &["follower.fetch.last.tiered.offset.enable", "log.local.retention.*", "remote.*", "rlmm.*", "rsm.*"],
    ),
    ignored(
        "log.flush.mode decides when a topic is synced",
        &[
            "log.flush.interval.messages",
            "log.flush.interval.ms",
            "log.flush.offset.checkpoint.interval.ms",
            "log.flush.scheduler.interval.ms",
            "log.flush.start.offset.checkpoint.interval.ms",
        ],
    ),
    ignored(
        "there is only the current record format",
        &[
            "log.message.downconversion.enable",
            "log.message.format.version",
            "log.message.timestamp.difference.max.ms",
        ],
    ),
    ignored("quotas are not built yet", &["client.quota.*", "max.connection.creation.rate", "quota.*"]),
    ignored(
        "metrics are not built yet",
        &["auto.include.jmx.reporter", "kafka.metrics.*", "metric.*", "metrics.*", "telemetry.max.bytes"],
    ),
    ignored(
        "plugins in Java cannot be loaded",
        &["alter.config.policy.class.name", "config.providers*", "create.topic.policy.class.name"],
    ),
    ignored(
        "requests run on the connections' own tasks, there are no such threads, queues or buffers to size",
        &[
            "background.threads",
            "compression.gzip.level",
            "compression.lz4.level",
            "compression.zstd.level",
            "delete.records.purgatory.purge.interval.requests",
            "fetch.purgatory.purge.interval.requests",
            "log.preallocate",
            "max.incremental.fetch.session.cache.slots",
            "num.io.threads",
            "num.network.threads",
            "num.recovery.threads.per.data.dir",
            "producer.purgatory.purge.interval.requests",
            "queued.max.requests",
            "socket.connection.setup.*",
            "socket.listen.backlog.size",
            "socket.receive.buffer.bytes",
            "socket.send.buffer.bytes",
        ],
    ),
    ignored(
        "this limit is fixed",
        &[
            "cordoned.log.dirs",
            "fetch.max.bytes",
            "max.connections.per.ip.overrides",
            "max.request.partition.size.limit",
            "unstable.*",
        ],
    ),
];

const fn ignored(reason: &'static str, names: &'static [&'static str]) -> IdleKeys {
    IdleKeys { reason, refused: false, names }
}
