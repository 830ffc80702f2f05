//! Produce: batches are checked and appended where they lie in the read buffer.

use std::sync::Arc;

use yak_kafka::messages::produce::{
    LeaderIdAndEpoch, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use yak_kafka::{ProducePartition, ProduceRequest};
use yak_model::api::{
    Acks, BatchOrigin, ClientRole, Produce, ProduceEntry, ProduceReply, Produced, Rejection,
};
use yak_model::limits::at_most_entries;
use yak_model::{ErrorCode, Offset, PartitionIndex, TimestampMs, TopicId, TopicName, Uuid};
use yak_net::{Flow, Outbox};
use yak_record::{BatchHeader, Compression};

use super::call::Call;
use super::places::{Places, parse};
use super::{BadFrame, Connection};
use crate::answer::{Answer, Outcome};
use crate::broker::Broker;
use crate::clients::Registration;
use crate::ops;

/// From this version on clients know zstd (KIP-110).
const KNOWS_ZSTD: i16 = 7;
/// From this version on topics are named by their ids (KIP-516).
const BY_ID: i16 = 13;

/// A request that is being answered.
#[derive(Debug)]
struct Answering {
    call: Call,
    acks: Acks,
    places: Places<(String, Uuid)>,
}

pub(super) fn produce(
    connection: &mut Connection,
    (call, client_id): (Call, Option<&str>),
    body: &mut [u8],
    outbox: &mut Outbox,
) -> Result<Flow, BadFrame> {
    let request = ProduceRequest::decode(body, call.version)?;
    let timeout_ms = u32::try_from(request.timeout_ms).unwrap_or(0);
    let refused = check(&request).err();
    let acks = if request.acks == 0 { Acks::None } else { acks(request.acks).unwrap_or_default() };
    let mut answering = Answering { call, acks, places: Places::with_capacity(request.topics.len()) };
    let mut entries = Vec::new();
    for topic in request.topics {
        let name = match &refused {
            Some(rejection) => Err(rejection.clone()),
            None => topic_name(&connection.broker, call, topic.name, topic.topic_id),
        };
        let key = (topic.name.to_owned(), topic.topic_id);
        let entry = |name: &TopicName, partition| entry(name, partition, (call.version, topic.topic_id));
        answering.places.take((key, name), (topic.partitions, |one| one.index), entry, &mut entries);
    }
    let topics = entries.iter().map(|entry| &entry.topic);
    let client = connection.registered(ClientRole::Producer, client_id, topics);
    let operation = Produce { acks, origin: BatchOrigin::Received, timeout_ms, entries };
    match ops::produce::produce(&connection.broker, operation) {
        Answer::Now(outcome) => Ok(answering.now(outcome, &client, outbox)),
        Answer::Later(outcome) => {
            // A produce that waits does not keep a client registered that has gone.
            let client = Arc::downgrade(&client);
            call.hold(outbox, async move {
                let outcome = outcome.await;
                answering.response(outcome, client.upgrade().as_deref()).0
            });
            Ok(Flow::Continue)
        }
    }
}

/// What is wrong with the request as a whole.
fn check(request: &ProduceRequest<'_>) -> Result<(), Rejection> {
    acks(request.acks)?;
    if request.transactional_id.is_some() {
        // The one answer that clients take for final, until there are transactions.
        let code = ErrorCode::TransactionalIdAuthorizationFailed;
        return Err(Rejection::new(code, "there are no transactions here yet"));
    }
    at_most_entries(request.topics.iter().map(|topic| topic.partitions.len()).sum())
}

fn acks(number: i16) -> Result<Acks, Rejection> {
    match number {
        0 => Ok(Acks::None),
        1 => Ok(Acks::Leader),
        -1 => Ok(Acks::All),
        _ => {
            let message = format!("acks is 0, 1 or -1 (all), not {number}");
            Err(Rejection::new(ErrorCode::InvalidRequiredAcks, message))
        }
    }
}

fn topic_name(broker: &Broker, call: Call, name: &str, id: Uuid) -> Result<TopicName, Rejection> {
    if call.version >= BY_ID {
        broker.topic_name(TopicId::new(id))
    } else {
        parse(name, ErrorCode::InvalidTopicException)
    }
}

/// The one batch of a partition, as far as Kafka's protocol has rules for it; whether it can be appended is the log's
/// business.
fn entry<'a>(
    topic: &TopicName,
    partition: ProducePartition<'a>,
    (version, id): (i16, Uuid),
) -> Result<ProduceEntry<&'a mut [u8]>, Rejection> {
    let batches = partition.records.unwrap_or_default();
    let zstd = |header: BatchHeader| header.attributes.compression() == Compression::Zstd;
    if version < KNOWS_ZSTD && BatchHeader::parse(batches).is_ok_and(zstd) {
        let message = format!("zstd needs version {KNOWS_ZSTD} of the produce request");
        return Err(Rejection::new(ErrorCode::UnsupportedCompressionType, message));
    }
    let partition = Some(PartitionIndex::new(partition.index));
    let topic_id = (version >= BY_ID).then(|| TopicId::new(id));
    Ok(ProduceEntry { topic: topic.clone(), topic_id, partition, leader_epoch: None, batches })
}

