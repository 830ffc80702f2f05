//! How a member stands: what its task knows, for whoever owns the partitions to look at.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use yak_model::api::{GroupAssignment, Rejection};
use yak_model::{MemberEpoch, MemberId};

use crate::ClientError;

/// Without a line on its stream for so long a member takes itself for none: the coordinator speaks twice as often.
pub(crate) const SILENCE: Duration = Duration::from_secs(1);

/// Who a member is, as commits and heartbeats say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) member_id: MemberId,
    pub(crate) member_epoch: MemberEpoch,
}

/// Why a member is none (at the moment).
#[derive(Clone, Debug)]
pub(crate) enum Ended {
    /// The coordinator said so: others may have its partitions. It joins again.
    Fenced(Rejection),
    /// The stream broke. It joins again, and may get its partitions back.
    Interrupted(ClientError),
    /// Joining again is no use.
    Failed(ClientError),
}

/// What is known of the membership.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// Counts joins; 0 before the first. What was owned in another incarnation may be somebody else's.
    pub(crate) incarnation: u64,
    /// Who it is; `None`: it is no member at the moment.
    pub(crate) member: Option<Identity>,
    /// Everything that it is to own, as last told in this incarnation.
    pub(crate) assignment: Option<Arc<GroupAssignment>>,
    /// Counts assignments.
    pub(crate) version: u64,
    /// Why it is no member.
    pub(crate) ended: Option<Ended>,
    /// When the coordinator was last heard.
    pub(crate) heard: Instant,
}

impl Standing {
    pub(super) fn new() -> Self {
        Self {
            incarnation: 0,
            member: None,
            assignment: None,
            version: 0,
            ended: None,
            heard: Instant::now(),
        }
    }

    /// Whether it is a member as far as can be known: also not, when this process was stopped for a while and its task has
    /// not looked yet.
    pub(crate) fn is_member(&self, now: Instant) -> bool {
        // Twice the silence: the task itself is to notice first.
        self.member.is_some() && now.saturating_duration_since(self.heard) < 2 * SILENCE
    }
}
