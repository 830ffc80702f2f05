//! A classic group: its members join, one of them assigns, all of them get their part and say that they live.
//!
//! ```text
//!            somebody joins            everybody has joined,            the leader's assignment
//!                                      or their time is up              is durable
//!   Empty ──────────────► Preparing ───────────────────► Completing ───────────────► Stable
//!     ▲                     ▲   ▲                            │                          │
//!     │                     │   └── somebody joins, goes ────┘                          │
//!     │                     └────── joins with something new, goes, is not heard of ────┘
//!     └── nobody is left when a rebalance completes
//! ```
//!
//! Contract:
//!
//! - One owner at a time; time is an argument in milliseconds that never decreases. Ids of new members are made of
//!   what the caller draws.
//! - A join or sync that must wait is given a [`Token`]; its answer comes as an [`Effect`], each exactly once, unless the
//!   member has asked again meanwhile: the older question is then answered with `UNKNOWN_MEMBER_ID`, for nobody listens.
//! - A join that is answered at once ([`Join::Done`]) may be that of a static member's next process, whose id the group
//!   has stored by then: the answer is shown when what was emitted before it is durable, or a crash would bring the
//!   process before it back beside it.
//! - `Completing` ends when the caller says by [`ClassicGroup::handle_stored`] that what [`Effect::Store`] gave it is
//!   durable: no member works by an assignment that a crash of the coordinator could forget.
//! - [`ClassicGroup::next_deadline_ms`] says when [`ClassicGroup::handle_time`] is to be called at the latest.
//!
//! Invariants, asserted after each input:
//!
//! - Only members that were given this very generation and no later one are told assignments of it.
//! - Every protocol that is chosen is known to every member.
//! - A static member's instance id names one member.
//! - A waiting join is there only while preparing, a waiting sync only while completing.

mod checks;
mod effect;
mod heartbeat;
mod join;
mod leave;
mod member;
mod rebalance;
mod sync;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{BTreeMap, VecDeque};

pub use effect::{Effect, Rebalance, StoredGroup, StoredMember, Token};
pub use join::Join;
use member::Member;
pub use sync::Sync;
pub use view::{GroupView, MemberView};
use yak_model::{GenerationId, InstanceId, MemberId};

/// How groups are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// `group.min.session.timeout.ms`.
    pub min_session_timeout_ms: u32,
    /// `group.max.session.timeout.ms`.
    pub max_session_timeout_ms: u32,
    /// `group.initial.rebalance.delay.ms`: how long the first member of an empty group waits for others.
    pub initial_rebalance_delay_ms: u32,
    /// `group.max.size`.
    pub max_size: usize,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            min_session_timeout_ms: 6_000,
            max_session_timeout_ms: 1_800_000,
            // Kafka waits three seconds, for the sake of many members that start together.
            initial_rebalance_delay_ms: 0,
            max_size: 10_000,
        }
    }
}

/// Where a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has no members; it may have commits.
    Empty,
    /// Its members are to join.
    Preparing,
    /// All have joined; the leader is to assign.
    Completing,
    /// Everybody has an assignment.
    Stable,
}

impl State {
    /// Kafka's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Preparing => "PreparingRebalance",
            Self::Completing => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// A group.
#[derive(Debug)]
pub struct ClassicGroup {
    config: GroupConfig,
    now_ms: u64,
    state: State,
    generation: GenerationId,
    /// What the group is for; `None` while it never had a member.
    protocol_type: Option<String>,
    /// Chosen when a rebalance completes.
    protocol: Option<String>,
    leader: Option<MemberId>,
    members: BTreeMap<MemberId, Member>,
    /// Invariant: exactly the members that have an instance id.
    instances: BTreeMap<InstanceId, MemberId>,
    /// Ids that were given out and not joined with yet, and until when they hold.
    pending: BTreeMap<MemberId, u64>,
    /// While preparing or completing: until when members have time to join, or to sync.
    deadline_ms: Option<u64>,
    /// While preparing for the first time: until when the delay may be prolonged by new members.
    delay_until_ms: Option<u64>,
    /// What began the rebalance that is going on.
    rebalance: Option<(String, u64)>,
    /// The assignment that is being stored.
    storing: Option<BTreeMap<MemberId, bytes::Bytes>>,
    joined: u64,
    next_token: u64,
    effects: VecDeque<Effect>,
}

impl ClassicGroup {
    /// A group without members.
    #[must_use]
    pub fn new(config: GroupConfig) -> Self {
        Self {
            config,
            now_ms: 0,
            state: State::Empty,
            generation: GenerationId::new(0),
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            pending: BTreeMap::new(),
            deadline_ms: None,
            delay_until_ms: None,
            rebalance: None,
            storing: None,
            joined: 0,
            next_token: 0,
            effects: VecDeque::new(),
        }
    }

    /// The group as another coordinator stored it. Its members have a whole session from `now` on.
    #[must_use]
    pub fn load(config: GroupConfig, now_ms: u64, stored: StoredGroup) -> Self {
        let mut group = Self::new(config);
        group.now_ms = now_ms;
        group.generation = stored.generation_id;
        group.protocol_type = stored.protocol_type;
        group.protocol = stored.protocol;
        group.leader = stored.leader;
        for member in stored.members {
            let id = member.member_id.clone();
            let member = Member::load(member, now_ms, group.next_joined());
            if let Some(instance) = &member.instance_id {
                group.instances.insert(instance.clone(), id.clone());
            }
            group.members.insert(id, member);
        }
        group.state = if group.members.is_empty() { State::Empty } else { State::Stable };
        group.check();
        group
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Its generation.
    #[must_use]
    pub const fn generation_id(&self) -> GenerationId {
        self.generation
    }

    /// What it is for, if it ever had a member.
    #[must_use]
    pub fn protocol_type(&self) -> Option<&str> {
        self.protocol_type.as_deref()
    }

    /// Whether there is nothing to know of it: it has no members, and never had any.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.is_empty() && self.generation == GenerationId::new(0)
    }

    /// About how many bytes are kept of its members.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let members: usize = self.members.values().map(Member::bytes).sum();
        members + self.pending.len() * member::OVERHEAD_BYTES
    }

    /// Whether nobody is a member or about to become one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.pending.is_empty()
    }

    /// The next thing to be done.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`ClassicGroup::handle_time`] has something to do.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let members = self.members.values().filter_map(Member::deadline_ms);
        members.chain(self.pending.values().copied()).chain(self.deadline_ms).min()
    }

    fn advance(&mut self, now_ms: u64) {
        assert!(now_ms >= self.now_ms, "time goes on");
        self.now_ms = now_ms;
    }

    fn next_joined(&mut self) -> u64 {
        self.joined += 1;
        self.joined
    }

    fn token(&mut self) -> Token {
        self.next_token += 1;
        Token(self.next_token)
    }
}
