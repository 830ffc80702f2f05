//! Records add up to groups.

use std::collections::BTreeMap;

use yak_core::group::classic::{ClassicGroup, StoredGroup};
use yak_core::group::consumer::StoredConsumerGroup;
use yak_kafka::group_records::{GroupKey, GroupValue, KeyError, decode_key, decode_value};
use yak_model::{GroupId, PartitionIndex, TimestampMs, TopicPartition};

use super::super::around::Around;
use super::super::classic::Classic;
use super::super::committed::{Commits, Committed};
use super::super::consumer::Consumer;
use super::super::state::{Group, Machine};
use super::{consumer as server_side, read_classic, read_commit};

/// What was read of the log so far.
#[derive(Debug, Default)]
pub(in super::super) struct Loaded {
    groups: BTreeMap<GroupId, Stored>,
}

/// A group as its records add up to it.
#[derive(Debug, Default)]
struct Stored {
    commits: Commits,
    classic: Option<(StoredGroup, Option<TimestampMs>)>,
    consumer: StoredConsumerGroup,
}

impl Loaded {
    /// Takes the next record in. One that is not understood is said and left out: its group is what the others say.
    pub(in super::super) fn take(&mut self, key: Option<&[u8]>, value: Option<&[u8]>, of: &TopicPartition) {
        if let Err(problem) = self.try_take(key.unwrap_or_default(), value) {
            tracing::warn!(partition = %of, %problem, "group_record_not_understood");
        }
    }

    fn try_take(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), String> {
        let key = match decode_key(key) {
            Ok(key) => key,
            // Of share groups or of a later version of Kafka.
            Err(KeyError::UnknownType(_)) => return Ok(()),
            Err(malformed @ KeyError::Malformed(_)) => return Err(malformed.to_string()),
        };
        let value = value.map(|value| decode_value(key.record_type(), value)).transpose();
        let value = value.map_err(|problem| problem.to_string())?;
        let id = GroupId::new(key.group_id()).map_err(|invalid| format!("the name of a group: {invalid}"))?;
        let group = self.groups.entry(id).or_default();
        match (&key, value) {
            (GroupKey::OffsetCommit { topic, partition, .. }, value) => {
                let topic = topic.parse().map_err(|invalid| format!("the name of a topic: {invalid}"))?;
                let place = (topic, PartitionIndex::new(*partition));
                match value {
                    Some(GroupValue::OffsetCommit(value)) => group.commits.put(place, read_commit(value)),
                    _ => group.commits.remove(&place),
                }
            }
            (GroupKey::GroupMetadata { .. }, Some(GroupValue::GroupMetadata(value))) => {
                group.classic = Some(read_classic(value));
            }
            (GroupKey::GroupMetadata { .. }, _) => group.classic = None,
            (key, value) => {
                if let Some(change) = server_side::read(key, value) {
                    group.consumer.apply(change);
                }
            }
        }
        Ok(())
    }

    /// The groups, to be coordinated from now on.
    pub(in super::super) fn groups(self, around: &Around, now_ms: u64) -> BTreeMap<GroupId, Group> {
        let groups = self.groups.into_iter().map(|(id, stored)| (id, stored.group(around, now_ms)));
        groups.filter(|(_, group)| !group.is_void()).collect()
    }
}

impl Stored {
    fn group(self, around: &Around, now_ms: u64) -> Group {
        let mut group = Group { commits: self.commits, ..Group::default() };
        fill_in_topic_ids(&mut group.commits, around);
        let (machine, since) = match (self.classic, self.consumer.is_nothing()) {
            (Some((stored, since)), true) => {
                let core = ClassicGroup::load(around.config.classic, now_ms, stored);
                (Machine::Classic(Box::new(Classic::new(core))), since)
            }
            (_, false) => (Machine::Consumer(Box::new(Consumer::load(around, now_ms, self.consumer))), None),
            (None, true) => (Machine::None, None),
        };
        group.machine = machine;
        if !group.has_members() {
            group.empty_since = since.or_else(|| group.last_commit());
        }
        group
    }
}

/// Kafka before 4.1 stored no topic ids: who is there under the name is meant.
fn fill_in_topic_ids(commits: &mut Commits, around: &Around) {
    let image = around.image.load();
    let known = |committed: &mut Committed, topic| {
        if committed.topic_id.uuid().is_zero()
            && let Some(found) = image.topic(topic)
        {
            committed.topic_id = found.id();
        }
    };
    commits.iter_mut().for_each(|((topic, _), committed)| known(committed, topic));
}
