//! The desk: the machine of the sessions, what it wants done, and when it judges.
//!
//! ```text
//!   connections ── register, resume, heartbeat, closed ──► Sessions ──► Fence, Unfence ──► Handle (another thread)
//!                                                             ▲  │
//!                             each durable image, each tick ──┘  └──► suspended brokers ──► watchers, metadata
//! ```
//!
//! Everything here runs on the one thread of the server's runtime, and nothing of it waits for a disk. The mutex is
//! for the compiler: nobody ever waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::yield_now;
use yak_core::controller::{FenceBroker, Operation};
use yak_core::sessions::{Effect, SessionConfig, SessionState, Sessions};
use yak_model::api::{
    ClientPresence, ConnectionId, Heartbeat, HeartbeatReply, OpenSession, RegisterBroker, Rejection,
    ResumeSession, SessionOpened, UnfenceBroker,
};
use yak_model::{BrokerEpoch, BrokerId, ErrorCode, MetadataIndex, ReplicationKey};

use crate::Handle;

/// What a session needs besides the controller.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) sessions: SessionConfig,
    /// What brokers show each other.
    pub(super) key: ReplicationKey,
    /// `cluster.secret`.
    pub(super) secret: Option<String>,
}

/// All sessions of this process.
#[derive(Debug)]
pub(super) struct Desk {
    terms: Terms,
    handle: Handle,
    state: Mutex<State>,
    /// Something may have to be judged earlier than was known.
    wake: Notify,
    suspended: watch::Sender<BTreeSet<BrokerId>>,
    connections: AtomicU64,
    started: Instant,
    /// Why nobody is served: a broker knows of a newer journal.
    older: OnceLock<Rejection>,
}

#[derive(Debug)]
struct State {
    sessions: Sessions,
    /// What the brokers said of their clients, each under its registration.
    clients: BTreeMap<BrokerId, (BrokerEpoch, Vec<ClientPresence>)>,
}

impl Desk {
    /// Sessions as they are after a start.
    pub(super) fn new(handle: Handle, terms: Terms) -> Self {
        let started = Instant::now();
        let sessions = Sessions::new(terms.sessions, 0, &handle.image());
        Self {
            terms,
            handle,
            state: Mutex::new(State { sessions, clients: BTreeMap::new() }),
            wake: Notify::new(),
            suspended: watch::Sender::default(),
            connections: AtomicU64::new(0),
            started,
            older: OnceLock::new(),
        }
    }

