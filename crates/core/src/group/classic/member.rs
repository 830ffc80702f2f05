//! A member of a classic group.

use bytes::Bytes;
use yak_model::InstanceId;
use yak_model::api::{GroupProtocol, JoinGroup};

use super::effect::{StoredMember, Token};

/// How long a new member may wait in its first join. Its client cannot tell yet that it lives (Kafka's limit).
const NEW_MEMBER_MS: u64 = 300_000;

/// About what a member costs besides what it says.
pub(super) const OVERHEAD_BYTES: usize = 512;

/// What a member waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// Nothing.
    No,
    /// That everybody has joined.
    Join(Token),
    /// Its assignment.
    Sync(Token),
}

/// A member.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) instance_id: Option<InstanceId>,
    pub(super) client_id: String,
    pub(super) client_host: String,
    pub(super) rebalance_timeout_ms: u32,
    pub(super) session_timeout_ms: u32,
    pub(super) protocols: Vec<GroupProtocol>,
    pub(super) assignment: Bytes,
    pub(super) waiting: Waiting,
    /// It was told of the present generation and has not synced yet.
    pub(super) owes_sync: bool,
    /// It has never been told anything.
    pub(super) is_new: bool,
    /// Its place in the order of joining.
    pub(super) joined: u64,
    /// When it was heard of last.
    pub(super) heard_ms: u64,
}

impl Member {
    pub(super) fn new(request: &JoinGroup, now_ms: u64, joined: u64) -> Self {
        Self {
            instance_id: request.instance_id.clone(),
            client_id: request.client_id.clone(),
            client_host: request.client_host.clone(),
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            session_timeout_ms: request.session_timeout_ms,
            protocols: request.protocols.clone(),
            assignment: Bytes::new(),
            waiting: Waiting::No,
            owes_sync: false,
            is_new: true,
            joined,
            heard_ms: now_ms,
        }
    }

    pub(super) fn load(stored: StoredMember, now_ms: u64, joined: u64) -> Self {
        Self {
            instance_id: stored.instance_id,
            client_id: stored.client_id,
            client_host: stored.client_host,
            rebalance_timeout_ms: stored.rebalance_timeout_ms,
            session_timeout_ms: stored.session_timeout_ms,
            protocols: vec![stored.protocol],
            assignment: stored.assignment,
            waiting: Waiting::No,
            owes_sync: false,
            is_new: false,
            joined,
            heard_ms: now_ms,
        }
    }

    /// Takes over what a member says when it joins again.
    pub(super) fn update(&mut self, request: &JoinGroup) {
        self.client_id.clone_from(&request.client_id);
        self.client_host.clone_from(&request.client_host);
        self.rebalance_timeout_ms = request.rebalance_timeout_ms;
        self.session_timeout_ms = request.session_timeout_ms;
        self.protocols.clone_from(&request.protocols);
    }

    pub(super) fn heard(&mut self, now_ms: u64) {
        self.heard_ms = now_ms;
    }

    /// When it counts as gone: not while it waits for an answer, because it cannot speak then.
    pub(super) fn deadline_ms(&self) -> Option<u64> {
        match self.waiting {
            Waiting::Join(_) if self.is_new => Some(self.heard_ms + NEW_MEMBER_MS),
            Waiting::Join(_) | Waiting::Sync(_) => None,
            Waiting::No => Some(self.heard_ms + u64::from(self.session_timeout_ms)),
        }
    }

    /// About how many bytes are kept of it.
    pub(super) fn bytes(&self) -> usize {
        let protocols = self.protocols.iter().map(|one| one.name.len() + one.metadata.len() + 64);
        let names = self.client_id.len() + self.instance_id.as_ref().map_or(0, |id| id.as_str().len());
        OVERHEAD_BYTES + names + protocols.sum::<usize>() + self.assignment.len()
    }

    pub(super) const fn awaits_join(&self) -> bool {
        matches!(self.waiting, Waiting::Join(_))
    }

    pub(super) fn knows(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|known| known.name == protocol)
    }

    /// What it says about a protocol that it knows.
    pub(super) fn metadata(&self, protocol: &str) -> Bytes {
        let known = self.protocols.iter().find(|known| known.name == protocol);
        known.map(|known| known.metadata.clone()).unwrap_or_default()
    }
}

impl Member {
    /// Its waiting sync, if it has one; it does not wait any more, and has a session from now on.
    pub(super) fn take_sync(&mut self, now_ms: u64) -> Option<Token> {
        match self.waiting {
            Waiting::Sync(token) => {
                self.waiting = Waiting::No;
                self.heard_ms = now_ms;
                Some(token)
            }
            Waiting::No | Waiting::Join(_) => None,
        }
    }
}
