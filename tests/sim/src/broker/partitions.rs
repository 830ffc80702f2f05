//! The partitions of a broker by its metadata: recovered, created, told their roles, deleted, closed.

use std::sync::Arc;

use yak_core::image::{Change, Image, Topic};
use yak_core::partition::{Replica, ReplicaIdentity, Role};
use yak_log::{Log, LogConfig, LogError, NewLog, OnDamage};
use yak_model::config::FlushMode;
use yak_model::metadata::PartitionRecord;
use yak_model::{BrokerId, LeaderEpoch, PartitionIndex, TopicPartition};

use super::{Broker, Hosted, Observer, Stage};
use crate::disk_log::DiskLog;
use crate::message::Key;
use crate::net::World;
use crate::watched::Watched;

/// Small segments, many index entries.
pub(super) fn config(flush: FlushMode) -> LogConfig {
    LogConfig {
        segment_bytes: 6_000,
        index_interval_bytes: 300,
        flush,
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    }
}

fn hosts(record: &PartitionRecord, broker: BrokerId) -> bool {
    record.replicas.contains(&broker) || record.adding_replicas.contains(&broker)
}

impl Broker {
    /// Opens every log of the image that is on disk, and asks to be registered.
    pub(super) fn recover(&mut self, world: &mut World) {
        let Some(process) = &self.process else { return };
        let (directory, image) = (Arc::clone(&process.directory), process.image.clone());
        if let Err(error) = directory.set_cluster_id(image.cluster_id()) {
            world.oracle.borrow_mut().violated(format!("broker {}: {error}", self.id()));
            return;
        }
        let (me, mut undamaged) = (self.id(), true);
        let mut strays: Vec<TopicPartition> =
            directory.found().iter().map(|found| found.partition.clone()).collect();
        for topic in image.topics() {
            for record in topic.partitions().iter().filter(|record| hosts(record, me)) {
                let id = TopicPartition::new(topic.name().clone(), record.partition);
                let on_disk = directory.found().iter().any(|found| {
                    found.partition == id && found.topic_id.is_none_or(|found| found == topic.id())
                });
                if on_disk {
                    strays.retain(|stray| *stray != id);
                    undamaged &= self.open_one(world, topic, &id);
                    if self.process.as_ref().is_none_or(|process| process.failed.is_some()) {
                        return;
                    }
                } else {
                    let lost = directory.missing().into_iter().any(|missing| {
                        (missing.topic_id, missing.partition) == (topic.id(), record.partition)
                            && missing.synced_end.get() > 0
                    });
                    undamaged &= !lost;
                }
            }
        }
        for stray in strays {
            if let Err(error) = directory.set_aside_stray(&stray) {
                self.fail(world, &error);
                return;
            }
        }
        if let Some(process) = &mut self.process {
            process.stage = Stage::Registering { undamaged };
        }
        self.register(world, undamaged);
    }

    /// Whether it is whole.
    fn open_one(&mut self, world: &mut World, topic: &Topic, id: &TopicPartition) -> bool {
        let key = (topic.id(), id.partition.get());
        let Some(process) = &mut self.process else { return true };
        match process.directory.open_log(id, topic.id(), config(topic.flush()), OnDamage::Refuse) {
            Ok((log, report)) => {
                if let Some(cut) = report.cut {
                    world.note(|| {
                        format!("broker {}: {id} cut a torn tail at {}", self.number + 1, cut.offset)
                    });
                }
                self.host(world, topic, id.partition, log);
                true
            }
            Err(error) if process.directory.failure().is_some() => {
                self.fail(world, &error);
                false
            }
            Err(error) => {
                world.note(|| format!("broker {}: {error}", self.number + 1));
                process.damaged.push((key, error.to_string()));
                self.damage_is_known(world, key, &error);
                false
            }
        }
    }

    /// Damage is found only where a fault put it.
    fn damage_is_known(&self, world: &World, key: Key, error: &LogError) {
        let mut oracle = world.oracle.borrow_mut();
        let known = oracle.mirrors.get(&(self.number, key)).is_some_and(|mirror| mirror.lost_disk);
        if !known {
            oracle.violated(format!("broker {}: damage that nobody did: {error}", self.number + 1));
        }
    }

