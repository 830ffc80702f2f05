//! Fetch: whole batches, written from the log straight to where they wait to be sent.
//!
//! There are no fetch sessions (KIP-227): every answer has session id 0, with which clients go on naming all they want
//! in each request.

mod records;

use std::sync::Arc;

use bytes::BytesMut;
use yak_kafka::messages::fetch::{EpochEndOffset, FetchPartition, FetchRequest, LeaderIdAndEpoch};
use yak_kafka::{
    FetchPartitionResponse, FetchResponse, FetchTopicResponse, decode_body, encode_fetch_response,
};
use yak_model::api::{
    ClientRole, Fetch, FetchEntry, FetchReply, FetchedPartition, Isolation, ReadFrom, Rejection,
};
use yak_model::limits::at_most_entries;
use yak_model::{ErrorCode, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName, Uuid};
use yak_net::{Flow, Outbox};
use yak_record::Records;

use self::records::FromLog;
use super::call::Call;
use super::places::{Places, parse};
use super::{BadFrame, Connection};
use crate::answer::{Answer, Outcome};
use crate::broker::Broker;
use crate::clients::Registration;
use crate::ops;

/// From this version on topics are named by their ids (KIP-516).
const BY_ID: i16 = 13;
/// Before this version a response as a whole could not say that something is wrong.
const HAS_ERROR: i16 = 7;
/// The epoch of a request that goes on with a session.
const FIRST_INCREMENTAL_EPOCH: i32 = 1;

/// A request that is being answered.
#[derive(Debug)]
struct Answering {
    call: Call,
    broker: Arc<Broker>,
    places: Places<(String, Uuid)>,
    isolation: Isolation,
    /// From where each entry of the operation is read.
    offsets: Vec<Offset>,
}

pub(super) fn fetch(
    connection: &mut Connection,
    (call, client_id): (Call, Option<&str>),
    body: &[u8],
    outbox: &mut Outbox,
) -> Result<Flow, BadFrame> {
    let request: FetchRequest = decode_body(body, call.version)?;
    let count = request.topics.iter().map(|topic| topic.partitions.len()).sum();
    if let Some(code) = refuse(&request, count) {
        if call.version < HAS_ERROR {
            return Ok(Flow::Close);
        }
        let mut response = FetchResponse::<FromLog> { error_code: Some(code), ..FetchResponse::default() };
        outbox.reply(|out| encode_fetch_response(out, call.version, call.correlation_id, &mut response));
        return Ok(Flow::Continue);
    }
    let broker = Arc::clone(&connection.broker);
    let isolation =
        if request.isolation_level == 0 { Isolation::ReadUncommitted } else { Isolation::ReadCommitted };
    let places = Places::with_capacity(request.topics.len());
    let mut answering = Answering { call, broker, places, isolation, offsets: Vec::with_capacity(count) };
    let fetch = answering.operation(request);
    let client = connection.registered(
        ClientRole::Consumer,
        client_id,
        fetch.entries.iter().map(|entry| &entry.topic),
    );
    for entry in &fetch.entries {
        client.asked(&entry.topic, entry.partition, entry.offset);
    }
    match ops::fetch::fetch(&connection.broker, fetch) {
        Answer::Now(outcome) => outbox.reply(|out| answering.encode(out, outcome, Some(&client))),
        Answer::Later(outcome) => {
            // A held fetch does not keep a client registered that has gone.
            let client = Arc::downgrade(&client);
            outbox.hold(async move {
                let (mut out, outcome) = (BytesMut::new(), outcome.await);
                answering.encode(&mut out, outcome, client.upgrade().as_deref());
                out
            });
        }
    }
    Ok(Flow::Continue)
}

/// Why the request as a whole is refused.
fn refuse(request: &FetchRequest, count: usize) -> Option<ErrorCode> {
    // Followers of this cluster fetch by NDJSON, with the key of their registration; nobody else is one.
    if request.replica_id >= 0 || request.replica_state.replica_id >= 0 {
        return Some(ErrorCode::ClusterAuthorizationFailed);
    }
    if request.session_id != 0 && request.session_epoch >= FIRST_INCREMENTAL_EPOCH {
        return Some(ErrorCode::FetchSessionIdNotFound);
    }
    at_most_entries(count).err().map(|rejection| rejection.code)
}

