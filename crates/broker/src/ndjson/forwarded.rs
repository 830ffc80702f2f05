//! Lines that another broker forwards for somebody who typed them there: answered here or nowhere, and nobody becomes a
//! client by them.

use std::sync::Arc;

use bytes::BytesMut;
use yak_model::api::{FetchReply, ForwardedBy, ReplicaData, ReplicaFetchReply, ReplicaFetched, Reply};
use yak_model::{TopicId, TopicName};
use yak_net::{Flow, Outbox};
use yak_protocol::{FetchRequest, Request, RequestId, encode_error, encode_replica_fetch_reply};
use yak_record::Records;

use super::Connection;
use crate::answer::{Answer, Outcome};
use crate::broker::Broker;
use crate::ops;

/// Answers a line of another broker's.
pub(super) fn handle(
    connection: &mut Connection,
    id: Option<RequestId>,
    (by, request): (ForwardedBy, Request),
    outbox: &mut Outbox,
) -> Flow {
    let broker = Arc::clone(&connection.broker);
    if let Err(rejection) = broker.check_peer("a forwarded request", (by.broker_id, by.broker_epoch), by.key)
    {
        outbox.reply(|out| encode_error(out, id.as_ref(), &rejection));
        return Flow::Continue;
    }
    connection.caller.is_a_broker();
    match request {
        Request::Produce(request) => connection.append(id, request, None, outbox),
        Request::Fetch(request) => fetch(&broker, id, request, (by.attachments, outbox)),
        Request::ListOffsets(request) => {
            connection.look(id, outbox, move || ops::list_offsets::list_offsets(&broker, request));
        }
        Request::DeleteRecords(request) => {
            connection.change(id, ops::delete_records::delete_records(broker, request), outbox);
        }
        // Of other operations the mark is an unknown field, and they never come here.
        other => return connection.handle(id, other, outbox),
    }
    Flow::Continue
}

/// A fetch whose records go out as the batches they are.
fn fetch(
    broker: &Arc<Broker>,
    id: Option<RequestId>,
    request: FetchRequest,
    (attachments, outbox): (bool, &mut Outbox),
) {
    let offsets: Vec<_> = request.fetch.entries.iter().map(|entry| entry.offset).collect();
    let answer = ops::fetch::fetch(broker, request.fetch);
    let broker = Arc::clone(broker);
    let encode = move |out: &mut BytesMut, outcome: Outcome<FetchReply<Records>>| {
        let Reply { body, throttle_ms } = match outcome {
            Ok(reply) => reply,
            Err(rejection) => return encode_error(out, id.as_ref(), &rejection),
        };
        let names: Vec<TopicName> = body.partitions.iter().map(|fetched| fetched.topic.clone()).collect();
        let reply = Reply { body: convert(&broker, body), throttle_ms };
        let places: Vec<_> = reply.body.partitions.iter().map(|fetched| fetched.partition).collect();
        encode_replica_fetch_reply(out, id.as_ref(), reply, attachments, |at, records, out| {
            broker.partition(&names[at], places[at])?.load(records, offsets[at], out)
        });
    };
    match answer {
        Answer::Now(outcome) => outbox.reply(|out| encode(out, outcome)),
        Answer::Later(outcome) => outbox.hold(async move {
            let mut out = BytesMut::new();
            encode(&mut out, outcome.await);
            out
        }),
    }
}

/// The same in the words that brokers use: topics by their ids.
fn convert(broker: &Broker, reply: FetchReply<Records>) -> ReplicaFetchReply<Records> {
    let image = broker.image();
    let partitions = reply.partitions.into_iter().map(|fetched| ReplicaFetched {
        topic_id: image.topic(&fetched.topic).map_or(TopicId::default(), |topic| topic.id()),
        partition: fetched.partition,
        outcome: fetched.records.map(|records| ReplicaData {
            high_watermark: fetched.high_watermark,
            log_start_offset: fetched.log_start_offset,
            diverging: None,
            records,
        }),
    });
    ReplicaFetchReply { partitions: partitions.collect() }
}
