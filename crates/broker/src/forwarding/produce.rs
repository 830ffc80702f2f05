//! Records typed at any broker, appended by whoever leads.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::time::{Duration, Instant};
use yak_model::api::{
    Acks, BatchOrigin, Produce, ProduceEntry, ProduceReply, Produced, ReadFrom, RefusedProduce, Rejection,
    Reply,
};
use yak_model::{ErrorCode, PartitionIndex, ProducerId, TimestampMs};
use yak_protocol::{ProduceHead, ProduceLine, parse_produce_reply};
use yak_record::{
    BatchError, BatchHeader, Batches, Compression, DecompressionLimits, Header, ProducerStamp, RecordParts,
    Scratch, decode,
};

use super::GRACE;
use super::ask::{Asked, ask, encode, translate};
use super::entry::{Leader, Place, place};
use super::pool::Use;
use super::scatter::{Scattered, is_about_metadata, scatter};
use crate::answer::{Answer, Outcome};
use crate::broker::{Broker, RETRY_AFTER_MS};
use crate::ops;
use crate::ops::produce::MAX_TIMEOUT_MS;
use crate::split::split_by_partition;

/// Whether some records are not, or perhaps not, for this broker to append.
pub(crate) fn any_away(broker: &Broker, request: &Produce) -> bool {
    let by_hand = |entry: &&ProduceEntry| entry.leader_epoch.is_none();
    if !request.entries.iter().any(|entry| by_hand(&entry)) {
        return false;
    }
    let image = broker.image();
    let is_away = |entry: &ProduceEntry| {
        let at = |partition| {
            !matches!(place(broker, &image, (&entry.topic, partition), ReadFrom::Leader), Place::Here)
        };
        let Some(topic) = image.topic(&entry.topic) else { return false };
        match entry.partition {
            Some(partition) => at(partition),
            None => (0..topic.partition_count()).map(PartitionIndex::new).any(at),
        }
    };
    request.entries.iter().filter(by_hand).any(is_away)
}

/// Chooses partitions, has every leader append, and answers when all have.
pub(crate) async fn produce(broker: &Arc<Broker>, request: Produce) -> Outcome<ProduceReply> {
    let Produce { acks, timeout_ms, entries, .. } = request;
    // One slot for each partition that gets records; what has none yet is refused already.
    let mut slots: Vec<Option<RefusedProduce>> = Vec::with_capacity(entries.len());
    let mut chosen: Vec<ProduceEntry> = Vec::with_capacity(entries.len());
    for entry in entries {
        match choose(broker, entry) {
            Ok(split) => {
                slots.extend(split.iter().map(|_| None));
                chosen.extend(split);
            }
            Err(refused) => slots.push(Some(refused)),
        }
    }
    let until = Instant::now() + Duration::from_millis(timeout_ms.min(MAX_TIMEOUT_MS).into());
    let producing = Producing { broker: Arc::clone(broker), acks, until };
    let mut answers = scatter(broker, producing, chosen).await.into_iter();
    let fill = |slot: Option<RefusedProduce>| match slot {
        Some(refused) => Some(Err(refused)),
        None => answers.next(),
    };
    Ok(Reply::new(ProduceReply { partitions: slots.into_iter().filter_map(fill).collect(), acks }))
}

/// An entry for each partition that the records of one go to.
fn choose(broker: &Broker, entry: ProduceEntry) -> Result<Vec<ProduceEntry>, RefusedProduce> {
    let image = broker.image();
    let count = image.topic(&entry.topic).map(|topic| topic.partition_count());
    let (None, Some(count), false) = (entry.partition, count, entry.topic.is_internal()) else {
        return Ok(vec![entry]);
    };
    let ProduceEntry { topic, leader_epoch, batches, .. } = entry;
    let split = if count == 1 {
        Ok(vec![(PartitionIndex::new(0), batches)])
    } else {
        split_by_partition(&batches, count, || broker.next_partition(count))
    };
    match split {
        Ok(split) => {
            let entry = |(partition, batches)| ProduceEntry {
                topic_id: None,
                topic: topic.clone(),
                partition: Some(partition),
                leader_epoch,
                batches,
            };
            Ok(split.into_iter().map(entry).collect())
        }
        Err(rejection) => Err(RefusedProduce { topic, partition: None, rejection }),
    }
}

struct Producing {
    broker: Arc<Broker>,
    acks: Acks,
    until: Instant,
}

impl Producing {
    /// How much of the request's time is left.
    fn left_ms(&self) -> u32 {
        let left = self.until.saturating_duration_since(Instant::now());
        u32::try_from(left.as_millis()).unwrap_or(MAX_TIMEOUT_MS)
    }

    /// The line that has the leader append these records.
    fn encode(&self, entry: &ProduceEntry, out: &mut BytesMut) -> Result<(), Rejection> {
        let start = out.len();
        let malformed = |error: BatchError| Rejection::new(error.code(), error.to_string());
        let Written { mut line, producer, compression, timestamp } =
            write(&entry.batches).map_err(malformed)?;
        let head = ProduceHead {
            id: None,
            topic: &entry.topic,
            partition: entry.partition,
            leader_epoch: entry.leader_epoch,
            producer,
            // An answer is needed in any case: the next one on the link is somebody else's.
            acks: if self.acks == Acks::None { Acks::Leader } else { self.acks },
            timeout_ms: self.left_ms(),
            compression,
            timestamp,
        };
        encode(&self.broker, line.seal(&head), out)?;
        let (len, most) = (out.len() - start, self.broker.config.connections.max_request_bytes);
        if len > most {
            out.truncate(start);
            let message = format!(
                "the line to the leader would have {len} bytes, more than {most} (socket.request.max.bytes); \
                 produce fewer records at once, or to the leader"
            );
            return Err(Rejection::new(ErrorCode::MessageTooLarge, message));
        }
        Ok(())
    }
}

