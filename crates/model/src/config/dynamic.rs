//! Keys of brokers that can be changed while they run: those that are defaults of keys of topics.
//!
//! Invariant: a value here means what the same text means in a broker's file, for its kind is that of the topic's key.

use std::collections::BTreeMap;

use super::{ConfigKind, ConfigProblem, ConfigValue, TimeUnit, TopicConfig, topic_key};

/// A key of brokers that can be changed while they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DynamicKey {
    /// Kafka's name.
    pub name: &'static str,
    /// The key of topics whose default it is.
    pub topic_key: &'static str,
    /// What a bare number counts, where the topic's key counts milliseconds and this one does not.
    pub unit: Option<TimeUnit>,
}

/// In order of name, so that of several names for the same the one in milliseconds comes last.
static KEYS: &[DynamicKey] = &[
    key("compression.type", "compression.type"),
    key("log.cleaner.delete.retention.ms", "delete.retention.ms"),
    key("log.cleaner.max.compaction.lag.ms", "max.compaction.lag.ms"),
    key("log.cleaner.min.cleanable.ratio", "min.cleanable.dirty.ratio"),
    key("log.cleaner.min.compaction.lag.ms", "min.compaction.lag.ms"),
    key("log.cleanup.policy", "cleanup.policy"),
    key("log.index.interval.bytes", "index.interval.bytes"),
    key("log.index.size.max.bytes", "segment.index.bytes"),
    key("log.message.timestamp.after.max.ms", "message.timestamp.after.max.ms"),
    key("log.message.timestamp.before.max.ms", "message.timestamp.before.max.ms"),
    key("log.message.timestamp.type", "message.timestamp.type"),
    key("log.retention.bytes", "retention.bytes"),
    counted("log.retention.hours", "retention.ms", TimeUnit::Hours),
    counted("log.retention.minutes", "retention.ms", TimeUnit::Minutes),
    key("log.retention.ms", "retention.ms"),
    counted("log.roll.hours", "segment.ms", TimeUnit::Hours),
    counted("log.roll.jitter.hours", "segment.jitter.ms", TimeUnit::Hours),
    key("log.roll.jitter.ms", "segment.jitter.ms"),
    key("log.roll.ms", "segment.ms"),
    key("log.segment.bytes", "segment.bytes"),
    key("log.segment.delete.delay.ms", "file.delete.delay.ms"),
    key("message.max.bytes", "max.message.bytes"),
    key("min.insync.replicas", "min.insync.replicas"),
];

/// The row of a key of brokers, if it can be changed while they run.
#[must_use]
pub fn dynamic_broker_key(name: &str) -> Option<&'static DynamicKey> {
    KEYS.binary_search_by(|key| key.name.cmp(name)).ok().map(|at| &KEYS[at])
}

/// Every name of the default of a topic's key, that which counts most first.
pub fn dynamic_broker_keys(topic_key: &str) -> impl Iterator<Item = &'static DynamicKey> {
    KEYS.iter().rev().filter(move |key| key.topic_key == topic_key)
}

impl DynamicKey {
    /// What a value of this key is as a value of the topic's key.
    ///
    /// # Errors
    /// The value does not fit, as a sentence fragment that quotes it.
    ///
    /// # Panics
    /// If the row names no key of topics, which is a bug.
    pub fn as_topic_value(&self, text: &str) -> Result<String, String> {
        let row = topic_key(self.topic_key).expect("a row names a key of topics (tested)");
        let (Some(unit), ConfigKind::Duration { min, .. }) = (self.unit, row.kind) else {
            return row.kind.parse(text).map(|value| value.to_string());
        };
        let kind = ConfigKind::Duration { unit, min, max: i64::MAX / unit.in_ms() };
        Ok(match kind.parse(text)? {
            ConfigValue::Number(-1) => "-1".to_owned(),
            ConfigValue::Number(number) => (number * unit.in_ms()).to_string(),
            other => other.to_string(),
        })
    }