impl Answering {
    /// Answers now; `acks=0` by silence, or by a close if anything was refused.
    fn now(self, outcome: Outcome<ProduceReply>, client: &Registration, outbox: &mut Outbox) -> Flow {
        let (call, acks) = (self.call, self.acks);
        let (response, any_refused) = self.response(outcome, Some(client));
        if acks != Acks::None {
            call.reply(outbox, &response);
        } else if any_refused {
            return Flow::Close;
        }
        Flow::Continue
    }

    /// The response, and whether anything was refused.
    fn response(
        self,
        outcome: Outcome<ProduceReply>,
        client: Option<&Registration>,
    ) -> (ProduceResponse, bool) {
        let results = outcome.map(|reply| {
            let partitions = reply.body.partitions.into_iter();
            partitions.map(|result| result.map_err(|refused| refused.rejection))
        });
        let mut any_refused = false;
        let filled = self.places.fill(results, |index, result| match result {
            Ok(produced) => {
                if let Some(client) = client {
                    note(client, &produced);
                }
                appended(index, &produced)
            }
            Err(rejection) => {
                any_refused = true;
                refused(index, rejection)
            }
        });
        let responses = filled
            .into_iter()
            .map(|((name, topic_id), partition_responses)| TopicProduceResponse {
                name,
                topic_id,
                partition_responses,
            })
            .collect();
        (ProduceResponse { responses, ..ProduceResponse::default() }, any_refused)
    }
}

fn note(client: &Registration, produced: &Produced) {
    let end = produced.base_offset.plus(i64::from(produced.count));
    client.produced(&produced.topic, produced.partition, end, u64::from(produced.count));
}

fn appended(index: i32, produced: &Produced) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index,
        base_offset: produced.base_offset.get(),
        log_append_time_ms: produced.log_append_time.map_or(-1, TimestampMs::get),
        log_start_offset: produced.log_start_offset.get(),
        ..PartitionProduceResponse::default()
    }
}

fn refused(index: i32, rejection: Rejection) -> PartitionProduceResponse {
    let code = match rejection.code {
        // Nothing was appended, and it may be sent again: clients know that of this code, not of the other one.
        ErrorCode::ThrottlingQuotaExceeded => ErrorCode::NotEnoughReplicas,
        code => code,
    };
    PartitionProduceResponse {
        index,
        error_code: Some(code),
        base_offset: -1,
        log_start_offset: rejection.log_start_offset.map_or(-1, Offset::get),
        current_leader: rejection.leader.map_or_else(LeaderIdAndEpoch::default, |leader| LeaderIdAndEpoch {
            leader_id: leader.broker_id.get(),
            leader_epoch: leader.leader_epoch.get(),
        }),
        error_message: Some(rejection.message),
        ..PartitionProduceResponse::default()
    }
}
