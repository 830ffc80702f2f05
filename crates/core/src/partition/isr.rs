//! The leader's proposals for the ISR: who has caught up joins, who lags leaves (KIP-497, KIP-841).
//!
//! ```text
//!            caught up, or lagging                    accepted: a record with a later partition epoch
//!   none ───────────────────────────► pending ─────────────────────────────────────────────────────► none
//!                                      │   ▲
//!                                      │   └── outcome unknown: proposed again, the same
//!                                      └────── refused as ineligible: taken back
//! ```
//!
//! Invariants:
//! - INV-9: one proposal at a time; it is given up only for a record that came after it, or for the refusal of that
//!   very proposal that says a member is ineligible. Any other refusal leaves it in place until metadata arrives:
//!   whether it was accepted is not known here.
//! - INV-8: while it is pending, its members count for the high watermark beside those of the committed ISR.
//! - INV-6: a replica is proposed only when what counts of its log, fetched in this epoch, has reached both the high
//!   watermark and the start of the epoch. (The high watermark alone does not do: with an ISR below the minimum it
//!   stands still behind the epoch's start. Nor does the epoch's start alone.) It is proposed when it fetches, so that
//!   one that died is not, however much it had.

use yak_model::api::IsrProposal;
use yak_model::{BrokerEpoch, BrokerId, ErrorCode, PartitionEpoch};

use super::leader::Leader;
use super::role::RoleState;
use super::{LAG_TIME_MAX_MS, Replica, ReplicaLog};

/// Between a refusal as ineligible and the next proposal of the same replica.
const AFTER_REFUSAL_MS: u64 = 200;

/// A proposal under way.
#[derive(Debug)]
pub(super) struct Pending {
    proposal: IsrProposal,
    /// The outcome is unknown: it is to be proposed again.
    again: bool,
}

impl Pending {
    /// Whether a follower would be in the ISR.
    pub(super) fn names(&self, broker: BrokerId) -> bool {
        self.proposal.followers.iter().any(|(id, _)| *id == broker)
    }
}

impl Leader {
    /// The ISR and the follower that has just fetched, if it is not in there and has caught up. Only that one: of the
    /// others it is not known whether they live, and the controller would refuse a dead one as often as it is proposed.
    fn larger_isr(
        &self,
        now_ms: u64,
        needed: yak_model::Offset,
        fetched: BrokerId,
    ) -> Option<Vec<(BrokerId, BrokerEpoch)>> {
        let joins = |follower: &super::leader::Progress| {
            follower.broker_id == fetched
                && follower.broker_epoch.is_some()
                && follower.end.is_some_and(|end| end >= needed)
                && follower.not_before_ms <= now_ms
        };
        let mut grew = false;
        let members = self.followers.iter().filter(|follower| {
            let is_member = self.in_sync_replicas.contains(&follower.broker_id);
            let joins = !is_member && joins(follower);
            grew |= joins;
            is_member || joins
        });
        let members = members.map(|follower| (follower.broker_id, known(follower.broker_epoch))).collect();
        grew.then_some(members)
    }

    /// The followers in the ISR that were caught up lately, if those are fewer than the ISR.
    fn smaller_isr(&self, now_ms: u64, lag_ms: u64) -> Option<Vec<(BrokerId, BrokerEpoch)>> {
        let mut shrank = false;
        let members = self.followers.iter().filter(|follower| {
            let is_member = self.in_sync_replicas.contains(&follower.broker_id);
            let lags = is_member && now_ms.saturating_sub(follower.caught_up_ms) > lag_ms;
            shrank |= lags;
            is_member && !lags
        });
        let members = members.map(|follower| (follower.broker_id, known(follower.broker_epoch))).collect();
        shrank.then_some(members)
    }
}

/// A member of the ISR that has not fetched in this epoch yet is there by the controller's word alone.
fn known(broker_epoch: Option<BrokerEpoch>) -> BrokerEpoch {
    broker_epoch.unwrap_or(IsrProposal::UNKNOWN_EPOCH)
}

impl<L: ReplicaLog> Replica<L> {
    /// The controller answered a proposal: the partition epoch it led to, or why not. An accepted one takes effect with
    /// the record that comes with the journal.
    pub fn handle_isr_reply(
        &mut self,
        now_ms: u64,
        proposal: &IsrProposal,
        result: Result<PartitionEpoch, ErrorCode>,
    ) {
        self.advance_clock(now_ms);
        let RoleState::Leader(leader) = &mut self.role else { return };
        let Some(mut pending) = leader.pending.take_if(|pending| pending.proposal == *proposal) else {
            return;
        };
        match result {
            Err(ErrorCode::IneligibleReplica) => {
                let Leader { followers, in_sync_replicas, .. } = leader;
                let joins = |id: BrokerId| pending.names(id) && !in_sync_replicas.contains(&id);
                for follower in followers.iter_mut().filter(|follower| joins(follower.broker_id)) {
                    follower.not_before_ms = now_ms + AFTER_REFUSAL_MS;
                }
                self.advance_high_watermark();
            }
            outcome => {
                pending.again = outcome.is_err_and(ErrorCode::is_retriable);
                leader.pending = Some(pending);
            }
        }
    }

    /// Proposes a follower that has just fetched, if it has caught up.
    pub(super) fn propose_larger_isr(&mut self, fetched: BrokerId) {
        let (now_ms, high_watermark) = (self.now_ms, self.high_watermark);
        let RoleState::Leader(leader) = &self.role else { return };
        if leader.pending.is_some() || self.failed.is_some() {
            return;
        }
        if let Some(members) = leader.larger_isr(now_ms, high_watermark.max(leader.epoch_start), fetched) {
            self.propose(members);
        }
    }

    /// Proposes to go on without whoever lags, or proposes once more what may have been lost.
    pub(super) fn propose_in_time(&mut self) {
        let now_ms = self.now_ms;
        let RoleState::Leader(leader) = &mut self.role else { return };
        if self.failed.is_some() {
            return;
        }
        match &mut leader.pending {
            Some(pending) => {
                if std::mem::take(&mut pending.again) {
                    self.effects.propose_isr(pending.proposal.clone());
                }
            }
            None => {
                if let Some(members) = leader.smaller_isr(now_ms, LAG_TIME_MAX_MS) {
                    self.propose(members);
                }
            }
        }
    }

    fn propose(&mut self, followers: Vec<(BrokerId, BrokerEpoch)>) {
        let Some(partition_epoch) = self.partition_epoch else { return };
        let (topic_id, partition) = (self.identity.topic_id, self.identity.partition.partition);
        let RoleState::Leader(leader) = &mut self.role else { return };
        let leader_epoch = leader.epoch;
        let proposal = IsrProposal { topic_id, partition, leader_epoch, partition_epoch, followers };
        leader.pending = Some(Pending { proposal: proposal.clone(), again: false });
        self.effects.propose_isr(proposal);
    }
}
