//! What is not needed any more: commits of deleted topics, commits that nobody has used for long, groups that are empty.
//!
//! Everything goes by tombstones, which are acknowledged before anything is gone from memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use yak_model::api::Rejection;
use yak_model::{ErrorCode, GroupId, TimestampMs};

use super::committed::Place;
use super::describe::not_found;
use super::shard::Shard;
use super::state::{Group, Machine, Phase, State};
use super::stored;
use super::writes::{Then, Waiter};

/// Most tombstones of one batch, and about how many bytes it has at most, which is far below what a batch may have.
const AT_ONCE: usize = 1_000;
const AT_ONCE_BYTES: usize = 256 * 1024;
/// About what a tombstone takes besides the name of its group.
const TOMBSTONE_BYTES: usize = 320;

impl Shard {
    /// Topics came, went or grew: commits of those that are gone are forgotten, and members get what is new.
    pub(super) fn handle_topics(self: &Arc<Self>) {
        let mut state = self.lock();
        if state.phase != Phase::Active {
            // What is being loaded is looked at when it is.
            return;
        }
        self.look_at_topics(&mut state);
    }

    /// The same, with the lock held.
    pub(super) fn look_at_topics(self: &Arc<Self>, state: &mut State) {
        let ids: Vec<GroupId> = state.groups.keys().cloned().collect();
        for id in ids {
            self.forget_deleted(state, &id);
            self.topics_changed(state, &id);
            self.after(state, &id);
            state.sweep(&id);
            if state.phase != Phase::Active {
                return;
            }
        }
    }

    fn forget_deleted(self: &Arc<Self>, state: &mut State, id: &GroupId) {
        let image = self.around.image.load();
        let Some(group) = state.groups.get(id) else { return };
        let gone = |topic, meant| image.topic(topic).is_none_or(|found| found.id() != meant);
        let places: Vec<Place> = group
            .commits
            .iter()
            .filter(|((topic, _), committed)| gone(topic, committed.topic_id))
            .map(|(place, _)| place.clone())
            .collect();
        let places = state.settled(id, places);
        if !places.is_empty()
            && let Err(rejection) = self.forget_commits(state, id, places, None)
        {
            // They are not shown; the next look tries again.
            tracing::warn!(group = %id, %rejection, "commits_not_forgotten");
        }
    }

    /// Writes tombstones for commits, and has `waiter` told when the last is acknowledged.
    ///
    /// # Errors
    /// The log refuses them.
    pub(super) fn forget_commits(
        self: &Arc<Self>,
        state: &mut State,
        id: &GroupId,
        places: Vec<Place>,
        mut waiter: Option<Waiter>,
    ) -> Result<(), Rejection> {
        let (count, at_once) = (places.len(), at_once(id));
        for (at, some) in places.chunks(at_once).enumerate() {
            let records: Vec<_> = some.iter().map(|place| stored::commit(id, place, None)).collect();
            let entries = some.iter().map(|place| (place.clone(), None)).collect();
            let is_last = (at + 1) * at_once >= count;
            let waiter = if is_last { waiter.take() } else { None };
            self.write(state, &records, (Then::Commit { group: id.clone(), entries }, waiter))?;
        }
        Ok(())
    }

    /// Looks for commits that are too old, and for groups of which nothing is left.
    pub(crate) fn expire(self: &Arc<Self>) {
        self.expire_at(self.around.clock.wall());
    }

    /// The same as if it were `now`.
    pub(super) fn expire_at(self: &Arc<Self>, now: TimestampMs) {
        let mut state = self.lock();
        if state.phase != Phase::Active {
            return;
        }
        let ids: Vec<GroupId> = state.groups.keys().cloned().collect();
        for id in ids {
            self.expire_group(&mut state, &id, now);
            state.sweep(&id);
            if state.phase != Phase::Active {
                return;
            }
        }
    }

