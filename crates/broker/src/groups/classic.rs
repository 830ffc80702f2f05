//! Classic groups: the core's machine, and those who wait for its answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::oneshot;
use yak_core::group::classic::{ClassicGroup, Effect, Join, StoredGroup, Sync, Token};
use yak_model::api::{
    GroupHeartbeat, JoinGroup, JoinGroupReply, JoinRefused, LeaveGroup, Rejection, SyncGroup, SyncGroupReply,
};
use yak_model::{ErrorCode, GroupId, MemberId};

use super::shard::Shard;
use super::state::{Group, Machine, State, classic_rebalance, moved};
use super::stored;
use super::writes::Then;
use crate::random;

/// What a join comes to.
type Joined = Result<JoinGroupReply, JoinRefused>;
/// What a sync comes to.
type Synced = Result<SyncGroupReply, Rejection>;

/// A classic group and who waits for it.
#[derive(Debug)]
pub(super) struct Classic {
    pub(super) core: ClassicGroup,
    joins: BTreeMap<Token, oneshot::Sender<Joined>>,
    syncs: BTreeMap<Token, oneshot::Sender<Synced>>,
}

impl Classic {
    pub(super) fn new(core: ClassicGroup) -> Self {
        Self { core, joins: BTreeMap::new(), syncs: BTreeMap::new() }
    }
}

/// An answer that is there, or comes.
enum Soon<T> {
    Now(T),
    /// The same, once everything that was written so far is acknowledged.
    Acknowledged(T, oneshot::Receiver<Result<(), Rejection>>),
    Later(oneshot::Receiver<T>),
}

impl Shard {
    /// A member joins; answered when everybody has.
    pub(crate) async fn join_group(self: &Arc<Self>, request: &JoinGroup) -> Joined {
        let refused = |rejection| JoinRefused { rejection, member_id: request.member_id.clone() };
        let soon = self
            .with(&request.group_id, |state, now_ms| self.join(state, request, now_ms))
            .map_err(refused)?;
        match soon {
            Soon::Now(joined) => joined,
            Soon::Acknowledged(joined, written) => {
                self.written(written).await.map_err(refused)?;
                joined
            }
            // Its member may wait as long as it says; a connection that closes drops this.
            Soon::Later(joined) => joined.await.unwrap_or_else(|_ended| Err(refused(moved()))),
        }
    }

    fn join(self: &Arc<Self>, state: &mut State, request: &JoinGroup, now_ms: u64) -> Soon<Joined> {
        let refused = |rejection| JoinRefused { rejection, member_id: request.member_id.clone() };
        let classic = match self.classic(state, request) {
            Ok(classic) => classic,
            Err(rejection) => return Soon::Now(Err(refused(rejection))),
        };
        let joined = classic.core.handle_join(now_ms, request, new_member_id(&request.client_id));
        match joined {
            Err(rejection) => Soon::Now(Err(rejection)),
            Ok(Join::Waiting(token)) => {
                let (sender, receiver) = oneshot::channel();
                classic.joins.insert(token, sender);
                Soon::Later(receiver)
            }
            Ok(Join::Done(reply)) => {
                self.after(state, &request.group_id);
                let (sender, receiver) = oneshot::channel();
                Self::when_acknowledged(state, sender);
                Soon::Acknowledged(Ok(*reply), receiver)
            }
        }
    }

    /// A member asks for its assignment; answered when the leader has brought it and it is durable.
    pub(crate) async fn sync_group(self: &Arc<Self>, request: SyncGroup) -> Synced {
        self.check_assignments(&request)?;
        let group_id = request.group_id.clone();
        let soon = self.with(&group_id, |state, now_ms| {
            let classic = match self.members_of(state, &group_id) {
                Ok(classic) => classic,
                Err(rejection) => return Soon::Now(Err(rejection)),
            };
            match classic.core.handle_sync(now_ms, request) {
                Err(rejection) => Soon::Now(Err(rejection)),
                Ok(Sync::Done(reply)) => Soon::Now(Ok(reply)),
                Ok(Sync::Waiting(token)) => {
                    let (sender, receiver) = oneshot::channel();
                    classic.syncs.insert(token, sender);
                    Soon::Later(receiver)
                }
            }
        })?;
        match soon {
            Soon::Now(synced) | Soon::Acknowledged(synced, _) => synced,
            Soon::Later(synced) => synced.await.unwrap_or_else(|_ended| Err(moved())),
        }
    }

    /// What could not be stored need not be kept until that is noticed.
    fn check_assignments(&self, request: &SyncGroup) -> Result<(), Rejection> {
        let bytes: usize = request.assignments.iter().map(|(_, assignment)| assignment.len()).sum();
        let limit = self.max_batch_bytes();
        if bytes <= limit {
            return Ok(());
        }
        let message = format!("a group is stored in at most {limit} bytes, and its assignments are {bytes}");
        Err(Rejection::new(ErrorCode::UnknownServerError, message))
    }

    /// A member says that it lives.
    pub(crate) fn group_heartbeat(self: &Arc<Self>, request: &GroupHeartbeat) -> Result<(), Rejection> {
        self.with_one(&request.group_id, |state, now_ms| {
            self.members_of(state, &request.group_id)?.core.handle_heartbeat(now_ms, &request.member)
        })?
    }