impl Answering {
    /// The operation that was asked for.
    fn operation(&mut self, request: FetchRequest) -> Fetch {
        let mut entries = Vec::with_capacity(self.offsets.capacity());
        for topic in request.topics {
            let name = if self.call.version >= BY_ID {
                self.broker.topic_name(TopicId::new(topic.topic_id))
            } else {
                parse(&topic.topic, ErrorCode::InvalidTopicException)
            };
            let topic_id = (self.call.version >= BY_ID).then(|| TopicId::new(topic.topic_id));
            let entry = |name: &TopicName, partition: FetchPartition| {
                self.offsets.push(Offset::new(partition.fetch_offset));
                Ok(entry(name, topic_id, &partition))
            };
            let key = (topic.topic, topic.topic_id);
            self.places.take((key, name), (topic.partitions, |one| one.partition), entry, &mut entries);
        }
        // What is refused is told at once.
        let at_once = self.places.any_refused() || entries.is_empty();
        Fetch {
            max_wait_ms: if at_once { 0 } else { bytes(request.max_wait_ms) },
            min_bytes: bytes(request.min_bytes),
            max_bytes: bytes(request.max_bytes),
            isolation: self.isolation,
            read_from: ReadFrom::Leader,
            entries,
        }
    }

    fn encode(
        self,
        out: &mut BytesMut,
        outcome: Outcome<FetchReply<Records>>,
        client: Option<&Registration>,
    ) {
        let call = self.call;
        let mut response = self.response(outcome);
        encode_fetch_response(out, call.version, call.correlation_id, &mut response);
        let Some(client) = client else { return };
        for partition in response.topics.iter().flat_map(|topic| &topic.partitions) {
            partition.records.note(client);
        }
    }

    fn response(self, outcome: Outcome<FetchReply<Records>>) -> FetchResponse<FromLog> {
        let (broker, isolation) = (self.broker, self.isolation);
        let results = outcome.map(|reply| reply.body.partitions.into_iter().zip(self.offsets).map(Ok));
        let filled = self.places.fill(results, |index, fetched| {
            let response = match fetched {
                Ok((fetched, offset)) => partition_response(&broker, index, fetched, offset),
                Err(rejection) => refused(index, &rejection),
            };
            let aborted = (isolation == Isolation::ReadCommitted).then(Vec::new);
            FetchPartitionResponse { aborted_transactions: aborted, ..response }
        });
        let topics = filled.into_iter().map(|((topic, topic_id), partitions)| FetchTopicResponse {
            topic,
            topic_id,
            partitions,
        });
        FetchResponse { topics: topics.collect(), ..FetchResponse::default() }
    }
}

/// A number that is negative means none.
fn bytes(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

fn entry(topic: &TopicName, topic_id: Option<TopicId>, partition: &FetchPartition) -> FetchEntry {
    let epoch = |number: i32| (number >= 0).then(|| LeaderEpoch::new(number));
    FetchEntry {
        topic: topic.clone(),
        topic_id,
        partition: PartitionIndex::new(partition.partition),
        leader_epoch: epoch(partition.current_leader_epoch),
        offset: Offset::new(partition.fetch_offset),
        last_fetched_epoch: epoch(partition.last_fetched_epoch),
        max_bytes: bytes(partition.partition_max_bytes),
    }
}

fn partition_response(
    broker: &Broker,
    index: i32,
    fetched: FetchedPartition<Records>,
    offset: Offset,
) -> FetchPartitionResponse<FromLog> {
    let fetched = fetched.try_map(|topic, partition, records| {
        Ok(FromLog::new(broker.partition(topic, partition)?, records, offset))
    });
    match fetched.records {
        Ok(records) => FetchPartitionResponse {
            high_watermark: fetched.high_watermark.get(),
            last_stable_offset: fetched.last_stable_offset.get(),
            log_start_offset: fetched.log_start_offset.get(),
            diverging_epoch: fetched.diverging.map_or_else(EpochEndOffset::default, |end| EpochEndOffset {
                epoch: end.leader_epoch.get(),
                end_offset: end.end_offset.get(),
            }),
            records,
            ..nothing(index)
        },
        Err(rejection) => refused(index, &rejection),
    }
}

fn refused(index: i32, rejection: &Rejection) -> FetchPartitionResponse<FromLog> {
    let leader = rejection.leader.as_ref();
    FetchPartitionResponse {
        error_code: Some(rejection.code),
        current_leader: leader.map_or_else(LeaderIdAndEpoch::default, |leader| LeaderIdAndEpoch {
            leader_id: leader.broker_id.get(),
            leader_epoch: leader.leader_epoch.get(),
        }),
        ..nothing(index)
    }
}

fn nothing(partition_index: i32) -> FetchPartitionResponse<FromLog> {
    FetchPartitionResponse {
        partition_index,
        high_watermark: -1,
        last_stable_offset: -1,
        log_start_offset: -1,
        ..FetchPartitionResponse::default()
    }
}