impl Scattered for Producing {
    type Entry = ProduceEntry;
    type Answer = Result<Produced, RefusedProduce>;

    async fn here(&self, entries: Vec<ProduceEntry>) -> Vec<Self::Answer> {
        let request =
            Produce { acks: self.acks, origin: BatchOrigin::Built, timeout_ms: self.left_ms(), entries };
        let outcome = match ops::produce::produce(&self.broker, request) {
            Answer::Now(outcome) => outcome,
            Answer::Later(outcome) => outcome.await,
        };
        outcome.expect("each entry is refused by itself").body.partitions
    }

    async fn away(&self, leader: &Leader, entries: &[ProduceEntry]) -> Vec<Self::Answer> {
        let mut lines = BytesMut::new();
        let encoded: Vec<Result<(), Rejection>> =
            entries.iter().map(|entry| self.encode(entry, &mut lines)).collect();
        let mut asked = Err(Rejection::new(ErrorCode::InvalidRequest, "nothing to send"));
        if !lines.is_empty() {
            asked = ask((&self.broker, leader), Use::Short, &lines, self.until + GRACE).await;
            drop(lines);
        }
        let mut answers = Vec::with_capacity(entries.len());
        for (entry, encoded) in entries.iter().zip(encoded) {
            let result = match (encoded, &mut asked) {
                (Err(rejection), _) => Err(rejection),
                (Ok(()), Err(rejection)) => Err(rejection.clone()),
                (Ok(()), Ok(link)) => match answer(link, leader, entry).await {
                    Ok(result) => result,
                    // Whatever comes behind it on this link is lost with it.
                    Err(broken) => {
                        asked = Err(broken.clone());
                        Err(broken)
                    }
                },
            };
            answers.push(result.map_err(|rejection| refuse(entry, rejection)));
        }
        if let Ok(link) = asked {
            link.done();
        }
        answers
    }

    fn refuse(&self, entry: &ProduceEntry, rejection: Rejection) -> Self::Answer {
        Err(refuse(entry, rejection))
    }

    fn refusal(answer: &Self::Answer) -> Option<&Rejection> {
        answer.as_ref().err().map(|refused| &refused.rejection)
    }

    /// Of all codes only those that say that nothing was appended.
    fn may_ask_again(&self, rejection: &Rejection) -> bool {
        is_about_metadata(rejection.code) && Instant::now() < self.until
    }
}

/// What a leader says of one line.
///
/// # Errors
/// No answer came, or one that cannot be understood: whether the records were appended is unknown, and the link is of
/// no use any more.
async fn answer(
    asked: &mut Asked<'_>,
    leader: &Leader,
    entry: &ProduceEntry,
) -> Result<Result<Produced, Rejection>, Rejection> {
    let unknown = |why: String| {
        let message = format!("{why}; whether the records stay is unknown");
        Rejection::new(ErrorCode::NetworkException, message).retry_after(RETRY_AFTER_MS)
    };
    let line = asked.line().await.map_err(|late| {
        let message = format!("{}; whether the records stay is unknown", late.message);
        Rejection { message, ..late }
    })?;
    let reply = parse_produce_reply(&line, &entry.topic).map_err(|error| unknown(error.to_string()))?;
    match reply.result {
        Err(rejection) => Ok(Err(translate(leader, rejection))),
        Ok(mut reply) => match (reply.body.partitions.pop(), reply.body.partitions.is_empty()) {
            (Some(result), true) => Ok(result.map_err(|refused| refused.rejection)),
            _ => Err(unknown(format!("broker {} answered something else", leader.id()))),
        },
    }
}

fn refuse(entry: &ProduceEntry, rejection: Rejection) -> RefusedProduce {
    RefusedProduce { topic: entry.topic.clone(), partition: entry.partition, rejection }
}

/// What a line needs besides its head's usual fields.
struct Written {
    line: ProduceLine,
    producer: Option<ProducerStamp>,
    compression: Compression,
    /// What most records have.
    timestamp: Option<TimestampMs>,
}

/// The records of an entry as a line that is to be sent. What was typed is one batch.
fn write(batches: &[u8]) -> Result<Written, BatchError> {
    let mut written =
        Written { line: ProduceLine::new(), producer: None, compression: Compression::None, timestamp: None };
    let mut scratch = Scratch::new();
    for batch in Batches::new(batches) {
        let batch = batch?;
        let header = BatchHeader::parse(batch)?;
        let stamp = ProducerStamp {
            id: header.producer_id,
            epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
        };
        written.producer = (header.producer_id != ProducerId::NONE).then_some(stamp);
        written.compression = header.attributes.compression();
        written.timestamp = Some(header.base_timestamp).filter(|timestamp| *timestamp >= TimestampMs::new(0));
        for record in decode(batch, &mut scratch, &DecompressionLimits::default())? {
            let record = record?;
            let headers: Vec<Header<'_>> = record.headers().iter().collect();
            written.line.push(&RecordParts {
                timestamp: Some(record.timestamp).filter(|own| Some(*own) != written.timestamp),
                key: record.key,
                value: record.value,
                headers: &headers,
            });
        }
    }
    Ok(written)
}
