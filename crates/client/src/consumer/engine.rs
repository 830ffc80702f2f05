//! What drives a consumer: connections, metadata, replies and refusals.

use std::collections::BTreeSet;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;

use tokio::time::{Instant, sleep_until};
use yak_model::api::{ClientRole, ListOffsets, ListOffsetsEntry, OffsetSpec, Rejection, TailStart};
use yak_model::{BrokerId, ErrorCode, Offset, TopicName, TopicPartition};

use super::link::Link;
use super::partition::Partition;
use super::reading::Fetching;
use super::{Assignment, Consumer, Event, OutOfRange, Stop, start};
use crate::cluster::{Backoff, Missing};
use crate::connection::{ReplyError, plain};
use crate::{Admin, ClientConfig, ClientError, Connection};

/// What has been done meanwhile.
#[derive(Debug)]
pub(super) enum Done {
    /// A connection to a leader was tried.
    Connected(BrokerId, Result<Connection, ClientError>),
    /// Metadata was asked for.
    Refreshed(Result<(), ClientError>),
    /// New partitions of a topic, and where they begin.
    Added(Result<Vec<Partition>, ClientError>),
    /// Where a partition that was out of range goes on (at a generation).
    Found(usize, u64, Result<Offset, ClientError>),
}

/// A leader that could not be connected to.
#[derive(Debug)]
pub(super) struct Redial {
    is_under_way: bool,
    not_before: Instant,
    backoff: Backoff,
}

/// How up to date metadata is.
#[derive(Debug)]
pub(super) struct Refresh {
    is_under_way: bool,
    is_wanted: bool,
    not_before: Instant,
    heard: Instant,
    backoff: Backoff,
}

impl Refresh {
    pub(super) fn new(config: &ClientConfig) -> Self {
        let now = Instant::now();
        let backoff = Backoff::new(config);
        Self { is_under_way: false, is_wanted: false, not_before: now, heard: now, backoff }
    }
}

impl Consumer {
    /// Fetches from every leader that has something wanted and nothing under way; connects to those that are
    /// not connected.
    pub(super) fn dispatch(&mut self, now: Instant) {
        let mut leaders = BTreeSet::new();
        for partition in self.partitions.iter().filter(|partition| partition.is_wanted(now)) {
            match partition.leader {
                Some((leader, _)) => _ = leaders.insert(leader),
                None => self.refresh.is_wanted = true,
            }
        }
        let fetching = |broker| Fetching {
            broker,
            config: &self.config,
            patience: self.cluster.config().request_timeout,
            now,
        };
        let mut missing = Vec::new();
        for broker in leaders {
            match self.links.get_mut(&broker) {
                Some(link) if link.asked.is_none() => fetching(broker).ask(link, &self.partitions),
                Some(_) => {}
                None => missing.push(broker),
            }
        }
        for broker in missing {
            self.dial(broker, now);
        }
        self.refresh_if_due(now);
    }

    fn dial(&mut self, broker: BrokerId, now: Instant) {
        let backoff = Backoff::new(self.cluster.config());
        let fresh = Redial { is_under_way: false, not_before: now, backoff };
        let redial = self.redials.entry(broker).or_insert(fresh);
        if redial.is_under_way || redial.not_before > now {
            return;
        }
        redial.is_under_way = true;
        let cluster = self.cluster.clone();
        let topics = self.topics();
        self.tasks.spawn(async move {
            Done::Connected(broker, cluster.connect_to(broker, ClientRole::Consumer, topics).await)
        });
    }

    fn topics(&self) -> Vec<TopicName> {
        let topics: BTreeSet<_> = self.partitions.iter().map(|partition| &partition.id.topic).collect();
        topics.into_iter().cloned().collect()
    }

    fn refresh_if_due(&mut self, now: Instant) {
        let is_old = now >= self.refresh.heard + self.cluster.config().metadata_max_age;
        if !(self.refresh.is_wanted || is_old) || now < self.refresh.not_before || self.refresh.is_under_way {
            return;
        }
        self.refresh.is_under_way = true;
        self.refresh.is_wanted = false;
        let (cluster, topics) = (self.cluster.clone(), self.topics());
        self.tasks.spawn(async move { Done::Refreshed(cluster.refresh(Some(topics)).await.map(|_| ())) });
    }

