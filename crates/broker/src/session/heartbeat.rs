//! The session's connection: registration or resumption, then heartbeats and the lease that they give.
//!
//! ```text
//!   registration asked for ─► register ─► opened ─► heartbeats ─► lost ─► resume ─► heartbeats ...
//!                               │ refused: DUPLICATE_BROKER_REGISTRATION, INVALID_REGISTRATION,
//!                               │          CLUSTER_AUTHORIZATION_FAILED: again, for ever
//!                               └ refused otherwise: the session is over
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use bytes::BytesMut;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use yak_model::api::{Heartbeat, HeartbeatReply, OpenSession, Rejection, ResumeSession, SessionOpened};
use yak_model::{BrokerEpoch, ErrorCode, IncarnationId, MetadataIndex};
use yak_protocol::{Call as _, Response};

use super::backoff::Backoff;
use super::link::{Link, parse};
use super::membership::Report;
use super::{Lost, Registration, Shared};

/// Heartbeats of so long without an answer, and the connection is made anew.
const UNANSWERED: Duration = Duration::from_secs(2);

/// Keeps the session from the moment a registration is asked for.
pub(super) async fn run(shared: &Shared, mut requests: mpsc::Receiver<Registration>) {
    let Some(Registration { request, opened }) = requests.recv().await else {
        return std::future::pending().await;
    };
    let mut waiting = Some(opened);
    let mut identity = Identity { request, epoch: None };
    let mut backoff = Backoff::new();
    loop {
        let address = &shared.zookeepers[backoff.turn(shared.zookeepers.len())];
        match identity.open(shared, address).await {
            Ok((mut link, session)) => {
                backoff.reset();
                shared.membership.opened(session.key);
                tracing::info!(broker_epoch = %session.broker_epoch, zookeeper = %address, "session_opened");
                if let Some(waiting) = waiting.take() {
                    // A start that was given up meanwhile ends the thread, too.
                    drop(waiting.send(session.clone()));
                }
                let lost = beat(shared, &mut link, &session).await;
                shared.membership.lost();
                tracing::warn!(zookeeper = %address, reason = lost.0, "session_lost");
            }
            Err(Refusal::Lost(lost)) => {
                // That nobody is there is the watch's to say.
                tracing::debug!(zookeeper = %address, reason = lost.0, "session_not_opened");
            }
            Err(Refusal::ForNow(why)) => {
                if backoff.is_news(&why) {
                    tracing::warn!(
                        "the zookeeper at {address} does not accept broker {} yet: {why}",
                        shared.broker_id
                    );
                }
            }
            Err(Refusal::ForGood(why)) => {
                shared.give_up(format!(
                    "the zookeeper at {address} refused broker {}: {why}",
                    shared.broker_id
                ));
            }
        }
        backoff.wait().await;
    }
}

/// Who the broker is to the zookeeper.
#[derive(Debug)]
struct Identity {
    request: OpenSession,
    /// Once registered.
    epoch: Option<BrokerEpoch>,
}

/// Why there is no session.
enum Refusal {
    Lost(Lost),
    /// It may be otherwise soon.
    ForNow(String),
    /// It will not.
    ForGood(String),
}

impl From<Lost> for Refusal {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}

impl Identity {
    /// Registers the first time, resumes from then on.
    async fn open(
        &mut self,
        shared: &Shared,
        address: &crate::config::Endpoint,
    ) -> Result<(Link, SessionOpened), Refusal> {
        let mut link = Link::dial(address).await?;
        let Response { result, .. } = match self.epoch {
            None => link.call(&self.request).await?,
            Some(epoch) => link.call(&self.resumption(shared, epoch)).await?,
        };
        let opened = result.map_err(judge)?.body;
        if self.epoch.is_some_and(|epoch| epoch != opened.broker_epoch) {
            return Err(Refusal::ForGood("it continues another session than ours".to_owned()));
        }
        self.epoch = Some(opened.broker_epoch);
        Ok((link, opened))
    }

    fn resumption(&self, shared: &Shared, broker_epoch: BrokerEpoch) -> ResumeSession {
        let incarnation_id: IncarnationId = self.request.registration.incarnation_id;
        let applied = shared.membership.reports().borrow().applied;
        ResumeSession { broker_id: shared.broker_id, broker_epoch, incarnation_id, applied }
    }
}

