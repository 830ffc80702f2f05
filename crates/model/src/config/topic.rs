//! What a topic's configuration means once it is read.

use super::{ConfigKey, ConfigProblem, ConfigValue, Effect, TOPIC_KEYS, nearest};

/// The topic-level values that have an effect, checked and typed.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicConfig {
    /// `cleanup.policy`.
    pub cleanup_policy: CleanupPolicy,
    /// `compression.type`.
    pub compression: TopicCompression,
    /// `delete.retention.ms`.
    pub delete_retention_ms: u64,
    /// `file.delete.delay.ms`.
    pub file_delete_delay_ms: u64,
    /// `flush`.
    pub flush: FlushMode,
    /// `index.interval.bytes`.
    pub index_interval_bytes: u32,
    /// `max.compaction.lag.ms`, at least 1.
    pub max_compaction_lag_ms: u64,
    /// `max.message.bytes`: of a whole batch, header included.
    pub max_message_bytes: u32,
    /// `message.timestamp.after.max.ms`.
    pub message_timestamp_after_max_ms: u64,
    /// `message.timestamp.before.max.ms`.
    pub message_timestamp_before_max_ms: u64,
    /// `message.timestamp.type`.
    pub message_timestamp_type: MessageTimestampType,
    /// `min.cleanable.dirty.ratio`, from 0 to 1.
    pub min_cleanable_dirty_ratio: f64,
    /// `min.compaction.lag.ms`.
    pub min_compaction_lag_ms: u64,
    /// `min.insync.replicas`, at least 1.
    pub min_insync_replicas: u16,
    /// `retention.bytes`; `None` keeps all.
    pub retention_bytes: Option<u64>,
    /// `retention.ms`; `None` keeps for ever.
    pub retention_ms: Option<u64>,
    /// `segment.bytes`.
    pub segment_bytes: u32,
    /// `segment.index.bytes`.
    pub segment_index_bytes: u32,
    /// `segment.jitter.ms`.
    pub segment_jitter_ms: u64,
    /// `segment.ms`, at least 1.
    pub segment_ms: u64,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election_enable: bool,
}

/// What happens to old segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CleanupPolicy {
    /// They are deleted by age and size.
    #[default]
    Delete,
    /// Of each key only the last record stays.
    Compact,
    /// Both.
    CompactAndDelete,
}

impl CleanupPolicy {
    /// Whether old segments are deleted.
    #[must_use]
    pub const fn deletes(self) -> bool {
        matches!(self, Self::Delete | Self::CompactAndDelete)
    }

    /// Whether old values of a key go; then every record needs a key.
    #[must_use]
    pub const fn compacts(self) -> bool {
        matches!(self, Self::Compact | Self::CompactAndDelete)
    }
}

/// How batches are stored, whatever their producers chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TopicCompression {
    /// As each producer asks.
    #[default]
    Producer,
    /// Not at all.
    Uncompressed,
    /// With gzip.
    Gzip,
    /// With snappy.
    Snappy,
    /// With lz4.
    Lz4,
    /// With zstd.
    Zstd,
}

/// What `acks=all` means for a topic; decided at its creation, the same on every replica.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlushMode {
    /// On stable storage of the in-sync replicas.
    #[default]
    Sync,
    /// In their page cache, synced in the background.
    Os,
}

/// Where a record's timestamp comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MessageTimestampType {
    /// From its producer.
    #[default]
    CreateTime,
    /// From the broker's clock when it was appended.
    LogAppendTime,
}