    /// Until a socket, a task or a deadline has something to do. Loses nothing when it is dropped.
    pub(super) async fn wait(&mut self) {
        let deadline = self.next_deadline();
        let mut timer = pin!(sleep_until(deadline));
        let done = poll_fn(|context| {
            if let Poll::Ready(Some(done)) = self.tasks.poll_join_next(context) {
                return Poll::Ready(Some(done));
            }
            // Every one is asked, so that every one wakes this task.
            let any = self.links.values().filter(|link| link.poll_ready(context).is_ready()).count() > 0;
            if any || timer.as_mut().poll(context).is_ready() { Poll::Ready(None) } else { Poll::Pending }
        })
        .await;
        match done {
            Some(Ok(done)) => self.done(done, Instant::now()),
            Some(Err(error)) => tracing::error!(%error, "a task of the consumer failed"),
            None => {}
        }
    }

    fn next_deadline(&self) -> Instant {
        let now = Instant::now();
        let links = self.links.values().filter_map(|link| link.asked.as_ref().map(|asked| asked.deadline));
        let partitions = self.partitions.iter().filter_map(|partition| partition.not_before);
        let redials = self.redials.values().filter(|redial| !redial.is_under_way).map(|redial| redial.not_before);
        let old = self.refresh.heard + self.cluster.config().metadata_max_age;
        let refresh = if self.refresh.is_wanted { self.refresh.not_before } else { old.max(self.refresh.not_before) };
        let refresh = (!self.refresh.is_under_way).then_some(refresh);
        let later = partitions.chain(redials).filter(|at| *at > now);
        links.chain(later).chain(refresh).chain(self.outage.deadline()).min().unwrap_or(old)
    }

    fn done(&mut self, done: Done, now: Instant) {
        match done {
            Done::Connected(broker, Ok(connection)) => {
                self.redials.remove(&broker);
                self.links.insert(broker, Link::new(connection));
            }
            Done::Connected(broker, Err(error)) => {
                if let Some(redial) = self.redials.get_mut(&broker) {
                    redial.is_under_way = false;
                    redial.not_before = now + redial.backoff.next();
                }
                self.outage.failed(error, now);
                self.refresh.is_wanted = true;
            }
            Done::Refreshed(Ok(())) => self.refreshed(now),
            Done::Refreshed(Err(error)) => {
                self.refresh.is_under_way = false;
                self.refresh.is_wanted = true;
                self.refresh.not_before = now + self.refresh.backoff.next();
                self.outage.failed(error, now);
            }
            Done::Added(Ok(added)) => self.added(added),
            Done::Added(Err(error)) => tracing::warn!(%error, "cannot begin to read new partitions yet"),
            Done::Found(slot, generation, found) => self.found(slot, generation, found, now),
        }
    }

    fn refreshed(&mut self, now: Instant) {
        self.refresh.is_under_way = false;
        self.refresh.heard = now;
        self.refresh.not_before = now + self.refresh.backoff.next();
        for slot in 0..self.partitions.len() {
            self.update_leader(slot);
        }
        if self.partitions.iter().all(|partition| partition.leader.is_some()) {
            self.refresh.backoff.reset();
        }
        for topic in &self.growing {
            let Some(info) = self.cluster.known_topic(topic) else { continue };
            let is_new = |partition: &&yak_model::api::PartitionMetadata| {
                let id = TopicPartition::new(topic.clone(), partition.partition);
                !self.partitions.iter().any(|known| known.id == id)
            };
            let added: Vec<_> = info
                .partitions
                .iter()
                .filter(is_new)
                .map(|partition| Assignment {
                    topic: topic.clone(),
                    partition: partition.partition,
                    start: TailStart::Beginning,
                    stop: Stop::Never,
                })
                .collect();
            if !added.is_empty() {
                let cluster = self.cluster.clone();
                self.tasks.spawn(async move { Done::Added(start::look_up(&cluster, &added).await) });
            }
        }
    }

    fn added(&mut self, added: Vec<Partition>) {
        let Some(first) = added.first().map(|partition| partition.id.clone()) else { return };
        let mut is_news = false;
        for partition in added {
            if self.slot_of(&partition.id).is_none() {
                is_news = true;
                self.place(partition);
            }
        }
        if is_news {
            let total = self.cluster.known_topic(&first.topic).map_or(0, |info| info.partition_count());
            self.ready.push_back((None, Event::PartitionsAdded { first, total }));
        }
    }

