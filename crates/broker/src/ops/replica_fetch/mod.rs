//! Replica fetch: what this broker leads, for those who follow.
//!
//! How far a follower is counts on the request's arrival, before replies are put in order, so that a sync there is
//! worth something here at once. A held fetch is woken by every append and answered when there are records, when there
//! is news that should not wait, or when a later request of the same follower has arrived.

mod session;

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::{Instant, sleep_until};
use yak_model::ErrorCode;
use yak_model::api::{Rejection, ReplicaFetch, ReplicaFetchReply};
use yak_record::Records;

pub(crate) use self::session::ReplicaSession;
use self::session::{Look, Source};
use crate::answer::Answer;
use crate::broker::{Broker, RETRY_AFTER_MS};

/// A high watermark that moved waits so long for records to travel with.
const NEWS_DELAY: Duration = Duration::from_millis(10);

/// What is to be sent, and where its records are read from.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// The reply.
    pub(crate) reply: ReplicaFetchReply<Records>,
    /// One for each partition of the reply; `None` where there are no records.
    sources: Vec<Option<Source>>,
}

impl Outgoing {
    /// Appends the records of one partition of the reply to `out`.
    pub(crate) fn load(
        sources: &[Option<Source>],
        at: usize,
        records: &Records,
        out: &mut BytesMut,
    ) -> Result<(), Rejection> {
        match sources.get(at) {
            Some(Some(source)) => source.partition.load_for_follower(source.place, records, out),
            _ => Ok(()),
        }
    }

    /// The reply, and what [`Outgoing::load`] needs.
    pub(crate) fn into_parts(self) -> (ReplicaFetchReply<Records>, Vec<Option<Source>>) {
        (self.reply, self.sources)
    }
}

/// Counts what the follower says, and answers when there is something to say.
pub(crate) fn replica_fetch(
    broker: &Arc<Broker>,
    session: &Arc<ReplicaSession>,
    request: &ReplicaFetch,
) -> Answer<Outgoing> {
    if let Err(rejection) = check(broker, request) {
        return Answer::Now(Err(rejection));
    }
    let arrival = session.arrive(broker, request);
    if request.max_bytes == 0 || request.max_wait_ms == 0 || session.look() == Look::Answer {
        return Answer::ok(session.take(broker.clock.now_ms(), request.max_bytes));
    }
    let (session, broker, max_bytes) = (Arc::clone(session), Arc::clone(broker), request.max_bytes);
    let mut deadline = Instant::now() + Duration::from_millis(request.max_wait_ms.into());
    Answer::later(async move {
        loop {
            match session.look() {
                _ if session.is_behind(arrival) => break,
                Look::Answer => break,
                Look::News => deadline = deadline.min(Instant::now() + NEWS_DELAY),
                Look::Nothing => {}
            }
            tokio::select! {
                () = session.told() => {}
                () = sleep_until(deadline) => break,
                () = broker.stopping.cancelled() => break,
            }
        }
        Ok(yak_model::api::Reply::new(session.take(broker.clock.now_ms(), max_bytes)))
    })
}

/// Whether it is a broker of the cluster that asks, and the process of it that is registered.
fn check(broker: &Broker, request: &ReplicaFetch) -> Result<(), Rejection> {
    if !broker.membership.keys().accepts(request.key) {
        let message =
            "a replica fetch is for brokers of the cluster, which show the key of their registration";
        return Err(Rejection::new(ErrorCode::ClusterAuthorizationFailed, message));
    }
    let (id, shown) = (request.broker_id, request.broker_epoch);
    let image = broker.image();
    let known = image.broker(id).map(|follower| follower.registration.broker_epoch);
    match known {
        Some(known) if known == shown => Ok(()),
        Some(known) if known > shown => {
            let message = format!("broker {id} has registered anew: its epoch is {known}, not {shown}");
            Err(Rejection::new(ErrorCode::StaleBrokerEpoch, message))
        }
        _ => {
            let message = format!("epoch {shown} of broker {id} is not known here yet");
            Err(Rejection::new(ErrorCode::StaleBrokerEpoch, message).retry_after(RETRY_AFTER_MS))
        }
    }
}