macro_rules! words {
    ($type:ident { $($variant:ident $word:literal),* $(,)? }) => {
        impl $type {
            /// The word in a configuration.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The value of a word in a configuration.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

words!(CleanupPolicy { Delete "delete", Compact "compact", CompactAndDelete "compact,delete" });
words!(TopicCompression {
    Producer "producer", Uncompressed "uncompressed", Gzip "gzip", Snappy "snappy", Lz4 "lz4", Zstd "zstd",
});
words!(FlushMode { Sync "sync", Os "os" });
words!(MessageTimestampType { CreateTime "CreateTime", LogAppendTime "LogAppendTime" });

/// The row of a topic-level key, if it exists.
#[must_use]
pub fn topic_key(name: &str) -> Option<&'static ConfigKey> {
    TOPIC_KEYS.binary_search_by(|key| key.name.cmp(name)).ok().map(|at| &TOPIC_KEYS[at])
}

/// Checks one topic-level key and value.
///
/// # Errors
///
/// The key does not exist (with a suggestion), or the value does not fit it.
pub fn validate_topic_config(key: &str, value: &str) -> Result<(), ConfigProblem> {
    TopicConfig::default().set(key, value)
}

impl Default for TopicConfig {
    /// The defaults of [`TOPIC_KEYS`].
    fn default() -> Self {
        let mut config = Self {
            cleanup_policy: CleanupPolicy::Delete,
            compression: TopicCompression::Producer,
            delete_retention_ms: 0,
            file_delete_delay_ms: 0,
            flush: FlushMode::Sync,
            index_interval_bytes: 0,
            max_compaction_lag_ms: 0,
            max_message_bytes: 0,
            message_timestamp_after_max_ms: 0,
            message_timestamp_before_max_ms: 0,
            message_timestamp_type: MessageTimestampType::CreateTime,
            min_cleanable_dirty_ratio: 0.0,
            min_compaction_lag_ms: 0,
            min_insync_replicas: 0,
            retention_bytes: None,
            retention_ms: None,
            segment_bytes: 0,
            segment_index_bytes: 0,
            segment_jitter_ms: 0,
            segment_ms: 0,
            unclean_leader_election_enable: false,
        };
        for key in TOPIC_KEYS {
            config.set(key.name, key.default).expect("the table's defaults are valid (tested)");
        }
        config
    }
}

impl TopicConfig {
    /// The configuration of a topic: `base` (the broker's defaults) with the topic's own values.
    ///
    /// # Errors
    ///
    /// The first key that does not exist or whose value does not fit.
    pub fn resolve<'a>(
        base: &Self,
        overrides: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ConfigProblem> {
        let mut config = base.clone();
        for (key, value) in overrides {
            config.set(key, value)?;
        }
        Ok(config)
    }

    /// Sets one value from text. A key of Kafka without effect is checked and otherwise ignored.
    ///
    /// # Errors
    ///
    /// The key does not exist, or the value does not fit; nothing is changed.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), ConfigProblem> {
        let key = topic_key(name).ok_or_else(|| ConfigProblem::new(name, unknown(name)))?;
        let value = key.kind.parse(text).map_err(|problem| ConfigProblem::new(name, problem))?;
        match key.effect {
            Effect::None(_) => Ok(()),
            Effect::Works => {
                self.assign(key.name, &value).map_err(|problem| ConfigProblem::new(name, problem))
            }
        }
    }

    /// The value of a key, as Kafka's tools show it. `None` for a key that does not exist or has no effect.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        Some(match name {
            "cleanup.policy" => self.cleanup_policy.name().to_owned(),
            "compression.type" => self.compression.name().to_owned(),
            "delete.retention.ms" => self.delete_retention_ms.to_string(),
            "file.delete.delay.ms" => self.file_delete_delay_ms.to_string(),
            "flush" => self.flush.name().to_owned(),
            "index.interval.bytes" => self.index_interval_bytes.to_string(),
            "max.compaction.lag.ms" => self.max_compaction_lag_ms.to_string(),
            "max.message.bytes" => self.max_message_bytes.to_string(),
            "message.timestamp.after.max.ms" => self.message_timestamp_after_max_ms.to_string(),
            "message.timestamp.before.max.ms" => self.message_timestamp_before_max_ms.to_string(),
            "message.timestamp.type" => self.message_timestamp_type.name().to_owned(),
            "min.cleanable.dirty.ratio" => self.min_cleanable_dirty_ratio.to_string(),
            "min.compaction.lag.ms" => self.min_compaction_lag_ms.to_string(),
            "min.insync.replicas" => self.min_insync_replicas.to_string(),
            "retention.bytes" => limit_text(self.retention_bytes),
            "retention.ms" => limit_text(self.retention_ms),
            "segment.bytes" => self.segment_bytes.to_string(),
            "segment.index.bytes" => self.segment_index_bytes.to_string(),
            "segment.jitter.ms" => self.segment_jitter_ms.to_string(),
            "segment.ms" => self.segment_ms.to_string(),
            "unclean.leader.election.enable" => self.unclean_leader_election_enable.to_string(),
            _ => return None,
        })
    }

    /// Assigns a value that its kind has read. The kinds keep numbers within the fields' ranges.
    fn assign(&mut self, name: &str, value: &ConfigValue) -> Result<(), String> {
        match name {
            "cleanup.policy" => self.cleanup_policy = cleanup_policy(value),
            "compression.type" => self.compression = word(value, TopicCompression::from_name),
            "delete.retention.ms" => self.delete_retention_ms = span(value),
            "file.delete.delay.ms" => self.file_delete_delay_ms = span(value),
            "flush" => self.flush = word(value, FlushMode::from_name),
            "index.interval.bytes" => self.index_interval_bytes = number(value),
            "max.compaction.lag.ms" => self.max_compaction_lag_ms = span(value),
            "max.message.bytes" => self.max_message_bytes = number(value),
            "message.timestamp.after.max.ms" => self.message_timestamp_after_max_ms = span(value),
            "message.timestamp.before.max.ms" => self.message_timestamp_before_max_ms = span(value),
            "message.timestamp.type" => {
                self.message_timestamp_type = word(value, MessageTimestampType::from_name);
            }
            "min.cleanable.dirty.ratio" => {
                self.min_cleanable_dirty_ratio = value.as_ratio().expect("the kind is a ratio");
            }
            "min.compaction.lag.ms" => self.min_compaction_lag_ms = span(value),
            "min.insync.replicas" => self.min_insync_replicas = number(value),
            "retention.bytes" => self.retention_bytes = limit(value),
            "retention.ms" => self.retention_ms = limit(value),
            "segment.bytes" => self.segment_bytes = number(value),
            "segment.index.bytes" => self.segment_index_bytes = number(value),
            "segment.jitter.ms" => self.segment_jitter_ms = span(value),
            "segment.ms" => self.segment_ms = span(value),
            "unclean.leader.election.enable" => {
                self.unclean_leader_election_enable = value.as_boolean().expect("the kind is a boolean");
            }
            other => unreachable!("{other} works but is not assigned (tested)"),
        }
        Ok(())
    }
}

