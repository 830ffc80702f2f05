//! A topic: its partitions and what was set on it.

use std::sync::Arc;

use yak_model::config::{ConfigValue, FlushMode, topic_key};
use yak_model::metadata::PartitionRecord;
use yak_model::{PartitionIndex, TopicId, TopicName};

use super::ConfigMap;

/// Key of the minimum number of in-sync replicas.
pub(crate) const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";
/// Key of what an acknowledgement means.
pub(crate) const FLUSH: &str = "flush";
/// Key of whether a replica that may lack records may lead.
const UNCLEAN_LEADER_ELECTION: &str = "unclean.leader.election.enable";

/// A topic. Cheap to clone but for its overrides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    name: TopicName,
    topic_id: TopicId,
    pub(super) overrides: ConfigMap,
    /// Invariant: partition `i` stands at `i`.
    pub(super) partitions: Vec<Arc<PartitionRecord>>,
}

impl Topic {
    pub(super) fn new(name: TopicName, topic_id: TopicId) -> Self {
        Self { name, topic_id, overrides: ConfigMap::new(), partitions: Vec::new() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &TopicName {
        &self.name
    }

    /// Names it for ever.
    #[must_use]
    pub fn id(&self) -> TopicId {
        self.topic_id
    }

    /// Its partitions, by number.
    #[must_use]
    pub fn partitions(&self) -> &[Arc<PartitionRecord>] {
        &self.partitions
    }

    /// One partition.
    #[must_use]
    pub fn partition(&self, partition: PartitionIndex) -> Option<&Arc<PartitionRecord>> {
        usize::try_from(partition.get()).ok().and_then(|at| self.partitions.get(at))
    }

    /// How many partitions it has.
    #[must_use]
    pub fn partition_count(&self) -> i32 {
        self.partitions.last().map_or(0, |last| last.partition.get() + 1)
    }

    /// What was set on it, by key.
    #[must_use]
    pub fn overrides(&self) -> &ConfigMap {
        &self.overrides
    }

    /// The same as pairs of text, as `TopicConfig::resolve` takes them.
    pub fn override_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.overrides.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// What an acknowledgement means here; written at the topic's creation.
    #[must_use]
    pub fn flush(&self) -> FlushMode {
        let word = self.value(FLUSH);
        word.as_ref().and_then(ConfigValue::as_text).and_then(FlushMode::from_name).unwrap_or_default()
    }

    /// `min.insync.replicas` as set on the topic, else 1.
    ///
    /// A leader may use a larger number (its broker's default), never a smaller one: the controller counts a
    /// replica that leaves the ISR as eligible to lead only while the ISR is smaller than this, and a leader
    /// whose ISR is too small advances no high watermark.
    #[must_use]
    pub fn min_insync_replicas(&self) -> u16 {
        let number = self.value(MIN_INSYNC_REPLICAS);
        number
            .as_ref()
            .and_then(ConfigValue::as_number)
            .and_then(|number| number.try_into().ok())
            .unwrap_or(1)
    }

    /// `unclean.leader.election.enable` as set on the topic, else false.
    #[must_use]
    pub fn unclean_leader_election(&self) -> bool {
        self.value(UNCLEAN_LEADER_ELECTION).as_ref().and_then(ConfigValue::as_boolean).unwrap_or(false)
    }

    /// A value set on the topic, read as every reader of configuration reads it.
    fn value(&self, key: &str) -> Option<ConfigValue> {
        let text = self.overrides.get(key)?;
        topic_key(key).and_then(|row| row.kind.parse(text).ok())
    }
}

/// The least ISR with which a partition accepts `acks=all`: never more than were wanted, never 0.
#[must_use]
pub(crate) fn effective_min_isr(min_insync_replicas: u16, wanted: u16) -> usize {
    usize::from(min_insync_replicas.min(wanted).max(1))
}