fn judge(rejection: Rejection) -> Refusal {
    // The former process may die, the newer journal or the secret be given to the zookeeper.
    let may_change = matches!(
        rejection.code,
        ErrorCode::DuplicateBrokerRegistration
            | ErrorCode::InvalidRegistration
            | ErrorCode::ClusterAuthorizationFailed
    );
    if may_change || rejection.code.is_retriable() {
        Refusal::ForNow(rejection.to_string())
    } else {
        Refusal::ForGood(rejection.to_string())
    }
}

/// A heartbeat under way.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at_ms: u64,
}

/// What is known over one connection.
struct Beats<'a> {
    shared: &'a Shared,
    broker_epoch: BrokerEpoch,
    fenced: bool,
    unanswered: VecDeque<Sent>,
    /// An unfenced answer whose index the partitions do not work by yet: when its heartbeat was sent, and the index.
    pending: Option<(u64, MetadataIndex)>,
    /// Which clients the zookeeper was told of.
    clients_told: Option<u64>,
    withheld: bool,
}

/// Beats until the connection is lost.
async fn beat(shared: &Shared, link: &mut Link, session: &SessionOpened) -> Lost {
    let mut beats = Beats {
        shared,
        broker_epoch: session.broker_epoch,
        fenced: session.fenced,
        unanswered: VecDeque::new(),
        pending: None,
        clients_told: None,
        withheld: false,
    };
    match beats.run(link).await {
        Ok(never) => match never {},
        Err(lost) => lost,
    }
}

impl Beats<'_> {
    async fn run(&mut self, link: &mut Link) -> Result<std::convert::Infallible, Lost> {
        let mut reports = self.shared.membership.reports();
        let mut ticks = interval(self.shared.heartbeat_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                line = link.line() => self.answered(&line?, *reports.borrow())?,
                _ = ticks.tick() => {
                    let report = *reports.borrow();
                    self.send(link, report).await?;
                }
                changed = reports.changed() => {
                    // The membership is shared, so its sender lives.
                    let report = *reports.borrow_and_update();
                    self.grant(report);
                    // What may end the fencing is said at once.
                    if changed.is_ok() && self.fenced && report.recovered {
                        self.send(link, report).await?;
                    }
                }
            }
        }
    }

    async fn send(&mut self, link: &mut Link, report: Report) -> Result<(), Lost> {
        let stuck = (self.shared.stuck.0)();
        if stuck != self.withheld {
            self.withheld = stuck;
            if stuck {
                tracing::error!("a write to the disk hangs: no heartbeats until it is done");
            } else {
                tracing::info!("the disk goes on: heartbeats again");
            }
        }
        if stuck {
            return Ok(());
        }
        // Counted, not timed: the answers may be there and unread in a process that was stopped.
        let beats = u32::try_from(self.unanswered.len()).unwrap_or(u32::MAX);
        if self.shared.heartbeat_interval.saturating_mul(beats) >= UNANSWERED {
            return Err(Lost::new("does not answer heartbeats"));
        }
        let clients = self.shared.membership.clients();
        let version = clients.map(|clients| clients.version());
        let news = clients.filter(|_| version != self.clients_told).map(|clients| clients.presences());
        let Report { applied, recovered } = report;
        let heartbeat = Heartbeat { broker_epoch: self.broker_epoch, applied, recovered, clients: news };
        let mut line = BytesMut::new();
        heartbeat.encode_request(&mut line, None);
        // Taken before sending: the zookeeper counts from its arrival, which is later.
        self.unanswered.push_back(Sent { at_ms: self.shared.membership.now_ms() });
        self.clients_told = version;
        link.send(&line).await
    }

    fn answered(&mut self, line: &[u8], report: Report) -> Result<(), Lost> {
        let Response { result, .. } = parse::<Heartbeat>(line)?;
        let HeartbeatReply { fenced, index } = match result {
            Ok(reply) => reply.body,
            Err(rejection) => return Err(Lost(format!("refused a heartbeat: {rejection}"))),
        };
        let Some(sent) = self.unanswered.pop_front() else {
            return Err(Lost::new("answered what was not asked"));
        };
        self.shared.membership.answered();
        if fenced != self.fenced {
            tracing::info!(fenced, %index, "fencing_changed");
        }
        self.fenced = fenced;
        if fenced {
            self.pending = None;
            self.shared.membership.end_lease();
        } else {
            self.pending = Some((sent.at_ms, index));
            self.grant(report);
        }
        Ok(())
    }

    /// The lease, once the partitions work by what the answer knew.
    fn grant(&mut self, report: Report) {
        if let Some((sent_ms, _)) = self.pending.filter(|(_, index)| report.applied >= *index) {
            self.pending = None;
            self.shared.membership.grant_lease(sent_ms);
        }
    }
}
