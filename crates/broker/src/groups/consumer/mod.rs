//! Server-side groups (KIP-848): the core's machine, and the streams over which members are pushed what is new.

mod group;
mod link;

use std::sync::Arc;

use tokio::sync::oneshot;
use yak_core::group::consumer::{Effect, StoredChange, Topic, Topics};
use yak_core::image::Image;
use yak_model::api::{
    ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply, RebalanceRecord, Rejection, TopicPartitions,
};
use yak_model::{ErrorCode, GroupId, MemberEpoch, MemberId, TopicName};

pub(super) use self::group::Consumer;
pub(crate) use self::link::MemberLink;
use super::classic::{other_kind, unknown_member};
use super::shard::Shard;
use super::state::{Group, Machine, State, moved};
use super::stored;
use super::writes::Then;

/// What is true once everything that it builds on is acknowledged.
pub(crate) type Acknowledged<T> = (T, oneshot::Receiver<Result<(), Rejection>>);

/// What a member is to own, as its stream tells it.
#[derive(Debug)]
pub(crate) struct MemberAssignment {
    pub(crate) member_epoch: MemberEpoch,
    pub(crate) topics: Vec<TopicPartitions>,
    pub(crate) is_complete: bool,
}

impl Shard {
    /// Joins, lives or leaves, as the member says; answered when what comes of it is acknowledged.
    pub(crate) async fn consumer_group_heartbeat(
        self: &Arc<Self>,
        request: &ConsumerGroupHeartbeat,
    ) -> Result<ConsumerGroupHeartbeatReply, Rejection> {
        let (reply, written) =
            self.with(&request.group_id, |state, now_ms| self.heartbeat(state, request, now_ms))??;
        self.written(written).await?;
        Ok(reply)
    }

    /// Joins for as long as a stream lasts, which looks when `link` tells it to.
    pub(crate) fn join_stream(
        self: &Arc<Self>,
        request: &ConsumerGroupHeartbeat,
        link: &Arc<MemberLink>,
    ) -> Result<Acknowledged<ConsumerGroupHeartbeatReply>, Rejection> {
        self.with(&request.group_id, |state, now_ms| {
            let joined = self.heartbeat(state, request, now_ms)?;
            if let Ok(consumer) = members_of(state, &request.group_id) {
                let link = Arc::clone(link);
                if let Some(older) = consumer.links.insert(request.member_id.clone(), link) {
                    let message = "the member has joined again over another stream";
                    older.fence(Rejection::new(ErrorCode::FencedMemberEpoch, message));
                }
            }
            Ok(joined)
        })?
    }

    /// A stream ends: its member leaves, unless it has another one by now.
    pub(crate) fn leave_stream(self: &Arc<Self>, leave: &ConsumerGroupHeartbeat, link: &Arc<MemberLink>) {
        let left = self.with(&leave.group_id, |state, now_ms| {
            let consumer = members_of(state, &leave.group_id)?;
            if !consumer.links.get(&leave.member_id).is_some_and(|known| Arc::ptr_eq(known, link)) {
                return Ok(());
            }
            consumer.links.remove(&leave.member_id);
            self.heartbeat(state, leave, now_ms).map(|_| ())
        });
        if let Ok(Err(rejection)) = left {
            tracing::debug!(group = %leave.group_id, member = %leave.member_id, %rejection, "member_not_left");
        }
    }

    /// What the member is to own now. Its stream is there, which is its sign of life if `is_alive`.
    ///
    /// # Errors
    /// `COORDINATOR_NOT_AVAILABLE`, `COORDINATOR_LOAD_IN_PROGRESS`: nothing is known of it at this moment, and it is to look
    /// again. Else it is no member any more.
    pub(crate) fn look_at_member(
        self: &Arc<Self>,
        (group_id, member_id): (&GroupId, &MemberId),
        link: &Arc<MemberLink>,
        is_alive: bool,
    ) -> Result<Acknowledged<MemberAssignment>, Rejection> {
        self.with(group_id, |state, now_ms| {
            let consumer = members_of(state, group_id)?;
            if is_alive {
                consumer.core.handle_alive(now_ms, member_id);
            }
            let told = consumer.core.assignment_for(now_ms, member_id).ok_or_else(unknown_member)?;
            // When the log was read anew, its streams are not known any more.
            consumer.links.entry(member_id.clone()).or_insert_with(|| Arc::clone(link));
            let assignment = MemberAssignment {
                member_epoch: told.member_epoch,
                topics: told.partitions,
                is_complete: told.is_complete,
            };
            self.once_stored(state, group_id, assignment)
        })?
    }

    /// The member's stream is there, and waits until something is stored that it is to be told.
    pub(crate) fn keep_member(self: &Arc<Self>, (group_id, member_id): (&GroupId, &MemberId)) {
        let kept = self.with_one(group_id, |state, now_ms| {
            members_of(state, group_id).map(|consumer| consumer.core.handle_alive(now_ms, member_id))
        });
        if let Err(rejection) | Ok(Err(rejection)) = kept {
            tracing::debug!(group = %group_id, member = %member_id, %rejection, "member_not_kept");
        }
    }

