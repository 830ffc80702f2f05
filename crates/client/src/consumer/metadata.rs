//! Who leads what, and which partitions there are: what a consumer does about metadata.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;
use yak_model::api::{ClientRole, PartitionMetadata, ReadFrom, TailStart};
use yak_model::{BrokerId, TopicName, TopicPartition};

use super::engine::Done;
use super::link::Link;
use super::partition::Partition;
use super::{Assignment, Consumer, Event, Stop, start};
use crate::ClientError;
use crate::cluster::{Missing, Registering};

impl Consumer {
    /// The topics of all partitions.
    pub(super) fn topics(&self) -> Vec<TopicName> {
        let owned = self.partitions.iter().filter(|partition| !partition.is_gone());
        let topics: BTreeSet<_> = owned.map(|partition| &partition.id.topic).collect();
        topics.into_iter().cloned().collect()
    }

    /// As what this consumer registers at brokers.
    pub(super) fn registering(&self, topics: Vec<TopicName>) -> Registering {
        let group = self.group.as_ref().map(|group| group.id().clone());
        Registering { role: ClientRole::Consumer, topics, group }
    }

    /// Asks for metadata if it is wanted, or old.
    pub(super) fn refresh_if_due(&mut self, now: Instant) {
        let is_old = now >= self.refresh.old_at(&self.cluster);
        if !(self.refresh.is_wanted || is_old) || now < self.refresh.not_before || self.refresh.is_under_way {
            return;
        }
        self.refresh.is_under_way = true;
        self.refresh.is_wanted = false;
        let (cluster, topics) = (self.cluster.clone(), self.topics());
        self.tasks.spawn(async move { Done::Refreshed(cluster.refresh(Some(topics)).await.map(|_| ())) });
    }

    /// Takes in what was heard.
    pub(super) fn refreshed(&mut self, now: Instant) {
        self.refresh.is_under_way = false;
        self.refresh.not_before = now + self.refresh.backoff.next();
        self.look_around(now);
    }

    /// Takes in what the cluster's subscription heard, if it heard anything.
    pub(super) fn hear_news(&mut self, now: Instant) {
        if !self.news.has_changed().unwrap_or(false) {
            return;
        }
        self.news.mark_unchanged();
        match self.cluster.silence() {
            Some(error) => {
                self.is_silent = true;
                self.outage.failed(error, now);
            }
            None => {
                // A fetch that a broker held all the time would tell only later.
                if std::mem::take(&mut self.is_silent) {
                    self.outage_ended();
                }
                self.look_around(now);
            }
        }
    }

    /// Looks who leads, and for new partitions.
    fn look_around(&mut self, now: Instant) {
        self.refresh.heard = now;
        for slot in 0..self.partitions.len() {
            self.update_leader(slot);
        }
        if self.partitions.iter().all(|partition| partition.leader.is_some()) {
            self.refresh.backoff.reset();
        }
        for topic in &self.growing {
            let Some(info) = self.cluster.known_topic(topic) else { continue };
            let is_new = |partition: &&PartitionMetadata| {
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

    /// New partitions were found, and where they begin.
    pub(super) fn added(&mut self, added: Vec<Partition>) {
        let Some(first) = added.first().map(|partition| partition.id.clone()) else { return };
        let mut is_news = false;
        for mut partition in added {
            partition.is_leader_only = self.config.read_from == ReadFrom::Leader;
            partition.choose_source(&self.cluster);
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

    /// Takes in who leads a partition now.
    pub(super) fn update_leader(&mut self, slot: usize) {
        let partition = &mut self.partitions[slot];
        // (Of a group it is the coordinator who says that a topic is gone.)
        if partition.is_doubted
            && self.group.is_none()
            && self.cluster.known_topic(&partition.id.topic).is_none()
        {
            let topic = partition.id.topic.clone();
            self.failure.get_or_insert(ClientError::UnknownTopic { topic, similar: None });
            return;
        }
        partition.leader = partition.known_leader(&self.cluster);
        let Some((to, leader_epoch)) = partition.leader else {
            partition.source = None;
            return;
        };
        let before = partition.last_leader.replace((to, leader_epoch));
        if before == partition.last_leader {
            return self.update_source(slot);
        }
        partition.is_leader_only = self.config.read_from == ReadFrom::Leader;
        let id = partition.id.clone();
        self.redials.retain(|broker, redial| *broker != to || redial.is_under_way());
        self.partitions[slot].source = None;
        self.update_source(slot);
        if let Some((from, _)) = before.filter(|(from, _)| *from != to) {
            let event = Event::LeaderChanged { partition: id, from: Some(from), to: Some(to), leader_epoch };
            self.ready.push_back((None, event));
        }
    }

    /// Takes in whom to ask now. Somebody else is asked for what was not handed out yet, and at once.
    pub(super) fn update_source(&mut self, slot: usize) {
        let partition = &mut self.partitions[slot];
        let before = partition.source;
        partition.choose_source(&self.cluster);
        if partition.source == before {
            return;
        }
        partition.begin_anew();
        let source = partition.source;
        // Whoever is asked no more may hang; nothing is waited for from there.
        let partitions = &self.partitions;
        self.links.retain(|broker, _| is_used(partitions, *broker));
        if let Some(source) = source {
            self.release_held(source);
        }
    }

    /// A broker cannot be reached: what it was asked for as a follower, the leader is asked for.
    pub(super) fn leave_follower(&mut self, broker: BrokerId) {
        for slot in 0..self.partitions.len() {
            let partition = &mut self.partitions[slot];
            if partition.source == Some(broker) && partition.asks_follower() {
                partition.is_leader_only = true;
                self.update_source(slot);
            }
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

    /// Connects to followers that were not connected to, if they can be reached, and to leaders in any case, so that an
    /// address that cannot be reached is an error here and now.
    pub(super) async fn greet_sources(&mut self) -> Result<(), ClientError> {
        for (follower, topic) in self.unconnected(Partition::asks_follower) {
            match self.cluster.connect_to(follower, self.registering(vec![topic])).await {
                Ok(connection) => _ = self.links.insert(follower, Link::new(connection)),
                Err(error) => {
                    tracing::info!(broker = %follower, %error, "cannot connect to a follower");
                    self.leave_follower(follower);
                }
            }
        }
        for (leader, topic) in self.unconnected(|partition| !partition.asks_follower()) {
            if let Some(connection) = self.cluster.greet(leader, &self.registering(vec![topic])).await? {
                self.links.insert(leader, Link::new(connection));
            }
        }
        Ok(())
    }

    /// Brokers that are to be asked and not connected to, each with one of its topics.
    fn unconnected(&self, of: impl Fn(&Partition) -> bool) -> BTreeMap<BrokerId, TopicName> {
        let wanted = self.partitions.iter().filter(|partition| !partition.is_stopped() && of(partition));
        wanted
            .filter_map(|partition| Some((partition.source?, partition.id.topic.clone())))
            .filter(|(source, _)| !self.links.contains_key(source))
            .collect()
    }
}

/// Whether a broker is asked for one of the partitions, or would be if it had a leader.
pub(super) fn is_used(partitions: &[Partition], broker: BrokerId) -> bool {
    partitions
        .iter()
        .filter(|partition| !partition.is_gone())
        .any(|partition| partition.source.or(partition.last_leader.map(|(leader, _)| leader)) == Some(broker))
}
