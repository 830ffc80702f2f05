//! Fetch over NDJSON: the outcome's batches are read from disk and written as JSON, where they wait to be sent.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::time::Instant;
use yak_model::Offset;
use yak_model::api::{ClientRole, FetchReply, FetchedPartition, Reply};
use yak_net::Outbox;
use yak_protocol::{FetchEncoder, FetchRequest, RequestId};
use yak_record::Records;

use super::{Connection, encode_refusal};
use crate::addresses::Caller;
use crate::answer::{Answer, Outcome};
use crate::broker::Broker;
use crate::clients::Registration;
use crate::{forwarding, ops};

/// Answers a fetch, at once or when there is something to send.
pub(super) fn fetch(
    connection: &mut Connection,
    id: Option<RequestId>,
    request: FetchRequest,
    outbox: &mut Outbox,
) {
    let topics: Vec<_> = match connection.registration {
        Some(_) => Vec::new(),
        None => request.fetch.entries.iter().map(|entry| entry.topic.clone()).collect(),
    };
    let client = connection.registered(ClientRole::Consumer, &topics);
    for entry in &request.fetch.entries {
        client.asked(&entry.topic, entry.partition, entry.offset);
    }
    let is_away = forwarding::any_away(&connection.broker, &request.fetch.entries, request.fetch.read_from);
    let answer = if is_away {
        let (turn, broker) = (connection.sequence.turn(), Arc::clone(&connection.broker));
        let (fetch, arrival) = (request.fetch.clone(), Instant::now());
        Answer::later(async move {
            turn.wait().await;
            forwarding::fetch(&broker, fetch, arrival).await
        })
    } else if connection.sequence.is_clear() {
        ops::fetch::fetch(&connection.broker, request.fetch.clone())
    } else {
        let (turn, broker) = (connection.sequence.turn(), Arc::clone(&connection.broker));
        let fetch = request.fetch.clone();
        Answer::later(async move {
            turn.wait().await;
            match ops::fetch::fetch(&broker, fetch) {
                Answer::Now(outcome) => outcome,
                Answer::Later(outcome) => outcome.await,
            }
        })
    };
    let (broker, caller) = (Arc::clone(&connection.broker), connection.caller.clone());
    match answer {
        Answer::Now(outcome) => {
            let encoder = &mut connection.fetch_encoder;
            outbox.reply(|out| {
                encode(out, (&broker, &caller, encoder), (id.as_ref(), &request), outcome, Some(&client))
            });
        }
        Answer::Later(outcome) => {
            // A held fetch does not keep a client registered that has gone.
            let client = Arc::downgrade(&client);
            outbox.hold(async move {
                let mut out = BytesMut::new();
                let (outcome, mut encoder) = (outcome.await, FetchEncoder::default());
                let client = client.upgrade();
                encode(
                    &mut out,
                    (&broker, &caller, &mut encoder),
                    (id.as_ref(), &request),
                    outcome,
                    client.as_deref(),
                );
                out
            });
        }
    }
}

fn encode(
    out: &mut BytesMut,
    (broker, caller, encoder): (&Broker, &Caller, &mut FetchEncoder),
    (id, request): (Option<&RequestId>, &FetchRequest),
    outcome: Outcome<FetchReply<Records>>,
    client: Option<&Registration>,
) {
    let reply = match outcome {
        Ok(reply) => reply,
        Err(rejection) => return encode_refusal(out, id, caller, rejection),
    };
    let wanted = request.fetch.entries.iter().map(|entry| entry.offset);
    let fetched = reply.body.partitions.into_iter().zip(wanted);
    let partitions = fetched.map(|(fetched, offset)| load(broker, fetched, offset)).collect();
    let mut reply = Reply { body: FetchReply { partitions }, throttle_ms: reply.throttle_ms };
    caller.tell(&mut reply.body);
    let sent = encoder.encode(out, id, request, &reply);
    let Some(client) = client else { return };
    for (entry, sent) in request.fetch.entries.iter().zip(sent) {
        client.sent(&entry.topic, entry.partition, sent.next_offset, sent.records);
    }
}

/// Reads the batches of a partition from disk, and checks that they are what was written.
fn load(broker: &Broker, fetched: FetchedPartition<Records>, offset: Offset) -> FetchedPartition<BytesMut> {
    fetched.try_map(|topic, partition, records| match records {
        // Another broker's: it was checked there, and came whole.
        Records::Bytes(bytes) => Ok(BytesMut::from(bytes)),
        Records::Stored(_) => {
            let mut bytes = BytesMut::new();
            broker.partition(topic, partition)?.load(&records, offset, &mut bytes)?;
            Ok(bytes)
        }
    })
}