    fn heartbeat(
        self: &Arc<Self>,
        state: &mut State,
        request: &ConsumerGroupHeartbeat,
        now_ms: u64,
    ) -> Result<Acknowledged<ConsumerGroupHeartbeatReply>, Rejection> {
        let id = &request.group_id;
        let topics = self.around.topics();
        if request.subscribed_topics.is_some() || request.subscribed_regex.is_some() {
            self.around.check_member(said(request))?;
        }
        let is_join = request.member_epoch == MemberEpoch::JOIN;
        if is_join {
            self.check_join(state, id)?;
        }
        let reply = match members_of(state, id) {
            Ok(consumer) => consumer.core.handle_heartbeat(now_ms, request, &topics)?,
            Err(rejection) if rejection.code != ErrorCode::UnknownMemberId => return Err(rejection),
            Err(_) if is_join => {
                let mut consumer = Consumer::new(&self.around);
                // A group comes of it only if it is one.
                let reply = consumer.core.handle_heartbeat(now_ms, request, &topics)?;
                let group = state.group(id);
                group.replaced = stored::tombstones(id, group);
                group.machine = Machine::Consumer(Box::new(consumer));
                reply
            }
            // As Kafka's says it, also to who leaves.
            Err(_) => return Err(super::describe::not_found(id)),
        };
        self.once_stored(state, id, reply)
    }

    /// Whether a server-side member may join a group, or make it.
    fn check_join(&self, state: &State, id: &GroupId) -> Result<(), Rejection> {
        state.check_room(id)?;
        state.check_backlog()?;
        match state.groups.get(id).map(|group| &group.machine) {
            Some(Machine::Classic(classic)) if !classic.core.is_empty() => {
                Err(other_kind(id, "classic, this one's is server-side (KIP-848)"))
            }
            _ => Ok(()),
        }
    }

    /// Has everything appended that a group has come to, and tells something after that.
    fn once_stored<T>(
        self: &Arc<Self>,
        state: &mut State,
        id: &GroupId,
        told: T,
    ) -> Result<Acknowledged<T>, Rejection> {
        let loaded = state.loaded;
        self.after(state, id);
        if state.loaded != loaded {
            return Err(moved());
        }
        if let Some(Group { machine: Machine::Consumer(consumer), .. }) = state.groups.get(id)
            && let Some(why) = consumer.refused()
        {
            return Err(why.clone());
        }
        let (sender, receiver) = oneshot::channel();
        Self::when_acknowledged(state, sender);
        Ok((told, receiver))
    }

    /// Topics came, went or grew.
    pub(super) fn topics_changed(self: &Arc<Self>, state: &mut State, id: &GroupId) {
        let (topics, now_ms) = (self.around.topics(), self.around.clock.now_ms());
        if let Some(Group { machine: Machine::Consumer(consumer), .. }) = state.groups.get_mut(id) {
            consumer.handle_topics(now_ms, &topics);
        }
    }

    /// Does what the machine wants done.
    pub(super) fn after_consumer(self: &Arc<Self>, state: &mut State, id: &GroupId) {
        while let Some(Group { machine: Machine::Consumer(consumer), .. }) = state.groups.get_mut(id) {
            if consumer.refused().is_some() {
                return;
            }
            let Some(effect) = consumer.core.poll_effect() else { return };
            match effect {
                Effect::Store(changes) => self.store_consumer(state, id, changes),
                Effect::Changed(member) => {
                    if let Some(link) = consumer.links.get(&member) {
                        link.tell();
                    }
                }
                Effect::Fenced { member_id, rejection } => {
                    if let Some(link) = consumer.links.remove(&member_id) {
                        link.fence(rejection);
                    }
                }
                Effect::Rebalanced(rebalance) => {
                    let record = RebalanceRecord {
                        at: self.around.clock.wall(),
                        epoch: rebalance.epoch.get(),
                        cause: rebalance.cause,
                        took_ms: rebalance.took_ms,
                        members: rebalance.members,
                    };
                    if let Some(group) = state.groups.get_mut(id) {
                        group.rebalanced(id, record);
                    }
                }
            }
        }
    }

    fn store_consumer(self: &Arc<Self>, state: &mut State, id: &GroupId, changes: Vec<StoredChange>) {
        let Some(group) = state.groups.get_mut(id) else { return };
        let replaced = std::mem::take(&mut group.replaced);
        let mut records = replaced.clone();
        records.extend(changes.iter().map(|change| stored::change(id, change)));
        let written = self.write(state, &records, (Then::Nothing { group: id.clone() }, None));
        let Some(Group { machine: Machine::Consumer(consumer), replaced: kept, .. }) =
            state.groups.get_mut(id)
        else {
            return;
        };
        match written {
            Ok(()) => consumer.has_stored(changes),
            Err(rejection) => {
                tracing::warn!(group = %id, %rejection, "group_not_stored");
                // The machine is ahead of the log.
                consumer.go_back(&self.around, self.around.clock.now_ms(), rejection);
                *kept = replaced;
            }
        }
    }
}

/// A group that has server-side members, or had some, and takes something new.
fn members_of<'a>(state: &'a mut State, id: &GroupId) -> Result<&'a mut Consumer, Rejection> {
    match state.groups.get_mut(id).map(|group| &mut group.machine) {
        Some(Machine::Consumer(consumer)) => consumer.check_rest().map(|()| &mut **consumer),
        Some(Machine::None | Machine::Classic(_)) | None => Err(unknown_member()),
    }
}

/// How many bytes a member says of itself.
fn said(request: &ConsumerGroupHeartbeat) -> usize {
    let topics = request.subscribed_topics.iter().flatten().map(|topic: &TopicName| topic.as_str().len());
    let texts = [&request.rack_id, &request.subscribed_regex, &request.server_assignor];
    let instance = request.instance_id.as_ref().map_or(0, |id| id.as_str().len());
    let texts: usize = texts.into_iter().flatten().map(String::len).sum();
    topics.sum::<usize>() + texts + instance + request.client_id.len()
}

/// The topics of an image, as groups see them.
pub(crate) fn topics(image: &Image) -> Topics {
    let topic = |topic: &Arc<yak_core::image::Topic>| {
        let partitions = u32::try_from(topic.partition_count()).unwrap_or_default();
        (topic.name().clone(), Topic { topic_id: topic.id(), partitions })
    };
    image.topics().map(topic).collect()
}
