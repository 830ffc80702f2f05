//! How groups are run: the keys `group.*`, `offset.*` and `offsets.*`.

use std::time::Duration;

use yak_core::group::classic::GroupConfig;
use yak_model::config::Settings;

/// How groups are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupsConfig {
    /// `group.min.session.timeout.ms`, `group.max.session.timeout.ms`, `group.initial.rebalance.delay.ms`, `group.max.size`.
    pub classic: GroupConfig,
    /// `group.consumer.session.timeout.ms`.
    pub consumer_session_timeout_ms: u32,
    /// `group.consumer.heartbeat.interval.ms`.
    pub consumer_heartbeat_interval_ms: u32,
    /// `group.consumer.max.size`.
    pub consumer_max_size: usize,
    /// `offset.metadata.max.bytes`.
    pub max_metadata_bytes: usize,
    /// `offsets.commit.timeout.ms`.
    pub commit_timeout: Duration,
    /// `offsets.retention.minutes`, in milliseconds.
    pub retention_ms: i64,
    /// `offsets.retention.check.interval.ms`.
    pub retention_check_interval: Duration,
    /// `offsets.topic.num.partitions`.
    pub topic_partitions: i32,
    /// `offsets.topic.replication.factor`.
    pub topic_replication_factor: u16,
    /// `offsets.topic.segment.bytes`.
    pub topic_segment_bytes: i64,
}

impl GroupsConfig {
    /// What the settings say, which were checked by their kinds.
    pub(super) fn read(settings: &Settings) -> Self {
        let ms = |key| u32::try_from(settings.span(key).as_millis()).unwrap_or(u32::MAX);
        let minutes: i64 = settings.number("offsets.retention.minutes");
        Self {
            classic: GroupConfig {
                min_session_timeout_ms: ms("group.min.session.timeout.ms"),
                max_session_timeout_ms: ms("group.max.session.timeout.ms"),
                initial_rebalance_delay_ms: ms("group.initial.rebalance.delay.ms"),
                max_size: settings.number("group.max.size"),
            },
            consumer_session_timeout_ms: ms("group.consumer.session.timeout.ms"),
            consumer_heartbeat_interval_ms: ms("group.consumer.heartbeat.interval.ms"),
            consumer_max_size: settings.number("group.consumer.max.size"),
            max_metadata_bytes: settings.number("offset.metadata.max.bytes"),
            commit_timeout: settings.span("offsets.commit.timeout.ms"),
            retention_ms: minutes.saturating_mul(60_000),
            retention_check_interval: settings.span("offsets.retention.check.interval.ms"),
            topic_partitions: settings.number("offsets.topic.num.partitions"),
            topic_replication_factor: settings.number("offsets.topic.replication.factor"),
            topic_segment_bytes: settings.number("offsets.topic.segment.bytes"),
        }
    }
}
