//! What a log needs to know of its topic's configuration: plain numbers.

pub use yak_model::config::FlushMode;
use yak_model::config::{MessageTimestampType, TopicConfig};
use yak_record::TimestampType;

use crate::compaction::CompactionConfig;

/// A log's configuration. The broker builds it from the topic's (`LogConfig::from(&topic_config)`).
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// `segment.bytes`: a segment that would grow beyond it is rolled.
    pub segment_bytes: u64,
    /// `segment.ms`: a segment is rolled when its records span more time.
    pub segment_ms: i64,
    /// `segment.jitter.ms`: at most so much earlier, so that not all logs roll at once.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`: a segment whose index reaches it is rolled.
    pub segment_index_bytes: u64,
    /// `index.interval.bytes`: log bytes between two index entries.
    pub index_interval_bytes: u64,
    /// `retention.ms`; `None` keeps for ever.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`; `None` keeps all.
    pub retention_bytes: Option<u64>,
    /// What of old values goes (`cleanup.policy=compact`); `None` keeps them.
    pub compaction: Option<CompactionConfig>,
    /// `file.delete.delay.ms`: a deleted file stays at least so long as `*.deleted`.
    pub file_delete_delay_ms: u64,
    /// `max.message.bytes`: largest batch, header included.
    pub max_message_bytes: usize,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.after.max.ms`: how far ahead of the broker's clock a record's time may lie.
    pub timestamp_after_max_ms: i64,
    /// `message.timestamp.before.max.ms`: how far behind.
    pub timestamp_before_max_ms: i64,
    /// `flush`: when appended records are made durable.
    pub flush: FlushMode,
    /// How long an idle producer is remembered (`producer.id.expiration.ms`).
    pub producer_expiration_ms: i64,
}

/// Kafka's default of `producer.id.expiration.ms`: a day.
pub const DEFAULT_PRODUCER_EXPIRATION_MS: i64 = 86_400_000;

impl Default for LogConfig {
    fn default() -> Self {
        Self::from(&TopicConfig::default())
    }
}

impl From<&TopicConfig> for LogConfig {
    fn from(topic: &TopicConfig) -> Self {
        Self {
            segment_bytes: u64::from(topic.segment_bytes),
            // Records that must be compacted soon must not stay in the active segment for long.
            segment_ms: match topic.cleanup_policy.compacts() {
                true => millis(topic.segment_ms.min(topic.max_compaction_lag_ms)),
                false => millis(topic.segment_ms),
            },
            segment_jitter_ms: millis(topic.segment_jitter_ms),
            segment_index_bytes: u64::from(topic.segment_index_bytes),
            index_interval_bytes: u64::from(topic.index_interval_bytes),
            retention_ms: topic.retention_ms.filter(|_| topic.cleanup_policy.deletes()).map(millis),
            retention_bytes: topic.retention_bytes.filter(|_| topic.cleanup_policy.deletes()),
            compaction: topic.cleanup_policy.compacts().then(|| CompactionConfig {
                delete_retention_ms: millis(topic.delete_retention_ms),
                min_lag_ms: millis(topic.min_compaction_lag_ms),
                max_lag_ms: millis(topic.max_compaction_lag_ms),
                min_dirty_ratio: topic.min_cleanable_dirty_ratio,
            }),
            file_delete_delay_ms: topic.file_delete_delay_ms,
            max_message_bytes: usize::try_from(topic.max_message_bytes).unwrap_or(usize::MAX),
            timestamp_type: match topic.message_timestamp_type {
                MessageTimestampType::CreateTime => TimestampType::Create,
                MessageTimestampType::LogAppendTime => TimestampType::LogAppend,
            },
            timestamp_after_max_ms: millis(topic.message_timestamp_after_max_ms),
            timestamp_before_max_ms: millis(topic.message_timestamp_before_max_ms),
            flush: topic.flush,
            producer_expiration_ms: DEFAULT_PRODUCER_EXPIRATION_MS,
        }
    }
}

fn millis(span: u64) -> i64 {
    i64::try_from(span).unwrap_or(i64::MAX)
}
