//! Commits: how far a group has come, stored, shown and forgotten.

use std::sync::Arc;

use tokio::sync::oneshot;
use yak_model::api::{
    CommittedOffset, FetchedOffset, MemberIdentity, OffsetCommit, OffsetCommitEntry, OffsetDelete,
    OffsetFetch, Rejection,
};
use yak_model::{ErrorCode, GroupId, TopicId, TopicName};

use super::classic::unknown_member;
use super::committed::{Committed, Place};
use super::describe::not_found;
use super::shard::Shard;
use super::state::{Machine, State};
use super::stored;
use super::writes::Then;

/// About what a stored commit takes besides names and text.
const COMMIT_BYTES: usize = 48;
/// Only a commit that is larger may be too large.
const LARGE_COMMIT_BYTES: usize = 64 * 1024;

/// A result for each entry.
type Results = Vec<Result<(), Rejection>>;

impl Shard {
    /// Stores how far a group has come; answered when it is acknowledged.
    ///
    /// # Errors
    /// Nothing of it was stored.
    pub(crate) async fn offset_commit(self: &Arc<Self>, request: OffsetCommit) -> Result<Results, Rejection> {
        let group_id = request.group_id.clone();
        let begun = self.with_one(&group_id, |state, now_ms| self.commit(state, request, now_ms))??;
        self.finish(begun).await
    }

    /// Forgets commits; answered when that is acknowledged.
    ///
    /// # Errors
    /// Nothing of it was forgotten.
    pub(crate) async fn offset_delete(
        self: &Arc<Self>,
        request: &OffsetDelete,
    ) -> Result<Results, Rejection> {
        let begun = self.with_one(&request.group_id, |state, _| self.delete_offsets(state, request))??;
        self.finish(begun).await
    }

    async fn finish(&self, (results, written): Begun) -> Result<Results, Rejection> {
        if let Some(written) = written {
            self.written(written).await?;
        }
        Ok(results)
    }

    fn commit(
        self: &Arc<Self>,
        state: &mut State,
        request: OffsetCommit,
        now_ms: u64,
    ) -> Result<Begun, Rejection> {
        let OffsetCommit { group_id, member, entries } = request;
        check_committer(state, &group_id, member.as_ref(), now_ms)?;
        state.check_room(&group_id)?;
        state.check_backlog()?;
        self.check_batch(&group_id, &entries)?;
        let checked: Vec<Result<(Place, Committed), Rejection>> =
            entries.into_iter().map(|entry| self.committed(entry)).collect();
        let records: Vec<_> = checked
            .iter()
            .flatten()
            .map(|(place, committed)| stored::commit(&group_id, place, Some(committed)))
            .collect();
        let mut stored = Vec::with_capacity(records.len());
        let results = checked
            .into_iter()
            .map(|checked| checked.map(|(place, committed)| stored.push((place, Some(committed)))))
            .collect();
        if records.is_empty() {
            return Ok((results, None));
        }
        state.group(&group_id);
        let (sender, receiver) = oneshot::channel();
        let then = Then::Commit { group: group_id, entries: stored };
        self.write(state, &records, (then, Some(sender)))?;
        Ok((results, Some(receiver)))
    }

    /// A commit is one batch. One that would be too large is not even made: each of its records names the group.
    fn check_batch(&self, id: &GroupId, entries: &[OffsetCommitEntry]) -> Result<(), Rejection> {
        let of_entry = |entry: &OffsetCommitEntry| {
            id.as_str().len() + entry.topic.as_str().len() + entry.metadata.len() + COMMIT_BYTES
        };
        let bytes: usize = entries.iter().map(of_entry).sum();
        if bytes <= LARGE_COMMIT_BYTES || bytes <= self.max_batch_bytes() {
            return Ok(());
        }
        let message = format!(
            "a commit takes at most {} bytes here, this one about {bytes}; several of fewer partitions may do",
            self.max_batch_bytes()
        );
        Err(Rejection::new(ErrorCode::InvalidCommitOffsetSize, message))
    }

    fn committed(&self, entry: OffsetCommitEntry) -> Result<(Place, Committed), Rejection> {
        let OffsetCommitEntry { topic, topic_id, partition, offset, leader_epoch, metadata } = entry;
        let max = self.around.config.max_metadata_bytes;
        if metadata.len() > max {
            let message =
                format!("the text of a commit has at most {max} bytes here, this one {}", metadata.len());
            return Err(Rejection::new(ErrorCode::OffsetMetadataTooLarge, message));
        }
        if offset.get() < 0 {
            let message = format!("{topic}-{partition}: an offset is not negative, this one is {offset}");
            return Err(Rejection::new(ErrorCode::InvalidRequest, message));
        }
        let image = self.around.image.load();
        let unknown = |message: String| Err(Rejection::new(ErrorCode::UnknownTopicOrPartition, message));
        let Some(found) = image.topic(&topic) else {
            return unknown(format!("topic '{topic}' does not exist"));
        };
        if topic_id.is_some_and(|meant| meant != found.id()) {
            let message = format!("topic '{topic}' has another id: it was created anew");
            return Err(Rejection::new(ErrorCode::UnknownTopicId, message));
        }
        if found.partition(partition).is_none() {
            return unknown(format!("topic '{topic}' has no partition {partition}"));
        }
        let offset =
            CommittedOffset { offset, leader_epoch, metadata, commit_time: self.around.clock.wall() };
        Ok(((topic, partition), Committed { topic_id: found.id(), offset }))
    }