fn unknown(name: &str) -> String {
    match nearest(name, TOPIC_KEYS.iter().map(|key| key.name)) {
        Some(near) => format!("unknown key, did you mean {near}?"),
        None => "unknown key".to_owned(),
    }
}

fn cleanup_policy(value: &ConfigValue) -> CleanupPolicy {
    let policies = value.as_list().expect("the kind is a list");
    let has = |name: &str| policies.iter().any(|policy| policy == name);
    match (has("compact"), has("delete")) {
        (true, true) => CleanupPolicy::CompactAndDelete,
        (true, false) => CleanupPolicy::Compact,
        (false, _) => CleanupPolicy::Delete,
    }
}

fn word<T>(value: &ConfigValue, from_name: impl Fn(&str) -> Option<T>) -> T {
    value.as_text().and_then(from_name).expect("the kind lets only these words through")
}

fn number<T: TryFrom<i64>>(value: &ConfigValue) -> T {
    let number = value.as_number().expect("the kind is a number");
    T::try_from(number).ok().expect("the kind's limits fit the field")
}

fn span(value: &ConfigValue) -> u64 {
    number(value)
}

/// -1 is no limit.
fn limit(value: &ConfigValue) -> Option<u64> {
    u64::try_from(value.as_number().expect("the kind is a number")).ok()
}

