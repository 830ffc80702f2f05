//! Healing: a partition with fewer replicas than were wanted gets another one when a broker comes.
//!
//! The newcomer stands in `adding_replicas` until its leader finds it caught up; as it joins the ISR it becomes a
//! replica. One that died before it got there gives its place to the next. Nobody is removed.

use yak_model::BrokerId;
use yak_model::metadata::PartitionRecord;

use super::Draft;
use super::fence_broker::change_partitions;
use super::partition_change::PartitionChange;
use crate::image::Image;

/// Adds a broker that has just come to life to every partition that lacks replicas.
pub(super) fn heal(draft: &mut Draft<'_>, newcomer: BrokerId) {
    let image = draft.image();
    let lacking = image.partitions().filter(|partition| lacks(image, partition, newcomer)).count();
    if lacking == 0 {
        return;
    }
    draft.because(format!("{lacking} partition(s) with fewer replicas than wanted get one on {newcomer}"));
    change_partitions(draft, |image, topic, partition| {
        if !lacks(image, partition, newcomer) {
            return None;
        }
        let mut change = PartitionChange::new(topic, partition);
        change.add_replica(image, newcomer);
        change.finish()
    });
}

/// Whether the partition wants one more replica, and may have it on this broker.
fn lacks(image: &Image, partition: &PartitionRecord, newcomer: BrokerId) -> bool {
    let has = partition.replicas.contains(&newcomer) || partition.adding_replicas.contains(&newcomer);
    let coming = partition.adding_replicas.iter().filter(|broker| image.is_live(**broker)).count();
    !has && partition.replicas.len() + coming < usize::from(partition.wanted)
}
