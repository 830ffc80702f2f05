//! At the start: the logs that the metadata says are here, recovered from what is on disk.
//!
//! What the disk has and the metadata has not is set aside as `-stray`, never served and never deleted. A log
//! that is damaged below what was synced is not opened, and named in the log and in every answer about it, while
//! the rest of the broker serves. With one replica there is nobody to get it from again, and it stays so; else it is
//! filled again (`refill.rs`).

use std::collections::BTreeMap;
use std::sync::Arc;

use yak_core::image::{Image, Topic};
use yak_log::{LogError, OnDamage, RecoveryReport};
use yak_model::metadata::PartitionRecord;
use yak_model::{Offset, TopicId, TopicPartition};

use super::{Hosted, Map, Partitions, put};

/// After a crash so many bytes of replicated logs are read that a recovery point would spare: what others have, too, is
/// better filled again now than found to be damaged when this broker leads. About a second's worth of reading.
const CHECK_BYTES: u64 = 1024 * 1024 * 1024;

/// What was found at the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Opened {
    /// Logs that are open.
    pub(crate) online: usize,
    /// Logs that are damaged, whether they can be filled again or not.
    pub(crate) offline: usize,
    /// Directories set aside.
    pub(crate) stray: usize,
}

impl Partitions {
    /// Opens every log of the image that is on disk. Those that are not are created when the image is applied.
    ///
    /// # Errors
    /// The log directory failed.
    pub(crate) fn open(&self, image: &Image) -> Result<Opened, LogError> {
        self.take_over_defaults(image);
        let mut opened = Opened::default();
        let mut found: BTreeMap<TopicPartition, Option<TopicId>> =
            self.directory.found().iter().map(|found| (found.partition.clone(), found.topic_id)).collect();
        let mut map = Map::new();
        let mut budget = if self.directory.was_clean() { 0 } else { CHECK_BYTES };
        for topic in image.topics() {
            for record in topic.partitions().iter().filter(|record| self.hosts(record)) {
                let id = TopicPartition::new(topic.name().clone(), record.partition);
                let on_disk =
                    found.get(&id).is_some_and(|topic_id| topic_id.is_none_or(|found| found == topic.id()));
                if on_disk {
                    found.remove(&id);
                    if record.wanted > 1 {
                        // What cannot be looked at cannot be opened either, and is told of then.
                        budget -= self.directory.check_whole(&id, budget).unwrap_or_default();
                    }
                }
                if let Some(hosted) = self.open_one(topic, record, &id, on_disk)? {
                    match &hosted {
                        Hosted::Online(_) => opened.online += 1,
                        Hosted::Offline(_) | Hosted::Damaged(_) | Hosted::Pending(_) => opened.offline += 1,
                    }
                    put(&mut map, &id, hosted);
                }
            }
        }
        for stray in found.keys() {
            tracing::warn!(partition = %stray, "not in the metadata: set aside as -stray");
            self.directory.set_aside_stray(stray)?;
            opened.stray += 1;
        }
        self.hosted.store(Arc::new(map));
        Ok(opened)
    }

    fn open_one(
        &self,
        topic: &Topic,
        record: &PartitionRecord,
        id: &TopicPartition,
        on_disk: bool,
    ) -> Result<Option<Hosted>, LogError> {
        if !on_disk {
            let key = (topic.id(), record.partition);
            let missing = self.directory.missing();
            let lost = missing
                .iter()
                .find(|lost| (lost.topic_id, lost.partition) == key && lost.synced_end > Offset::ZERO);
            return Ok(lost.map(|lost| {
                let end = lost.synced_end;
                let message =
                    format!("{id}: its directory is missing, though it was synced up to offset {end}");
                tracing::error!("{message}");
                damaged(record, &message)
            }));
        }
        match self.directory.open_log(id, topic.id(), self.log_config(topic), OnDamage::Refuse) {
            Ok((log, report)) => {
                tell(id, &report);
                Ok(Some(Hosted::Online(self.online_partition(topic, record.partition, log))))
            }
            Err(error) if self.directory.failure().is_some() => Err(error),
            // A file that cannot be read: of this partition alone.
            Err(error @ LogError::Storage(_)) => {
                tracing::error!(partition = %id, %error, "log stays offline");
                Ok(Some(Hosted::Offline(error.to_string().into())))
            }
            Err(error) => {
                tracing::error!(partition = %id, %error, "log is damaged");
                Ok(Some(damaged(record, &error.to_string())))
            }
        }
    }
}

/// A replica whose log is damaged. The only one that was ever wanted waits for nobody, and nobody can fill it.
fn damaged(record: &PartitionRecord, why: &str) -> Hosted {
    if record.wanted > 1 { Hosted::Damaged(why.into()) } else { Hosted::Offline(why.into()) }
}

/// Names every cut and all that was set aside, as a person must be able to find out what recovery did.
pub(super) fn tell(id: &TopicPartition, report: &RecoveryReport) {
    if let Some(cut) = &report.cut {
        tracing::warn!(
            partition = %id,
            file = %cut.file.display(),
            position = cut.position,
            bytes = cut.bytes,
            end_offset = %cut.offset,
            problem = cut.problem,
            "recovery cut a torn tail"
        );
    }
    for aside in &report.set_aside {
        tracing::warn!(partition = %id, file = %aside.file.display(), bytes = aside.bytes, "damage was set aside");
    }
}
