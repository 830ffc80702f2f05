//! What a leader remembers of one follower's connection: where the follower stands in each partition.
//!
//! Invariants:
//! - An entry is here only if the partition's core accepted it, and is looked at again at least every
//!   [`COUNT_EVERY_MS`] of the connection's requests: a follower that says nothing new still follows.
//! - Records are sent from where the follower said its log ends; never to an entry that was told that the logs part,
//!   until the follower says where it stands then.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use yak_core::partition::{FollowerAnswer, FollowerFetch};
use yak_model::api::{
    Rejection, ReplicaData, ReplicaFetch, ReplicaFetchEntry, ReplicaFetchReply, ReplicaFetched,
};
use yak_model::limits::{MAX_ENTRIES_PER_REQUEST, MAX_REPLICA_SESSION_ENTRIES};
use yak_model::{BrokerEpoch, BrokerId, ErrorCode, LeaderEpoch, Offset};
use yak_record::Records;

use super::Outgoing;
use crate::broker::Broker;
use crate::partitions::{Partition, PartitionKey};

/// How often a remembered entry counts as said again, at most.
const COUNT_EVERY_MS: u64 = 200;

/// A follower's connection.
#[derive(Debug, Default)]
pub(crate) struct ReplicaSession {
    state: Mutex<State>,
    /// Told of appends, of moves of high watermarks, and of requests.
    news: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    follower: Option<(BrokerId, BrokerEpoch)>,
    entries: BTreeMap<PartitionKey, Entry>,
    /// Refusals and truncations that go out with the next reply.
    due: Vec<ReplicaFetched<Records>>,
    /// Requests so far.
    arrivals: u64,
    counted_ms: u64,
    /// When the last fetch was answered. The follower asks again after that.
    answered_ms: Option<u64>,
    /// The present request was sent after this time, if that is known.
    sent_after_ms: Option<u64>,
    /// Whose records came last into a reply; the next has its turn first.
    turn: Option<PartitionKey>,
}

#[derive(Debug)]
struct Entry {
    partition: Arc<Partition>,
    said: ReplicaFetchEntry,
    /// The high watermark and log start that the follower was told.
    told: Option<(Offset, Offset)>,
    /// It was told that the logs part.
    parted: bool,
}

/// Where records of a reply are read from.
#[derive(Debug)]
pub(crate) struct Source {
    pub(super) partition: Arc<Partition>,
    pub(super) place: (LeaderEpoch, Offset),
}

/// What there is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing.
    Nothing,
    /// A high watermark that may wait for company.
    News,
    /// Something that is waited for.
    Answer,
}

impl ReplicaSession {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Each entry is changed as a whole, and what was counted is the partition's.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what a request says. Returns its number.
    pub(super) fn arrive(&self, broker: &Broker, request: &ReplicaFetch) -> u64 {
        let mut state = self.lock();
        let follower = (request.broker_id, request.broker_epoch);
        if state.follower != Some(follower) {
            self.clear(&mut state);
            state.follower = Some(follower);
        }
        // A progress may have been sent before the answer that is under way.
        let is_fetch = request.max_bytes > 0;
        state.sent_after_ms = state.answered_ms.filter(|_| is_fetch);
        for key in &request.forget {
            if let Some(entry) = state.entries.remove(key) {
                entry.partition.unwatch(&self.news);
            }
        }
        for said in &request.entries {
            let key = (said.topic_id, said.partition);
            // It says anew where it stands: what was to be said of where it stood is over.
            state.due.retain(|due| (due.topic_id, due.partition) != key);
            let counted = find(broker, key).and_then(|partition| self.count(&mut state, partition, said));
            if let Err(rejection) = counted {
                self.refuse(&mut state, key, rejection);
            }
        }
        if is_fetch {
            self.count_remembered(&mut state, broker.clock.now_ms());
        }
        state.arrivals += 1;
        self.news.notify_one();
        state.arrivals
    }

    /// Counts one entry, and remembers it.
    fn count(
        &self,
        state: &mut State,
        partition: Arc<Partition>,
        said: &ReplicaFetchEntry,
    ) -> Result<(), Rejection> {
        let key = (said.topic_id, said.partition);
        if state.entries.len() >= MAX_REPLICA_SESSION_ENTRIES && !state.entries.contains_key(&key) {
            let message = format!("more than {MAX_REPLICA_SESSION_ENTRIES} partitions over one connection");
            return Err(Rejection::new(ErrorCode::ThrottlingQuotaExceeded, message));
        }
        let Some((broker_id, broker_epoch)) = state.follower else { return Ok(()) };
        let answer = partition.follower_fetch(&FollowerFetch {
            broker_id,
            broker_epoch,
            leader_epoch: said.leader_epoch,
            fetch_offset: said.fetch_offset,
            last_fetched_epoch: said.last_fetched_epoch,
            durable_offset: said.durable_offset,
            sent_after_ms: state.sent_after_ms,
        })?;
        let parted = match answer {
            FollowerAnswer::Send(_) => false,
            FollowerAnswer::Diverging(end, bound) => {
                let data = ReplicaData {
                    diverging: Some(end),
                    ..data(bound.high_watermark, bound.log_start_offset, Records::EMPTY)
                };
                state.due.push(fetched(key, Ok(data)));
                true
            }
        };
        partition.watch(&self.news);
        let told = state.entries.get(&key).and_then(|entry| entry.told);
        state.entries.insert(key, Entry { partition, said: *said, told, parted });
        Ok(())
    }

