//! What a group wants done, in the order in which it must be done.

use yak_model::api::Rejection;
use yak_model::{MemberEpoch, MemberId};

use super::stored::StoredChange;

/// Something for the shell to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make these durable, all or none (one batch). Nothing that is answered or pushed later is shown before.
    Store(Vec<StoredChange>),
    /// A member is to be told something new: if it can be reached, push it what `assignment_for` says. Else its next
    /// heartbeat tells it.
    Changed(MemberId),
    /// Somebody is not a member any more, and does not know it: if it can be reached, tell it so.
    Fenced {
        /// Who.
        member_id: MemberId,
        /// Why.
        rejection: Rejection,
    },
    /// A rebalance is over: for people to read.
    Rebalanced(Rebalance),
}

/// A rebalance, from what began it until everybody had what is theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebalance {
    /// The group epoch it led to.
    pub epoch: MemberEpoch,
    /// Who or what began it.
    pub cause: String,
    /// How long it took.
    pub took_ms: u64,
    /// How many members there are.
    pub members: usize,
}
