//! List partition reassignments: replicas that come or go, by the metadata.

use std::collections::BTreeSet;

use yak_model::TopicPartition;
use yak_model::api::{
    ListPartitionReassignments, ListPartitionReassignmentsReply, OngoingReassignment, Reply,
};
use yak_model::limits::at_most_entries;
use yak_model::metadata::PartitionRecord;

use crate::answer::Outcome;
use crate::broker::Broker;

/// Lists what is under way.
pub(crate) fn list_partition_reassignments(
    broker: &Broker,
    request: ListPartitionReassignments,
) -> Outcome<ListPartitionReassignmentsReply> {
    at_most_entries(request.partitions.as_ref().map_or(0, Vec::len))?;
    let image = broker.image();
    let partitions = match request.partitions {
        None => image.partitions().filter_map(|record| ongoing(record)).collect(),
        Some(wanted) => {
            let wanted: BTreeSet<TopicPartition> = wanted.into_iter().collect();
            let records = wanted.iter().filter_map(|id| image.partition(&id.topic, id.partition));
            records.filter_map(|record| ongoing(record)).collect()
        }
    };
    Ok(Reply::new(ListPartitionReassignmentsReply { partitions }))
}

fn ongoing(record: &PartitionRecord) -> Option<OngoingReassignment> {
    if record.adding_replicas.is_empty() && record.removing_replicas.is_empty() {
        return None;
    }
    let mut replicas = record.replicas.clone();
    replicas.extend(record.adding_replicas.iter().filter(|id| !record.replicas.contains(id)));
    Some(OngoingReassignment {
        topic: record.topic.clone(),
        partition: record.partition,
        replicas,
        adding_replicas: record.adding_replicas.clone(),
        removing_replicas: record.removing_replicas.clone(),
    })
}

#[cfg(test)]
mod tests {
    use yak_model::BrokerId;

    use super::*;
    use crate::replication::tests::rig::{Rig, topic};
    use yak_model::PartitionIndex;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_at_rest_is_not_listed_and_what_moves_is() {
        let rig = Rig::new(&[]);
        let nodes = rig.cluster(2, 1, &[]).await;
        for partitions in [None, Some(vec![TopicPartition::new(topic(), PartitionIndex::new(0))])] {
            let request = ListPartitionReassignments { partitions };
            let reply = list_partition_reassignments(&nodes[0].broker, request).expect("answered");
            assert_eq!(reply.body.partitions, []);
        }
        let (one, two, three) = (BrokerId::new(1), BrokerId::new(2), BrokerId::new(3));
        let moving =
            PartitionRecord { adding_replicas: vec![three], removing_replicas: vec![one], ..rig.record(0) };
        let listed = ongoing(&moving).expect("it moves");
        assert_eq!(listed.replicas, [one, two, three]);
        assert_eq!((listed.adding_replicas, listed.removing_replicas), (vec![three], vec![one]));
    }
}