    fn host(&mut self, world: &World, topic: &Topic, partition: PartitionIndex, log: Log) {
        let key = (topic.id(), partition.get());
        let id = self.id();
        let Some(process) = &mut self.process else { return };
        let high_watermark = log.high_watermark();
        log.observe(Arc::new(Observer { key, durable: Arc::clone(&process.durable) }));
        world.oracle.borrow_mut().opened((self.number, key), process.life, log.reader());
        let watched = Watched::new(DiskLog::new(log), world.oracle.clone(), (self.number, key));
        let identity = ReplicaIdentity {
            broker_id: id,
            partition: TopicPartition::new(topic.name().clone(), partition),
            topic_id: topic.id(),
            flush: topic.flush(),
        };
        let min = topic.min_insync_replicas();
        let replica = Replica::new(identity, watched, high_watermark, min);
        let at = replica.high_watermark().get();
        let hosted = Hosted {
            replica,
            record: None,
            min_insync_replicas: min,
            waiting: std::collections::BTreeMap::new(),
        };
        process.hosted.insert(key, hosted);
        world.oracle.borrow_mut().high_watermark((self.number, key), at, None);
    }

    /// After the registration: what is damaged is set aside, to be filled again by whoever leads.
    pub(super) fn mend(&mut self, world: &mut World) {
        let Some(process) = &mut self.process else { return };
        let image = process.image.clone();
        for (key, _) in std::mem::take(&mut process.damaged) {
            let Some(topic) = image.topic_by_id(key.0) else { continue };
            let id = TopicPartition::new(topic.name().clone(), PartitionIndex::new(key.1));
            let Some(process) = &self.process else { return };
            match process.directory.open_log(&id, topic.id(), config(topic.flush()), OnDamage::SetAside) {
                Ok((log, _)) => self.host(world, topic, id.partition, log),
                Err(error) => {
                    self.fail(world, &error);
                    return;
                }
            }
        }
    }

    fn fail(&mut self, world: &mut World, error: &LogError) {
        let failed = self.process.as_ref().is_some_and(|process| process.directory.failure().is_some());
        if failed {
            self.storage_failed(world, &error.to_string());
        } else {
            world.oracle.borrow_mut().violated(format!("broker {}: {error}", self.number + 1));
        }
    }

    /// Makes the partitions what the image says, once the image has the registration.
    pub(super) fn apply(&mut self, world: &mut World) {
        let Some(process) = &mut self.process else { return };
        let Stage::Member { index, .. } = process.stage else { return };
        if process.image.index() < index || process.failed.is_some() {
            return;
        }
        let newer = process.image.clone();
        let older = std::mem::replace(&mut process.applied, newer.clone());
        for change in newer.changes_since(&older) {
            if self.process.as_ref().is_none_or(|process| process.failed.is_some()) {
                return;
            }
            match change {
                Change::TopicDeleted(topic) => self.delete(world, &topic),
                Change::TopicConfig(topic) => self.configure(world, &topic),
                Change::TopicCreated(_) => {}
                Change::Partition(record) if hosts(&record, self.id()) => self.tell(world, &newer, &record),
                Change::Partition(_) => {}
            }
        }
        self.grant();
    }

