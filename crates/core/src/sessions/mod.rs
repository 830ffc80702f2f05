//! The sessions of brokers: who lives, who is silent, who only lost a connection.
//!
//! ```text
//!               register, resume                     closed
//!   (nobody) ───────────────────► connected ───────────────────► suspended
//!                                  │   ▲   ▲                       │   │
//!              no heartbeat for    │   │   └──── resume ───────────┘   │ 250 ms
//!              a session time      │   │ resume                        │
//!                                  ▼   │                               ▼
//!                                 Fence (asked of the controller) ◄────┘
//!                                      │ image: fenced
//!                                      ▼
//!                       fenced ── heartbeat: recovered, applied enough ──► Unfence (asked of the controller)
//! ```
//!
//! # Contract
//!
//! - The journal decides who is fenced. The machine asks for it by effects, and learns what became of that from
//!   [`Sessions::handle_image`], which the shell calls with each image that is durable, or from
//!   [`Sessions::handle_refused`].
//! - **Deadlines are judged by [`Sessions::handle_time`] alone, and the shell calls it only after it has handled
//!   everything that had arrived by then.** It does so by [`Sessions::next_tick`], several times in the time that
//!   counts as lateness. Between two ticks that lie further apart the judge itself was absent: every deadline moves by
//!   as much, though never further than a whole session time (or grace) from then on, which is what everybody has after
//!   an absence of a session time or more.
//! - A machine made from an image gives every unfenced broker a whole session time, and the grace applies only to
//!   connections that it has seen: a restart of the zookeeper fences nobody who resumes.
//! - A session has one connection. A resume over another one replaces it, and the close of the former means nothing.
//! - A connection's number is never used again.

mod session;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use yak_model::api::{ConnectionId, Heartbeat, HeartbeatReply, Rejection, ResumeSession};
use yak_model::{BrokerEpoch, BrokerId, ErrorCode, IncarnationId, MetadataIndex};

use crate::image::Image;
use session::{Asked, Session};

/// How long what is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// Without a heartbeat for as long a broker is dead.
    pub timeout_ms: u64,
    /// A broker whose connection closed has as long to resume.
    pub grace_ms: u64,
    /// Ticks further apart than this are lateness.
    pub lateness_ms: u64,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self { timeout_ms: 1_000, grace_ms: 250, lateness_ms: 200 }
    }
}

/// What the machine wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Have the controller fence it.
    Fence {
        /// Which.
        broker_id: BrokerId,
        /// Which registration of it.
        broker_epoch: BrokerEpoch,
        /// How its death was noticed, for the journal.
        reason: String,
    },
    /// Have the controller unfence it.
    Unfence {
        /// Which.
        broker_id: BrokerId,
        /// Which registration of it.
        broker_epoch: BrokerEpoch,
    },
    /// Tell watchers: its connection closed, and what it leads counts as leaderless until it is restored or fenced.
    Suspended(BrokerId),
    /// Tell watchers: it is back.
    Restored(BrokerId),
}

/// A session as a person wants to see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionState {
    /// Its connection is open.
    pub connected: bool,
    /// Age of its last heartbeat, of those that came to this process.
    pub heartbeat_age_ms: Option<u64>,
}

/// A registration that the controller has not answered yet.
#[derive(Clone, Copy, Debug)]
struct Registering {
    connection: ConnectionId,
    incarnation_id: IncarnationId,
    /// Its connection closed meanwhile.
    closed: bool,
}

/// All sessions.
#[derive(Debug)]
pub struct Sessions {
    config: SessionConfig,
    sessions: BTreeMap<BrokerId, Session>,
    registering: BTreeMap<BrokerId, Registering>,
    /// The last tick, or since when there is something to judge.
    ticked_ms: u64,
    /// The latest `now` seen.
    now_ms: u64,
    effects: VecDeque<Effect>,
}

impl Sessions {
    /// Sessions as they are after a start: nobody is connected, and everybody has a whole session time.
    #[must_use]
    pub fn new(config: SessionConfig, now_ms: u64, image: &Image) -> Self {
        let mut sessions = Self {
            config,
            sessions: BTreeMap::new(),
            registering: BTreeMap::new(),
            ticked_ms: now_ms,
            now_ms,
            effects: VecDeque::new(),
        };
        sessions.handle_image(now_ms, image);
        sessions
    }

    /// What is to be done next.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`Sessions::handle_time`] is to be called; `None` while nobody can die.
    #[must_use]
    pub fn next_tick(&self) -> Option<u64> {
        self.judges().then(|| self.ticked_ms + self.config.lateness_ms / 2)
    }

    /// A broker's session, if it was ever registered.
    #[must_use]
    pub fn state(&self, broker_id: BrokerId) -> Option<SessionState> {
        let session = self.sessions.get(&broker_id)?;
        let heartbeat_age_ms = session.heartbeat_ms.map(|at| self.now_ms - at);
        Some(SessionState { connected: session.connection.is_some(), heartbeat_age_ms })
    }

