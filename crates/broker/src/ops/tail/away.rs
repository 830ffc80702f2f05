//! What a tail asks of other brokers: of each leader one fetch at a time, of all its partitions together.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};
use yak_model::api::{Fetch, FetchEntry, Isolation, ReadFrom, Rejection};
use yak_model::limits::MAX_ENTRIES_PER_REQUEST;
use yak_model::{BrokerId, ErrorCode, Offset, TopicId};
use yak_record::Records;

use super::cursor::Cursor;
use super::{CHUNK_BYTES, FETCH_BYTES};
use crate::broker::{Broker, RETRY_AFTER_MS};
use crate::forwarding::{Leader, fetch_from};

/// How long a leader holds a fetch.
const MAX_WAIT_MS: u32 = 500;

/// The fetches under way. They end with the tail.
#[derive(Debug, Default)]
pub(super) struct Away {
    asked: JoinSet<Fetched>,
    leaders: Vec<BrokerId>,
}

/// What a leader answered.
#[derive(Debug)]
pub(super) struct Fetched {
    leader: BrokerId,
    /// Which cursors it was asked about, and from where on.
    places: Vec<(usize, Offset)>,
    answers: Vec<(TopicId, Result<Bytes, Rejection>)>,
}

impl Away {
    /// Whether nobody is being asked.
    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// Asks every leader that is not being asked, and all of whose records were sent on.
    pub(super) fn ask(&mut self, broker: &Arc<Broker>, cursors: &[Cursor]) {
        let mut open: BTreeMap<BrokerId, (Leader, Vec<usize>)> = BTreeMap::new();
        let mut holding: Vec<BrokerId> = self.leaders.clone();
        for (at, cursor) in cursors.iter().enumerate() {
            let Some((leader, _)) = cursor.asks() else { continue };
            if cursor.holds() {
                holding.push(leader.id());
            } else if !cursor.is_done() && !cursor.is_lost {
                open.entry(leader.id()).or_insert_with(|| (leader.clone(), Vec::new())).1.push(at);
            }
        }
        open.retain(|leader, _| !holding.contains(leader));
        for (leader, mut places) in open.into_values() {
            places.truncate(MAX_ENTRIES_PER_REQUEST);
            self.leaders.push(leader.id());
            self.asked.spawn(fetch(Arc::clone(broker), leader, request(cursors, &places), places));
        }
    }

    /// The next answer. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Fetched> {
        let joined = self.asked.join_next().await?;
        let fetched = joined.expect("a fetch does not panic, and is given up only with the tail");
        self.leaders.retain(|leader| *leader != fetched.leader);
        Some(fetched)
    }
}

fn request(cursors: &[Cursor], places: &[usize]) -> Fetch {
    let entry = |at: &usize| {
        let cursor = &cursors[*at];
        FetchEntry {
            topic_id: None,
            topic: cursor.id.topic.clone(),
            partition: cursor.id.partition,
            leader_epoch: cursor.asks().map(|(_, epoch)| epoch),
            offset: cursor.next,
            max_bytes: CHUNK_BYTES,
            last_fetched_epoch: None,
        }
    };
    Fetch {
        max_wait_ms: MAX_WAIT_MS,
        min_bytes: 1,
        max_bytes: FETCH_BYTES,
        isolation: Isolation::default(),
        read_from: ReadFrom::Leader,
        entries: places.iter().map(entry).collect(),
    }
}

async fn fetch(broker: Arc<Broker>, leader: Leader, request: Fetch, places: Vec<usize>) -> Fetched {
    let offsets = request.entries.iter().map(|entry| entry.offset);
    let places: Vec<(usize, Offset)> = places.into_iter().zip(offsets).collect();
    let answers: Vec<(TopicId, Result<Bytes, Rejection>)> = match fetch_from(&broker, &leader, &request).await
    {
        Ok(fetched) => {
            let bytes = |records: Records| match records {
                Records::Bytes(bytes) => bytes,
                Records::Stored(_) => Bytes::new(),
            };
            let answer = |(topic_id, fetched): crate::forwarding::Fetched| {
                (topic_id, fetched.and_then(|fetched| fetched.records).map(bytes))
            };
            fetched.into_iter().map(answer).collect()
        }
        Err(rejection) => places.iter().map(|_| (TopicId::default(), Err(rejection.clone()))).collect(),
    };
    if answers.iter().any(|(_, answer)| answer.is_err()) {
        // Who refuses at once is not asked again at once.
        sleep(Duration::from_millis(RETRY_AFTER_MS.into())).await;
    }
    Fetched { leader: leader.id(), places, answers }
}

impl Fetched {
    /// Gives every cursor its own.
    ///
    /// # Errors
    /// What will not pass.
    pub(super) fn take(self, cursors: &mut [Cursor]) -> Result<(), Rejection> {
        for ((at, offset), (topic_id, answer)) in self.places.into_iter().zip(self.answers) {
            let cursor = &mut cursors[at];
            if answer.is_ok() && topic_id != cursor.topic_id {
                let message = format!("topic '{}' was deleted", cursor.id.topic);
                return Err(Rejection::new(ErrorCode::UnknownTopicOrPartition, message));
            }
            cursor.take(offset, answer)?;
        }
        Ok(())
    }
}
