//! Group stream: membership of a consumer for as long as its connection lasts, with assignments pushed.
//!
//! ```text
//!   Joining ──joined, acknowledged──► Member ──────────────► Over
//!                                       │  ▲    fenced, the coordinator moved, the broker stops
//!                     assignment, alive │  │
//!                                       └──┘
//! ```
//!
//! Each step may be dropped while it waits, and is then begun again: what was done is kept before anything is awaited.
//! Dropping the whole ends the membership.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Interval, MissedTickBehavior, interval};
use yak_model::api::{
    AssignedTopic, ConsumerGroupHeartbeat, GroupAssignment, GroupEvent, GroupStream, GroupStreamReply,
    Rejection, TopicPartitions,
};
use yak_model::limits::at_most_entries;
use yak_model::{ErrorCode, MemberEpoch, MemberId, Uuid};

use crate::broker::Broker;
use crate::groups::{MemberAssignment, MemberLink, Shard};
use crate::ops::find_coordinator::prepare;
use crate::random;

/// How often a stream says that its broker is alive, which is also the sign of life of a member that sends none.
const ALIVE_EVERY: Duration = Duration::from_millis(500);

/// What a stream says next.
#[derive(Debug)]
pub(crate) enum Said {
    /// The member has joined.
    Joined(GroupStreamReply),
    /// Something is new, or nothing.
    Event(GroupEvent),
}

/// What is awaited until a step may be told.
type Written = oneshot::Receiver<Result<(), Rejection>>;

/// A membership in progress.
#[derive(Debug)]
pub(crate) struct Membership {
    broker: Arc<Broker>,
    join: ConsumerGroupHeartbeat,
    /// Whether the member says itself that it lives.
    heartbeats: bool,
    stage: Stage,
    alive: Interval,
}

#[derive(Debug)]
enum Stage {
    Joining,
    Member(Box<Member>),
    Over,
}

#[derive(Debug)]
struct Member {
    shard: Arc<Shard>,
    leave: ConsumerGroupHeartbeat,
    link: Arc<MemberLink>,
    /// Whether the member says itself that it lives.
    heartbeats: bool,
    /// The reply that is still to be told, and what it waits for.
    welcome: Option<(GroupStreamReply, Written)>,
    /// An assignment that is to be told, and what it waits for.
    next: Option<(MemberAssignment, Written)>,
    /// What the member was told last.
    told: Option<GroupAssignment>,
}

impl Membership {
    /// A membership that begins with the first step. `host` is where the client comes from.
    ///
    /// # Errors
    /// It names too much, or nothing to read.
    pub(crate) fn new(broker: Arc<Broker>, request: GroupStream, host: String) -> Result<Self, Rejection> {
        at_most_entries(request.topics.len())?;
        if request.topics.is_empty() && request.topic_regex.is_none() {
            let message = "a member names the topics that it wants, or an expression for their names";
            return Err(Rejection::new(ErrorCode::InvalidRequest, message));
        }
        let mut alive = interval(ALIVE_EVERY);
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        alive.reset();
        let (member_id, heartbeats) = (request.member_id.clone(), request.heartbeats);
        let join = ConsumerGroupHeartbeat {
            member_id: member_id.unwrap_or_else(|| new_member_id(request.client_id.as_deref())),
            member_epoch: MemberEpoch::JOIN,
            instance_id: request.instance_id,
            rack_id: None,
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            subscribed_topics: Some(request.topics),
            subscribed_regex: request.topic_regex,
            server_assignor: request.assignor,
            owned: Some(Vec::new()),
            client_id: request.client_id.unwrap_or_default(),
            client_host: host,
            group_id: request.group_id,
        };
        Ok(Self { broker, join, heartbeats, stage: Stage::Joining, alive })
    }

    /// What is said next, waiting for it; `None`: nothing more. Cancel safe.
    ///
    /// # Errors
    /// The member cannot join, or is coordinated elsewhere from now on.
    pub(crate) async fn next(&mut self) -> Result<Option<Said>, Rejection> {
        if matches!(self.stage, Stage::Joining) {
            prepare(&self.broker, &self.join.group_id).await?;
            self.stage = Stage::Member(Box::new(self.joined()?));
        }
        let Self { broker, stage, alive, .. } = self;
        let Stage::Member(member) = stage else { return Ok(None) };
        let ended = member.shard.ended().clone();
        let said = tokio::select! {
            biased;
            () = broker.stopping.cancelled() => return Ok(None),
            () = ended.cancelled() => Err(elsewhere()),
            said = member.next(broker, alive) => said,
        };
        if matches!(said, Err(_) | Ok(Said::Event(GroupEvent::Fenced(_)))) {
            self.leave();
        }
        said.map(Some)
    }

