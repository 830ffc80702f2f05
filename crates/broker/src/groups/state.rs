//! The groups of a shard, behind its lock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use yak_core::group::classic;
use yak_model::api::{GroupKind, RebalanceRecord, Rejection};
use yak_model::limits::{MAX_COORDINATOR_WRITES, MAX_REBALANCE_CAUSE_LEN};
use yak_model::{ErrorCode, GroupId, TimestampMs};
use yak_record::BatchBuilder;

use super::around::Share;
use super::classic::Classic;
use super::committed::Commits;
use super::consumer::Consumer;
use super::writes::{Pending, StoredRecord};

/// Rebalances of a group that are remembered for people to read.
const REBALANCES_REMEMBERED: usize = 100;

/// Where a shard stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It reads its log.
    Loading,
    /// It coordinates.
    Active,
    /// Another broker does, or nobody.
    Ended,
}

/// What the lock guards.
#[derive(Debug)]
pub(super) struct State {
    pub(super) phase: Phase,
    /// Counts how often the log was read, so that what was begun before is known from what is now.
    pub(super) loaded: u64,
    pub(super) groups: BTreeMap<GroupId, Group>,
    /// When which group wants to be reminded of the time. Invariant: what each group's `deadline_ms` says.
    pub(super) deadlines: BTreeSet<(u64, GroupId)>,
    /// What was appended and is not acknowledged yet, in order.
    pub(super) pending: VecDeque<Pending>,
    pub(super) builder: BatchBuilder,
}

/// A group.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) machine: Machine,
    pub(super) commits: Commits,
    /// Since when it has had no members, as far as that is known.
    pub(super) empty_since: Option<TimestampMs>,
    /// The last rebalances, oldest first.
    pub(super) rebalances: VecDeque<RebalanceRecord>,
    pub(super) deadline_ms: Option<u64>,
    /// Tombstones of what it was before it became of this kind; they go with the first record of what it is now.
    pub(super) replaced: Vec<StoredRecord>,
    /// What is kept of its members.
    pub(super) share: Share,
    /// Appended and not yet acknowledged for this group: it is not to be forgotten before.
    pub(super) writing: usize,
}

/// Who runs a group's members.
#[derive(Debug, Default)]
pub(super) enum Machine {
    /// It never had any, or nothing is left to know of them.
    #[default]
    None,
    /// Its members assign.
    Classic(Box<Classic>),
    /// The coordinator assigns.
    Consumer(Box<Consumer>),
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Loading,
            loaded: 0,
            groups: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            pending: VecDeque::new(),
            builder: BatchBuilder::new(),
        }
    }

    /// Nothing is known any more; who waits is answered by silence, which its asker takes for `NOT_COORDINATOR`.
    pub(super) fn forget(&mut self, phase: Phase) {
        self.phase = phase;
        self.loaded += 1;
        self.groups.clear();
        self.deadlines.clear();
        self.pending.clear();
    }

    /// Whether it may be asked.
    pub(super) fn check(&self) -> Result<(), Rejection> {
        match self.phase {
            Phase::Active => Ok(()),
            Phase::Loading => {
                let message = "the coordinator reads what is known of its groups";
                Err(Rejection::new(ErrorCode::CoordinatorLoadInProgress, message))
            }
            Phase::Ended => Err(moved()),
        }
    }

    /// Whether something may be appended for whoever asks.
    ///
    /// # Errors
    /// `COORDINATOR_NOT_AVAILABLE`: too much that was appended waits for replicas.
    pub(super) fn check_backlog(&self) -> Result<(), Rejection> {
        if self.pending.len() < MAX_COORDINATOR_WRITES {
            return Ok(());
        }
        let message = format!("{MAX_COORDINATOR_WRITES} changes wait for the coordinator's replicas");
        Err(Rejection::new(ErrorCode::CoordinatorNotAvailable, message))
    }

    /// Takes note of when a group is to be reminded. Whether that is earlier than any other's.
    pub(super) fn remind(&mut self, id: &GroupId, at_ms: Option<u64>) -> bool {
        let Some(group) = self.groups.get_mut(id) else { return false };
        if group.deadline_ms == at_ms {
            return false;
        }
        if let Some(before) = std::mem::replace(&mut group.deadline_ms, at_ms) {
            self.deadlines.remove(&(before, id.clone()));
        }
        let Some(at_ms) = at_ms else { return false };
        let is_earliest = self.deadlines.first().is_none_or(|(earliest, _)| at_ms < *earliest);
        self.deadlines.insert((at_ms, id.clone()));
        is_earliest
    }

    /// Forgets a group of which there is nothing to know.
    pub(super) fn sweep(&mut self, id: &GroupId) {
        if self.groups.get(id).is_some_and(Group::is_void) {
            self.remind(id, None);
            self.groups.remove(id);
        }
    }
}