    /// Brokers that are suspended.
    pub fn suspended(&self) -> impl Iterator<Item = BrokerId> {
        self.sessions.iter().filter(|(_, session)| session.suspended).map(|(id, _)| *id)
    }

    /// A new process wants to register. If this is allowed, the shell has the controller decide and then calls
    /// [`Sessions::handle_registered`] or [`Sessions::handle_not_registered`].
    ///
    /// # Errors
    /// `DUPLICATE_BROKER_REGISTRATION` while another process of the broker is connected and beats, or registers.
    pub fn handle_register(
        &mut self,
        now_ms: u64,
        connection: ConnectionId,
        (broker_id, incarnation_id): (BrokerId, IncarnationId),
    ) -> Result<(), Rejection> {
        self.advance(now_ms);
        let alive = self.sessions.get(&broker_id).filter(|session| {
            let other = session.incarnation_id != incarnation_id;
            other && session.connection.is_some() && now_ms < session.deadline_ms
        });
        let registers = self
            .registering
            .get(&broker_id)
            .is_some_and(|before| before.incarnation_id != incarnation_id && !before.closed);
        if alive.is_some() || registers {
            let message = format!(
                "another process of broker {broker_id} is connected; stop it, or give one of the two another id"
            );
            return Err(Rejection::new(ErrorCode::DuplicateBrokerRegistration, message));
        }
        self.registering.insert(broker_id, Registering { connection, incarnation_id, closed: false });
        Ok(())
    }

    /// The controller has registered a process; `image` has it.
    pub fn handle_registered(
        &mut self,
        now_ms: u64,
        connection: ConnectionId,
        broker_id: BrokerId,
        image: &Image,
    ) {
        self.handle_image(now_ms, image);
        let Some(asked) = self.take_registering(connection, broker_id) else { return };
        let Some(session) = self.sessions.get_mut(&broker_id) else { return };
        if session.incarnation_id != asked.incarnation_id {
            // A later registration has ended it already.
            return;
        }
        if asked.closed {
            session.detach(now_ms);
            return;
        }
        session.attach(now_ms, connection, self.config);
        self.restore(broker_id);
    }

    /// The controller has refused a registration.
    pub fn handle_not_registered(&mut self, now_ms: u64, connection: ConnectionId, broker_id: BrokerId) {
        self.advance(now_ms);
        self.take_registering(connection, broker_id);
    }

    /// A registered process goes on over another connection.
    ///
    /// # Errors
    /// `BROKER_ID_NOT_REGISTERED`; `STALE_BROKER_EPOCH` if another process has registered since.
    pub fn handle_resume(
        &mut self,
        now_ms: u64,
        connection: ConnectionId,
        request: &ResumeSession,
    ) -> Result<(), Rejection> {
        self.advance(now_ms);
        self.check_resume(request)?;
        let config = self.config;
        self.session_of(request.broker_id, request.broker_epoch)?.attach(now_ms, connection, config);
        self.restore(request.broker_id);
        Ok(())
    }

    /// Whether a request to resume comes from the registered process.
    ///
    /// # Errors
    /// Those of [`Sessions::handle_resume`].
    pub fn check_resume(&mut self, request: &ResumeSession) -> Result<(), Rejection> {
        let session = self.session_of(request.broker_id, request.broker_epoch)?;
        if session.incarnation_id == request.incarnation_id { Ok(()) } else { Err(stale(request.broker_id)) }
    }

    /// Whose session a connection carries.
    #[must_use]
    pub fn broker_of(&self, connection: ConnectionId) -> Option<BrokerId> {
        let mut sessions = self.sessions.iter();
        sessions.find(|(_, session)| session.connection == Some(connection)).map(|(broker_id, _)| *broker_id)
    }

    /// A heartbeat came over a session's connection.
    ///
    /// # Errors
    /// `INVALID_REQUEST` if the connection carries no session; `STALE_BROKER_EPOCH`.
    pub fn handle_heartbeat(
        &mut self,
        now_ms: u64,
        connection: ConnectionId,
        heartbeat: &Heartbeat,
        index: MetadataIndex,
    ) -> Result<HeartbeatReply, Rejection> {
        self.advance(now_ms);
        let found = self.sessions.iter_mut().find(|(_, session)| session.connection == Some(connection));
        let Some((broker_id, session)) = found else {
            let message = "this connection carries no session, or it goes on over another one: register_broker or \
                           resume_broker first";
            return Err(Rejection::new(ErrorCode::InvalidRequest, message));
        };
        if session.broker_epoch != heartbeat.broker_epoch {
            return Err(stale(*broker_id));
        }
        session.beat(now_ms, self.config);
        if session.may_be_unfenced(heartbeat.recovered, heartbeat.applied) {
            session.asked = Some(Asked::Unfence);
            let (broker_id, broker_epoch) = (*broker_id, session.broker_epoch);
            self.effects.push_back(Effect::Unfence { broker_id, broker_epoch });
        }
        // Who is being fenced counts as fenced already: its lease ends with this answer.
        let fenced = session.fenced || session.asked == Some(Asked::Fence);
        Ok(HeartbeatReply { fenced, index })
    }