    fn tell(&mut self, world: &mut World, image: &Image, record: &Arc<PartitionRecord>) {
        let key = (record.topic_id, record.partition.get());
        let Some(topic) = image.topic_by_id(record.topic_id) else { return };
        let Some(process) = &self.process else { return };
        if !process.hosted.contains_key(&key) {
            let partition = TopicPartition::new(topic.name().clone(), record.partition);
            let new = NewLog { partition, topic_id: topic.id(), config: config(topic.flush()) };
            match process.directory.create_logs(&[new]) {
                Ok(mut logs) => {
                    if let Some(log) = logs.pop() {
                        self.host(world, topic, record.partition, log);
                    }
                }
                Err(error) => {
                    self.fail(world, &error);
                    return;
                }
            }
        }
        let (me, now_ms) = (self.number, world.now_ms());
        let Some(hosted) = self.process.as_mut().and_then(|process| process.hosted.get_mut(&key)) else {
            return;
        };
        let min = topic.min_insync_replicas();
        hosted.min_insync_replicas = min;
        hosted.replica.handle_min_insync_replicas(now_ms, min);
        self.drain(world, key);
        let Some(hosted) = self.process.as_mut().and_then(|process| process.hosted.get_mut(&key)) else {
            return;
        };
        let before = hosted.replica.role();
        hosted.record = Some(Arc::clone(record));
        hosted.replica.handle_partition_record(now_ms, record);
        let role = hosted.replica.role();
        if role != before {
            world.note(|| format!("broker {}: {} p{} is {role:?}", me + 1, record.topic, record.partition));
        }
        if let Role::Leader(epoch) = role
            && role != before
        {
            world.oracle.borrow_mut().leads((me, key), epoch.get());
        }
        self.drain(world, key);
    }

    fn configure(&mut self, world: &mut World, topic: &Topic) {
        for record in topic.partitions() {
            let key = (topic.id(), record.partition.get());
            let min = topic.min_insync_replicas();
            let Some(process) = &mut self.process else { return };
            if let Some(hosted) = process.hosted.get_mut(&key) {
                hosted.min_insync_replicas = min;
                hosted.replica.handle_min_insync_replicas(world.now_ms(), min);
            }
            self.drain(world, key);
        }
    }

    fn delete(&mut self, world: &mut World, topic: &Topic) {
        for record in topic.partitions() {
            let key = (topic.id(), record.partition.get());
            let Some(process) = &mut self.process else { return };
            let Some(hosted) = process.hosted.get_mut(&key) else { continue };
            hosted.replica.handle_log_failed("the partition was closed");
            let log = hosted.replica.log_mut().disk().close();
            self.drain_closed(world, key);
            let Some(process) = &mut self.process else { return };
            process.hosted.remove(&key);
            if let Some(log) = log
                && let Err(error) = process.directory.delete_log(log)
            {
                self.fail(world, &error);
                return;
            }
        }
    }

    /// Answers what waited for a partition that is no more.
    fn drain_closed(&mut self, world: &mut World, key: Key) {
        let Some(hosted) = self.process.as_mut().and_then(|process| process.hosted.get_mut(&key)) else {
            return;
        };
        let waiting = std::mem::take(&mut hosted.waiting);
        while hosted.replica.poll_effect().is_some() {}
        for waiting in waiting.into_values() {
            self.done(world, key, &waiting, Err(yak_model::ErrorCode::KafkaStorageError));
        }
    }

    /// Closes everything in order.
    pub(super) fn close(&mut self, world: &mut World) {
        let Some(process) = &mut self.process else { return };
        let keys: Vec<Key> = process.hosted.keys().copied().collect();
        let epoch = match process.stage {
            Stage::Member { epoch, .. } => Some(epoch),
            _ => None,
        };
        let mut logs = Vec::new();
        for key in keys {
            self.drain_closed(world, key);
            let Some(hosted) = self.process.as_mut().and_then(|process| process.hosted.get_mut(&key)) else {
                continue;
            };
            hosted.replica.handle_log_failed("the broker shuts down");
            logs.extend(hosted.replica.log_mut().disk().close());
        }
        let Some(process) = &mut self.process else { return };
        let closed = process.directory.finish(logs, epoch);
        world.note(|| format!("broker {} shut down: {closed:?}", self.number + 1));
        if closed.is_err() {
            self.write_failed = true;
        }
        self.kill(world);
    }

    /// The epoch in which a partition leads here.
    #[must_use]
    pub fn leads(&self, key: Key) -> Option<LeaderEpoch> {
        match self.process.as_ref()?.hosted.get(&key)?.replica.role() {
            Role::Leader(epoch) => Some(epoch),
            _ => None,
        }
    }
}