    fn joined(&self) -> Result<Member, Rejection> {
        let shard = self.broker.groups.shard(&self.join.group_id)?;
        let link = Arc::new(MemberLink::default());
        let (reply, written) = shard.join_stream(&self.join, &link)?;
        let is_static = self.join.instance_id.is_some();
        let leave = ConsumerGroupHeartbeat {
            member_epoch: if is_static { MemberEpoch::LEAVE_STATIC } else { MemberEpoch::LEAVE },
            subscribed_topics: None,
            subscribed_regex: None,
            owned: None,
            ..self.join.clone()
        };
        let heartbeats = self.heartbeats;
        let reply = GroupStreamReply {
            member_id: reply.member_id,
            member_epoch: reply.member_epoch,
            heartbeat_interval_ms: heartbeats.then_some(reply.heartbeat_interval_ms),
        };
        let welcome = Some((reply, written));
        Ok(Member { shard, leave, link, heartbeats, welcome, next: None, told: None })
    }

    fn leave(&mut self) {
        if let Stage::Member(member) = std::mem::replace(&mut self.stage, Stage::Over) {
            member.shard.leave_stream(&member.leave, &member.link);
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Member {
    async fn next(&mut self, broker: &Broker, alive: &mut Interval) -> Result<Said, Rejection> {
        if let Some((reply, written)) = &mut self.welcome {
            written.await.unwrap_or_else(|_ended| Err(elsewhere()))?;
            let reply = reply.clone();
            self.welcome = None;
            return Ok(Said::Joined(reply));
        }
        loop {
            if let Some(fenced) = self.link.fenced() {
                return Ok(Said::Event(GroupEvent::Fenced(fenced)));
            }
            if self.next.is_none() {
                let member = (&self.leave.group_id, &self.leave.member_id);
                match self.shard.look_at_member(member, &self.link, !self.heartbeats) {
                    Ok(next) => self.next = Some(next),
                    // The next sign of life tries again; the member is none the worse.
                    Err(rejection) if is_passing(&rejection) => {}
                    Err(rejection) => return Err(rejection),
                }
            }
            if let Some((assignment, written)) = &mut self.next {
                let stored = tokio::select! {
                    // Without an answer its log is read anew.
                    stored = written => stored.unwrap_or_else(|_closed| Err(unanswered())),
                    _ = alive.tick() => {
                        if !self.heartbeats {
                            self.shard.keep_member((&self.leave.group_id, &self.leave.member_id));
                        }
                        return Ok(Said::Event(GroupEvent::Alive));
                    }
                };
                let newest = named(broker, assignment);
                self.next = None;
                match stored {
                    Ok(()) if self.told.as_ref() != Some(&newest) => {
                        self.told = Some(newest.clone());
                        return Ok(Said::Event(GroupEvent::Assignment(newest)));
                    }
                    Ok(()) => {}
                    Err(rejection) if is_passing(&rejection) => {}
                    Err(rejection) => return Err(rejection),
                }
            }
            tokio::select! {
                () = self.link.news() => {}
                _ = alive.tick() => {
                    // The next step looks at the member, which keeps it.
                    return Ok(Said::Event(GroupEvent::Alive));
                }
            }
        }
    }
}

/// Whether a coordinator that says so may know better in a moment, and is still the one.
fn is_passing(rejection: &Rejection) -> bool {
    matches!(rejection.code, ErrorCode::CoordinatorNotAvailable | ErrorCode::CoordinatorLoadInProgress)
}

fn unanswered() -> Rejection {
    Rejection::new(ErrorCode::CoordinatorNotAvailable, "nobody knows whether it is stored")
}

/// An assignment with the names of its topics; one that is gone by now is left out.
fn named(broker: &Broker, assignment: &MemberAssignment) -> GroupAssignment {
    let image = broker.image();
    let topic = |TopicPartitions { topic_id, partitions }: &TopicPartitions| {
        let topic = image.topic_by_id(*topic_id)?.name().clone();
        Some(AssignedTopic { topic, topic_id: *topic_id, partitions: partitions.clone() })
    };
    GroupAssignment {
        member_epoch: assignment.member_epoch,
        topics: assignment.topics.iter().filter_map(topic).collect(),
        is_complete: assignment.is_complete,
    }
}

fn new_member_id(client_id: Option<&str>) -> MemberId {
    let named: String = client_id.unwrap_or("member").chars().take(64).collect();
    let id = format!("{named}-{}", Uuid::from_random(random::bytes()));
    MemberId::new(id).expect("it is neither empty nor long")
}

fn elsewhere() -> Rejection {
    let message = "the group is coordinated elsewhere from now on: ask for the coordinator, and join there";
    Rejection::new(ErrorCode::NotCoordinator, message)
}
