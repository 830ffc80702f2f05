//! One broker's session.

use yak_model::api::ConnectionId;
use yak_model::{BrokerEpoch, IncarnationId, MetadataIndex};

use super::SessionConfig;
use crate::image::Broker;

/// What the controller was asked to do and has not done yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Fence,
    Unfence,
}

/// One broker's session. It exists for every registered broker, connected or not.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) broker_epoch: BrokerEpoch,
    pub(super) incarnation_id: IncarnationId,
    /// As the last image says.
    pub(super) fenced: bool,
    pub(super) asked: Option<Asked>,
    /// Its one connection, while that is open.
    pub(super) connection: Option<ConnectionId>,
    /// It had a connection to this process, which closed.
    pub(super) lost_connection: bool,
    pub(super) heartbeat_ms: Option<u64>,
    /// Since when nothing was heard of it: its last heartbeat, or what is as good as one.
    heard_ms: u64,
    /// When its connection closed.
    closed_ms: u64,
    /// When it is dead without another heartbeat.
    pub(super) deadline_ms: u64,
    /// When it is dead unless it resumes.
    grace_until_ms: Option<u64>,
    pub(super) suspended: bool,
    /// The index it must have applied to be unfenced.
    pub(super) required: MetadataIndex,
}

impl Session {
    /// It has a whole session time from now on.
    pub(super) fn new(broker: &Broker, index: MetadataIndex, now_ms: u64, config: SessionConfig) -> Self {
        Self {
            broker_epoch: broker.epoch(),
            incarnation_id: broker.registration.incarnation_id,
            fenced: broker.fenced,
            asked: None,
            connection: None,
            lost_connection: false,
            heartbeat_ms: None,
            heard_ms: now_ms,
            closed_ms: now_ms,
            deadline_ms: now_ms + config.timeout_ms,
            grace_until_ms: None,
            suspended: false,
            required: index,
        }
    }

    /// Whether it can die: who is fenced already, or is being fenced, cannot.
    pub(super) fn is_judged(&self) -> bool {
        !self.fenced && self.asked != Some(Asked::Fence)
    }

    pub(super) fn may_be_unfenced(&self, recovered: bool, applied: MetadataIndex) -> bool {
        self.fenced && self.asked.is_none() && recovered && applied >= self.required
    }

    /// Has a connection from now on, which is as good as a heartbeat.
    pub(super) fn attach(&mut self, now_ms: u64, connection: ConnectionId, config: SessionConfig) {
        self.connection = Some(connection);
        self.lost_connection = false;
        self.heard_ms = now_ms;
        self.deadline_ms = now_ms + config.timeout_ms;
        self.grace_until_ms = None;
    }

    /// It says that it lives.
    pub(super) fn beat(&mut self, now_ms: u64, config: SessionConfig) {
        self.heartbeat_ms = Some(now_ms);
        self.heard_ms = now_ms;
        self.deadline_ms = now_ms + config.timeout_ms;
    }

    /// Has no connection from now on.
    pub(super) fn detach(&mut self, now_ms: u64) {
        self.connection = None;
        self.lost_connection = true;
        self.closed_ms = now_ms;
    }

    /// Begins the grace. Returns whether that is news.
    pub(super) fn suspend(&mut self, now_ms: u64, config: SessionConfig) -> bool {
        let until = now_ms + config.grace_ms;
        self.grace_until_ms = Some(until);
        // The grace is whole, also if it began late in the session time.
        self.deadline_ms = self.deadline_ms.max(until);
        !std::mem::replace(&mut self.suspended, true)
    }

    /// Returns whether it was suspended.
    pub(super) fn end_suspension(&mut self) -> bool {
        self.grace_until_ms = None;
        std::mem::replace(&mut self.suspended, false)
    }

    /// The judge was absent for `late_ms`. Nobody needs more than everything there is to have, from now on; and after
    /// an absence of a whole session time, which is as good as a restart, everybody has that.
    pub(super) fn move_deadlines(&mut self, late_ms: u64, now_ms: u64, config: SessionConfig) {
        let moved = |deadline: u64, whole: u64| {
            if late_ms >= config.timeout_ms {
                now_ms + whole
            } else {
                (deadline + late_ms).min(now_ms + whole)
            }
        };
        self.deadline_ms = moved(self.deadline_ms, config.timeout_ms);
        self.grace_until_ms = self.grace_until_ms.map(|until| moved(until, config.grace_ms));
    }

    /// Why it is dead, if it is: with the time that really passed, which is what a reader of the journal asks for.
    pub(super) fn death(&self, now_ms: u64) -> Option<String> {
        if self.grace_until_ms.is_some_and(|until| now_ms >= until) {
            return Some(format!("connection closed and not resumed within {} ms", now_ms - self.closed_ms));
        }
        (now_ms >= self.deadline_ms).then(|| format!("no heartbeat for {} ms", now_ms - self.heard_ms))
    }
}