    /// The controller.
    pub(super) const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// A number for a new connection.
    pub(super) fn connection(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed))
    }

    /// Tells who is suspended.
    pub(super) fn suspended(&self) -> watch::Receiver<BTreeSet<BrokerId>> {
        self.suspended.subscribe()
    }

    /// A broker's session and clients, as they are now.
    pub(super) fn look(&self, broker_id: BrokerId) -> (Option<SessionState>, Vec<ClientPresence>) {
        let state = self.state();
        let clients = state.clients.get(&broker_id).map(|(_, clients)| clients.clone());
        (state.sessions.state(broker_id), clients.unwrap_or_default())
    }

    /// Refuses everything once a broker has named an index that this journal does not have: what was decided there is
    /// not known here, and whatever were decided here would contradict it.
    pub(super) fn refuse_if_older(&self) -> Result<(), Rejection> {
        self.older.get().map_or(Ok(()), |rejection| Err(rejection.clone()))
    }

    /// Takes note of what somebody who knows the secret has seen of the journal.
    pub(super) fn seen(&self, seen: MetadataIndex, secret: Option<&str>) -> Result<(), Rejection> {
        self.check_secret(secret)?;
        let index = self.handle.image().index();
        if seen > index {
            self.older.get_or_init(|| {
                let message = format!(
                    "this journal ends at {index} and a broker has seen {seen}: it is an older one; stop this \
                     zookeeper and start it with the newer journal"
                );
                tracing::error!("{message}");
                Rejection::new(ErrorCode::InvalidRegistration, message)
            });
        }
        self.refuse_if_older()
    }

    fn check_secret(&self, secret: Option<&str>) -> Result<(), Rejection> {
        let Some(ours) = &self.terms.secret else { return Ok(()) };
        let message = match secret {
            Some(theirs) if is_same(ours.as_bytes(), theirs.as_bytes()) => return Ok(()),
            Some(_) => "cluster.secret is not the one of this cluster",
            None => "this cluster has a cluster.secret: set the same one for the broker",
        };
        Err(Rejection::new(ErrorCode::ClusterAuthorizationFailed, message))
    }

    /// What a broker of another cluster has seen says nothing about this journal.
    fn check_cluster(&self, registration: &RegisterBroker) -> Result<(), Rejection> {
        let ours = self.handle.image().cluster_id();
        match registration.cluster_id.filter(|theirs| *theirs != ours) {
            None => Ok(()),
            Some(theirs) => {
                let broker_id = registration.broker_id;
                let message = format!("broker {broker_id} belongs to cluster {theirs}, this is {ours}");
                Err(Rejection::new(ErrorCode::InconsistentClusterId, message))
            }
        }
    }

    /// Registers a process and begins its session on this connection. To be run to its end even if the connection
    /// ends, so that the registration is not under way for ever.
    pub(super) async fn register(
        self: Arc<Self>,
        connection: ConnectionId,
        request: OpenSession,
    ) -> Result<SessionOpened, Rejection> {
        self.check_secret(request.secret.as_deref())?;
        self.check_cluster(&request.registration)?;
        self.seen(request.seen, request.secret.as_deref())?;
        let registration = request.registration;
        let process = (registration.broker_id, registration.incarnation_id);
        self.with(|sessions, now_ms| sessions.handle_register(now_ms, connection, process))?;
        let registered = self.handle.submit(registration).await;
        let image = self.handle.image();
        match registered {
            Ok(registered) => {
                self.with(|sessions, now_ms| {
                    sessions.handle_registered(now_ms, connection, process.0, &image);
                });
                self.act();
                self.opened(process.0, registered.broker_epoch)
            }
            Err(rejection) => {
                self.with(|sessions, now_ms| sessions.handle_not_registered(now_ms, connection, process.0));
                Err(rejection)
            }
        }
    }

    /// Goes on with a session on this connection.
    pub(super) fn resume(
        self: &Arc<Self>,
        connection: ConnectionId,
        request: &ResumeSession,
    ) -> Result<SessionOpened, Rejection> {
        let index = self.handle.image().index();
        self.with(|sessions, now_ms| {
            if request.applied > index {
                // Only the process itself knows its incarnation id: it is believed, and not resumed.
                return sessions.check_resume(request);
            }
            sessions.handle_resume(now_ms, connection, request)
        })?;
        if request.applied > index {
            self.seen(request.applied, self.terms.secret.as_deref())?;
        }
        self.act();
        self.opened(request.broker_id, request.broker_epoch)
    }

    /// What a broker gets to know. Its registration is in the image.
    fn opened(&self, broker_id: BrokerId, broker_epoch: BrokerEpoch) -> Result<SessionOpened, Rejection> {
        let image = self.handle.image();
        let Some(broker) = image.broker(broker_id).filter(|broker| broker.epoch() == broker_epoch) else {
            let message = format!("another process of broker {broker_id} has registered meanwhile");
            return Err(Rejection::new(ErrorCode::StaleBrokerEpoch, message));
        };
        Ok(SessionOpened {
            broker_epoch,
            cluster_id: image.cluster_id(),
            key: self.terms.key,
            index: image.index(),
            fenced: broker.fenced,
            session_timeout_ms: u32::try_from(self.terms.sessions.timeout_ms).unwrap_or(u32::MAX),
        })
    }

    /// A broker lives.
    pub(super) fn heartbeat(
        self: &Arc<Self>,
        connection: ConnectionId,
        heartbeat: Heartbeat,
    ) -> Result<HeartbeatReply, Rejection> {
        let index = self.handle.image().index();
        let answer = self.with(|sessions, now_ms| {
            let answer = sessions.handle_heartbeat(now_ms, connection, &heartbeat, index)?;
            Ok::<_, Rejection>((answer, sessions.broker_of(connection)))
        });
        let (answer, broker_id) = answer?;
        if let (Some(broker_id), Some(clients)) = (broker_id, heartbeat.clients) {
            self.state().clients.insert(broker_id, (heartbeat.broker_epoch, clients));
        }
        self.act();
        Ok(answer)
    }

    /// A connection has ended, or its peer sends nothing more.
    pub(super) fn closed(&self, connection: ConnectionId) {
        self.with(|sessions, now_ms| sessions.handle_closed(now_ms, connection));
        // What follows is done by the judge: a connection may end while the runtime does.
        self.wake.notify_one();
    }

    /// Judges, and follows the images, for as long as the server runs.
    pub(super) async fn run(self: Arc<Self>) {
        let mut images = self.handle.subscribe();
        // What was published before the subscription.
        self.follow();
        loop {
            self.act();
            let tick = self.state().sessions.next_tick();
            tokio::select! {
                changed = images.changed() => match changed {
                    Ok(()) => self.follow(),
                    // The worker has ended, and with it everything.
                    Err(_) => return,
                },
                () = self.wake.notified() => {}
                () = sleep_until(self.started, tick) => self.judge().await,
            }
        }
    }

    fn follow(&self) {
        let image = self.handle.image();
        self.with(|sessions, now_ms| sessions.handle_image(now_ms, &image));
        let is_current = |id: &BrokerId, epoch: BrokerEpoch| {
            image.broker(*id).is_some_and(|broker| broker.epoch() == epoch && !broker.fenced)
        };
        self.state().clients.retain(|id, (epoch, _)| is_current(id, *epoch));
    }

    /// Deadlines are judged after everything that had arrived by then was handled: once around, in which the sockets
    /// are looked at, and once more, in which what they hold is handled.
    async fn judge(self: &Arc<Self>) {
        yield_now().await;
        yield_now().await;
        if self.older.get().is_none() {
            self.with(Sessions::handle_time);
        }
    }

    /// Does what the machine wants done.
    fn act(self: &Arc<Self>) {
        loop {
            let Some(effect) = self.state().sessions.poll_effect() else { break };
            match effect {
                Effect::Fence { broker_id, broker_epoch, reason } => {
                    self.ask(FenceBroker { broker_id, broker_epoch, reason }, (broker_id, broker_epoch));
                }
                Effect::Unfence { broker_id, broker_epoch } => {
                    self.ask(UnfenceBroker { broker_id, broker_epoch }, (broker_id, broker_epoch));
                }
                Effect::Suspended(broker) => tracing::info!(%broker, "broker_suspended"),
                Effect::Restored(broker) => tracing::info!(%broker, "broker_restored"),
            }
        }
        let suspended: BTreeSet<BrokerId> = self.state().sessions.suspended().collect();
        let changed = self.suspended.send_if_modified(|shown| {
            let changed = *shown != suspended;
            shown.clone_from(&suspended);
            changed
        });
        if changed {
            self.handle.suspend(suspended);
        }
    }

    /// Has the controller decide; what it refuses the machine asks again.
    fn ask<O: Operation + 'static>(self: &Arc<Self>, operation: O, (id, epoch): (BrokerId, BrokerEpoch)) {
        let desk = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(rejection) = desk.handle.submit(operation).await {
                tracing::warn!(broker = %id, %rejection, "session_change_refused");
                desk.with(|sessions, now_ms| sessions.handle_refused(now_ms, id, epoch));
            }
        });
    }

    /// Works on the machine at a time that never goes back.
    fn with<T>(&self, work: impl FnOnce(&mut Sessions, u64) -> T) -> T {
        let mut state = self.state();
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let before = state.sessions.next_tick();
        let worked = work(&mut state.sessions, now_ms);
        if before.is_none() && state.sessions.next_tick().is_some() {
            self.wake.notify_one();
        }
        worked
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sleeps until a tick; for ever if there is none.
async fn sleep_until(started: Instant, tick: Option<u64>) {
    match tick {
        Some(at_ms) => tokio::time::sleep_until((started + Duration::from_millis(at_ms)).into()).await,
        None => pending().await,
    }
}

/// Compares in a time that tells nothing of where they differ.
fn is_same(ours: &[u8], theirs: &[u8]) -> bool {
    let differences = ours.iter().zip(theirs).fold(0, |found, (a, b)| found | (a ^ b));
    ours.len() == theirs.len() && differences == 0
}
