//! The consumer: chunks of records out of partitions, as fast as their owner reads.
//!
//! There is no task behind it: [`Consumer::next`] drives the connections. While the owner processes a chunk, the
//! next fetch has been sent already, and its reply waits in the socket; so memory is bounded by one reply for
//! each leader, and an owner that stops reading stops the brokers.
//!
//! ```text
//!   next() ── ready? ──► Event
//!     └─ else: fetch what is wanted ─► wait ─► read a reply ─► (next fetch sent) ─► decode ─► ready
//! ```

mod assignment;
mod chunk;
mod config;
mod engine;
mod event;
mod group;
mod headers;
mod link;
mod metadata;
mod outage;
mod partition;
mod reading;
mod replies;
mod start;
#[cfg(test)]
mod tests;
mod texts;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

pub use assignment::{Assignment, Positions, Stop};
pub use chunk::{Chunk, ConsumedRecord};
pub use config::{ConsumerConfig, OutOfRange};
use engine::{Done, Redial, Refresh};
pub use event::{Event, StartedAt, StartedPartition};
use group::Group;
pub use group::{GroupConfig, GroupStart};
pub use headers::{HeaderIter, Headers};
use link::Link;
use outage::Outage;
use partition::Partition;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use yak_model::api::{ReadFrom, TailStart};
use yak_model::{BrokerId, Offset, PartitionIndex, TopicName, TopicPartition};

use crate::cluster::Missing;
use crate::{ClientError, Cluster, TopicInfo};

/// Reads records from the partitions it was assigned.
#[derive(Debug)]
pub struct Consumer {
    cluster: Cluster,
    config: ConsumerConfig,
    partitions: Vec<Partition>,
    /// Topics that were assigned whole and for ever: their new partitions are read too.
    growing: Vec<TopicName>,
    links: BTreeMap<BrokerId, Link>,
    redials: BTreeMap<BrokerId, Redial>,
    tasks: JoinSet<Done>,
    refresh: Refresh,
    /// What the cluster's subscription heard.
    news: watch::Receiver<u64>,
    /// What there is to hand out; of a partition's slot and generation, if it is records.
    ready: VecDeque<(Option<(usize, u64)>, Event)>,
    failure: Option<ClientError>,
    outage: Outage,
    /// The cluster's subscription reached nobody when it was last heard of.
    is_silent: bool,
    /// The group that it is a member of.
    group: Option<Group>,
}

impl Consumer {
    /// A consumer without partitions.
    ///
    /// # Errors
    /// [`ClientError::Usage`] if the configuration contradicts itself.
    pub fn new(cluster: &Cluster, config: ConsumerConfig) -> Result<Self, ClientError> {
        if config.fetch_bytes == 0 || config.partition_bytes == 0 {
            return Err(ClientError::Usage("fetch.max.bytes must be at least 1".to_owned()));
        }
        Ok(Self {
            cluster: cluster.clone(),
            outage: Outage::new(config.outage_timeout),
            config,
            partitions: Vec::new(),
            growing: Vec::new(),
            links: BTreeMap::new(),
            redials: BTreeMap::new(),
            tasks: JoinSet::new(),
            refresh: Refresh::new(cluster.config()),
            news: cluster.news(),
            ready: VecDeque::new(),
            failure: None,
            is_silent: false,
            group: None,
        })
    }

    /// Assigns every partition of a topic. Without a stop, partitions that are added later are read too, from
    /// their beginning. The topic is created if it is missing and the configuration and the cluster allow it.
    ///
    /// # Errors
    /// When the topic does not exist and is not created, or nobody answers in time, or a leader's advertised
    /// address cannot be reached.
    pub async fn assign_topic(
        &mut self,
        topic: &TopicName,
        start: TailStart,
        stop: Stop,
    ) -> Result<Arc<TopicInfo>, ClientError> {
        let missing = if self.config.create_topics { Missing::Create } else { Missing::Fail };
        let info = self.cluster.topic(topic, missing).await?;
        let assignments: Vec<Assignment> = info
            .partitions
            .iter()
            .map(|found| Assignment { topic: topic.clone(), partition: found.partition, start, stop })
            .collect();
        self.assign(&assignments).await?;
        if stop == Stop::Never && !self.growing.contains(topic) {
            self.growing.push(topic.clone());
        }
        Ok(info)
    }