impl Group {
    /// Nobody is or was a member of it, and nothing of it is committed, being written or to be removed.
    pub(super) fn is_void(&self) -> bool {
        let is_blank = match &self.machine {
            Machine::None => true,
            Machine::Classic(classic) => classic.core.is_blank(),
            Machine::Consumer(consumer) => consumer.core.is_blank(),
        };
        is_blank && self.commits.is_empty() && self.writing == 0 && self.replaced.is_empty()
    }

    /// About how many bytes are kept of its members.
    pub(super) fn bytes(&self) -> usize {
        match &self.machine {
            Machine::None => 0,
            Machine::Classic(classic) => classic.core.bytes(),
            Machine::Consumer(consumer) => consumer.bytes(),
        }
    }

    /// Whether it has members, or is about to.
    pub(super) fn has_members(&self) -> bool {
        match &self.machine {
            Machine::None => false,
            Machine::Classic(classic) => !classic.core.is_empty(),
            Machine::Consumer(consumer) => !consumer.core.is_empty(),
        }
    }

    pub(super) fn kind(&self) -> GroupKind {
        match &self.machine {
            Machine::None | Machine::Classic(_) => GroupKind::Classic,
            Machine::Consumer(_) => GroupKind::Consumer,
        }
    }

    /// When its machine wants to be told the time.
    pub(super) fn next_deadline_ms(&self) -> Option<u64> {
        match &self.machine {
            Machine::None => None,
            Machine::Classic(classic) => classic.core.next_deadline_ms(),
            Machine::Consumer(consumer) => consumer.next_deadline_ms(),
        }
    }

    /// Remembers a rebalance that is over.
    pub(super) fn rebalanced(&mut self, id: &GroupId, mut record: RebalanceRecord) {
        truncate(&mut record.cause);
        let RebalanceRecord { epoch, cause, took_ms, members, .. } = &record;
        tracing::info!(group = %id, epoch, cause, took_ms, members, "group_rebalanced");
        if self.rebalances.len() >= REBALANCES_REMEMBERED {
            self.rebalances.pop_front();
        }
        self.rebalances.push_back(record);
    }

    /// When something was committed last.
    pub(super) fn last_commit(&self) -> Option<TimestampMs> {
        self.commits.iter().map(|(_, committed)| committed.offset.commit_time).max()
    }

    /// Keeps in mind since when it has had no members.
    pub(super) fn note_emptiness(&mut self, now: TimestampMs) {
        if self.has_members() {
            self.empty_since = None;
        } else {
            self.empty_since.get_or_insert(now);
        }
    }
}

/// Clients choose what they are called and why they leave.
fn truncate(cause: &mut String) {
    if cause.len() > MAX_REBALANCE_CAUSE_LEN {
        let end = (0..=MAX_REBALANCE_CAUSE_LEN).rev().find(|at| cause.is_char_boundary(*at));
        *cause = format!("{}...", &cause[..end.unwrap_or_default()]);
    }
}

/// As classic rebalances are remembered.
pub(super) fn classic_rebalance(at: TimestampMs, rebalance: classic::Rebalance) -> RebalanceRecord {
    RebalanceRecord {
        at,
        epoch: rebalance.generation_id.get(),
        cause: rebalance.cause,
        took_ms: rebalance.took_ms,
        members: rebalance.members,
    }
}

/// The coordinator is elsewhere, or about to be.
pub(super) fn moved() -> Rejection {
    Rejection::new(ErrorCode::NotCoordinator, "the group is coordinated elsewhere: ask for the coordinator")
}
