//! What a consumer's owner does with its group: subscribes, commits, asks what is committed, leaves.

use std::collections::BTreeSet;

use tokio::time::{Instant, sleep_until};
use yak_model::api::{CommittedOffset, GroupStream, OffsetFetch};
use yak_model::{MemberEpoch, MemberId, Offset, TopicPartition};

use super::say::leave;
use super::{Consumer, Group, GroupConfig, Stage};
use crate::ClientError;
use crate::cluster::Missing;
use crate::group::{Coordinator, Membership};

impl Consumer {
    /// Joins a group, which shares the topics' partitions among its members. Which are this one's, and when they are not any
    /// more, comes as [`Event::Assigned`], [`Event::Revoked`] and [`Event::Lost`] with the records; the coordinator is
    /// found, and joined, in the background. A member of a group is assigned nothing by hand.
    ///
    /// [`Event::Assigned`]: crate::Event::Assigned
    /// [`Event::Revoked`]: crate::Event::Revoked
    /// [`Event::Lost`]: crate::Event::Lost
    ///
    /// # Errors
    /// When a topic does not exist and is not created, or nobody answers in time; [`ClientError::Usage`] without topics, or
    /// if this consumer has partitions or a group already.
    pub async fn subscribe(&mut self, config: GroupConfig) -> Result<(), ClientError> {
        if self.group.is_some() || !self.partitions.is_empty() {
            return Err(ClientError::Usage("this consumer reads something already".to_owned()));
        }
        if config.topics.is_empty() && config.include.is_none() {
            return Err(ClientError::Usage("no topics to subscribe to".to_owned()));
        }
        let missing = if self.config.create_topics { Missing::Create } else { Missing::Fail };
        let mut counts = std::collections::BTreeMap::new();
        for topic in &config.topics {
            let info = self.cluster.topic(topic, missing).await?;
            counts.insert(topic.clone(), info.partition_count());
        }
        self.cluster.follow(&config.topics);
        let request = GroupStream {
            group_id: config.group.clone(),
            member_id: None,
            instance_id: config.instance.clone(),
            topics: config.topics.clone(),
            topic_regex: config.include.clone(),
            assignor: config.assignor.clone(),
            rebalance_timeout_ms: u32::try_from(config.rebalance_timeout.as_millis()).ok(),
            client_id: Some(self.cluster.config().client_id.clone()),
            heartbeats: true,
        };
        let coordinator = Coordinator::new(&self.cluster, config.group.clone());
        let membership = Membership::begin(coordinator.clone(), request);
        let mut group = Group::new(config, coordinator, membership);
        group.counts = counts;
        self.group = Some(group);
        Ok(())
    }

    /// Who this is in its group, while it is a member.
    #[must_use]
    pub fn member(&self) -> Option<(MemberId, MemberEpoch)> {
        let standing = self.group.as_ref()?.standing().borrow().clone();
        standing.member.map(|member| (member.member_id, member.member_epoch))
    }

    /// Commits the position of every partition, and waits until that is stored: everything handed out counts as taken.
    ///
    /// # Errors
    /// When a partition was lost before it was stored, or it is not stored within the request timeout.
    pub async fn commit(&mut self) -> Result<(), ClientError> {
        let offsets = self.current_positions()?;
        self.commit_offsets(offsets).await
    }

    /// Commits these offsets, each the next to be read, with a text for people; and waits until they are stored.
    ///
    /// # Errors
    /// As [`Self::commit`]; [`ClientError::Usage`] if a partition is not assigned.
    pub async fn commit_offsets(
        &mut self,
        offsets: Vec<(TopicPartition, Offset, String)>,
    ) -> Result<(), ClientError> {
        let ids: BTreeSet<_> = offsets.iter().map(|(id, ..)| id.clone()).collect();
        self.group_mut()?.want(offsets, false)?;
        self.await_commits(ids).await
    }