    fn expire_group(self: &Arc<Self>, state: &mut State, id: &GroupId, now: TimestampMs) {
        self.forget_deleted(state, id);
        let Some(group) = state.groups.get(id) else { return };
        let places = state.settled(id, group.expired(now, self.around.config.retention_ms));
        if !places.is_empty() {
            tracing::info!(group = %id, commits = places.len(), "commits_expired");
            if let Err(rejection) = self.forget_commits(state, id, places, None) {
                tracing::warn!(group = %id, %rejection, "commits_not_forgotten");
            }
        }
        let Some(group) = state.groups.get(id) else { return };
        let is_void = !group.has_members() && group.commits.is_empty() && group.writing == 0;
        if is_void && !matches!(group.machine, Machine::None) {
            self.forget_group(state, id, None).unwrap_or_else(|rejection| {
                tracing::warn!(group = %id, %rejection, "group_not_forgotten");
            });
        }
    }

    /// Writes the tombstones of a group without members and forgets it: its commits first, then what it was.
    fn forget_group(
        self: &Arc<Self>,
        state: &mut State,
        id: &GroupId,
        waiter: Option<Waiter>,
    ) -> Result<(), Rejection> {
        let Some(group) = state.groups.get(id) else { return Ok(()) };
        let records = stored::tombstones(id, group);
        let places: Vec<Place> = group.commits.iter().map(|(place, _)| place.clone()).collect();
        if records.is_empty() {
            return self.forget_commits(state, id, places, waiter);
        }
        self.forget_commits(state, id, places, None)?;
        // Memory is ahead of the log only if the log takes it.
        self.write(state, &records, (Then::Commit { group: id.clone(), entries: Vec::new() }, waiter))?;
        if let Some(group) = state.groups.get_mut(id) {
            // A group that is joined while this is under way writes its new state behind it.
            group.machine = Machine::None;
            group.replaced.clear();
        }
        state.sweep(id);
        Ok(())
    }

    /// Deletes a group that has no members, and what it has committed.
    ///
    /// # Errors
    /// `NON_EMPTY_GROUP`, `GROUP_ID_NOT_FOUND`.
    pub(crate) async fn delete_group(self: &Arc<Self>, id: &GroupId) -> Result<(), Rejection> {
        let written = self.with(id, |state, _| {
            let group = state.groups.get(id).filter(|group| group.is_known()).ok_or_else(|| not_found(id))?;
            if group.has_members() {
                let message = format!("group '{id}' has members");
                return Err(Rejection::new(ErrorCode::NonEmptyGroup, message));
            }
            let (sender, receiver) = tokio::sync::oneshot::channel();
            self.forget_group(state, id, Some(sender))?;
            Ok(receiver)
        })??;
        self.written(written).await
    }
}

/// How many tombstones of a group go into one batch: each names the group.
fn at_once(id: &GroupId) -> usize {
    (AT_ONCE_BYTES / (id.as_str().len() + TOMBSTONE_BYTES)).clamp(1, AT_ONCE)
}

impl State {
    /// Those of a group's places for which no newer commit is on its way: a tombstone would come after it in the log, and
    /// take what its committer is told is stored.
    fn settled(&self, id: &GroupId, mut places: Vec<Place>) -> Vec<Place> {
        if self.groups.get(id).is_some_and(|group| group.writing > 0) {
            let coming: BTreeSet<&Place> =
                self.pending.iter().flat_map(|pending| pending.commits_of(id)).collect();
            places.retain(|place| !coming.contains(place));
        }
        places
    }
}

impl Group {
    /// Commits that are kept for nothing: of a group that has had no members for so long, or of topics that its members
    /// do not read.
    fn expired(&self, now: TimestampMs, retention_ms: i64) -> Vec<Place> {
        let is_old = |time: TimestampMs| now.get().saturating_sub(time.get()) >= retention_ms;
        let is_idle = match (self.has_members(), self.empty_since) {
            (true, _) if !self.names_its_topics() => return Vec::new(),
            (true, _) => None,
            (false, since) => Some(since.is_none_or(is_old)),
        };
        if is_idle == Some(false) {
            return Vec::new();
        }
        let read = self.topics_read();
        self.commits
            .iter()
            .filter(|((topic, _), committed)| {
                is_old(committed.offset.commit_time) && (is_idle.is_some() || !read.contains(topic))
            })
            .map(|(place, _)| place.clone())
            .collect()
    }
}
