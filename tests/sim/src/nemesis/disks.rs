//! What goes wrong with disks.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use yak_log::dir::{Fault, FaultKind};
use yak_model::config::FlushMode;
use yak_model::{TopicId, TopicName, TopicPartition};

use super::Kind;
use crate::broker::Damage;
use crate::message::Key;
use crate::sim::Sim;

/// So many disks lose something that was durable in one run: more, and nobody is entitled to anything.
const MOST_LOSSES: u32 = 2;

impl Sim {
    pub(super) fn disk_fault(&mut self, kind: Kind, broker: usize, long: u64) -> bool {
        match kind {
            Kind::FailedSync => self.failing(broker, FaultKind::SyncFile, 4),
            Kind::FailedWrite => self.failing(broker, FaultKind::Write, 40),
            Kind::Wipe => self.wipe(broker, long),
            Kind::LostEnd | Kind::FlippedBit => self.damage(kind, broker, long),
            _ => false,
        }
    }

    /// One of the next operations fails.
    fn failing(&mut self, broker: usize, kind: FaultKind, within: u64) -> bool {
        if !self.brokers[broker].runs() {
            return false;
        }
        let fault = Fault {
            kind,
            after: self.world.random.within(0, within),
            error: ErrorKind::Other,
            written: self.world.random.below(120),
            sticky: false,
        };
        self.brokers[broker].disk().inject(fault);
        self.nemesis.excuse(broker, self.world.now_us + 8_000_000);
        true
    }

    fn wipe(&mut self, broker: usize, for_us: u64) -> bool {
        if self.nemesis.wiped >= MOST_LOSSES {
            return false;
        }
        self.nemesis.wiped += 1;
        self.brokers[broker].kill(&mut self.world);
        self.brokers[broker].wipe(&mut self.world);
        self.down(broker, for_us);
        true
    }

    /// The newest segment of a log that is wanted more than once is not what it was.
    fn damage(&mut self, kind: Kind, broker: usize, for_us: u64) -> bool {
        if self.nemesis.wiped >= MOST_LOSSES || !self.brokers[broker].runs() {
            return false;
        }
        self.brokers[broker].kill(&mut self.world);
        self.down(broker, for_us);
        let Some((path, len, key)) = self.log_to_damage(broker) else { return false };
        let at = self.world.random.below(len / 2);
        let bit = 1 << self.world.random.below(8);
        let damage = if kind == Kind::LostEnd { Damage::EndsAt(at) } else { Damage::Flipped(at, bit) };
        let image = self.zookeeper.durable_image();
        let Some(topic) = image.topic_by_id(key.0) else { return false };
        let id = TopicPartition::new(topic.name().clone(), key.1.into());
        if !self.brokers[broker].damage(&self.world, (&id, topic), (&path, damage)) {
            return false;
        }
        self.world.note(|| format!("{damage:?} of {len} bytes of {}", path.display()));
        self.nemesis.wiped += 1;
        self.world.oracle.borrow_mut().disk_lost(broker, Some(key));
        true
    }

    /// The newest segment of a log, so long that its first half was synced for sure: what is above the last sync may go
    /// in a crash, and what is older than the newest segment is looked at when it is read, not at the start.
    fn log_to_damage(&mut self, broker: usize) -> Option<(PathBuf, usize, Key)> {
        let files = self.brokers[broker].disk().files();
        let logs = files.into_iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "log"));
        let newest: BTreeMap<_, _> =
            logs.map(|(path, content)| (path.parent().map(Path::to_owned), (path, content.len()))).collect();
        let long = newest.into_values().filter(|(_, len)| *len > 400);
        let known = long.filter_map(|(path, len)| Some((self.key_of(&path)?, path, len)));
        let found: Vec<(Key, PathBuf, usize)> = known.collect();
        self.world.random.pick(&found).cloned().map(|(key, path, len)| (path, len, key))
    }

    /// The partition of a file, if its topic is durable and there are other replicas of it. With `flush=os` nothing tells
    /// a lost end from one that was never synced.
    fn key_of(&self, path: &Path) -> Option<(TopicId, i32)> {
        let image = self.zookeeper.durable_image();
        let name = path.components().next()?.as_os_str().to_str()?;
        let (topic, partition) = name.rsplit_once('-')?;
        let (topic, partition): (TopicName, i32) = (topic.parse().ok()?, partition.parse().ok()?);
        let topic = image.topic(&topic)?;
        let wanted = topic.partitions().first().map_or(0, |partition| partition.wanted);
        (wanted >= 3 && topic.flush() == FlushMode::Sync).then_some((topic.id(), partition))
    }
}
