//! The follower's end of a session: what the leader was told of each partition, and what it is to be told next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use yak_model::api::{ReplicaData, ReplicaFetchEntry};
use yak_model::limits::MAX_ENTRIES_PER_REQUEST;
use yak_model::{BrokerId, ErrorCode};

use super::fetcher::Assigned;
use crate::link::{Answer, LinkError};
use crate::partitions::{Fetched, Partition, PartitionKey};

/// Between a refusal that metadata will mend and the next try.
const RETRY_AFTER: Duration = Duration::from_millis(50);
/// Between a failure of the disk, on either side, and the next try.
const RETRY_STORAGE_AFTER: Duration = Duration::from_millis(500);

/// The partitions that follow one leader over one connection.
#[derive(Debug)]
pub(super) struct Following {
    leader: BrokerId,
    assigned: Assigned,
    /// What the leader remembers.
    told: BTreeMap<PartitionKey, ReplicaFetchEntry>,
    /// Those that may stand elsewhere than the leader was told.
    changed: BTreeSet<PartitionKey>,
    forget: BTreeSet<PartitionKey>,
    /// Those that wait before they are told again.
    waiting: BTreeMap<PartitionKey, Instant>,
}

impl Following {
    /// Nothing is told yet.
    pub(super) fn new(leader: BrokerId) -> Self {
        Self {
            leader,
            assigned: Assigned::default(),
            told: BTreeMap::new(),
            changed: BTreeSet::new(),
            forget: BTreeSet::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// These follow from now on, and no others. The metadata changed, so what was refused before is tried at once.
    pub(super) fn assign(&mut self, assigned: &Assigned) {
        self.assigned = Arc::clone(assigned);
        self.waiting.clear();
        let gone: Vec<PartitionKey> =
            self.told.keys().filter(|key| !assigned.contains_key(*key)).copied().collect();
        for key in gone {
            self.told.remove(&key);
            self.forget.insert(key);
        }
        self.changed = assigned.keys().copied().collect();
    }

    /// These may stand elsewhere now.
    pub(super) fn moved(&mut self, partitions: BTreeSet<PartitionKey>) {
        let mine = partitions.into_iter().filter(|key| self.assigned.contains_key(key));
        let ready: Vec<PartitionKey> = mine.filter(|key| !self.waiting.contains_key(key)).collect();
        self.changed.extend(ready);
    }

    /// Whether the leader is to be told something.
    pub(super) fn has_changes(&mut self) -> bool {
        let now = Instant::now();
        let Self { waiting, changed, .. } = self;
        waiting.retain(|key, until| {
            let waits = *until > now;
            if !waits {
                changed.insert(*key);
            }
            waits
        });
        // Most notes are about what the leader knows already.
        let known = |key: &PartitionKey| {
            let stands = self.assigned.get(key).and_then(|partition| partition.following());
            match stands {
                Some((leader, entry)) if leader == self.leader => self.told.get(key) == Some(&entry),
                _ => true,
            }
        };
        let news: BTreeSet<PartitionKey> = self.changed.iter().filter(|key| !known(key)).copied().collect();
        self.changed = news;
        !self.changed.is_empty() || !self.forget.is_empty()
    }

    /// What the leader is to be told now, at most as much as one request may have.
    pub(super) fn changes(&mut self) -> (Vec<ReplicaFetchEntry>, Vec<PartitionKey>) {
        self.has_changes();
        let mut entries = Vec::new();
        while entries.len() < MAX_ENTRIES_PER_REQUEST
            && let Some(key) = self.changed.pop_first()
        {
            let stands = self.assigned.get(&key).and_then(|partition| partition.following());
            if let Some((leader, entry)) = stands
                && leader == self.leader
            {
                self.told.insert(key, entry);
                self.forget.remove(&key);
                entries.push(entry);
            }
        }
        let forget = std::iter::from_fn(|| self.forget.pop_first());
        (entries, forget.take(MAX_ENTRIES_PER_REQUEST).collect())
    }

    /// Returns when a partition has waited long enough.
    pub(super) async fn retry(&self) {
        match self.waiting.values().min() {
            Some(until) => sleep_until(*until).await,
            None => std::future::pending().await,
        }
    }

    /// Hands each partition what the leader sent it.
    ///
    /// # Errors
    /// Records that cannot be the leader's: the connection cannot be trusted.
    pub(super) fn take(&mut self, answer: Answer) -> Result<(), LinkError> {
        let Answer { reply, records } = answer;
        for fetched in reply.partitions {
            let key = (fetched.topic_id, fetched.partition);
            let data = match fetched.outcome {
                Ok(data) => data,
                Err(rejection) => {
                    tracing::debug!(topic_id = %key.0, partition = %key.1, %rejection, "replica fetch refused");
                    self.told.remove(&key);
                    self.wait(key, delay(rejection.code));
                    continue;
                }
            };
            let (Some(told), Some(partition)) = (self.told.get(&key), self.assigned.get(&key)) else {
                continue;
            };
            let data = ReplicaData {
                high_watermark: data.high_watermark,
                log_start_offset: data.log_start_offset,
                diverging: data.diverging,
                records: &records[data.records],
            };
            match partition.fetched((self.leader, told.leader_epoch), &data) {
                Fetched::Taken | Fetched::Truncated => _ = self.changed.insert(key),
                Fetched::Refused(rejection) if rejection.code == ErrorCode::KafkaStorageError => {
                    tracing::warn!(partition = %partition.id(), %rejection, "cannot follow for now");
                    self.pause(key);
                }
                Fetched::Refused(rejection) => {
                    return Err(LinkError::BadRecords(format!("{}: {rejection}", partition.id())));
                }
                Fetched::Failed => self.pause(key),
            }
        }
        Ok(())
    }

    /// The leader is to send nothing for a while.
    fn pause(&mut self, key: PartitionKey) {
        self.told.remove(&key);
        self.forget.insert(key);
        self.wait(key, RETRY_STORAGE_AFTER);
    }

    fn wait(&mut self, key: PartitionKey, delay: Duration) {
        self.changed.remove(&key);
        if self.assigned.contains_key(&key) {
            self.waiting.insert(key, Instant::now() + delay);
        }
    }
}

const fn delay(code: ErrorCode) -> Duration {
    match code {
        ErrorCode::KafkaStorageError => RETRY_STORAGE_AFTER,
        _ => RETRY_AFTER,
    }
}

/// Those among the partitions that follow, each with its leader.
pub(super) fn by_leader(
    online: &[Arc<Partition>],
) -> BTreeMap<BrokerId, BTreeMap<PartitionKey, Arc<Partition>>> {
    let mut leaders: BTreeMap<BrokerId, BTreeMap<PartitionKey, Arc<Partition>>> = BTreeMap::new();
    for partition in online {
        if let Some((leader, entry)) = partition.following() {
            let key = (entry.topic_id, entry.partition);
            leaders.entry(leader).or_default().insert(key, Arc::clone(partition));
        }
    }
    leaders
}