    /// A connection has ended.
    pub fn handle_closed(&mut self, now_ms: u64, connection: ConnectionId) {
        self.advance(now_ms);
        for registering in self.registering.values_mut().filter(|asked| asked.connection == connection) {
            registering.closed = true;
        }
        let found = self.sessions.iter_mut().find(|(_, session)| session.connection == Some(connection));
        let Some((broker_id, session)) = found else { return };
        session.detach(now_ms);
        if session.is_judged() && session.suspend(now_ms, self.config) {
            self.effects.push_back(Effect::Suspended(*broker_id));
        }
    }

    /// There is a newer image, and it is durable.
    pub fn handle_image(&mut self, now_ms: u64, image: &Image) {
        self.advance(now_ms);
        for broker in image.brokers() {
            let known = self.sessions.get(&broker.id());
            if known.is_none_or(|known| known.broker_epoch != broker.epoch()) {
                let was_suspended = known.is_some_and(|known| known.suspended);
                let session = Session::new(broker, image.index(), now_ms, self.config);
                self.sessions.insert(broker.id(), session);
                if was_suspended {
                    self.effects.push_back(Effect::Restored(broker.id()));
                }
                continue;
            }
            let Some(session) = self.sessions.get_mut(&broker.id()) else { continue };
            if session.fenced == broker.fenced {
                continue;
            }
            session.fenced = broker.fenced;
            session.asked = None;
            if broker.fenced {
                // At least the index of the record that fenced it.
                session.required = image.index();
                session.end_suspension();
            } else {
                session.deadline_ms = session.deadline_ms.max(now_ms + self.config.timeout_ms);
                let gone = session.connection.is_none() && session.lost_connection;
                if gone && session.suspend(now_ms, self.config) {
                    self.effects.push_back(Effect::Suspended(broker.id()));
                }
            }
        }
    }

    /// The controller has not done what an effect asked for (its disk is full, say). It is asked again.
    pub fn handle_refused(&mut self, now_ms: u64, broker_id: BrokerId, broker_epoch: BrokerEpoch) {
        self.advance(now_ms);
        if let Ok(session) = self.session_of(broker_id, broker_epoch) {
            session.asked = None;
        }
    }

    /// A tick: everything that had arrived is handled, deadlines are judged.
    pub fn handle_time(&mut self, now_ms: u64) {
        self.advance(now_ms);
        let since = now_ms - self.ticked_ms;
        let late_ms = if since > self.config.lateness_ms { since } else { 0 };
        self.ticked_ms = now_ms;
        for (broker_id, session) in self.sessions.iter_mut().filter(|(_, session)| session.is_judged()) {
            session.move_deadlines(late_ms, now_ms, self.config);
            let Some(reason) = session.death(now_ms) else { continue };
            session.asked = Some(Asked::Fence);
            let (broker_id, broker_epoch) = (*broker_id, session.broker_epoch);
            self.effects.push_back(Effect::Fence { broker_id, broker_epoch, reason });
        }
    }

    fn judges(&self) -> bool {
        self.sessions.values().any(Session::is_judged)
    }

    fn advance(&mut self, now_ms: u64) {
        assert!(now_ms >= self.now_ms, "the monotonic clock went back");
        self.now_ms = now_ms;
        if !self.judges() {
            // No ticks were due.
            self.ticked_ms = now_ms;
        }
    }

    fn take_registering(&mut self, connection: ConnectionId, broker_id: BrokerId) -> Option<Registering> {
        let asked = self.registering.get(&broker_id).filter(|asked| asked.connection == connection).copied();
        if asked.is_some() {
            self.registering.remove(&broker_id);
        }
        asked
    }

    fn session_of(
        &mut self,
        broker_id: BrokerId,
        broker_epoch: BrokerEpoch,
    ) -> Result<&mut Session, Rejection> {
        match self.sessions.get_mut(&broker_id) {
            Some(session) if session.broker_epoch == broker_epoch => Ok(session),
            Some(_) => Err(stale(broker_id)),
            None => {
                let message = format!("broker {broker_id} is not registered");
                Err(Rejection::new(ErrorCode::BrokerIdNotRegistered, message))
            }
        }
    }

    fn restore(&mut self, broker_id: BrokerId) {
        let session = self.sessions.get_mut(&broker_id);
        if session.is_some_and(Session::end_suspension) {
            self.effects.push_back(Effect::Restored(broker_id));
        }
    }
}

fn stale(broker_id: BrokerId) -> Rejection {
    let message =
        format!("another process of broker {broker_id} has registered since: this one's session is over");
    Rejection::new(ErrorCode::StaleBrokerEpoch, message)
}