    /// Those of which the request said nothing stand where they stood.
    fn count_remembered(&self, state: &mut State, now_ms: u64) {
        if now_ms < state.counted_ms + COUNT_EVERY_MS {
            return;
        }
        state.counted_ms = now_ms;
        let remembered = state.entries.values().filter(|entry| !entry.parted);
        let remembered: Vec<_> = remembered.map(|entry| (Arc::clone(&entry.partition), entry.said)).collect();
        for (partition, said) in remembered {
            if let Err(rejection) = self.count(state, partition, &said) {
                self.refuse(state, (said.topic_id, said.partition), rejection);
            }
        }
    }

    fn refuse(&self, state: &mut State, key: PartitionKey, rejection: Rejection) {
        if let Some(entry) = state.entries.remove(&key) {
            entry.partition.unwatch(&self.news);
        }
        state.due.push(fetched(key, Err(rejection)));
    }

    fn clear(&self, state: &mut State) {
        for entry in std::mem::take(state).entries.into_values() {
            entry.partition.unwatch(&self.news);
        }
    }

    /// Whether a later request has arrived.
    pub(super) fn is_behind(&self, arrival: u64) -> bool {
        self.lock().arrivals > arrival
    }

    /// Returns when there may be something new.
    pub(super) async fn told(&self) {
        self.news.notified().await;
    }

    /// What there is to say.
    pub(super) fn look(&self) -> Look {
        let state = self.lock();
        if !state.due.is_empty() {
            return Look::Answer;
        }
        let mut look = Look::Nothing;
        for entry in state.entries.values().filter(|entry| !entry.parted) {
            if entry.has_records() {
                return Look::Answer;
            }
            if entry.has_news() {
                look = Look::News;
            }
        }
        look
    }

    /// The reply: everything that is due, and at most `max_bytes` of records, but at least one batch.
    pub(super) fn take(&self, now_ms: u64, max_bytes: u32) -> Outgoing {
        let mut state = self.lock();
        if max_bytes > 0 {
            state.answered_ms = Some(now_ms);
        }
        let mut partitions = std::mem::take(&mut state.due);
        state.due = partitions.split_off(partitions.len().min(MAX_ENTRIES_PER_REQUEST));
        let mut sources: Vec<Option<Source>> = partitions.iter().map(|_| None).collect();
        let mut left = u64::from(max_bytes);
        let mut refused = Vec::new();
        for key in state.in_turn() {
            if partitions.len() >= MAX_ENTRIES_PER_REQUEST {
                break;
            }
            let Some(entry) = state.entries.get_mut(&key) else { continue };
            if entry.parted || !(entry.has_news() || left > 0 && entry.has_records()) {
                continue;
            }
            let (epoch, offset) = (entry.said.leader_epoch, entry.said.fetch_offset);
            let (high_watermark, log_start) = entry.bounds();
            match entry.partition.read_for_follower(epoch, offset, left) {
                Err(rejection) => refused.push((key, rejection)),
                Ok(records) => {
                    entry.told = Some((high_watermark, log_start));
                    let source = (!records.is_empty())
                        .then(|| Source { partition: Arc::clone(&entry.partition), place: (epoch, offset) });
                    left = left.saturating_sub(records.len() as u64);
                    if source.is_some() {
                        state.turn = Some(key);
                    }
                    sources.push(source);
                    partitions.push(fetched(key, Ok(data(high_watermark, log_start, records))));
                }
            }
        }
        for (key, rejection) in refused {
            self.refuse(&mut state, key, rejection);
        }
        Outgoing { reply: ReplicaFetchReply { partitions }, sources }
    }
}

impl State {
    /// All entries, beginning behind the one whose records were sent last.
    fn in_turn(&self) -> Vec<PartitionKey> {
        let Some(turn) = self.turn else { return self.entries.keys().copied().collect() };
        let behind = self.entries.range((Bound::Excluded(turn), Bound::Unbounded));
        behind.chain(self.entries.range(..=turn)).map(|(key, _)| *key).collect()
    }
}

impl Entry {
    fn bounds(&self) -> (Offset, Offset) {
        (self.partition.high_watermark(), self.partition.reader().log_start())
    }

    fn has_records(&self) -> bool {
        let reader = self.partition.reader();
        (reader.log_start()..reader.log_end()).contains(&self.said.fetch_offset)
    }

    fn has_news(&self) -> bool {
        self.told != Some(self.bounds())
    }
}

impl Drop for ReplicaSession {
    fn drop(&mut self) {
        let mut state = std::mem::take(&mut *self.lock());
        self.clear(&mut state);
    }
}

fn find(broker: &Broker, (topic_id, index): PartitionKey) -> Result<Arc<Partition>, Rejection> {
    let image = broker.image();
    let Some(topic) = image.topic_by_id(topic_id) else {
        return Err(Rejection::new(
            ErrorCode::UnknownTopicId,
            format!("no topic has the id {topic_id} here"),
        ));
    };
    let partition = broker.partitions.get(topic.name(), index)?;
    if partition.topic_id() == topic_id {
        return Ok(partition);
    }
    let message = format!("{}: the topic with the id {topic_id} is not here", partition.id());
    Err(Rejection::new(ErrorCode::UnknownTopicId, message))
}

fn fetched(
    (topic_id, partition): PartitionKey,
    outcome: Result<ReplicaData<Records>, Rejection>,
) -> ReplicaFetched<Records> {
    ReplicaFetched { topic_id, partition, outcome }
}

const fn data(high_watermark: Offset, log_start_offset: Offset, records: Records) -> ReplicaData<Records> {
    ReplicaData { high_watermark, log_start_offset, diverging: None, records }
}