    /// Members go; each is answered by itself.
    ///
    /// # Errors
    /// None of them was heard.
    pub(crate) fn leave_group(
        self: &Arc<Self>,
        request: &LeaveGroup,
    ) -> Result<Vec<Result<(), Rejection>>, Rejection> {
        self.with(&request.group_id, |state, now_ms| {
            let leave = |member| {
                let classic = self.members_of(state, &request.group_id)?;
                classic.core.handle_leave(now_ms, member)
            };
            request.members.iter().map(leave).collect()
        })
    }

    /// The group that a member is to join.
    fn classic<'a>(&self, state: &'a mut State, request: &JoinGroup) -> Result<&'a mut Classic, Rejection> {
        let id = &request.group_id;
        if let Some(Group { machine: Machine::Consumer(consumer), .. }) = state.groups.get(id)
            && !consumer.core.is_empty()
        {
            return Err(other_kind(id, "server-side (KIP-848), this one's is classic"));
        }
        if request.member_id.is_some() {
            // Who has an id was given it by a group that is there.
            self.members_of(state, id)?;
        }
        state.check_room(id)?;
        state.check_backlog()?;
        self.around.check_member(said(request))?;
        let group = state.group(id);
        if !matches!(group.machine, Machine::Classic(_)) {
            let core = ClassicGroup::new(self.around.config.classic);
            core.check_join(request)?;
            group.replaced = stored::tombstones(id, group);
            group.machine = Machine::Classic(Box::new(Classic::new(core)));
        }
        match &mut group.machine {
            Machine::Classic(classic) => Ok(classic),
            Machine::None | Machine::Consumer(_) => unreachable!("it was made classic above"),
        }
    }

    /// A group that has classic members.
    fn members_of<'a>(&self, state: &'a mut State, id: &GroupId) -> Result<&'a mut Classic, Rejection> {
        match state.groups.get_mut(id).map(|group| &mut group.machine) {
            Some(Machine::Classic(classic)) => Ok(classic),
            Some(Machine::None | Machine::Consumer(_)) | None => Err(unknown_member()),
        }
    }

    /// Does what the machine wants done.
    pub(super) fn after_classic(self: &Arc<Self>, state: &mut State, id: &GroupId) {
        while let Some(Group { machine: Machine::Classic(classic), .. }) = state.groups.get_mut(id) {
            let Some(effect) = classic.core.poll_effect() else { return };
            match effect {
                Effect::Joined { token, result } => {
                    if let Some(waiter) = classic.joins.remove(&token) {
                        // Its connection may have closed meanwhile.
                        drop(waiter.send(result));
                    }
                }
                Effect::Synced { token, result } => {
                    if let Some(waiter) = classic.syncs.remove(&token) {
                        drop(waiter.send(result));
                    }
                }
                Effect::Store(group) => self.store_classic(state, id, &group),
                Effect::Rebalanced(rebalance) => {
                    let record = classic_rebalance(self.around.clock.wall(), rebalance);
                    if let Some(group) = state.groups.get_mut(id) {
                        group.rebalanced(id, record);
                    }
                }
            }
        }
    }

    fn store_classic(self: &Arc<Self>, state: &mut State, id: &GroupId, group: &StoredGroup) {
        let generation = group.generation_id;
        let replaced = state.groups.get_mut(id).map(|group| std::mem::take(&mut group.replaced));
        let mut records = replaced.unwrap_or_default();
        records.push(stored::classic_group(id, group, self.around.clock.wall()));
        let then = Then::Stored { group: id.clone(), generation };
        if let Err(rejection) = self.write(state, &records, (then, None)) {
            tracing::warn!(group = %id, %rejection, "classic_group_not_stored");
            let now_ms = self.around.clock.now_ms();
            if let Some(Group { machine: Machine::Classic(classic), .. }) = state.groups.get_mut(id) {
                classic.core.handle_stored(now_ms, generation, Err(rejection));
            }
        }
    }

    /// Waits until what was written is acknowledged, but not for ever.
    pub(super) async fn written(
        &self,
        written: oneshot::Receiver<Result<(), Rejection>>,
    ) -> Result<(), Rejection> {
        match tokio::time::timeout(self.around.config.commit_timeout, written).await {
            Ok(Ok(result)) => result,
            Ok(Err(_ended)) => Err(moved()),
            Err(_elapsed) => {
                let message = format!(
                    "{}: the replicas did not take it within {} ms; whether it stays is unknown",
                    self.partition.id(),
                    self.around.config.commit_timeout.as_millis()
                );
                Err(Rejection::new(ErrorCode::CoordinatorNotAvailable, message))
            }
        }
    }
}

/// How many bytes a member says of itself.
fn said(request: &JoinGroup) -> usize {
    let protocols = request.protocols.iter().map(|protocol| protocol.name.len() + protocol.metadata.len());
    let instance = request.instance_id.as_ref().map_or(0, |id| id.as_str().len());
    protocols.sum::<usize>() + instance + request.client_id.len() + request.protocol_type.len()
}

/// As Kafka names members: what the client calls itself, and something that nobody else has.
pub(super) fn new_member_id(client_id: &str) -> MemberId {
    let uuid = yak_model::Uuid::from_random(random::bytes());
    let named: String = client_id.chars().take(64).collect();
    let id = format!("{named}-{uuid}");
    MemberId::new(id).expect("it is neither empty nor long")
}

pub(super) fn unknown_member() -> Rejection {
    Rejection::new(ErrorCode::UnknownMemberId, "the group has no such member")
}

pub(super) fn other_kind(id: &GroupId, kinds: &str) -> Rejection {
    let message = format!("group '{id}' has members of another kind: the group's is {kinds}");
    Rejection::new(ErrorCode::InconsistentGroupProtocol, message)
}
