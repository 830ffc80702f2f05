//! A member of a server-side group.

use std::collections::{BTreeMap, BTreeSet};

use yak_model::api::{ConsumerGroupHeartbeat, TopicPartitions};
use yak_model::{InstanceId, MemberEpoch, PartitionIndex, TopicId};

use super::stored::{StoredCurrent, StoredMember};
use super::topics::Partition;

/// How long a member may take to give partitions up if it does not say (Kafka's default).
const DEFAULT_REBALANCE_TIMEOUT_MS: u32 = 300_000;

/// About what a member costs besides what it says.
const OVERHEAD_BYTES: usize = 1_024;

/// Where a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberState {
    /// It has what it was to have when it was last told. Kafka's `STABLE`, 0 in its records.
    Stable,
    /// It was told to give partitions up and has not yet. Kafka's `UNREVOKED_PARTITIONS`, 1.
    Revoking,
    /// It waits for partitions that others have. Kafka's `UNRELEASED_PARTITIONS`, 2.
    Waiting,
}

/// A member.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) about: StoredMember,
    pub(super) epoch: MemberEpoch,
    /// The oldest epoch that it may still believe to be in: the last one that it has said.
    pub(super) previous_epoch: MemberEpoch,
    pub(super) state: MemberState,
    /// What is its own.
    pub(super) assigned: BTreeSet<Partition>,
    /// What it was told to give up. Still nobody else's.
    pub(super) revoking: BTreeSet<Partition>,
    /// What it is to have.
    pub(super) target: BTreeSet<Partition>,
    /// When it was heard of last.
    pub(super) heard_ms: u64,
    /// While it gives partitions up: since when.
    pub(super) revoking_since_ms: u64,
}

impl Member {
    pub(super) fn new(about: StoredMember, epoch: MemberEpoch, now_ms: u64) -> Self {
        Self {
            about,
            epoch,
            previous_epoch: epoch,
            state: MemberState::Stable,
            assigned: BTreeSet::new(),
            revoking: BTreeSet::new(),
            target: BTreeSet::new(),
            heard_ms: now_ms,
            revoking_since_ms: now_ms,
        }
    }

    /// A static member that has left and may return. It owns nothing, and nobody else gets what is kept for it.
    pub(super) fn is_away(&self) -> bool {
        self.epoch == MemberEpoch::LEAVE_STATIC
    }

    /// Whether it has what is its own.
    pub(super) fn is_settled(&self) -> bool {
        self.is_away() || (self.revoking.is_empty() && self.assigned == self.target)
    }

    pub(super) fn instance_id(&self) -> Option<&InstanceId> {
        self.about.instance_id.as_ref()
    }

    /// What it has or may still have.
    pub(super) fn reserved(&self) -> impl Iterator<Item = Partition> + '_ {
        self.assigned.union(&self.revoking).copied()
    }

    /// About how many bytes are kept of it.
    pub(super) fn bytes(&self) -> usize {
        let about = &self.about;
        let texts = [&about.rack_id, &about.topic_regex, &about.server_assignor];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        let topics: usize = about.topics.iter().map(|topic| topic.as_str().len() + 64).sum();
        let partitions = self.assigned.len() + self.revoking.len() + self.target.len();
        OVERHEAD_BYTES + about.client_id.len() + texts + topics + partitions * 3 * size_of::<Partition>()
    }

    /// When it counts as gone, or as too slow in giving partitions up.
    pub(super) fn deadline_ms(&self, session_timeout_ms: u32) -> u64 {
        let silent = self.heard_ms + u64::from(session_timeout_ms);
        match self.state {
            MemberState::Revoking => silent.min(self.revoking_deadline_ms()),
            MemberState::Stable | MemberState::Waiting => silent,
        }
    }

    pub(super) fn revoking_deadline_ms(&self) -> u64 {
        self.revoking_since_ms + u64::from(self.about.rebalance_timeout_ms)
    }

    pub(super) fn stored(&self) -> StoredCurrent {
        StoredCurrent {
            member_epoch: self.epoch,
            previous_epoch: self.previous_epoch,
            state: self.state,
            assigned: by_topic(&self.assigned),
            revoking: by_topic(&self.revoking),
        }
    }
}

/// A member as it describes itself when it joins.
pub(super) fn described(request: &ConsumerGroupHeartbeat) -> StoredMember {
    let mut about = StoredMember {
        instance_id: request.instance_id.clone(),
        rack_id: None,
        client_id: request.client_id.clone(),
        client_host: request.client_host.clone(),
        topics: BTreeSet::new(),
        topic_regex: None,
        rebalance_timeout_ms: DEFAULT_REBALANCE_TIMEOUT_MS,
        server_assignor: None,
    };
    describe(&mut about, request);
    about
}

/// Takes over what a member says of itself. What it does not say is as it was.
pub(super) fn describe(about: &mut StoredMember, request: &ConsumerGroupHeartbeat) {
    if let Some(timeout) = request.rebalance_timeout_ms.filter(|ms| *ms > 0) {
        about.rebalance_timeout_ms = timeout;
    }
    if request.rack_id.is_some() {
        about.rack_id.clone_from(&request.rack_id);
    }
    if let Some(topics) = &request.subscribed_topics {
        about.topics = topics.iter().cloned().collect();
    }
    if let Some(regex) = &request.subscribed_regex {
        about.topic_regex = Some(regex.clone()).filter(|regex| !regex.is_empty());
    }
    if request.server_assignor.is_some() {
        about.server_assignor.clone_from(&request.server_assignor);
    }
}

/// Partitions by their topics, as they are told and stored.
pub(super) fn by_topic(partitions: &BTreeSet<Partition>) -> Vec<TopicPartitions> {
    let mut topics = BTreeMap::<TopicId, Vec<PartitionIndex>>::new();
    for (topic_id, partition) in partitions {
        topics.entry(*topic_id).or_default().push(*partition);
    }
    topics.into_iter().map(|(topic_id, partitions)| TopicPartitions { topic_id, partitions }).collect()
}

/// Partitions one by one.
pub(super) fn one_by_one(topics: &[TopicPartitions]) -> BTreeSet<Partition> {
    let of_topic = |topic: &TopicPartitions| {
        let topic_id = topic.topic_id;
        topic.partitions.clone().into_iter().map(move |index| (topic_id, index))
    };
    topics.iter().flat_map(of_topic).collect()
}