    /// Checks a value.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, text: &str) -> Result<(), ConfigProblem> {
        let problem = |problem| ConfigProblem::new(self.name, problem);
        let value = self.as_topic_value(text).map_err(problem)?;
        TopicConfig::default().set(self.topic_key, &value).map_err(|refused| problem(refused.problem))
    }
}

impl TopicConfig {
    /// These defaults of topics, under what was set while the broker runs, by key. Values were checked when they were
    /// set; one that a later version does not understand is passed over.
    #[must_use]
    pub fn under(mut self, dynamic: &BTreeMap<String, String>) -> Self {
        for (name, text) in dynamic {
            let Some(key) = dynamic_broker_key(name) else { continue };
            if let Ok(value) = key.as_topic_value(text) {
                // What does not fit leaves the default in place.
                drop(self.set(key.topic_key, &value));
            }
        }
        self
    }
}

const fn key(name: &'static str, topic_key: &'static str) -> DynamicKey {
    DynamicKey { name, topic_key, unit: None }
}

const fn counted(name: &'static str, topic_key: &'static str, unit: TimeUnit) -> DynamicKey {
    DynamicKey { name, topic_key, unit: Some(unit) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn rows_are_in_order_and_name_keys_of_topics() {
        assert!(KEYS.is_sorted_by(|a, b| a.name < b.name));
        for key in KEYS {
            let row = topic_key(key.topic_key).expect(key.name);
            assert!(!row.read_only, "{}: what is decided at creation has no default that changes", key.name);
            assert!(key.unit.is_none() || matches!(row.kind, ConfigKind::Duration { .. }), "{}", key.name);
        }
    }

    #[test]
    fn of_several_names_the_one_in_milliseconds_counts() {
        let hours = values(&[("log.retention.hours", "2"), ("log.roll.hours", "1")]);
        let config = TopicConfig::default().under(&hours);
        assert_eq!((config.retention_ms, config.segment_ms), (Some(7_200_000), 3_600_000));
        let all = [("log.retention.hours", "2"), ("log.retention.minutes", "3"), ("log.retention.ms", "-1")];
        assert_eq!(TopicConfig::default().under(&values(&all)).retention_ms, None);
        assert_eq!(TopicConfig::default().under(&values(&all[..2])).retention_ms, Some(180_000));
        let names: Vec<_> = dynamic_broker_keys("retention.ms").map(|key| key.name).collect();
        assert_eq!(names, ["log.retention.ms", "log.retention.minutes", "log.retention.hours"]);
    }

    #[test]
    fn values_are_checked_as_in_a_file() {
        let check = |name: &str, text: &str| {
            dynamic_broker_key(name).expect(name).check(text).map_err(|problem| problem.to_string())
        };
        assert_eq!(check("log.retention.hours", "-1"), Ok(()));
        assert!(check("log.retention.hours", "-2").is_err());
        assert!(check("log.roll.hours", "0").is_err());
        assert_eq!(check("log.roll.jitter.hours", "0"), Ok(()));
        assert!(check("log.retention.hours", "9223372036854775807").is_err(), "it does not fit milliseconds");
        assert_eq!(
            check("log.segment.bytes", "1GB").expect_err("refused"),
            "log.segment.bytes: \"1GB\" is not a size (use bytes, or 1GiB)"
        );
        assert_eq!(check("log.cleanup.policy", "compact"), Ok(()));
        assert!(check("log.cleaner.min.cleanable.ratio", "2").is_err());
        assert_eq!(dynamic_broker_key("num.partitions"), None);
    }

    #[test]
    fn what_is_not_understood_is_passed_over() {
        let odd = values(&[("log.segment.bytes", "?"), ("log.retention.bytes", "5"), ("colour", "red")]);
        let config = TopicConfig::default().under(&odd);
        assert_eq!(config, TopicConfig { retention_bytes: Some(5), ..TopicConfig::default() });
    }
}
