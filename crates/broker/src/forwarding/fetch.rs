//! Records of partitions, read wherever they are led.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::time::{Duration, Instant};
use yak_model::api::{Fetch, FetchEntry, FetchReply, FetchedPartition, ReadFrom, Rejection, Reply};
use yak_model::limits::at_most_entries;
use yak_model::{ErrorCode, TopicId};
use yak_protocol::encode_fetch_request;
use yak_record::Records;

use super::ask::{ask, encode, translate};
use super::entry::{Leader, Place, place};
use super::pool::Use;
use super::scatter::{Scattered, is_about_metadata, scatter};
use crate::answer::{Answer, Outcome};
use crate::broker::{Broker, RETRY_AFTER_MS};
use crate::link;
use crate::ops;

/// How long a fetch of several brokers' partitions is held at each of them before all are looked at together.
const ROUND: Duration = Duration::from_millis(100);

/// Reads every entry wherever it is led, and answers when there are `min_bytes`, an error, or `max_wait_ms` have
/// passed since `arrival`.
pub(crate) async fn fetch(
    broker: &Arc<Broker>,
    request: Fetch,
    arrival: Instant,
) -> Outcome<FetchReply<Records>> {
    at_most_entries(request.entries.len())?;
    let deadline = arrival + Duration::from_millis(request.max_wait_ms.into());
    let sides = sides(broker, &request);
    let mut wait =
        if sides > 1 { Duration::ZERO } else { deadline.saturating_duration_since(Instant::now()) };
    loop {
        let round = Fetch {
            max_wait_ms: u32::try_from(wait.as_millis()).unwrap_or(u32::MAX),
            // Together they are to send no more than was asked for.
            max_bytes: request.max_bytes / sides,
            entries: Vec::new(),
            ..request
        };
        let fetching = Fetching { broker: Arc::clone(broker), round };
        let partitions = scatter(broker, fetching, request.entries.clone()).await;
        let found: usize = partitions.iter().flat_map(|fetched| &fetched.records).map(Records::len).sum();
        let is_refused = partitions.iter().any(|fetched| fetched.records.is_err());
        let is_enough = is_refused || found >= usize::try_from(request.min_bytes).unwrap_or(usize::MAX);
        let left = deadline.saturating_duration_since(Instant::now());
        if is_enough || left.is_zero() || broker.stopping.is_cancelled() {
            return Ok(Reply::new(FetchReply { partitions }));
        }
        wait = if sides > 1 { left.min(ROUND) } else { left };
    }
}

/// How many brokers the partitions are asked of.
fn sides(broker: &Broker, request: &Fetch) -> u32 {
    let image = broker.image();
    let whose = |entry: &FetchEntry| match place(
        broker,
        &image,
        (&entry.topic, entry.partition),
        request.read_from,
    ) {
        Place::At(leader, _) => leader.id(),
        Place::Here | Place::Leaderless(_) => broker.id(),
    };
    let brokers: BTreeSet<_> = request.entries.iter().map(whose).collect();
    u32::try_from(brokers.len()).unwrap_or(u32::MAX).max(1)
}

/// One round.
struct Fetching {
    broker: Arc<Broker>,
    /// How each broker is asked, but for the entries.
    round: Fetch,
}

impl Scattered for Fetching {
    type Entry = FetchEntry;
    type Answer = FetchedPartition<Records>;

    fn read_from(&self) -> ReadFrom {
        self.round.read_from
    }

    async fn here(&self, entries: Vec<FetchEntry>) -> Vec<Self::Answer> {
        let refused = entries.clone();
        let outcome = match ops::fetch::fetch(&self.broker, Fetch { entries, ..self.round }) {
            Answer::Now(outcome) => outcome,
            Answer::Later(outcome) => outcome.await,
        };
        match outcome {
            Ok(reply) => reply.body.partitions,
            Err(rejection) => refused.iter().map(|entry| refuse(entry, rejection.clone())).collect(),
        }
    }

    async fn away(&self, leader: &Leader, entries: &[FetchEntry]) -> Vec<Self::Answer> {
        let request = Fetch { entries: entries.to_vec(), read_from: ReadFrom::Leader, ..self.round };
        match fetch_from(&self.broker, leader, &request).await {
            Ok(fetched) => {
                let answer = |(entry, (_, fetched)): (&FetchEntry, Fetched)| match fetched {
                    Ok(fetched) => fetched,
                    Err(rejection) => refuse(entry, rejection),
                };
                entries.iter().zip(fetched).map(answer).collect()
            }
            Err(rejection) => entries.iter().map(|entry| refuse(entry, rejection.clone())).collect(),
        }
    }

    fn refuse(&self, entry: &FetchEntry, rejection: Rejection) -> Self::Answer {
        refuse(entry, rejection)
    }

    fn refusal(answer: &Self::Answer) -> Option<&Rejection> {
        answer.records.as_ref().err()
    }

    /// It only reads.
    fn may_ask_again(&self, rejection: &Rejection) -> bool {
        is_about_metadata(rejection.code) || rejection.code == ErrorCode::NetworkException
    }
}

fn refuse(entry: &FetchEntry, rejection: Rejection) -> FetchedPartition<Records> {
    FetchedPartition::refused(entry.topic.clone(), entry.partition, rejection)
}

/// What a leader sent of a partition, with the topic that it means by its name.
pub(crate) type Fetched = (TopicId, Result<FetchedPartition<Records>, Rejection>);

/// One fetch of one leader: what it says of each entry, in order.
///
/// # Errors
/// It refuses the whole, or does not answer.
pub(crate) async fn fetch_from(
    broker: &Broker,
    leader: &Leader,
    request: &Fetch,
) -> Result<Vec<Fetched>, Rejection> {
    let (mut line, mut out) = (BytesMut::new(), BytesMut::new());
    encode_fetch_request(&mut line, None, request);
    encode(broker, &line, &mut out)?;
    let what_for = if request.max_wait_ms > 0 { Use::Held } else { Use::Short };
    let until = Instant::now() + Duration::from_millis(request.max_wait_ms.into()) + super::ANSWER_TIMEOUT;
    let asked = ask((broker, leader), what_for, &out, until).await?;
    let answer = asked.records().await.map_err(|rejection| translate(leader, rejection))?;
    let link::Answer { reply, records } = answer;
    let matches = reply.partitions.len() == request.entries.len()
        && reply.partitions.iter().zip(&request.entries).all(|(a, b)| a.partition == b.partition);
    if !matches {
        let message = format!("broker {}, which leads, answered something else", leader.id());
        return Err(Rejection::new(ErrorCode::NetworkException, message).retry_after(RETRY_AFTER_MS));
    }
    let records: Bytes = records.freeze();
    let fetched = reply.partitions.into_iter().zip(&request.entries).map(|(fetched, entry)| {
        let partition = fetched.outcome.map(|data| FetchedPartition {
            topic: entry.topic.clone(),
            partition: entry.partition,
            high_watermark: data.high_watermark,
            last_stable_offset: data.high_watermark,
            log_start_offset: data.log_start_offset,
            diverging: data.diverging,
            records: Ok(Records::Bytes(records.slice(data.records))),
        });
        (fetched.topic_id, partition)
    });
    Ok(fetched.collect())
}
