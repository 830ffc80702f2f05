//! Unfence broker: it recovered its logs and knows the metadata it must obey.

use yak_model::api::{Rejection, UnfenceBroker};
use yak_model::metadata::MetadataRecord;

use super::Draft;
use super::command::Decide;
use super::fence_broker::change_partitions;
use super::heal::heal;
use super::partition_change::PartitionChange;

impl Decide for UnfenceBroker {
    type Reply = ();

    fn decide(self, draft: &mut Draft<'_>) -> Result<(), Rejection> {
        let Self { broker_id, broker_epoch } = self;
        if !draft.registered(broker_id, broker_epoch)?.fenced {
            return Ok(());
        }
        draft.because(format!("broker {broker_id} is ready"));
        draft.push(MetadataRecord::BrokerUnfenced { broker_id, broker_epoch });
        change_partitions(draft, |image, topic, partition| {
            if partition.leader.is_some() || !partition.replicas.contains(&broker_id) {
                return None;
            }
            let mut change = PartitionChange::new(topic, partition);
            change.elect(image);
            change.finish()
        });
        heal(draft, broker_id);
        Ok(())
    }
}
