//! Produce: append record batches to partitions.
//!
//! The common case, every partition known and acknowledged at once, is done inline: one lock, one write, no
//! future. What waits for a sync waits in the partition's core; what must first create its topic does so before.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::RuntimeFlavor;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use yak_core::partition::{Acknowledged, ProduceRequest};
use yak_model::api::{
    Acks, BatchOrigin, Produce, ProduceEntry, ProduceReply, Produced, RefusedProduce, Rejection, Reply,
};
use yak_model::{ErrorCode, PartitionIndex, TopicId, TopicName};

use crate::answer::Answer;
use crate::broker::Broker;
use crate::ops::metadata::auto_create;
use crate::ops::received;
use crate::partitions::{Append, Partition};
use crate::recompress::recompress;
use crate::split::split_by_partition;

/// Longest that an acknowledgement is waited for, whatever the client asks for.
pub(crate) const MAX_TIMEOUT_MS: u32 = 300_000;

/// How many times larger than a batch may be in the log it may be before it is compressed anew.
const LARGEST_BEFORE_RECOMPRESSION: usize = 4;

/// One appended or refused part of a request.
enum Part {
    Done(Result<Produced, RefusedProduce>),
    Waiting { partition: Arc<Partition>, answer: oneshot::Receiver<Result<Acknowledged, Rejection>> },
}

/// Whether a produce names a topic that it would have to create first.
pub(crate) fn creates_topics<B>(broker: &Broker, request: &Produce<B>) -> bool {
    let image = broker.image();
    let missing = |entry: &ProduceEntry<B>| image.topic(&entry.topic).is_none() && !entry.topic.is_internal();
    broker.config.auto_create_topics && request.entries.iter().any(missing)
}

/// Creates the topics that are missing, if that is allowed.
///
/// # Errors
/// Why the only topic was not created; of several, those that were not are unknown topics later on.
pub(crate) async fn create_topics<B>(broker: &Arc<Broker>, request: &Produce<B>) -> Result<(), Rejection> {
    if creates_topics(broker, request) {
        for entry in &request.entries {
            if broker.image().topic(&entry.topic).is_none()
                && !entry.topic.is_internal()
                && let Err(rejection) = auto_create(broker, &entry.topic).await
            {
                if request.entries.len() == 1 {
                    return Err(rejection);
                }
                tracing::debug!(topic = %entry.topic, %rejection, "topic was not created on first use");
            }
        }
    }
    Ok(())
}

/// Appends every entry, and answers when each is acknowledged as was asked. The batches are needed until this returns,
/// not until the answer is there.
pub(crate) fn produce<B: AsMut<[u8]>>(broker: &Arc<Broker>, request: Produce<B>) -> Answer<ProduceReply> {
    let Produce { acks, origin, timeout_ms, entries } = request;
    let timeout_ms = timeout_ms.min(MAX_TIMEOUT_MS);
    let deadline_ms = broker.clock.now_ms() + u64::from(timeout_ms);
    let mut parts = Vec::with_capacity(entries.len());
    for entry in entries {
        let meant = ProduceRequest {
            leader_epoch: entry.leader_epoch,
            acks,
            deadline_ms,
            lease_until_ms: broker.lease_until_ms(),
        };
        append_entry(broker, (&meant, origin), entry, &mut parts);
    }
    if parts.iter().all(|part| matches!(part, Part::Done(_))) {
        let done = |part| match part {
            Part::Done(result) => Some(result),
            Part::Waiting { .. } => None,
        };
        return Answer::ok(ProduceReply { partitions: parts.into_iter().filter_map(done).collect(), acks });
    }
    let deadline = Instant::from_std(broker.clock.instant(deadline_ms)) + Duration::from_millis(1);
    let broker = Arc::clone(broker);
    Answer::later(async move {
        let mut partitions = Vec::with_capacity(parts.len());
        for part in parts {
            partitions.push(match part {
                Part::Done(result) => result,
                Part::Waiting { partition, answer } => wait(&broker, &partition, answer, deadline).await,
            });
        }
        Ok(Reply::new(ProduceReply { partitions, acks }))
    })
}

/// Waits for the core's answer. It comes at the deadline at the latest, because it is reminded of the time then.
async fn wait(
    broker: &Broker,
    partition: &Partition,
    mut answer: oneshot::Receiver<Result<Acknowledged, Rejection>>,
    deadline: Instant,
) -> Result<Produced, RefusedProduce> {
    let answered = match timeout_at(deadline, &mut answer).await {
        Ok(answered) => answered,
        Err(_elapsed) => {
            partition.handle_time();
            answer.await
        }
    };
    let result = answered.unwrap_or_else(|_dropped| {
        let message =
            format!("{}: the partition was closed; whether the records stay is unknown", partition.id());
        Err(Rejection::new(ErrorCode::KafkaStorageError, message))
    });
    finish(broker, partition, result)
}

