//! list_offsets and delete_records, whoever leads.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::time::{Duration, Instant};
use yak_model::ErrorCode;
use yak_model::api::{
    DeleteRecords, DeleteRecordsEntry, DeleteRecordsReply, DeletedRecords, ListOffsets, ListOffsetsEntry,
    ListOffsetsReply, ListedOffset, ReadFrom, RefusedListOffsets, Rejection, Reply,
};
use yak_model::limits::at_most_entries;
use yak_protocol::Call;

use super::ask::{ask, encode, translate};
use super::entry::{Leader, any_away};
use super::pool::Use;
use super::scatter::{Scattered, is_about_metadata, scatter};
use super::{ANSWER_TIMEOUT, GRACE};
use crate::answer::Outcome;
use crate::broker::{Broker, MAX_DECIDE_MS, RETRY_AFTER_MS};
use crate::ops;

/// Asks for offsets, wherever the partitions are led.
pub(crate) async fn list_offsets(broker: &Arc<Broker>, request: ListOffsets) -> Outcome<ListOffsetsReply> {
    at_most_entries(request.entries.len())?;
    let listing = Listing { broker: Arc::clone(broker) };
    Ok(Reply::new(ListOffsetsReply { partitions: scatter(broker, listing, request.entries).await }))
}

/// Deletes records, wherever the partitions are led.
pub(crate) async fn delete_records(
    broker: Arc<Broker>,
    request: DeleteRecords,
) -> Outcome<DeleteRecordsReply> {
    at_most_entries(request.entries.len())?;
    if !any_away(&broker, &request.entries, ReadFrom::Leader) {
        return ops::delete_records::delete_records(broker, request).await;
    }
    let deleting = Deleting { broker: Arc::clone(&broker), timeout_ms: request.timeout_ms };
    Ok(Reply::new(DeleteRecordsReply { partitions: scatter(&broker, deleting, request.entries).await }))
}

/// Sends one line and reads its answer.
async fn call<C: Call>(
    broker: &Broker,
    leader: &Leader,
    request: &C,
    longest: Duration,
) -> Result<C::Reply, Rejection> {
    let (mut line, mut out) = (BytesMut::new(), BytesMut::new());
    request.encode_request(&mut line, None);
    encode(broker, &line, &mut out)?;
    let until = Instant::now() + longest + GRACE;
    let mut asked = ask((broker, leader), Use::Short, &out, until).await?;
    let line = asked.line().await?;
    let answer = C::parse_reply(&line).map_err(|error| {
        Rejection::new(ErrorCode::NetworkException, error.to_string()).retry_after(RETRY_AFTER_MS)
    })?;
    asked.done();
    answer.result.map(|reply| reply.body).map_err(|rejection| translate(leader, rejection))
}

/// What a leader's answer says of each entry. An error about the whole is one about each.
fn each<E, A>(
    entries: &[E],
    answer: Result<Vec<A>, Rejection>,
    refuse: impl Fn(&E, Rejection) -> A,
) -> Vec<A> {
    let rejection = match answer {
        Ok(answers) if answers.len() == entries.len() => return answers,
        Ok(_) => Rejection::new(ErrorCode::NetworkException, "the leader answered something else"),
        Err(rejection) => rejection,
    };
    entries.iter().map(|entry| refuse(entry, rejection.clone())).collect()
}

struct Listing {
    broker: Arc<Broker>,
}

impl Scattered for Listing {
    type Entry = ListOffsetsEntry;
    type Answer = Result<ListedOffset, RefusedListOffsets>;

    async fn here(&self, entries: Vec<ListOffsetsEntry>) -> Vec<Self::Answer> {
        entries.into_iter().map(|entry| ops::list_offsets::list_one(&self.broker, entry)).collect()
    }

    async fn away(&self, leader: &Leader, entries: &[ListOffsetsEntry]) -> Vec<Self::Answer> {
        let request = ListOffsets { entries: entries.to_vec(), ..ListOffsets::default() };
        let answer = call(&self.broker, leader, &request, ANSWER_TIMEOUT).await;
        each(entries, answer.map(|reply| reply.partitions), |entry, rejection| self.refuse(entry, rejection))
    }

    fn refuse(&self, entry: &ListOffsetsEntry, rejection: Rejection) -> Self::Answer {
        Err(RefusedListOffsets { topic: entry.topic.clone(), partition: entry.partition, rejection })
    }

    fn refusal(answer: &Self::Answer) -> Option<&Rejection> {
        answer.as_ref().err().map(|refused| &refused.rejection)
    }

    /// It only reads.
    fn may_ask_again(&self, rejection: &Rejection) -> bool {
        is_about_metadata(rejection.code) || rejection.code == ErrorCode::NetworkException
    }
}

struct Deleting {
    broker: Arc<Broker>,
    timeout_ms: u32,
}

impl Scattered for Deleting {
    type Entry = DeleteRecordsEntry;
    type Answer = DeletedRecords;

    async fn here(&self, entries: Vec<DeleteRecordsEntry>) -> Vec<DeletedRecords> {
        let refused = entries.clone();
        let request = DeleteRecords { entries, timeout_ms: self.timeout_ms };
        let outcome = ops::delete_records::delete_records(Arc::clone(&self.broker), request).await;
        each(&refused, outcome.map(|reply| reply.body.partitions), |entry, rejection| {
            self.refuse(entry, rejection)
        })
    }

    async fn away(&self, leader: &Leader, entries: &[DeleteRecordsEntry]) -> Vec<DeletedRecords> {
        let request = DeleteRecords { entries: entries.to_vec(), timeout_ms: self.timeout_ms };
        let longest = Duration::from_millis(self.timeout_ms.min(MAX_DECIDE_MS).into());
        let answer = call(&self.broker, leader, &request, longest).await;
        each(entries, answer.map(|reply| reply.partitions), |entry, rejection| self.refuse(entry, rejection))
    }

    fn refuse(&self, entry: &DeleteRecordsEntry, rejection: Rejection) -> DeletedRecords {
        DeletedRecords {
            topic: entry.topic.clone(),
            partition: entry.partition,
            log_start_offset: Err(rejection),
        }
    }

    fn refusal(answer: &DeletedRecords) -> Option<&Rejection> {
        answer.log_start_offset.as_ref().err()
    }
}