    fn delete_offsets(
        self: &Arc<Self>,
        state: &mut State,
        request: &OffsetDelete,
    ) -> Result<Begun, Rejection> {
        let id = &request.group_id;
        let group = state.groups.get(id).filter(|group| group.is_known()).ok_or_else(|| not_found(id))?;
        if group.has_members() && !group.names_its_topics() {
            let message = format!("group '{id}' has members, and which topics they read is not known here");
            return Err(Rejection::new(ErrorCode::NonEmptyGroup, message));
        }
        let read = group.topics_read();
        let check = |topic: &TopicName| {
            if read.contains(topic) {
                let message = format!("group '{id}' reads topic '{topic}'");
                return Err(Rejection::new(ErrorCode::GroupSubscribedToTopic, message));
            }
            Ok(())
        };
        let results: Results = request.partitions.iter().map(|(topic, _)| check(topic)).collect();
        let places: Vec<Place> = request
            .partitions
            .iter()
            .zip(&results)
            .filter(|((topic, partition), result)| {
                result.is_ok() && group.commits.get(topic, *partition).is_some()
            })
            .map(|(place, _)| place.clone())
            .collect();
        if places.is_empty() {
            return Ok((results, None));
        }
        let (sender, receiver) = oneshot::channel();
        self.forget_commits(state, id, places, Some(sender))?;
        Ok((results, Some(receiver)))
    }

    /// What a group has committed.
    ///
    /// # Errors
    /// The coordinator is not ready; who asks is no member, or one of the past.
    pub(crate) fn offset_fetch(
        self: &Arc<Self>,
        request: OffsetFetch,
    ) -> Result<Vec<FetchedOffset>, Rejection> {
        let OffsetFetch { group_id, member, partitions } = request;
        let state = &mut *self.lock();
        state.check()?;
        if let Some(member) = &member {
            check_reader(state, &group_id, member)?;
        }
        let group = state.groups.get(&group_id);
        let image = self.around.image.load();
        // A topic that was deleted a moment ago has no commits, though they are still being forgotten.
        let is_current =
            |topic: &TopicName, meant: TopicId| image.topic(topic).is_some_and(|found| found.id() == meant);
        let Some(partitions) = partitions else {
            let commits = group.into_iter().flat_map(|group| group.commits.iter());
            let current = commits.filter(|((topic, _), committed)| is_current(topic, committed.topic_id));
            let all = current.map(|((topic, partition), committed)| FetchedOffset {
                topic: topic.clone(),
                partition: *partition,
                committed: Some(committed.offset.clone()),
            });
            return Ok(all.collect());
        };
        let fetched = |(topic, partition): (TopicName, _)| {
            let committed = group
                .and_then(|group| group.commits.get(&topic, partition))
                .filter(|committed| is_current(&topic, committed.topic_id))
                .map(|committed| committed.offset.clone());
            FetchedOffset { topic, partition, committed }
        };
        Ok(partitions.into_iter().map(fetched).collect())
    }
}

/// Results, and what they wait for.
type Begun = (Results, Option<oneshot::Receiver<Result<(), Rejection>>>);

/// Whether this one may commit for the group now.
fn check_committer(
    state: &mut State,
    id: &GroupId,
    member: Option<&MemberIdentity>,
    now_ms: u64,
) -> Result<(), Rejection> {
    match state.groups.get_mut(id).map(|group| &mut group.machine) {
        Some(Machine::Classic(classic)) => classic.core.handle_commit(now_ms, member),
        Some(Machine::Consumer(consumer)) => consumer.core.check_commit(member),
        Some(Machine::None) | None => match member {
            None => Ok(()),
            // Kafka's code for members of a group that is not known.
            Some(_) => Err(Rejection::new(
                ErrorCode::IllegalGeneration,
                "the group has no members: this one is of the past",
            )),
        },
    }
}

/// Whether this one is still a member that may know the group's commits.
fn check_reader(state: &mut State, id: &GroupId, member: &MemberIdentity) -> Result<(), Rejection> {
    match state.groups.get_mut(id).map(|group| &mut group.machine) {
        Some(Machine::Consumer(consumer)) => consumer.core.check_member(member),
        Some(Machine::Classic(_)) => Ok(()),
        Some(Machine::None) | None => Err(unknown_member()),
    }
}
