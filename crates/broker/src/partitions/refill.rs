//! Damaged logs that are filled again from another replica (`RELIABILITY.md` §1.9).
//!
//! ```text
//!   start: less than was synced, or a bad batch there ─► damaged: nothing is touched, the broker registers as unproven
//!     ─► the metadata: out of the ISR ─► somebody leads ─► the damage is set aside, what is whole before it is kept
//!     ─► follow, catch up ─► in the ISR again
//! ```
//!
//! Invariant (INV-6): the files stay as they are until the metadata has it that nobody counts on this replica. A process
//! that died after it had set damage aside and before it had said so would find a whole log the next time, shorter than
//! it was, and prove itself with it.

use yak_core::image::Image;
use yak_log::{LogError, OnDamage};
use yak_model::TopicPartition;
use yak_model::metadata::PartitionRecord;

use super::open::tell;
use super::{Hosted, Map, Partitions, at, put, take};

impl Partitions {
    /// Whether a damaged replica may be given up for what its leader has. It is its own leader only after an unclean
    /// election, which says that what it has is the log: it left the ISR when this process registered.
    pub(super) fn may_refill(&self, record: &PartitionRecord) -> bool {
        let counts = record.in_sync_replicas.contains(&self.broker_id)
            || record.eligible_leader_replicas.contains(&self.broker_id);
        match record.leader {
            Some(leader) => leader == self.broker_id || !counts,
            None => false,
        }
    }

    /// Opens those of the damaged logs of `records` that may be filled again, with the damage set aside. One of which
    /// nothing can be kept is taken out of the map, to be created.
    pub(super) fn refill(
        &self,
        image: &Image,
        records: &[&PartitionRecord],
        map: &mut Map,
    ) -> Result<(), LogError> {
        for record in records {
            let damaged = matches!(at(map, &record.topic, record.partition), Some(Hosted::Damaged(_)));
            if damaged && self.may_refill(record) {
                self.set_damage_aside(image, record, map)?;
            }
        }
        Ok(())
    }

    fn set_damage_aside(
        &self,
        image: &Image,
        record: &PartitionRecord,
        map: &mut Map,
    ) -> Result<(), LogError> {
        let Some(topic) = image.topic_by_id(record.topic_id) else { return Ok(()) };
        let id = TopicPartition::new(topic.name().clone(), record.partition);
        match self.directory.open_log(&id, topic.id(), self.log_config(topic), OnDamage::SetAside) {
            Ok((log, report)) => {
                tell(&id, &report);
                let end = report.end;
                tracing::warn!(partition = %id, %end, "damaged log: what follows is fetched from its leader again");
                put(map, &id, Hosted::Online(self.online_partition(topic, record.partition, log)));
                Ok(())
            }
            Err(LogError::NotFound(_)) => {
                tracing::warn!(partition = %id, "missing log: everything is fetched from its leader again");
                take(map, &id.topic, id.partition);
                Ok(())
            }
            // No room or no file descriptor, perhaps: it is tried again.
            Err(error @ LogError::Storage(_)) => self.unless_failed(error, |reason| {
                tracing::error!(partition = %id, reason, "damaged log cannot be opened, will be tried again");
            }),
            Err(error) => {
                tracing::warn!(partition = %id, %error, "damaged log: everything is fetched from its leader again");
                match self.directory.set_aside_stray(&id) {
                    Ok(()) => _ = take(map, &id.topic, id.partition),
                    Err(error) => self.unless_failed(error, |reason| {
                        tracing::error!(partition = %id, reason, "damaged log cannot be set aside");
                    })?,
                }
                Ok(())
            }
        }
    }
}
