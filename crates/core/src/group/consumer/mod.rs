//! A server-side group (KIP-848): its coordinator assigns, and members take up and give up partitions one by one.
//!
//! ```text
//!                  joins, goes, wants other topics,         a target assignment
//!                  topics change                            is made
//!   Empty ───────────────────────► Assigning ─────────────────────────► Reconciling
//!     ▲                                ▲                                     │ everybody has
//!     │ the last one goes              └──────────── as above ────── Stable ◄┘ what is theirs
//!     └────────────────────── from anywhere
//!
//!   a member:   Stable ── is told to give up ──► Revoking ── says that it has ──► Waiting ── others gave up ──► Stable
//! ```
//!
//! # For the shell
//!
//! ```text
//! ConsumerGroup::new(config, topics)                 a group that nothing is stored of
//! ConsumerGroup::load(config, now, stored, topics)   one that another coordinator ran
//! handle_heartbeat(now, &request, &topics)           joins, heartbeats, leaves: an answer at once, or a rejection
//! handle_metadata(now, &topics)                      topics were made, deleted, given partitions
//! handle_alive(now, &member_id)                      the member's group stream lasts
//! handle_time(now), next_deadline_ms()
//! assignment_for(now, &member_id)                    what to push on a group stream, after `Effect::Changed`
//! check_member(&identity), check_commit(..)          of commits and fetches; they do not count as signs of life
//! is_subscribed(&topic)                              refuses an offset delete
//! view(), state(), epoch(), is_empty()
//! poll_effect()                                      after each input, until there is none
//! ```
//!
//! # Contract
//!
//! - One owner at a time; time is an argument in milliseconds that never decreases.
//! - Changes apply at once; what is to be stored comes as [`Effect::Store`], in the order of the log. **Nothing that an
//!   input returns, and no push, is shown before everything is durable that was emitted up to then**, also if the input
//!   itself stored nothing. If storing fails the shell drops the group and loads it again: nobody was told of what is
//!   forgotten then.
//! - [`Effect::Changed`] names members that would be told something new. Members that speak Kafka's protocol learn it by
//!   their next heartbeat. For one on a group stream the shell asks [`ConsumerGroup::assignment_for`] and pushes that.
//!   Such a member goes by its stream alone: epoch and assignment in the answers to its heartbeats may be older or newer
//!   than what the stream has told it, and it says in heartbeats and commits the epoch that the stream told it last.
//! - [`ConsumerGroup::next_deadline_ms`] says when [`ConsumerGroup::handle_time`] is to be called at the latest.
//! - Whether there is a group at all (`GROUP_ID_NOT_FOUND`), and of which kind, is the shell's matter.
//!
//! # Epochs
//!
//! The group epoch counts what makes a new assignment necessary, the target epoch is the group epoch that the last target
//! was made in. A member's epoch goes on towards the target's whenever it is told something, and **once more when it
//! has given up what it was told to**. So an epoch stands for one state of knowledge: a member that says it has
//! been told everything up to then, and of the partitions it owned none that it does not name. A heartbeat of an older
//! epoch, late or repeated, proves nothing and gives nothing up; a commit of an older epoch is refused, also one that the
//! member made before it gave the partition up. (In Kafka the first step is missing: there a member stays in its epoch
//! while it revokes, and heartbeats are trusted to arrive in order, which pushed assignments would break.)
//!
//! A target is made at once if the group was calm for [`GroupConfig::assignment_interval_ms`], else when it will have
//! been: members that start together cost one rebalance, not one each.
//!
//! # Invariants
//!
//! Asserted after each input that changed something:
//!
//! - A partition is assigned to at most one member, counting those that have not given it up yet.
//! - Nobody's target has a partition of another's target, or one that does not exist or that it does not want.
//! - No epoch is later than the group's.
//! - An instance id names one member.

pub mod assignor;
mod checks;
mod effect;
mod heartbeat;
mod join;
mod leave;
mod load;
mod member;
mod pattern;
mod reconcile;
mod stored;
mod target;
#[cfg(test)]
mod tests;
mod time;
mod topics;
mod view;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub use effect::{Effect, Rebalance};
use member::Member;
pub use member::MemberState;
use pattern::Patterns;
pub use pattern::{MAX_PATTERN_BYTES, MAX_PATTERNS};
pub use reconcile::Assignment;
pub use stored::{StoredChange, StoredConsumerGroup, StoredCurrent, StoredMember};
pub use topics::{Partition, Topic, Topics};
pub use view::{GroupView, MemberView};
use yak_model::api::{GroupState, Rejection};
use yak_model::{InstanceId, MemberEpoch, MemberId, TopicId};

