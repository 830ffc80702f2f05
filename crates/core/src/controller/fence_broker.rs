//! Fence broker: it died, or is believed to have.

use yak_model::api::Rejection;
use yak_model::metadata::{MetadataRecord, PartitionRecord};
use yak_model::{BrokerEpoch, BrokerId};

use super::Draft;
use super::command::Decide;
use super::partition_change::{PartitionChange, unclean_leader};
use crate::image::{Image, Topic};

/// Takes a broker out of every ISR that has another member, and gives what it led to the next in the queue.
#[derive(Clone, Debug)]
pub struct FenceBroker {
    /// Which.
    pub broker_id: BrokerId,
    /// Which registration of it.
    pub broker_epoch: BrokerEpoch,
    /// How that was noticed, for a person: `no heartbeat for 1000 ms`.
    pub reason: String,
}

impl Decide for FenceBroker {
    type Reply = ();

    fn decide(self, draft: &mut Draft<'_>) -> Result<(), Rejection> {
        let Self { broker_id, broker_epoch, reason } = self;
        if draft.registered(broker_id, broker_epoch)?.fenced {
            return Ok(());
        }
        draft.because(format!("broker {broker_id} fenced: {reason}"));
        fence(draft, broker_id, broker_epoch);
        Ok(())
    }
}

/// Fences a broker and moves its leaderships.
pub(super) fn fence(draft: &mut Draft<'_>, broker_id: BrokerId, broker_epoch: BrokerEpoch) {
    draft.push(MetadataRecord::BrokerFenced { broker_id, broker_epoch });
    change_partitions(draft, |image, topic, partition| {
        if !partition.replicas.contains(&broker_id) {
            return None;
        }
        let mut change = PartitionChange::new(topic, partition);
        change.fence(broker_id);
        change.elect(image);
        change.finish()
    });
}

/// Changes every partition for which `decide` has a new state. A leader that may lack records is named in the cause.
pub(super) fn change_partitions(
    draft: &mut Draft<'_>,
    decide: impl Fn(&Image, &Topic, &PartitionRecord) -> Option<PartitionRecord>,
) {
    let image = draft.image().clone();
    let mut uncleanly = Vec::new();
    for topic in image.topics() {
        for partition in topic.partitions() {
            let changed = decide(&image, topic, partition);
            let leader = changed.as_ref().and_then(|after| unclean_leader(partition, after));
            uncleanly.extend(leader.map(|leader| (partition, leader)));
            draft.push_partition(changed);
        }
    }
    let Some((first, leader)) = uncleanly.first() else { return };
    let others = match uncleanly.len() - 1 {
        0 => String::new(),
        more => format!(" and of {more} more"),
    };
    draft.because(format!(
        "{}-{}: UNCLEAN election of {leader}{others} by unclean.leader.election.enable; records may be lost",
        first.topic, first.partition
    ));
}
