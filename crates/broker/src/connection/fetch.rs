//! Fetch over NDJSON: the outcome's batches are read from disk and written as JSON, where they wait to be sent.

use std::sync::Arc;

use bytes::BytesMut;
use yak_model::ErrorCode;
use yak_model::api::{ClientRole, FetchReply, FetchedPartition, Rejection, Reply};
use yak_net::Outbox;
use yak_protocol::{FetchEncoder, FetchRequest, RequestId, encode_error};
use yak_record::Records;

use super::Connection;
use crate::answer::{Answer, Outcome};
use crate::clients::Registration;
use crate::ops;

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
    match ops::fetch::fetch(&connection.broker, request.fetch.clone()) {
        Answer::Now(outcome) => {
            let encoder = &mut connection.fetch_encoder;
            outbox.reply(|out| encode(out, encoder, (id.as_ref(), &request), outcome, Some(&client)));
        }
        Answer::Later(outcome) => {
            // A held fetch does not keep a client registered that has gone.
            let client = Arc::downgrade(&client);
            outbox.hold(async move {
                let mut out = BytesMut::new();
                let (outcome, mut encoder) = (outcome.await, FetchEncoder::default());
                let client = client.upgrade();
                encode(&mut out, &mut encoder, (id.as_ref(), &request), outcome, client.as_deref());
                out
            });
        }
    }
}

fn encode(
    out: &mut BytesMut,
    encoder: &mut FetchEncoder,
    (id, request): (Option<&RequestId>, &FetchRequest),
    outcome: Outcome<FetchReply<Records>>,
    client: Option<&Registration>,
) {
    let reply = match outcome {
        Ok(reply) => reply,
        Err(rejection) => return encode_error(out, id, &rejection),
    };
    let partitions = reply.body.partitions.into_iter().map(load).collect();
    let reply = Reply { body: FetchReply { partitions }, throttle_ms: reply.throttle_ms };
    let sent = encoder.encode(out, id, request, &reply);
    let Some(client) = client else { return };
    for (entry, sent) in request.fetch.entries.iter().zip(sent) {
        client.sent(&entry.topic, entry.partition, sent.next_offset, sent.records);
    }
}

/// Reads the batches of a partition from disk.
fn load(fetched: FetchedPartition<Records>) -> FetchedPartition<BytesMut> {
    let FetchedPartition { topic, partition, high_watermark, log_start_offset, records } = fetched;
    let records = records.and_then(|records| {
        let mut bytes = BytesMut::new();
        match records.read_into(&mut bytes) {
            Ok(()) => Ok(bytes),
            Err(error) => {
                let message = format!("{topic}-{partition}: the log cannot be read: {error}");
                Err(Rejection::new(ErrorCode::KafkaStorageError, message))
            }
        }
    });
    FetchedPartition { topic, partition, high_watermark, log_start_offset, records }
}
