//! A consumer that is a member of a group: which partitions are its own, and how far it has come.
//!
//! ```text
//!   Standing (of the member's task) ─► attend ─► partitions that start, are given up, are lost
//!
//!             offsets looked up, first position committed
//!   Starting ─────────────────────────────────────────────► Reading ──┐ not assigned any more: Event::Revoked
//!      ▲ joined again: the same partition                      │      ▼
//!      └──────────────────────────────────────────────────────┘   Leaving ─► owner came back ─► commits done ─► said
//! ```
//!
//! Nothing is read while it is not known to be a member. After an interruption the partitions that are assigned again go on
//! where they were, unless somebody else has committed beyond; those that are not are lost. The owner's calling `next` says
//! that it has taken everything handed out before.

mod api;
mod commits;
mod config;
mod reconcile;
mod say;
mod starting;

use std::collections::{BTreeMap, BTreeSet};

use commits::Commits;
pub use config::{GroupConfig, GroupStart};
pub(super) use say::Said;
use starting::Lookup;
use tokio::sync::watch;
use tokio::time::Instant;
use yak_model::{GroupId, Offset, PartitionIndex, TopicId, TopicName, TopicPartition};

use super::engine::Done;
use super::{Consumer, Event, Stop};
use crate::cluster::Backoff;
use crate::group::{Coordinator, Ended, Membership, Standing};

/// How soon it is looked again whether the coordinator speaks, after this process was stopped.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(50);

/// What makes a consumer a member.
#[derive(Debug)]
pub(super) struct Group {
    config: GroupConfig,
    coordinator: Coordinator,
    _membership: Membership,
    standing: watch::Receiver<Standing>,
    /// The incarnation in which `owned` was assigned.
    incarnation: u64,
    /// The assignment that `owned` follows.
    version: u64,
    is_complete: bool,
    owned: BTreeMap<TopicPartition, Owned>,
    /// Nothing is read: it is not known to be a member.
    is_suspended: bool,
    /// Partitions are given up.
    revoking: Option<Revoking>,
    lookup: Lookup,
    commits: Commits,
    acknowledging: Acknowledging,
    /// How many partitions each topic had when it was first seen: those beyond are new.
    counts: BTreeMap<TopicName, i32>,
}

/// A partition that is this member's.
#[derive(Debug)]
struct Owned {
    topic_id: TopicId,
    stage: Stage,
    /// What is known to be committed.
    committed: Option<Offset>,
    /// What the owner has taken.
    taken: Offset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Where it begins is being looked up; of one that goes on after an interruption, its position then.
    Starting(Option<Offset>),
    Reading,
    Leaving,
}

/// How far giving up has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Revoking {
    /// The owner is to be told.
    ToBeSaid,
    /// It was told, and has not come back since.
    Said,
    /// It came back: what is committed now is all.
    Committing,
}

/// What the coordinator was told to be owned.
#[derive(Debug)]
struct Acknowledging {
    told: BTreeSet<(TopicId, PartitionIndex)>,
    is_under_way: bool,
    not_before: Option<Instant>,
    backoff: Backoff,
}

impl Group {
    fn new(config: GroupConfig, coordinator: Coordinator, membership: Membership) -> Self {
        let client = coordinator.cluster().config();
        Self {
            standing: membership.standing().clone(),
            incarnation: 0,
            version: 0,
            is_complete: false,
            owned: BTreeMap::new(),
            is_suspended: true,
            revoking: None,
            lookup: Lookup::new(client),
            commits: Commits::new(client, config.auto_commit),
            acknowledging: Acknowledging {
                told: BTreeSet::new(),
                is_under_way: false,
                not_before: None,
                backoff: Backoff::new(client),
            },
            counts: BTreeMap::new(),
            config,
            coordinator,
            _membership: membership,
        }
    }

    pub(super) const fn id(&self) -> &GroupId {
        &self.config.group
    }

    /// What the member's task knows; whoever waits for it clones it.
    pub(super) const fn standing(&self) -> &watch::Receiver<Standing> {
        &self.standing
    }

    /// Whether everything that it is to own has been assigned, and has come to its stop.
    pub(super) fn is_finished(&self, consumer: &Consumer) -> bool {
        let is_settled = self.config.stop != Stop::Never
            && self.incarnation > 0
            && self.is_complete
            && self.revoking.is_none();
        is_settled
            && self.owned.iter().all(|(id, owned)| owned.stage == Stage::Reading && consumer.is_at_stop(id))
    }