    /// Commits the position of every partition without waiting. What fails is told as [`crate::Event::CommitFailed`].
    ///
    /// # Errors
    /// [`ClientError::Usage`] without a group.
    pub fn commit_async(&mut self) -> Result<(), ClientError> {
        let offsets = self.current_positions()?;
        self.commit_offsets_async(offsets)
    }

    /// Commits these offsets without waiting. Of a partition the last one counts.
    ///
    /// # Errors
    /// [`ClientError::Usage`] without a group, or if a partition is not assigned.
    pub fn commit_offsets_async(
        &mut self,
        offsets: Vec<(TopicPartition, Offset, String)>,
    ) -> Result<(), ClientError> {
        self.group_mut()?.want(offsets, true)?;
        self.attend_group(Instant::now(), false);
        Ok(())
    }

    /// What the group has committed of these partitions, in order.
    ///
    /// # Errors
    /// When the coordinator does not answer in time; [`ClientError::Usage`] without a group.
    pub async fn committed(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Option<CommittedOffset>>, ClientError> {
        let Some(group) = &self.group else { return Err(no_group()) };
        let asked = partitions.iter().map(|id| (id.topic.clone(), id.partition)).collect();
        let question = OffsetFetch { group_id: group.id().clone(), member: None, partitions: Some(asked) };
        let reply = group.coordinator.ask(&question).await?;
        Ok(reply.offsets.into_iter().map(|fetched| fetched.committed).collect())
    }

    /// Commits what the owner has taken (with automatic commits: everything handed out) and leaves the group; a static member
    /// leaves for a while. What was to be committed and is not within the request timeout is an error, and the group is left
    /// all the same. Without a group it only deregisters.
    ///
    /// # Errors
    /// See above.
    pub async fn close(mut self) -> Result<(), ClientError> {
        let Some(group) = &mut self.group else { return Ok(()) };
        if group.config.auto_commit.is_some() {
            self.attend_group(Instant::now(), true);
            let group = self.group_mut()?;
            group.want_commit(Stage::Reading);
            group.want_commit(Stage::Leaving);
        }
        let unanswered = self.group_mut()?.unanswered();
        let committed = self.await_commits(unanswered).await;
        // (Ended first, or its task would join again. The coordinator would notice by itself, a moment later.)
        let saying = self.group_mut()?.saying();
        self.group = None;
        leave(saying).await;
        committed
    }

    fn group_mut(&mut self) -> Result<&mut Group, ClientError> {
        self.group.as_mut().ok_or_else(no_group)
    }

    /// Where everything owned is.
    fn current_positions(&self) -> Result<Vec<(TopicPartition, Offset, String)>, ClientError> {
        let Some(group) = &self.group else { return Err(no_group()) };
        let read = group.owned.iter().filter(|(_, owned)| !matches!(owned.stage, Stage::Starting(None)));
        Ok(read
            .filter_map(|(id, _)| {
                let slot = self.slot_of(id)?;
                Some((id.clone(), self.partitions[slot].position, String::new()))
            })
            .collect())
    }

    /// Until these commits are answered, and no longer than the request timeout.
    async fn await_commits(&mut self, ids: BTreeSet<TopicPartition>) -> Result<(), ClientError> {
        let timeout = self.cluster.config().request_timeout;
        let deadline = Instant::now() + timeout;
        self.group_mut()?.await_commits(ids);
        loop {
            let now = Instant::now();
            self.attend_group(now, false);
            if let Some(outcome) = self.group_mut()?.awaited() {
                return outcome;
            }
            if let Some(failure) = &self.failure {
                return Err(failure.clone());
            }
            tokio::select! {
                () = self.wait_for_tasks(now) => {}
                () = sleep_until(deadline) => {
                    let address = self.cluster.connected_to();
                    return Err(ClientError::NoAnswer { address, operation: "offset_commit", timeout });
                }
            }
        }
    }
}

fn no_group() -> ClientError {
    ClientError::Usage("this consumer is no member of a group".to_owned())
}
