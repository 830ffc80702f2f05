//! Replication: what a leader's partition does for its followers, and a follower's with what its leader sent.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::BytesMut;
use tokio::sync::Notify;
use yak_core::partition::{AppendFailure, Followed, FollowerAnswer, FollowerFetch};
use yak_model::api::{IsrProposal, Rejection, ReplicaData, ReplicaFetchEntry};
use yak_model::{BrokerId, ErrorCode, LeaderEpoch, Offset, PartitionEpoch};
use yak_record::Records;

use super::Partition;

/// What became of a leader's answer.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// It was taken, or is of a leader that is not followed any more.
    Taken,
    /// The log was cut: the leader has other records from there on.
    Truncated,
    /// The records are not what the leader's could be, or there is no room for them.
    Refused(Rejection),
    /// The log is offline.
    Failed,
}

impl Partition {
    /// A follower fetches: how far it is counts from here on.
    pub(crate) fn follower_fetch(&self, fetch: &FollowerFetch) -> Result<FollowerAnswer, Rejection> {
        let mut state = self.lock();
        let answer = state.replica.handle_follower_fetch(self.clock.now_ms(), fetch);
        self.publish(state);
        answer
    }

    /// Tells `follower` of every append and every move of the high watermark.
    pub(crate) fn watch(&self, follower: &Arc<Notify>) {
        self.followers.add(follower);
    }

    /// Tells `follower` no more.
    pub(crate) fn unwatch(&self, follower: &Arc<Notify>) {
        self.followers.remove(follower);
    }

    /// Whether it leads in this epoch, as last published.
    fn leads_in(&self, epoch: LeaderEpoch) -> bool {
        self.leading.load(Ordering::Acquire) == epoch.get()
    }

    fn check_leads_in(&self, epoch: LeaderEpoch) -> Result<(), Rejection> {
        if self.leads_in(epoch) { Ok(()) } else { self.lock().replica.check_leads(Some(epoch)) }
    }

    /// Whole batches for a follower, from `offset` up to the log's end; none if its log ends elsewhere than in this one.
    pub(crate) fn read_for_follower(
        &self,
        epoch: LeaderEpoch,
        offset: Offset,
        max_bytes: u64,
    ) -> Result<Records, Rejection> {
        self.check_leads_in(epoch)?;
        let end = self.reader.log_end();
        if max_bytes == 0 || offset < self.reader.log_start() || offset >= end {
            return Ok(Records::EMPTY);
        }
        let read = self.reader.read(offset, max_bytes, end);
        read.map_err(|error| Rejection::new(error.code(), format!("{}: {error}", self.id)))
    }

    /// Appends the bytes of such batches to `out`. It still leads when they were read: else they might be another
    /// leader's, written since in the place of its own.
    pub(crate) fn load_for_follower(
        &self,
        (epoch, offset): (LeaderEpoch, Offset),
        records: &Records,
        out: &mut BytesMut,
    ) -> Result<(), Rejection> {
        let start = out.len();
        let loaded = self.load(records, offset, out);
        let outcome = self.check_leads_in(epoch).and(loaded);
        if outcome.is_err() {
            out.truncate(start);
        }
        outcome
    }

    /// Whom it follows, and where it stands; `None` unless it follows.
    pub(crate) fn following(&self) -> Option<(BrokerId, ReplicaFetchEntry)> {
        self.lock().replica.following()
    }

    /// Whether it is to be reminded of the time now and then, because it leads others.
    pub(crate) fn watches_followers(&self) -> bool {
        self.lock().replica.watches_followers()
    }

    /// Its leader, of that epoch, answered.
    pub(crate) fn fetched(
        &self,
        (leader, epoch): (BrokerId, LeaderEpoch),
        data: &ReplicaData<&[u8]>,
    ) -> Fetched {
        let mut state = self.lock();
        let now = (self.clock.now_ms(), self.clock.wall());
        let followed = state.replica.handle_fetched(now, (leader, epoch), data);
        self.publish(state);
        match followed {
            Ok(Followed::Ignored | Followed::Appended) => Fetched::Taken,
            Ok(Followed::Truncated { from, to }) => {
                tracing::warn!(partition = %self.id, %from, %to, %leader, %epoch, "log_truncated");
                Fetched::Truncated
            }
            Err(AppendFailure::Refused(rejection)) => Fetched::Refused(rejection),
            Err(AppendFailure::Failed(reason)) => {
                tracing::error!(partition = %self.id, reason, "the log failed while it followed");
                Fetched::Failed
            }
        }
    }

    /// The controller answered a proposal.
    pub(crate) fn isr_reply(&self, proposal: &IsrProposal, result: Result<PartitionEpoch, ErrorCode>) {
        let mut state = self.lock();
        state.replica.handle_isr_reply(self.clock.now_ms(), proposal, result);
        self.publish(state);
    }
}
