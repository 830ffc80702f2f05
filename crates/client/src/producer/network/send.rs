//! From the partitions' queues to the leaders, and what comes back.

use std::time::Duration;

use tokio::time::Instant;
use yak_model::api::{Acks, Rejection};
use yak_model::{BrokerId, TopicPartition};

use super::super::batch::Batch;
use super::super::{Acknowledged, Slot};
use super::connect::Done;
use super::link::Replied;
use super::verdict::{self, Verdict};
use super::{Dialling, Link, Network, connect, list};
use crate::ClientError;
use crate::cluster::Backoff;
use crate::connection::{ReplyError, plain};

/// A batch that is sent just before it is given up still has so long to be answered.
const LAST_MOMENT: Duration = Duration::from_millis(250);

/// A batch that comes back to be sent again.
struct Returned {
    batch: Batch,
    error: ClientError,
    /// Not sooner than so long from now.
    pause: Duration,
}

impl Network {
    /// Hands batches to the links of their leaders, as far as windows allow.
    pub(super) fn dispatch(&mut self, now: Instant) {
        let listed = std::mem::take(&mut self.listed);
        let mut still = Vec::with_capacity(listed.len());
        for slot in listed {
            self.dispatch_partition(slot, now);
            let partition = &mut self.partitions[slot.0];
            partition.is_listed = !partition.queue.is_empty();
            if partition.is_listed {
                still.push(slot);
            }
        }
        // Who was served first is served last the next time.
        if !still.is_empty() {
            still.rotate_left(1);
        }
        self.listed = still;
    }

    fn dispatch_partition(&mut self, slot: Slot, now: Instant) {
        if !self.partitions[slot.0].renumber() {
            self.partitions[slot.0].identity = None;
            self.obtain_identity();
        }
        let partition = &mut self.partitions[slot.0];
        if self.config.idempotent && partition.identity.is_none() {
            return;
        }
        while partition.may_send(now, self.config.max_in_flight) {
            let Some((broker, leader_epoch)) = partition.leader else {
                self.refresh.is_wanted = true;
                if partition.last_error.is_none() {
                    let named = TopicPartition::new(partition.topic.clone(), partition.index);
                    partition.last_error = Some(ClientError::NoLeader { partition: named });
                }
                return;
            };
            let Some(link) = self.links.get_mut(&broker) else { return self.dial(broker, now) };
            if !link.has_room() {
                return;
            }
            let Some(batch) = partition.next() else { return };
            let patience = now + self.cluster.config().request_timeout;
            let end = (batch.opened + self.config.delivery_timeout).max(now + LAST_MOMENT);
            link.push(batch, partition, leader_epoch, patience.min(end));
        }
    }

    fn dial(&mut self, broker: BrokerId, now: Instant) {
        let backoff = Backoff::new(self.cluster.config());
        let dialling =
            self.dialling.entry(broker).or_insert(Dialling { is_under_way: false, not_before: now, backoff });
        if dialling.is_under_way || dialling.not_before > now {
            return;
        }
        dialling.is_under_way = true;
        let cluster = self.cluster.clone();
        let topics = self.shared.lock().topics.iter().map(|topic| topic.info.name.clone()).collect();
        self.tasks.spawn(async move { Done::Connected(broker, connect(&cluster, broker, topics).await) });
    }

    /// Writes to every link that has something to write. Whether one has room again for what it was too full for.
    pub(super) fn write(&mut self, now: Instant) -> bool {
        // The broker answers a little before this side gives the connection up.
        let timeout = self.cluster.config().request_timeout * 3 / 4;
        let timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        let (mut lost, mut has_room) = (Vec::new(), false);
        for (broker, link) in &mut self.links {
            let was_full = !link.has_room();
            if let Err(error) = link.write(&self.config, timeout_ms) {
                let address = link.address.clone();
                lost.push((*broker, ClientError::Connection { address, why: plain(&error) }));
            } else if self.config.acks == Acks::None {
                for pending in link.take_written() {
                    let partition = &mut self.partitions[pending.slot.0];
                    let what = Acknowledged::unanswered(partition.index);
                    partition.came_back();
                    if let Some(batch) = pending.batch {
                        self.reports.acknowledged(batch, partition, &what);
                    }
                }
            }
            has_room |= was_full && link.has_room();
        }
        for (broker, error) in lost {
            self.lose(broker, &error, now);
        }
        has_room && !self.listed.is_empty()
    }

    /// Reads from every link what is there.
    pub(super) fn read(&mut self, now: Instant) {
        let brokers: Vec<BrokerId> = self.links.keys().copied().collect();
        for broker in brokers {
            let Some(mut link) = self.links.remove(&broker) else { continue };
            let ended = match link.read() {
                Ok(true) => None,
                Ok(false) => Some(plain(&std::io::ErrorKind::UnexpectedEof.into())),
                Err(error) => Some(plain(&error)),
            };
            let heard = self.hear(&mut link, now);
            let address = link.address.clone();
            self.links.insert(broker, link);
            match (heard, ended) {
                (Err(error), _) => self.lose(broker, &error.at(&address), now),
                (Ok(()), Some(why)) => self.lose(broker, &ClientError::Connection { address, why }, now),
                (Ok(()), None) => {}
            }
        }
    }