fn limit_text(limit: Option<u64>) -> String {
    limit.map_or_else(|| "-1".to_owned(), |limit| limit.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_works_can_be_set_and_shown() {
        let config = TopicConfig::default();
        for key in TOPIC_KEYS {
            let shown = config.get(key.name);
            match key.effect {
                Effect::Works => assert_eq!(shown.as_deref(), Some(key.default), "{}", key.name),
                Effect::None(_) => assert_eq!(shown, None, "{}", key.name),
            }
        }
    }

    #[test]
    fn the_limits_of_every_number_fit_its_field() {
        for key in TOPIC_KEYS {
            let (super::super::ConfigKind::Whole { min, max }
            | super::super::ConfigKind::Size { min, max }
            | super::super::ConfigKind::Duration { min, max, .. }) = key.kind
            else {
                continue;
            };
            for extreme in [min, max] {
                let text = extreme.to_string();
                let mut config = TopicConfig::default();
                assert_eq!(config.set(key.name, &text), Ok(()), "{}", key.name);
                if key.effect == Effect::Works {
                    assert_eq!(config.get(key.name), Some(text), "{}", key.name);
                }
            }
        }
    }

    #[test]
    fn a_topic_takes_its_own_values_over_the_base() {
        let base = TopicConfig { flush: FlushMode::Os, ..TopicConfig::default() };
        let overrides = [("segment.bytes", "64KiB"), ("retention.ms", "2d"), ("retention.bytes", "-1")];
        let config = TopicConfig::resolve(&base, overrides).expect("valid");
        assert_eq!(config.segment_bytes, 65_536);
        assert_eq!(config.retention_ms, Some(172_800_000));
        assert_eq!(config.retention_bytes, None);
        assert_eq!(config.flush, FlushMode::Os);
    }

    #[test]
    fn old_records_are_deleted_compacted_or_both() {
        for (text, shown, deletes, compacts) in [
            ("delete", "delete", true, false),
            ("compact", "compact", false, true),
            ("delete, compact", "compact,delete", true, true),
        ] {
            let config =
                TopicConfig::resolve(&TopicConfig::default(), [("cleanup.policy", text)]).expect("valid");
            assert_eq!(config.get("cleanup.policy").as_deref(), Some(shown));
            let policy = config.cleanup_policy;
            assert_eq!((policy.deletes(), policy.compacts()), (deletes, compacts), "{text}");
            assert_eq!(CleanupPolicy::from_name(policy.name()), Some(policy));
        }
    }

    #[test]
    fn faults_name_the_key() {
        let fault =
            |key: &str, value: &str| validate_topic_config(key, value).expect_err("a fault").to_string();
        assert_eq!(fault("retention.m", "1"), "retention.m: unknown key, did you mean retention.ms?");
        assert_eq!(fault("colour", "red"), "colour: unknown key");
        assert_eq!(
            fault("segment.bytes", "1GB"),
            "segment.bytes: \"1GB\" is not a size (use bytes, or 1GiB)"
        );
        assert_eq!(
            fault("min.cleanable.dirty.ratio", "1.5"),
            "min.cleanable.dirty.ratio: \"1.5\" is not a number from 0 to 1"
        );
        assert!(fault("cleanup.policy", "compress").starts_with("cleanup.policy: \"compress\""));
        assert_eq!(fault("preallocate", "perhaps"), "preallocate: \"perhaps\" is not true or false");
    }

    #[test]
    fn kafka_keys_without_effect_are_accepted_and_warned_about() {
        assert_eq!(validate_topic_config("preallocate", "true"), Ok(()));
        let warning = topic_key("preallocate").and_then(ConfigKey::warning);
        assert_eq!(
            warning.as_deref(),
            Some("preallocate has no effect: segments grow as they are appended to")
        );
        assert_eq!(topic_key("segment.bytes").and_then(ConfigKey::warning), None);
    }
}