/// How groups are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// `group.consumer.session.timeout.ms`: a member that is not heard of for so long is gone.
    pub session_timeout_ms: u32,
    /// `group.consumer.heartbeat.interval.ms`: how often members are told to speak.
    pub heartbeat_interval_ms: u32,
    /// `group.consumer.max.size`.
    pub max_size: usize,
    /// How long after a target assignment the next one is made at the earliest. Ours: ten members that start within two
    /// of these cost at most three assignments.
    pub assignment_interval_ms: u32,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            session_timeout_ms: 45_000,
            heartbeat_interval_ms: 5_000,
            max_size: 10_000,
            assignment_interval_ms: 200,
        }
    }
}

/// A group.
#[derive(Debug)]
pub struct ConsumerGroup {
    config: GroupConfig,
    now_ms: u64,
    epoch: MemberEpoch,
    /// The group epoch that the members' targets were made in.
    target_epoch: MemberEpoch,
    /// When that was; `None`: a new one need not wait.
    target_made_ms: Option<u64>,
    /// A new target is to be made.
    is_due: bool,
    topics: Topics,
    /// The topics that members want and there are, with their partitions: what a target is made of.
    wanted: BTreeMap<TopicId, u32>,
    patterns: Patterns,
    members: BTreeMap<MemberId, Member>,
    /// Invariant: exactly the members that have an instance id.
    instances: BTreeMap<InstanceId, MemberId>,
    /// Invariant: exactly what members are assigned or have not given up.
    owners: BTreeMap<Partition, MemberId>,
    /// Invariant: exactly what members' targets have.
    target_owners: BTreeMap<Partition, MemberId>,
    /// What began the rebalance that is going on, and when.
    rebalance: Option<(String, u64)>,
    /// What this input changed, until it is over.
    changes: Vec<StoredChange>,
    /// Whose current assignment this input changed.
    moved: BTreeSet<MemberId>,
    /// Who this input turned out, and does not know it.
    fenced: Vec<(MemberId, Rejection)>,
    /// Who is to be told something new after this input.
    news: BTreeSet<MemberId>,
    effects: VecDeque<Effect>,
}

impl ConsumerGroup {
    /// A group that never had members.
    #[must_use]
    pub fn new(config: GroupConfig, topics: &Topics) -> Self {
        Self {
            config,
            now_ms: 0,
            epoch: MemberEpoch::new(0),
            target_epoch: MemberEpoch::new(0),
            target_made_ms: None,
            is_due: false,
            topics: topics.clone(),
            wanted: BTreeMap::new(),
            patterns: Patterns::default(),
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            owners: BTreeMap::new(),
            target_owners: BTreeMap::new(),
            rebalance: None,
            changes: Vec::new(),
            moved: BTreeSet::new(),
            fenced: Vec::new(),
            news: BTreeSet::new(),
            effects: VecDeque::new(),
        }
    }

    /// Where it stands. Members that lag behind in their epochs alone have what is theirs.
    #[must_use]
    pub fn state(&self) -> GroupState {
        if self.members.is_empty() {
            GroupState::Empty
        } else if self.is_due {
            GroupState::Assigning
        } else if self.members.values().all(Member::is_settled) {
            GroupState::Stable
        } else {
            GroupState::Reconciling
        }
    }

    /// The group epoch.
    #[must_use]
    pub const fn epoch(&self) -> MemberEpoch {
        self.epoch
    }

    /// Whether there is nothing to know of it: it has no members, and never had any.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.is_empty() && self.epoch == MemberEpoch::new(0)
    }

    /// About how many bytes are kept of its members.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.members.values().map(Member::bytes).sum::<usize>() + self.patterns.bytes()
    }

    /// Whether it has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether anything is to be done.
    #[must_use]
    pub fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    /// The next thing to be done.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn advance(&mut self, now_ms: u64) {
        assert!(now_ms >= self.now_ms, "time goes on");
        self.now_ms = now_ms;
    }

    /// An input is over: what it changed is stored before anybody is told.
    fn finish(&mut self) {
        let has_changed = !self.changes.is_empty() || !self.moved.is_empty();
        for id in std::mem::take(&mut self.moved) {
            if let Some(member) = self.members.get(&id) {
                self.changes.push(StoredChange::Current(id, Some(member.stored())));
            }
        }
        if !self.changes.is_empty() {
            self.effects.push_back(Effect::Store(std::mem::take(&mut self.changes)));
        }
        let fenced = std::mem::take(&mut self.fenced).into_iter();
        self.effects.extend(fenced.map(|(member_id, rejection)| Effect::Fenced { member_id, rejection }));
        let news = std::mem::take(&mut self.news);
        let members = news.into_iter().filter(|id| self.members.contains_key(id));
        self.effects.extend(members.map(Effect::Changed));
        self.report_if_over();
        if has_changed {
            self.check();
        }
    }

    fn report_if_over(&mut self) {
        let is_over = matches!(self.state(), GroupState::Stable | GroupState::Empty) && !self.is_due;
        if let Some((cause, began_ms)) = self.rebalance.take_if(|_| is_over) {
            self.effects.push_back(Effect::Rebalanced(Rebalance {
                epoch: self.epoch,
                cause,
                took_ms: self.now_ms - began_ms,
                members: self.members.len(),
            }));
        }
    }
}