    /// Does what is due: looks how it stands, and begins what follows from it. `came_back`: the owner has taken everything
    /// that was handed out.
    pub(super) fn attend(&mut self, consumer: &mut Consumer, now: Instant, came_back: bool) {
        if came_back {
            self.owner_came_back(consumer);
        }
        let standing = self.standing.borrow_and_update().clone();
        self.look(consumer, &standing, now);
        self.finish_revocation(consumer);
        if standing.incarnation == self.incarnation && standing.is_member(now) {
            self.start_lookup(consumer, now);
            self.commit_by_itself(now);
            self.start_commit(consumer, now);
            self.start_acknowledging(consumer, now);
        }
    }

    fn owner_came_back(&mut self, consumer: &Consumer) {
        for (id, owned) in &mut self.owned {
            if owned.stage != Stage::Reading && owned.stage != Stage::Leaving {
                continue;
            }
            if let Some(slot) = consumer.slot_of(id) {
                owned.taken = consumer.partitions[slot].position;
            }
        }
        if self.revoking == Some(Revoking::Said) {
            self.revoking = Some(Revoking::Committing);
            if self.config.auto_commit.is_some() {
                self.want_commit(Stage::Leaving);
            }
        }
    }

    /// Takes in how it stands.
    fn look(&mut self, consumer: &mut Consumer, standing: &Standing, now: Instant) {
        if !standing.is_member(now) {
            self.suspend(consumer);
            match &standing.ended {
                Some(Ended::Failed(error)) => _ = consumer.failure.get_or_insert_with(|| error.clone()),
                Some(Ended::Interrupted(error)) => consumer.outage.failed(error.clone(), now),
                Some(Ended::Fenced(rejection)) if standing.incarnation == self.incarnation => {
                    self.lose_everything(consumer, &rejection.clone().into());
                }
                Some(Ended::Fenced(_)) | None => {}
            }
            return;
        }
        let Some(assignment) = &standing.assignment else { return };
        if standing.incarnation != self.incarnation {
            self.version = standing.version;
            self.rejoined(consumer, standing.incarnation, assignment);
        } else if standing.version != self.version && self.revoking.is_none() {
            self.version = standing.version;
            self.reassigned(consumer, assignment);
        } else if self.is_suspended {
            self.go_on(consumer);
        }
    }

    /// Events that its owner is handed.
    pub(super) fn handed_out(&mut self, event: &Event) {
        if matches!(event, Event::Revoked { .. }) && self.revoking == Some(Revoking::ToBeSaid) {
            self.revoking = Some(Revoking::Said);
        }
    }

    /// When something is due although nothing happens.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let standing = self.standing.borrow();
        if !standing.is_member(now) {
            // This process was stopped; the task is about to look.
            return standing.member.is_some().then_some(now + LOOK_AGAIN);
        }
        if standing.incarnation != self.incarnation {
            return None;
        }
        let lookup = self.lookup.not_before.filter(|_| !self.lookup.is_under_way);
        let acknowledging = self.acknowledging.not_before.filter(|_| !self.acknowledging.is_under_way);
        [lookup, acknowledging, self.commit_due()].into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Something that was begun for the group is done.
    pub(super) fn done(&mut self, consumer: &mut Consumer, said: Said, now: Instant) {
        match said {
            Said::Began(incarnation, began) => self.began(consumer, incarnation, began, now),
            Said::Committed(outcome) => self.committed(consumer, outcome, now),
            Said::Acknowledged(incarnation, told) => self.acknowledged(incarnation, told, now),
        }
    }
}

impl Consumer {
    /// Lets the group do what is due.
    pub(super) fn attend_group(&mut self, now: Instant, came_back: bool) {
        if let Some(mut group) = self.group.take() {
            group.attend(self, now, came_back);
            self.group = Some(group);
        }
    }

    /// Something that was begun for the group is done.
    pub(super) fn group_done(&mut self, said: Said, now: Instant) {
        if let Some(mut group) = self.group.take() {
            group.done(self, said, now);
            self.group = Some(group);
        }
    }

    fn is_at_stop(&self, id: &TopicPartition) -> bool {
        self.slot_of(id).is_some_and(|slot| self.partitions[slot].is_stopped())
    }

    fn begin(&mut self, task: impl Future<Output = Said> + Send + 'static) {
        self.tasks.spawn(async move { Done::Group(task.await) });
    }
}
