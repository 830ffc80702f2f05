//! Who leads what, and which partitions there are: what a producer does about metadata.

use std::time::Duration;

use tokio::time::Instant;
use yak_model::api::MetadataReply;
use yak_model::{BrokerId, LeaderEpoch, TopicName, TopicPartition};

use super::connect::Done;
use super::partition::Partition;
use super::{Network, Slot, list};
use crate::{ClientError, Cluster};

impl Network {
    /// Asks for metadata if it is wanted; or old, while there is something to send.
    pub(super) fn refresh_if_due(&mut self, now: Instant) {
        let is_busy = !self.listed.is_empty() || self.links.values().any(|link| link.deadline().is_some());
        let is_old = is_busy
            && !self.cluster.is_subscribed()
            && now >= self.refresh.heard + self.cluster.config().metadata_max_age;
        let is_due = (self.refresh.is_wanted || is_old) && now >= self.refresh.not_before;
        if !is_due || self.refresh.is_under_way || self.partitions.is_empty() {
            return;
        }
        self.refresh.is_under_way = true;
        self.refresh.is_wanted = false;
        let topics: Vec<TopicName> =
            self.shared.lock().topics.iter().map(|topic| topic.info.name.clone()).collect();
        let cluster = self.cluster.clone();
        self.tasks.spawn(async move { Done::Refreshed(cluster.refresh(Some(topics)).await) });
    }

    /// Takes in what was heard.
    pub(super) fn refreshed(&mut self, result: Result<MetadataReply, ClientError>, now: Instant) {
        self.refresh.is_under_way = false;
        if let Err(error) = result {
            self.refresh.is_wanted = !self.listed.is_empty();
            self.refresh.not_before = now + self.refresh.backoff.next();
            for slot in &self.listed {
                self.partitions[slot.0].last_error = Some(error.clone());
            }
            return;
        }
        self.refresh.not_before = now + self.refresh.backoff.next();
        self.look_around(now);
    }

    /// Takes in what the cluster's subscription heard, if it heard anything.
    pub(super) fn hear_news(&mut self, now: Instant) {
        if self.news.has_changed().unwrap_or(false) {
            self.news.mark_unchanged();
            self.look_around(now);
        }
    }

    /// Looks who leads, and for new partitions.
    fn look_around(&mut self, now: Instant) {
        self.refresh.heard = now;
        {
            let mut state = self.shared.lock();
            for at in 0..state.topics.len() {
                if let Some(info) = self.cluster.known_topic(&state.topics[at].info.name) {
                    state.add_partitions(at, info, &self.config);
                }
            }
        }
        for at in 0..self.partitions.len() {
            self.update_leader(Slot(at), now);
        }
        if self.partitions.iter().all(|partition| partition.leader.is_some()) {
            self.refresh.backoff.reset();
        }
    }

    /// Takes in who leads a partition now. What is under way to an earlier leader is void: its outcome is
    /// unknown, and it is sent to the new one with the same sequence.
    fn update_leader(&mut self, slot: Slot, now: Instant) {
        let partition = &mut self.partitions[slot.0];
        if partition.is_doubted && self.cluster.known_topic(&partition.topic).is_none() {
            let error = ClientError::UnknownTopic { topic: partition.topic.clone(), similar: None };
            for batch in std::mem::take(&mut partition.queue) {
                self.reports.not_acknowledged(batch, partition, &error);
            }
        }
        partition.leader = leader_of(&self.cluster, partition);
        let Some((leader, epoch)) = partition.leader else { return };
        if partition.last_leader.replace((leader, epoch)) == Some((leader, epoch)) {
            return;
        }
        // What kept it waiting was the state of before.
        partition.resume();
        self.dialling.retain(|broker, dialling| *broker != leader || dialling.is_under_way);
        let others = self.links.keys().copied().filter(|broker| *broker != leader);
        for old in others.collect::<Vec<_>>() {
            self.void(slot, old, now);
        }
    }

    /// Takes back what is under way to an earlier leader, which may hang for long.
    fn void(&mut self, slot: Slot, old: BrokerId, now: Instant) {
        let Some(link) = self.links.get_mut(&old) else { return };
        if link.is_writing(slot) {
            // Half a line cannot be taken back; the connection goes with it.
            let address = link.address.clone();
            let why = "the partition has another leader now".to_owned();
            return self.lose(old, &ClientError::Connection { address, why }, now);
        }
        let partition = &mut self.partitions[slot.0];
        for batch in link.take_back(slot) {
            let why = "the partition has another leader now".to_owned();
            let error = ClientError::Connection { address: link.address.clone(), why };
            self.reports.retried();
            partition.requeue(batch, error, now, Duration::ZERO);
            list(&mut self.listed, partition, slot);
        }
        // The new leader can be asked at once.
        self.partitions[slot.0].resume();
    }
}

/// Who leads a partition, as last heard.
pub(super) fn leader_of(cluster: &Cluster, partition: &Partition) -> Option<(BrokerId, LeaderEpoch)> {
    let leader = cluster.leader(&TopicPartition::new(partition.topic.clone(), partition.index))?;
    Some((leader.broker_id, leader.leader_epoch))
}
