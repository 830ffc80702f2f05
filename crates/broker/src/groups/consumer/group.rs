//! A server-side group: the core's machine, what of it is in the log, and whom it can push something.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use yak_core::group::consumer::{
    ConsumerGroup, GroupConfig, MemberView, StoredChange, StoredConsumerGroup, Topics,
};
use yak_core::image::Image;
use yak_kafka::consumer_protocol;
use yak_model::api::{DescribedGroup, DescribedMember, GroupKind, Rejection, TopicPartitions};
use yak_model::{ErrorCode, GroupId, MemberId};

use super::super::around::Around;
use super::link::MemberLink;

/// How long a group rests when the log has refused what it wanted stored.
const PAUSE_MS: u64 = 500;

/// A server-side group and whom it can push something.
#[derive(Debug)]
pub(in super::super) struct Consumer {
    pub(in super::super) core: ConsumerGroup,
    /// What of it is appended: what it goes back to when the log refuses more.
    stored: StoredConsumerGroup,
    pub(super) links: BTreeMap<MemberId, Arc<MemberLink>>,
    paused: Option<Pause>,
}

/// A group rests.
#[derive(Debug)]
struct Pause {
    until_ms: u64,
    why: Rejection,
}

impl Consumer {
    /// Of nobody yet.
    pub(super) fn new(around: &Around) -> Self {
        let core = ConsumerGroup::new(config(around), &around.topics());
        Self { core, stored: StoredConsumerGroup::default(), links: BTreeMap::new(), paused: None }
    }

    /// As its records have it.
    pub(in super::super) fn load(around: &Around, now_ms: u64, stored: StoredConsumerGroup) -> Self {
        let core = ConsumerGroup::load(config(around), now_ms, stored.clone(), &around.topics());
        Self { core, stored, links: BTreeMap::new(), paused: None }
    }

    /// What of it is appended.
    pub(in super::super) const fn stored(&self) -> &StoredConsumerGroup {
        &self.stored
    }

    /// These are appended.
    pub(super) fn has_stored(&mut self, changes: Vec<StoredChange>) {
        changes.into_iter().for_each(|change| self.stored.apply(change));
    }

    /// The log has refused changes, which nobody was told of: the group is again what it was before them. It rests before
    /// it tries anything new, for much of what it wants stored it wants by itself.
    pub(super) fn go_back(&mut self, around: &Around, now_ms: u64, why: Rejection) {
        self.core = ConsumerGroup::load(config(around), now_ms, self.stored.clone(), &around.topics());
        self.paused = Some(Pause { until_ms: now_ms + PAUSE_MS, why });
    }

    /// Why its last changes were refused, while it rests.
    pub(super) fn refused(&self) -> Option<&Rejection> {
        self.paused.as_ref().map(|pause| &pause.why)
    }

    /// Whether it takes anything new now.
    ///
    /// # Errors
    /// `COORDINATOR_NOT_AVAILABLE`: it rests.
    pub(super) fn check_rest(&self) -> Result<(), Rejection> {
        let Some(why) = self.refused() else { return Ok(()) };
        let message = format!("a change of the group could not be stored a moment ago: {}", why.message);
        Err(Rejection::new(ErrorCode::CoordinatorNotAvailable, message))
    }

    /// When it wants to be told the time.
    pub(in super::super) fn next_deadline_ms(&self) -> Option<u64> {
        match &self.paused {
            Some(pause) => Some(pause.until_ms),
            None => self.core.next_deadline_ms(),
        }
    }

    /// Time has come.
    pub(in super::super) fn handle_time(&mut self, now_ms: u64, topics: &Topics) {
        match &self.paused {
            Some(pause) if pause.until_ms > now_ms => {}
            Some(_) => {
                self.paused = None;
                self.core.handle_metadata(now_ms, topics);
            }
            None => self.core.handle_time(now_ms),
        }
    }

    /// Topics came, went or grew.
    pub(super) fn handle_topics(&mut self, now_ms: u64, topics: &Topics) {
        // One that rests looks at them afterwards.
        if self.paused.is_none() {
            self.core.handle_metadata(now_ms, topics);
        }
    }

    /// About how many bytes are kept of its members: as they are, and as they are stored.
    pub(in super::super) fn bytes(&self) -> usize {
        2 * self.core.bytes()
    }

    /// The group as it is now.
    pub(in super::super) fn describe(&self, id: &GroupId, image: &Image, now_ms: u64) -> DescribedGroup {
        let view = self.core.view();
        let named = |topics: &[TopicPartitions]| {
            let topic = |topic: &TopicPartitions| {
                Some((image.topic_by_id(topic.topic_id)?.name().clone(), topic.partitions.clone()))
            };
            topics.iter().filter_map(topic).collect()
        };
        let member = |member: MemberView| DescribedMember {
            member_id: member.member_id,
            instance_id: member.instance_id,
            rack_id: member.rack_id,
            client_id: member.client_id,
            client_host: member.client_host,
            member_epoch: member.member_epoch.get(),
            topics: member.topics.into_iter().collect(),
            topic_regex: member.topic_regex,
            // What it was told to give up is its own until it has.
            assignment: named(&[member.assigned, member.revoking].concat()),
            target: named(&member.target),
            metadata: Bytes::new(),
            assignment_bytes: Bytes::new(),
            last_heard_ms: now_ms.saturating_sub(member.heard_ms),
        };
        DescribedGroup {
            group_id: id.clone(),
            kind: GroupKind::Consumer,
            state: view.state,
            epoch: view.epoch.get(),
            assignment_epoch: view.target_epoch.get(),
            protocol_type: consumer_protocol::PROTOCOL_TYPE.to_owned(),
            assignor: view.assignor.to_owned(),
            leader: None,
            members: view.members.into_iter().map(member).collect(),
            rebalances: Vec::new(),
        }
    }
}

/// How server-side groups are run.
fn config(around: &Around) -> GroupConfig {
    GroupConfig {
        session_timeout_ms: around.config.consumer_session_timeout_ms,
        heartbeat_interval_ms: around.config.consumer_heartbeat_interval_ms,
        max_size: around.config.consumer_max_size,
        ..GroupConfig::default()
    }
}
