//! From what is owned to what is assigned: what starts, what is given up, what is lost.

use std::collections::BTreeMap;

use tokio::time::Instant;
use yak_model::api::{GroupAssignment, Rejection, TopicPartitions};
use yak_model::{ErrorCode, MemberEpoch, Offset, TopicId, TopicPartition};

use super::say::{Told, acknowledge};
use super::{Consumer, Event, Group, Owned, Revoking, Stage};
use crate::ClientError;

/// The partitions of an assignment.
fn target(assignment: &GroupAssignment) -> BTreeMap<TopicPartition, TopicId> {
    let of_topic = |topic: &yak_model::api::AssignedTopic| {
        let (name, id) = (topic.topic.clone(), topic.topic_id);
        let partitions = topic.partitions.clone().into_iter();
        partitions.map(move |partition| (TopicPartition::new(name.clone(), partition), id))
    };
    assignment.topics.iter().flat_map(of_topic).collect()
}

impl Group {
    /// It is not known to be a member: nothing is read, and nothing handed out that was.
    pub(super) fn suspend(&mut self, consumer: &mut Consumer) {
        if !std::mem::replace(&mut self.is_suspended, true) {
            for id in self.owned.keys() {
                consumer.hold(id);
            }
        }
    }

    /// It is a member after all.
    pub(super) fn go_on(&mut self, consumer: &mut Consumer) {
        self.is_suspended = false;
        consumer.outage_ended();
        for (id, owned) in &self.owned {
            if owned.stage == Stage::Reading {
                consumer.let_go_on(id);
            }
        }
    }

    /// Another assignment in the same incarnation.
    pub(super) fn reassigned(&mut self, consumer: &mut Consumer, assignment: &GroupAssignment) {
        let target = target(assignment);
        self.is_complete = assignment.is_complete;
        let is_kept = |id: &TopicPartition, owned: &Owned| target.get(id) == Some(&owned.topic_id);
        // What never began needs no word.
        self.owned.retain(|id, owned| !matches!(owned.stage, Stage::Starting(_)) || is_kept(id, owned));
        let mut revoked = Vec::new();
        for (id, owned) in &mut self.owned {
            if !is_kept(id, owned) {
                owned.stage = Stage::Leaving;
                consumer.hold(id);
                revoked.push((id.clone(), consumer.position_of(id)));
            }
        }
        if !revoked.is_empty() {
            self.revoking = Some(Revoking::ToBeSaid);
            let event = Event::Revoked { partitions: revoked, member_epoch: assignment.member_epoch };
            consumer.ready.push_front((None, event));
        }
        if self.is_suspended {
            self.go_on(consumer);
        }
        self.add(target);
        self.say_if_nothing(consumer, assignment.member_epoch);
    }

    /// The first assignment after joining (again).
    pub(super) fn rejoined(
        &mut self,
        consumer: &mut Consumer,
        incarnation: u64,
        assignment: &GroupAssignment,
    ) {
        let target = target(assignment);
        let was_member = self.incarnation > 0;
        self.incarnation = incarnation;
        self.is_complete = assignment.is_complete;
        self.suspend(consumer);
        self.is_suspended = false;
        self.revoking = None;
        self.lookup.reset();
        self.acknowledging.told.clear();
        self.acknowledging.not_before = None;
        let mut lost = Vec::new();
        for id in self.owned.keys().cloned().collect::<Vec<_>>() {
            let Some(owned) = self.owned.get_mut(&id) else { continue };
            let is_kept = target.get(&id) == Some(&owned.topic_id);
            match owned.stage {
                // Its owner was told already that it is gone.
                Stage::Leaving => self.forget(consumer, &id),
                Stage::Reading if is_kept => {
                    owned.stage = Stage::Starting(Some(consumer.position_of(&id)));
                }
                Stage::Starting(_) if is_kept => {}
                Stage::Starting(None) => _ = self.owned.remove(&id),
                Stage::Reading | Stage::Starting(Some(_)) => {
                    lost.push((id.clone(), consumer.position_of(&id)));
                    self.forget(consumer, &id);
                }
            }
        }
        if was_member {
            consumer.outage_ended();
        }
        let why =
            || Rejection::new(ErrorCode::UnknownMemberId, "another member has it since an interruption");
        self.say_lost(consumer, lost, &why().into());
        self.add(target);
        self.say_if_nothing(consumer, assignment.member_epoch);
    }

    /// What is assigned and not owned yet.
    fn add(&mut self, target: BTreeMap<TopicPartition, TopicId>) {
        for (id, topic_id) in target {
            let fresh =
                Owned { topic_id, stage: Stage::Starting(None), committed: None, taken: Offset::ZERO };
            self.owned.entry(id).or_insert(fresh);
        }
    }

