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
use yak_model::api::{Rejection, ReplicaFetch, ReplicaFetchReply};
use yak_record::Records;

pub(crate) use self::session::ReplicaSession;
use self::session::{Look, Source};
use crate::answer::Answer;
use crate::broker::Broker;

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
    let shown = (request.broker_id, request.broker_epoch);
    if let Err(rejection) = broker.check_peer("a replica fetch", shown, request.key) {
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