    fn update_leader(&mut self, slot: usize) {
        let partition = &mut self.partitions[slot];
        if partition.is_doubted && self.cluster.known_topic(&partition.id.topic).is_none() {
            let topic = partition.id.topic.clone();
            self.failure.get_or_insert(ClientError::UnknownTopic { topic, similar: None });
            return;
        }
        let before = partition.leader;
        partition.leader = partition.known_leader(&self.cluster);
        let (Some((from, _)), Some((to, leader_epoch))) = (before, partition.leader) else { return };
        if from != to {
            let partition = partition.id.clone();
            let event = Event::LeaderChanged { partition, from: Some(from), to: Some(to), leader_epoch };
            self.ready.push_back((None, event));
        }
    }

    /// Reads one reply of each link that has one.
    pub(super) fn read(&mut self, now: Instant) {
        let brokers: Vec<BrokerId> = self.links.keys().copied().collect();
        for broker in brokers {
            let Some(mut link) = self.links.remove(&broker) else { continue };
            match self.read_link(broker, &mut link, now) {
                Ok(()) => _ = self.links.insert(broker, link),
                Err(error) => {
                    tracing::info!(%broker, %error, "connection to a leader lost");
                    self.outage.failed(error, now);
                    self.refresh.is_wanted = true;
                }
            }
        }
    }

    fn read_link(&mut self, broker: BrokerId, link: &mut Link, now: Instant) -> Result<(), ClientError> {
        let lost = |error: &std::io::Error, link: &Link| ClientError::Connection {
            address: link.address.clone(),
            why: plain(error),
        };
        link.write().map_err(|error| lost(&error, link))?;
        let is_open = link.read().map_err(|error| lost(&error, link))?;
        let line = link.take_line().map_err(|too_long| ReplyError::from(too_long).at(&link.address))?;
        let Some(line) = line else {
            if !is_open {
                return Err(lost(&std::io::ErrorKind::UnexpectedEof.into(), link));
            }
            if link.asked.as_ref().is_some_and(|asked| asked.deadline <= now) {
                let timeout = self.cluster.config().request_timeout;
                return Err(ClientError::NoAnswer { address: link.address.clone(), operation: "fetch", timeout });
            }
            return Ok(());
        };
        let patience = self.cluster.config().request_timeout;
        let fetching = Fetching { broker, config: &self.config, patience, now };
        let brought = fetching
            .read(link, &mut self.partitions, &line)
            .map_err(|error| error.at(&link.address))?;
        self.outage.ended();
        for (slot, generation, chunk) in brought.chunks {
            self.ready.push_back((Some((slot, generation)), Event::Records(chunk)));
        }
        for slot in brought.stopped {
            let (partition, generation) = (self.partitions[slot].id.clone(), self.partitions[slot].generation);
            self.ready.push_back((Some((slot, generation)), Event::Stopped { partition }));
        }
        for (slot, rejection) in brought.refused {
            self.refused(slot, rejection);
        }
        Ok(())
    }

    fn refused(&mut self, slot: usize, rejection: Rejection) {
        let partition = &mut self.partitions[slot];
        if rejection.code == ErrorCode::OffsetOutOfRange {
            return self.find(slot);
        }
        if !rejection.code.is_retriable() {
            self.failure.get_or_insert(rejection.into());
            return;
        }
        partition.is_doubted = rejection.code == ErrorCode::UnknownTopicOrPartition;
        if let Some(hint) = &rejection.leader {
            self.cluster.learn_leader(&partition.id, hint);
            self.update_leader(slot);
        }
        self.refresh.is_wanted = true;
    }