    /// That there is nothing for it is worth a word, too.
    fn say_if_nothing(&self, consumer: &mut Consumer, member_epoch: MemberEpoch) {
        if self.owned.is_empty() && self.is_complete {
            let event = Event::Assigned { partitions: Vec::new(), member_epoch, is_complete: true };
            consumer.ready.push_back((None, event));
        }
    }

    /// Others may have all of it.
    pub(super) fn lose_everything(&mut self, consumer: &mut Consumer, why: &ClientError) {
        let ids: Vec<_> = self.owned.keys().cloned().collect();
        let mut lost = Vec::new();
        for id in ids {
            if self.owned.get(&id).is_some_and(|owned| owned.stage != Stage::Starting(None)) {
                lost.push((id.clone(), consumer.position_of(&id)));
            }
            self.forget(consumer, &id);
        }
        self.revoking = None;
        self.say_lost(consumer, lost, why);
    }

    fn say_lost(&mut self, consumer: &mut Consumer, lost: Vec<(TopicPartition, Offset)>, why: &ClientError) {
        if lost.is_empty() {
            return;
        }
        for (id, _) in &lost {
            self.commits.lost(id, why);
        }
        consumer.ready.push_front((None, Event::Lost { partitions: lost, error: why.clone() }));
    }

    /// Gives partitions up, when their owner has come back and everything it wanted committed is.
    pub(super) fn finish_revocation(&mut self, consumer: &mut Consumer) {
        if self.revoking != Some(Revoking::Committing) {
            return;
        }
        let leaving = || self.owned.iter().filter(|(_, owned)| owned.stage == Stage::Leaving);
        if leaving().any(|(id, _)| self.commits.is_concerned(id)) {
            return;
        }
        let leaving: Vec<_> = leaving().map(|(id, _)| id.clone()).collect();
        for id in leaving {
            self.forget(consumer, &id);
        }
        self.revoking = None;
        let standing = self.standing.borrow().clone();
        if standing.incarnation != self.incarnation {
            return;
        }
        match standing.assignment {
            // It came meanwhile.
            Some(assignment) if standing.version != self.version => {
                self.version = standing.version;
                self.reassigned(consumer, &assignment);
            }
            Some(assignment) => self.say_if_nothing(consumer, assignment.member_epoch),
            None => {}
        }
    }

    fn forget(&mut self, consumer: &mut Consumer, id: &TopicPartition) {
        self.owned.remove(id);
        consumer.leave(id);
    }

    /// Says what it owns, if the coordinator was told something else.
    pub(super) fn start_acknowledging(&mut self, consumer: &mut Consumer, now: Instant) {
        let state = &mut self.acknowledging;
        if self.revoking.is_some() || state.is_under_way || state.not_before.is_some_and(|at| at > now) {
            return;
        }
        let owned: std::collections::BTreeSet<_> =
            self.owned.iter().map(|(id, owned)| (owned.topic_id, id.partition)).collect();
        if owned == state.told {
            return;
        }
        state.is_under_way = true;
        let mut topics: BTreeMap<TopicId, TopicPartitions> = BTreeMap::new();
        for (topic_id, partition) in &owned {
            let topic = topics
                .entry(*topic_id)
                .or_insert_with(|| TopicPartitions { topic_id: *topic_id, partitions: Vec::new() });
            topic.partitions.push(*partition);
        }
        let saying = self.saying();
        consumer.begin(acknowledge(saying, topics.into_values().collect(), owned));
    }

    pub(super) fn acknowledged(&mut self, incarnation: u64, told: Result<Told, ClientError>, now: Instant) {
        self.acknowledging.is_under_way = false;
        match told {
            Ok(told) if incarnation == self.incarnation => {
                self.acknowledging.told = told;
                self.acknowledging.not_before = None;
                self.acknowledging.backoff.reset();
            }
            Ok(_) => {}
            Err(error) => {
                tracing::info!(%error, "the coordinator does not know what this member owns");
                self.acknowledging.not_before = Some(now + self.acknowledging.backoff.next());
            }
        }
    }
}

impl Consumer {
    fn position_of(&self, id: &TopicPartition) -> Offset {
        self.slot_of(id).map_or(Offset::ZERO, |slot| self.partitions[slot].position)
    }

    /// Stops reading a partition for now; what was fetched and not handed out is dropped.
    fn hold(&mut self, id: &TopicPartition) {
        if let Some(slot) = self.slot_of(id) {
            let partition = &mut self.partitions[slot];
            partition.is_suspended = true;
            partition.move_to(partition.position);
        }
    }

    /// Reads it again.
    fn let_go_on(&mut self, id: &TopicPartition) {
        if let Some(slot) = self.slot_of(id) {
            self.partitions[slot].is_suspended = false;
            self.release(slot);
        }
    }

    /// It is not this consumer's any more.
    fn leave(&mut self, id: &TopicPartition) {
        if let Some(slot) = self.slot_of(id) {
            let partition = &mut self.partitions[slot];
            partition.move_to(partition.position);
            partition.leave();
        }
    }
}
