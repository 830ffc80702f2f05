//! A coordinator of one group, by script: tests say what is assigned, it keeps commits and what members say.

use std::collections::BTreeMap;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::watch;
use yak_model::api::{
    AssignedTopic, CommittedOffset, ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply, FetchedOffset,
    FindCoordinatorReply, GroupAssignment, GroupEvent, GroupStream, GroupStreamReply, OffsetCommit,
    OffsetCommitReply, OffsetFetch, OffsetFetchReply, Rejection,
};
use yak_model::{
    BrokerId, ErrorCode, MemberEpoch, MemberId, Offset, PartitionIndex, TimestampMs, TopicId, TopicName,
};
use yak_protocol::{RequestId, encode_group_event};

use super::State;

/// What a fake coordinator knows.
#[derive(Debug)]
pub(crate) struct FakeGroup {
    /// Which broker it is; nobody for now.
    pub(crate) coordinator: Option<BrokerId>,
    /// What the only member is assigned, by partition of which topic; in which epoch.
    pub(crate) assigned: watch::Sender<Target>,
    pub(crate) committed: BTreeMap<(TopicName, PartitionIndex), Offset>,
    /// Every commit: epoch, partition, offset.
    pub(crate) commits: Vec<(i32, i32, i64)>,
    /// What members said that they own: epoch and partitions.
    pub(crate) said: Vec<(i32, Vec<i32>)>,
    /// How often members are to say that they live, in milliseconds.
    pub(crate) heartbeat_interval_ms: u32,
    /// In which epochs they said so.
    pub(crate) alive: Vec<i32>,
    /// Member ids that joined.
    pub(crate) joined: Vec<String>,
    /// Member ids that left by saying so.
    pub(crate) left: Vec<String>,
}

/// An assignment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Target {
    pub(crate) epoch: i32,
    pub(crate) topics: Vec<(TopicName, Vec<i32>)>,
    /// Every stream that was there ends: how often, and with what.
    pub(crate) ended: u64,
    pub(crate) end: GroupEnd,
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum GroupEnd {
    #[default]
    Closed,
    Fenced(ErrorCode),
}

impl Default for FakeGroup {
    fn default() -> Self {
        Self {
            coordinator: Some(BrokerId::new(1)),
            assigned: watch::Sender::default(),
            committed: BTreeMap::new(),
            commits: Vec::new(),
            said: Vec::new(),
            heartbeat_interval_ms: 5_000,
            alive: Vec::new(),
            joined: Vec::new(),
            left: Vec::new(),
        }
    }
}

impl State {
    /// Assigns partitions of a topic, in the next epoch.
    pub(crate) fn assign(&mut self, topic: &TopicName, partitions: &[i32]) {
        let topics = vec![(topic.clone(), partitions.to_vec())];
        self.group.assigned.send_modify(|target| {
            target.epoch += 1;
            target.topics = topics;
        });
    }

    /// Ends the members' streams; those that join again stay.
    pub(crate) fn end_streams(&mut self, end: GroupEnd) {
        self.group.assigned.send_modify(|target| {
            target.ended += 1;
            target.end = end;
        });
    }

    fn check_coordinator(&self, broker: BrokerId) -> Result<(), Rejection> {
        if self.group.coordinator == Some(broker) {
            return Ok(());
        }
        Err(Rejection::new(ErrorCode::NotCoordinator, "another broker coordinates"))
    }

    pub(super) fn find_coordinator(&self) -> Result<FindCoordinatorReply, Rejection> {
        let Some(broker_id) = self.group.coordinator else {
            return Err(Rejection::new(ErrorCode::CoordinatorNotAvailable, "nobody coordinates"));
        };
        let address = &self.addresses[&broker_id];
        Ok(FindCoordinatorReply { broker_id, host: address.host.clone(), port: address.port })
    }

    pub(super) fn offset_commit(
        &mut self,
        broker: BrokerId,
        commit: OffsetCommit,
    ) -> Result<OffsetCommitReply, Rejection> {
        self.check_coordinator(broker)?;
        let epoch = commit.member.map(|member| member.generation_id.get());
        if epoch != Some(self.group.assigned.borrow().epoch) {
            return Err(Rejection::new(ErrorCode::StaleMemberEpoch, "another epoch"));
        }
        for entry in &commit.entries {
            self.group.commits.push((epoch.unwrap(), entry.partition.get(), entry.offset.get()));
            self.group.committed.insert((entry.topic.clone(), entry.partition), entry.offset);
        }
        Ok(OffsetCommitReply { results: commit.entries.iter().map(|_| Ok(())).collect() })
    }