    /// Takes in every whole reply of a link.
    fn hear(&mut self, link: &mut Link, now: Instant) -> Result<(), ReplyError> {
        if self.config.acks == Acks::None {
            while let Some(refusal) = link.next_refusal()? {
                tracing::warn!(%refusal, "with acks=0, records were refused");
                self.refresh.is_wanted |= verdict::is_about_leaders(refusal.code);
            }
            return Ok(());
        }
        while let Some(replied) = link.next_reply()? {
            self.replied(replied, now);
        }
        Ok(())
    }

    fn replied(&mut self, (pending, result): Replied, now: Instant) {
        let slot = pending.slot;
        let partition = &mut self.partitions[slot.0];
        // Void: it was taken back and is sent elsewhere.
        let Some(mut batch) = pending.batch else { return };
        match verdict::judge(result, partition.index, self.config.idempotent) {
            Verdict::Acknowledged(what) => {
                partition.came_back();
                partition.succeeded();
                self.reports.acknowledged(batch, partition, &what);
            }
            Verdict::Failed(rejection) => {
                batch.is_perhaps_written |= verdict::is_perhaps_written(rejection.code);
                partition.came_back();
                self.reports.not_acknowledged(batch, partition, &rejection.into());
            }
            Verdict::OutOfSequence(rejection) => {
                if partition.is_oldest(batch.ordinal) {
                    partition.want_new_epoch();
                }
                self.again(slot, Returned { batch, error: rejection.into(), pause: Duration::ZERO }, now);
            }
            Verdict::Retry(rejection, pause) => {
                batch.is_perhaps_written |= verdict::is_perhaps_written(rejection.code);
                self.learn(slot, &rejection);
                self.again(slot, Returned { batch, error: rejection.into(), pause }, now);
            }
        }
    }

    /// What a refusal says about leaders.
    fn learn(&mut self, slot: Slot, rejection: &Rejection) {
        let partition = &mut self.partitions[slot.0];
        partition.is_doubted = rejection.code == yak_model::ErrorCode::UnknownTopicOrPartition;
        if let Some(hint) = &rejection.leader {
            let named = TopicPartition::new(partition.topic.clone(), partition.index);
            self.cluster.learn_leader(&named, hint);
            if partition.leader.is_none_or(|(_, epoch)| epoch < hint.leader_epoch) {
                partition.leader = Some((hint.broker_id, hint.leader_epoch));
                return;
            }
        }
        self.refresh.is_wanted |= verdict::is_about_leaders(rejection.code);
    }

    /// Back into the queue. (What is too old there is given up by [`Network::give_up_overdue`].)
    fn again(&mut self, slot: Slot, returned: Returned, now: Instant) {
        self.reports.retried();
        let partition = &mut self.partitions[slot.0];
        partition.requeue(returned.batch, returned.error, now, returned.pause);
        list(&mut self.listed, partition, slot);
    }

    /// A connection is over: everything it had goes back into the queues.
    pub(super) fn lose(&mut self, broker: BrokerId, error: &ClientError, now: Instant) {
        tracing::info!(%broker, %error, "connection to a leader lost");
        let Some(link) = self.links.remove(&broker) else { return };
        for pending in link.into_pending() {
            if let Some(batch) = pending.batch {
                let returned = Returned { batch, error: error.clone(), pause: Duration::ZERO };
                self.again(pending.slot, returned, now);
            }
        }
        self.refresh.is_wanted |= !self.listed.is_empty();
    }

    /// Gives up connections that do not answer, and batches that are too old.
    pub(super) fn give_up_overdue(&mut self, now: Instant) {
        let timeout = self.cluster.config().request_timeout;
        let silent: Vec<BrokerId> = self
            .links
            .iter()
            .filter(|(_, link)| link.deadline().is_some_and(|deadline| deadline <= now))
            .map(|(broker, _)| *broker)
            .collect();
        for broker in silent {
            let Some(link) = self.links.get(&broker) else { continue };
            let error =
                ClientError::NoAnswer { address: link.address.clone(), operation: "produce", timeout };
            self.lose(broker, &error, now);
        }
        let Some(opened_before) = now.checked_sub(self.config.delivery_timeout) else { return };
        for at in 0..self.listed.len() {
            let partition = &mut self.partitions[self.listed[at].0];
            for batch in partition.expire(opened_before) {
                let last = partition.last_error.as_ref().map(ToString::to_string);
                let error = ClientError::DeliveryTimeout {
                    timeout: self.config.delivery_timeout,
                    last: last.unwrap_or_else(|| "the broker is slower than the producer".to_owned()),
                };
                self.reports.not_acknowledged(batch, partition, &error);
            }
        }
    }
}
