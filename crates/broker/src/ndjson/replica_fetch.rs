//! Replica fetch over NDJSON: records are read from disk into the place where they wait to be sent.

use std::sync::Arc;

use bytes::BytesMut;
use yak_model::api::{ReplicaFetch, Reply};
use yak_net::Outbox;
use yak_protocol::{RequestId, encode_error, encode_replica_fetch_reply};

use super::Connection;
use crate::answer::{Answer, Outcome};
use crate::ops::replica_fetch::{Outgoing, replica_fetch};

/// Answers a replica fetch, at once or when there is something to say. A follower is not a client: it is counted
/// among nobody's producers and consumers.
pub(super) fn fetch(
    connection: &mut Connection,
    id: Option<RequestId>,
    request: &ReplicaFetch,
    outbox: &mut Outbox,
) {
    let session = connection.replica_session.get_or_insert_default();
    let attachments = request.attachments;
    match replica_fetch(&connection.broker, session, request) {
        Answer::Now(outcome) => outbox.reply(|out| encode(out, id.as_ref(), outcome, attachments)),
        Answer::Later(outcome) => {
            // A held fetch does not keep a session alive that has gone: the connection, and this with it, is dropped.
            outbox.hold(async move {
                let mut out = BytesMut::new();
                encode(&mut out, id.as_ref(), outcome.await, attachments);
                out
            });
        }
    }
}

fn encode(out: &mut BytesMut, id: Option<&RequestId>, outcome: Outcome<Outgoing>, attachments: bool) {
    let reply = match outcome {
        Ok(reply) => reply,
        Err(rejection) => return encode_error(out, id, &rejection),
    };
    let throttle_ms = reply.throttle_ms;
    let (body, sources) = reply.body.into_parts();
    let load = |at, records: &_, out: &mut BytesMut| Outgoing::load(&sources, at, records, out);
    encode_replica_fetch_reply(out, id, Reply { body, throttle_ms }, attachments, load);
}

/// A connection's session with a follower, if it is one.
pub(super) type Session = Option<Arc<crate::ops::replica_fetch::ReplicaSession>>;