    pub(super) fn offset_fetch(
        &self,
        broker: BrokerId,
        fetch: OffsetFetch,
    ) -> Result<OffsetFetchReply, Rejection> {
        self.check_coordinator(broker)?;
        let fetched = |(topic, partition): (TopicName, PartitionIndex)| {
            let committed = self.group.committed.get(&(topic.clone(), partition));
            let committed = committed.map(|offset| CommittedOffset {
                offset: *offset,
                leader_epoch: None,
                metadata: String::new(),
                commit_time: TimestampMs::new(1),
            });
            FetchedOffset { topic, partition, committed }
        };
        Ok(OffsetFetchReply { offsets: fetch.partitions.unwrap().into_iter().map(fetched).collect() })
    }

    pub(super) fn heartbeat(
        &mut self,
        broker: BrokerId,
        heartbeat: ConsumerGroupHeartbeat,
    ) -> Result<ConsumerGroupHeartbeatReply, Rejection> {
        self.check_coordinator(broker)?;
        if heartbeat.member_epoch == MemberEpoch::LEAVE {
            self.group.left.push(heartbeat.member_id.to_string());
        }
        let epoch = heartbeat.member_epoch.get();
        match heartbeat.owned {
            None if epoch > 0 => self.group.alive.push(epoch),
            owned => {
                let owned = owned.unwrap_or_default();
                let owned = owned.iter().flat_map(|topic| topic.partitions.iter().map(|at| at.get()));
                self.group.said.push((epoch, owned.collect()));
            }
        }
        Ok(ConsumerGroupHeartbeatReply {
            member_id: heartbeat.member_id,
            member_epoch: heartbeat.member_epoch,
            heartbeat_interval_ms: self.group.heartbeat_interval_ms,
            assignment: None,
        })
    }

    /// Joins, and gives what to hear from then on.
    pub(super) fn join(
        &mut self,
        broker: BrokerId,
        stream: GroupStream,
    ) -> Result<(GroupStreamReply, watch::Receiver<Target>), Rejection> {
        self.check_coordinator(broker)?;
        let drawn = || MemberId::new(format!("member-{}", self.group.joined.len() + 1)).unwrap();
        let member_id = stream.member_id.unwrap_or_else(drawn);
        self.group.joined.push(member_id.to_string());
        let mut heard = self.group.assigned.subscribe();
        let member_epoch = MemberEpoch::new(heard.borrow_and_update().epoch);
        let heartbeat_interval_ms = stream.heartbeats.then_some(self.group.heartbeat_interval_ms);
        Ok((GroupStreamReply { member_id, member_epoch, heartbeat_interval_ms }, heard))
    }
}

/// Streams assignments, until the other side goes or the script ends it.
pub(super) async fn stream(
    id: Option<&RequestId>,
    joined: Result<(GroupStreamReply, watch::Receiver<Target>), Rejection>,
    is_hung: impl Fn() -> bool,
    out: &mut OwnedWriteHalf,
) {
    let (reply, heard) = match joined {
        Ok((reply, heard)) => (Ok(reply), Some(heard)),
        Err(rejection) => (Err(rejection), None),
    };
    let line = super::broker::line(id, reply).unwrap();
    if out.write_all(&line).await.is_err() {
        return;
    }
    let Some(mut heard) = heard else { return };
    let ended = heard.borrow().ended;
    let mut said = None;
    loop {
        let target = heard.borrow_and_update().clone();
        let mut line = BytesMut::new();
        let is_over = target.ended > ended;
        if is_hung() {
            std::future::pending::<()>().await;
        }
        match target.end {
            GroupEnd::Closed if is_over => return,
            GroupEnd::Fenced(code) if is_over => {
                encode_group_event(&mut line, &GroupEvent::Fenced(Rejection::new(code, "by script")));
            }
            _ if target.epoch == 0 || said == Some(target.epoch) => {
                encode_group_event(&mut line, &GroupEvent::Alive);
            }
            _ => {
                said = Some(target.epoch);
                let topic = |(topic, partitions): (TopicName, Vec<i32>)| AssignedTopic {
                    topic,
                    topic_id: TopicId::from_random([1; 16]),
                    partitions: partitions.into_iter().map(PartitionIndex::new).collect(),
                };
                let assignment = GroupAssignment {
                    member_epoch: MemberEpoch::new(target.epoch),
                    topics: target.topics.into_iter().map(topic).collect(),
                    is_complete: true,
                };
                encode_group_event(&mut line, &GroupEvent::Assignment(assignment));
            }
        }
        if out.write_all(&line).await.is_err() || is_over {
            return;
        }
        _ = tokio::time::timeout(std::time::Duration::from_millis(100), heard.changed()).await;
    }
}
