//! Rebalance leaders: leadership goes back to preferred leaders, by itself (`auto.leader.rebalance.enable`).

use yak_model::api::Rejection;
use yak_model::metadata::PartitionRecord;

use super::Draft;
use super::command::Decide;
use super::elect_leaders::preferred;
use super::fence_broker::change_partitions;
use super::partition_change::PartitionChange;
use crate::image::Image;

/// Hands every partition over to its first replica, where that one is alive and in the ISR. Whoever watches the time says
/// when; nothing is written if nothing is to be done.
#[derive(Clone, Copy, Debug)]
pub struct RebalanceLeaders;

impl Decide for RebalanceLeaders {
    /// How many partitions were handed over.
    type Reply = usize;

    fn decide(self, draft: &mut Draft<'_>) -> Result<usize, Rejection> {
        let is_due = |image: &Image, partition: &PartitionRecord| {
            partition.leader.is_some() && preferred(partition, |broker| image.is_live(broker)).is_ok()
        };
        let image = draft.image();
        let due: Vec<_> = image.partitions().filter(|partition| is_due(image, partition)).collect();
        let Some(first) = due.first() else { return Ok(0) };
        let total = due.len();
        let others = if total > 1 { format!(" and {} more", total - 1) } else { String::new() };
        let cause = format!(
            "{}-{}{others}: leadership back to the preferred leader (auto.leader.rebalance.enable)",
            first.topic, first.partition
        );
        draft.because(cause);
        change_partitions(draft, |image, topic, partition| {
            if !is_due(image, partition) {
                return None;
            }
            let mut change = PartitionChange::new(topic, partition);
            change.hand_over(partition.replicas.first().copied()?);
            change.finish()
        });
        Ok(total)
    }
}