fn append_entry<B: AsMut<[u8]>>(
    broker: &Broker,
    meant: (&ProduceRequest, BatchOrigin),
    entry: ProduceEntry<B>,
    parts: &mut Vec<Part>,
) {
    if entry.topic.is_internal() {
        let message = format!("topic '{}' is internal: clients do not produce to it", entry.topic);
        let rejection = Rejection::new(ErrorCode::InvalidTopicException, message);
        return parts.push(refuse(entry.topic, entry.partition, rejection));
    }
    let ProduceEntry { topic, topic_id, partition, mut batches, .. } = entry;
    let batches = batches.as_mut();
    if let Some(partition) = partition {
        return parts.push(append_one(broker, meant, (topic, topic_id, partition), batches));
    }
    let image = broker.image();
    let Some(found) = image.topic(&topic) else {
        let rejection = broker.unknown_topic(&image, &topic);
        return parts.push(refuse(topic, None, rejection));
    };
    let count = found.partition_count();
    if count == 1 {
        return parts.push(append_one(broker, meant, (topic, topic_id, PartitionIndex::new(0)), batches));
    }
    match split_by_partition(batches, count, || broker.next_partition(count)) {
        Ok(split) => {
            for (partition, mut batches) in split {
                parts.push(append_one(broker, meant, (topic.clone(), topic_id, partition), &mut batches));
            }
        }
        Err(rejection) => parts.push(refuse(topic, None, rejection)),
    }
}

fn append_one(
    broker: &Broker,
    (meant, origin): (&ProduceRequest, BatchOrigin),
    (topic, topic_id, partition): (TopicName, Option<TopicId>, PartitionIndex),
    batches: &mut [u8],
) -> Part {
    let hosted = match broker.partition_of(&topic, topic_id, partition) {
        Ok(hosted) => hosted,
        Err(rejection) => return refuse(topic, Some(partition), rejection),
    };
    if origin == BatchOrigin::Received
        && let Err(rejection) = received::check(batches)
    {
        return refuse(topic, Some(partition), rejection);
    }
    if hosted.is_compacted()
        && let Err(rejection) = check_keys(batches)
    {
        return refuse(topic, Some(partition), rejection);
    }
    match append(&hosted, meant, batches) {
        Ok(Append::Done(acknowledged)) => Part::Done(finish(broker, &hosted, Ok(acknowledged))),
        Ok(Append::Waiting(answer)) => Part::Waiting { partition: hosted, answer },
        Err(rejection) => refuse(topic, Some(partition), rejection),
    }
}

/// Appends as the topic says: if it names a codec, in that one.
fn append(hosted: &Partition, meant: &ProduceRequest, batches: &mut [u8]) -> Result<Append, Rejection> {
    let Some(codec) = hosted.codec() else { return hosted.append(meant, batches) };
    let (size, limit) = (batches.len(), hosted.with_log(|log| log.config().max_message_bytes));
    if limit.is_some_and(|limit| size > limit.saturating_mul(LARGEST_BEFORE_RECOMPRESSION)) {
        let message = format!("{}: {size} bytes are too many to be compressed anew", hosted.id());
        return Err(Rejection::new(ErrorCode::MessageTooLarge, message));
    }
    // Others are served meanwhile: it may take as long as unpacking takes.
    let recompressed = off_the_worker(|| recompress(batches, codec));
    match recompressed {
        Ok(None) => hosted.append(meant, batches),
        Ok(Some(mut recompressed)) => hosted.append(meant, &mut recompressed),
        Err(error) => Err(Rejection::new(error.code(), error.to_string())),
    }
}

/// Checks that every record has a key. What is compressed is unpacked for it, which may take a while.
fn check_keys(batches: &[u8]) -> Result<(), Rejection> {
    off_the_worker(|| received::check_keys(batches))
}

/// Does something that takes long, and lets the runtime's other tasks go on where it can.
fn off_the_worker<T>(work: impl FnOnce() -> T) -> T {
    match tokio::runtime::Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

fn refuse(topic: TopicName, partition: Option<PartitionIndex>, rejection: Rejection) -> Part {
    Part::Done(Err(RefusedProduce { topic, partition, rejection }))
}

fn finish(
    broker: &Broker,
    partition: &Partition,
    result: Result<Acknowledged, Rejection>,
) -> Result<Produced, RefusedProduce> {
    let id = partition.id();
    match result {
        Ok(acknowledged) => Ok(Produced {
            topic: id.topic.clone(),
            partition: id.partition,
            base_offset: acknowledged.base_offset,
            count: u32::try_from(acknowledged.end_offset.since(acknowledged.base_offset)).unwrap_or(u32::MAX),
            log_append_time: acknowledged.log_append_time,
            log_start_offset: acknowledged.log_start_offset,
            acked_by: partition.holders(acknowledged.end_offset),
            durable: acknowledged.durable,
        }),
        Err(rejection) => {
            if rejection.code == ErrorCode::KafkaStorageError {
                tracing::error!(partition = %id, broker = %broker.id(), %rejection, "produce failed");
            }
            Err(RefusedProduce { topic: id.topic.clone(), partition: Some(id.partition), rejection })
        }
    }
}

/// Whether a request is to be answered at all: `acks=0` is not, unless it was refused.
pub(crate) fn is_answered(outcome: &Result<Reply<ProduceReply>, Rejection>) -> bool {
    match outcome {
        Ok(reply) => reply.body.acks != Acks::None || reply.body.partitions.iter().any(Result::is_err),
        Err(_) => true,
    }
}