    /// The position is out of range: looks up where to go on.
    fn find(&mut self, slot: usize) {
        let partition = &mut self.partitions[slot];
        partition.is_lost = true;
        let at = match self.config.out_of_range {
            OutOfRange::Earliest => OffsetSpec::Earliest,
            OutOfRange::Latest => OffsetSpec::Latest,
            OutOfRange::Fail => {
                let error =
                    ClientError::OffsetOutOfRange { partition: partition.id.clone(), offset: partition.fetch_offset };
                self.failure.get_or_insert(error);
                return;
            }
        };
        let TopicPartition { topic, partition: index } = partition.id.clone();
        let entry = ListOffsetsEntry { topic, partition: index, leader_epoch: None, at };
        let (admin, generation) = (Admin::new(&self.cluster), partition.generation);
        self.tasks.spawn(async move {
            let found = admin.list_offsets(&ListOffsets { entries: vec![entry] }).await;
            let found = found.and_then(|reply| match reply.partitions.into_iter().next() {
                Some(Ok(listed)) => Ok(listed.offset.unwrap_or(Offset::ZERO)),
                Some(Err(refused)) => Err(refused.rejection.into()),
                None => Err(ClientError::Usage("no offset was found".to_owned())),
            });
            Done::Found(slot, generation, found)
        });
    }

    fn found(&mut self, slot: usize, generation: u64, found: Result<Offset, ClientError>, now: Instant) {
        let partition = &mut self.partitions[slot];
        if partition.generation != generation {
            return;
        }
        match found {
            Ok(to) => {
                let from = partition.fetch_offset;
                partition.move_to(to);
                self.ready.push_back((None, Event::Reset { partition: partition.id.clone(), from, to }));
            }
            Err(error) if error.is_retriable() => {
                partition.is_lost = false;
                partition.pause(now);
                self.outage.failed(error, now);
            }
            Err(error) => _ = self.failure.get_or_insert(error),
        }
    }

    pub(super) fn look_after_outage(&mut self, now: Instant) -> Result<(), ClientError> {
        if let Some(error) = self.outage.check(now)? {
            self.ready.push_back((None, Event::Waiting { error }));
        }
        Ok(())
    }

    /// Puts a partition into its slot, a new one or the one it had.
    pub(super) fn place(&mut self, mut partition: Partition) {
        match self.slot_of(&partition.id) {
            Some(slot) => {
                self.release(slot);
                partition.generation = self.partitions[slot].generation + 1;
                self.partitions[slot] = partition;
            }
            None => {
                // A fetch that is held would keep the new one waiting.
                if let Some((leader, _)) = partition.leader {
                    self.release_held(leader);
                }
                self.partitions.push(partition);
            }
        }
    }

    /// Makes sure that no held fetch keeps the partition from being fetched anew.
    pub(super) fn release(&mut self, slot: usize) {
        if let Some((leader, _)) = self.partitions[slot].leader {
            self.release_held(leader);
        }
    }

    /// A fetch at the end of everything is held by the broker until something comes; closing its connection is
    /// the only way to take it back.
    fn release_held(&mut self, leader: BrokerId) {
        let is_held = self.links.get(&leader).and_then(|link| link.asked.as_ref()).is_some_and(|asked| {
            asked.entries.iter().all(|(slot, _)| self.partitions[*slot].is_at_end())
        });
        if is_held {
            self.links.remove(&leader);
        }
    }

    /// Refuses partitions that do not exist.
    pub(super) async fn check_partitions(&self, assignments: &[Assignment]) -> Result<(), ClientError> {
        for assignment in assignments {
            let known = self.cluster.known_topic(&assignment.topic);
            let info = match known.filter(|info| info.partition(assignment.partition).is_some()) {
                Some(info) => info,
                None => self.cluster.topic(&assignment.topic, Missing::Fail).await?,
            };
            if info.partition(assignment.partition).is_none() {
                return Err(ClientError::UnknownPartition {
                    topic: assignment.topic.clone(),
                    partition: assignment.partition,
                    count: info.partition_count(),
                });
            }
        }
        Ok(())
    }

    /// Connects to leaders that were not connected to, so that an address that cannot be reached is an error
    /// here and now.
    pub(super) async fn greet_leaders(&mut self) -> Result<(), ClientError> {
        let wanted: BTreeSet<(BrokerId, TopicName)> = self
            .partitions
            .iter()
            .filter(|partition| !partition.is_stopped())
            .filter_map(|partition| partition.leader.map(|(leader, _)| (leader, partition.id.topic.clone())))
            .collect();
        for (leader, topic) in wanted {
            if !self.links.contains_key(&leader) {
                let connection = self.cluster.greet(leader, ClientRole::Consumer, &topic).await?;
                self.links.insert(leader, Link::new(connection));
            }
        }
        Ok(())
    }
}