    /// Assigns single partitions. Start and stop are looked up now, so records produced after this returns
    /// are seen even when reading starts at the end. A partition assigned before begins anew.
    ///
    /// # Errors
    /// When a topic or partition does not exist, or nobody answers in time, or a leader's advertised address
    /// cannot be reached.
    pub async fn assign(&mut self, assignments: &[Assignment]) -> Result<(), ClientError> {
        self.check_partitions(assignments).await?;
        // News tells of a leader that hangs before waiting for it does.
        let topics: Vec<_> = assignments.iter().map(|assignment| assignment.topic.clone()).collect();
        self.cluster.follow(&topics);
        for mut partition in start::look_up(&self.cluster, assignments).await? {
            partition.is_leader_only = self.config.read_from == ReadFrom::Leader;
            partition.choose_source(&self.cluster);
            self.place(partition);
        }
        self.greet_sources().await?;
        Ok(())
    }

    /// The next event. `None` when every partition has come to its stop (or none was assigned; of a member of a group: when
    /// what it is assigned has). Waits for ever otherwise; the future may be dropped while waiting (in a `select!`) without
    /// losing anything. A member of a group says by asking that it has taken everything that it was handed before.
    ///
    /// # Errors
    /// What cannot be helped by waiting or asking elsewhere: the topic was deleted, an offset is out of range
    /// and the configuration says so, nobody was reached for as long as the configuration allows.
    pub async fn next(&mut self) -> Result<Option<Event>, ClientError> {
        self.attend_group(Instant::now(), true);
        loop {
            if let Some(event) = self.pop_ready() {
                return Ok(Some(event));
            }
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            if self.is_finished() {
                return Ok(None);
            }
            let now = Instant::now();
            self.hear_news(now);
            self.look_after_outage(now)?;
            self.dispatch(now);
            if self.ready.is_empty() {
                self.wait(now).await;
                self.read(Instant::now());
            }
            self.attend_group(Instant::now(), false);
        }
    }

    /// An event that is there already, without waiting or reading.
    pub fn try_next(&mut self) -> Option<Event> {
        self.attend_group(Instant::now(), true);
        self.pop_ready()
    }

    fn is_finished(&self) -> bool {
        match &self.group {
            Some(group) => group.is_finished(self),
            None => self.partitions.iter().all(Partition::is_stopped),
        }
    }

    fn pop_ready(&mut self) -> Option<Event> {
        while let Some((of, event)) = self.ready.pop_front() {
            let Some((slot, generation)) = of else {
                if let Some(group) = &mut self.group {
                    group.handed_out(&event);
                }
                return Some(event);
            };
            let partition = &mut self.partitions[slot];
            if partition.generation != generation {
                // Somebody moved the partition elsewhere after this was fetched.
                continue;
            }
            if let Event::Records(chunk) = &event {
                partition.position = chunk.next_offset();
            }
            return Some(event);
        }
        None
    }

    /// Goes on from this offset; what was fetched in advance is dropped.
    ///
    /// # Errors
    /// When the partition is not assigned.
    pub fn seek(&mut self, partition: &TopicPartition, offset: Offset) -> Result<(), ClientError> {
        let slot = self.assigned_slot(partition)?;
        self.release(slot);
        self.partitions[slot].move_to(offset);
        Ok(())
    }

    /// Reads nothing of this partition until it is resumed; what was fetched in advance is dropped. It stays assigned.
    ///
    /// # Errors
    /// When the partition is not assigned.
    pub fn pause(&mut self, partition: &TopicPartition) -> Result<(), ClientError> {
        let slot = self.assigned_slot(partition)?;
        let partition = &mut self.partitions[slot];
        if !std::mem::replace(&mut partition.is_paused, true) {
            partition.move_to(partition.position);
        }
        Ok(())
    }

    /// Reads a paused partition again, from where it was.
    ///
    /// # Errors
    /// When the partition is not assigned.
    pub fn resume(&mut self, partition: &TopicPartition) -> Result<(), ClientError> {
        let slot = self.assigned_slot(partition)?;
        if std::mem::replace(&mut self.partitions[slot].is_paused, false) {
            self.release(slot);
        }
        Ok(())
    }

    /// Where each partition is: position, high watermark, start, stop. In order of assignment.
    #[must_use]
    pub fn positions(&self) -> Vec<Positions> {
        let owned = self.partitions.iter().filter(|partition| !partition.is_gone());
        owned.map(Partition::positions).collect()
    }

    /// The offset after the last record handed out.
    #[must_use]
    pub fn position(&self, topic: &TopicName, partition: PartitionIndex) -> Option<Offset> {
        let slot = self.assigned_slot(&TopicPartition::new(topic.clone(), partition)).ok()?;
        Some(self.partitions[slot].position)
    }

    fn assigned_slot(&self, id: &TopicPartition) -> Result<usize, ClientError> {
        let slot = self.slot_of(id).filter(|slot| !self.partitions[*slot].is_gone());
        slot.ok_or_else(|| ClientError::Usage(format!("{id} is not assigned")))
    }

    fn slot_of(&self, id: &TopicPartition) -> Option<usize> {
        self.partitions.iter().position(|partition| partition.id == *id)
    }
}
