//! New partitions, of a new topic or of one that grows: where their replicas are, and their first record.

use yak_model::api::Rejection;
use yak_model::metadata::{MetadataRecord, PartitionRecord, RecoveryState};
use yak_model::{
    BrokerId, DirectoryId, ErrorCode, LeaderEpoch, PartitionEpoch, PartitionIndex, TopicId, TopicName,
};

use super::Draft;
use super::partition_change::check;
use super::placement::Placement;
use crate::image::Image;

/// Replicas of one partition with their directories, the preferred leader first.
pub(super) type Replicas = Vec<(BrokerId, DirectoryId)>;

/// Partitions to create, placed.
#[derive(Debug)]
pub(super) struct NewPartitions {
    /// The replication factor that was asked for.
    pub(super) wanted: u16,
    /// One for each partition.
    pub(super) replicas: Vec<Replicas>,
}

impl NewPartitions {
    /// Pushes the first record of each, numbered from `first` on. Fenced replicas are not in the ISR.
    pub(super) fn push(self, draft: &mut Draft<'_>, topic: &TopicName, topic_id: TopicId, first: i32) {
        for (number, replicas) in (first..).zip(self.replicas) {
            let (replicas, directory_ids): (Vec<_>, Vec<_>) = replicas.into_iter().unzip();
            let live = replicas.iter().copied().filter(|broker| draft.image().is_live(*broker));
            let in_sync_replicas: Vec<BrokerId> = live.collect();
            let partition = PartitionRecord {
                topic: topic.clone(),
                topic_id,
                partition: PartitionIndex::new(number),
                leader: in_sync_replicas.first().copied(),
                replicas,
                directory_ids,
                in_sync_replicas,
                eligible_leader_replicas: Vec::new(),
                adding_replicas: Vec::new(),
                removing_replicas: Vec::new(),
                wanted: self.wanted,
                leader_epoch: LeaderEpoch::new(0),
                partition_epoch: PartitionEpoch::new(0),
                recovery_state: RecoveryState::Recovered,
            };
            check(&partition);
            draft.push(MetadataRecord::Partition(partition));
        }
    }
}

/// Replicas given by hand, checked as Kafka checks them.
pub(super) fn assigned(image: &Image, assignment: &[Vec<BrokerId>]) -> Result<NewPartitions, Rejection> {
    let invalid = |message: String| Err(Rejection::new(ErrorCode::InvalidReplicaAssignment, message));
    let factor = assignment.first().map_or(0, Vec::len);
    let Ok(wanted) = u16::try_from(factor) else {
        return invalid(format!("{factor} replicas of one partition are too many"));
    };
    let mut all = Vec::with_capacity(assignment.len());
    for (number, brokers) in assignment.iter().enumerate() {
        if brokers.is_empty() {
            return invalid(format!("partition {number} is assigned no replica"));
        }
        if brokers.len() != factor {
            let count = brokers.len();
            return invalid(format!("partition {number} has {count} replicas, partition 0 has {factor}"));
        }
        let mut replicas = Replicas::with_capacity(factor);
        for id in brokers {
            let Some(broker) = image.broker(*id) else {
                return invalid(format!("partition {number}: broker {id} is not registered"));
            };
            if replicas.iter().any(|(replica, _)| replica == id) {
                return invalid(format!("partition {number} names broker {id} twice"));
            }
            replicas.push((*id, broker.directory()));
        }
        if !brokers.iter().any(|id| image.is_live(*id)) {
            return invalid(format!("partition {number}: none of its brokers is alive"));
        }
        all.push(replicas);
    }
    Ok(NewPartitions { wanted, replicas: all })
}

/// Replicas chosen by load: as many as wanted, or as there are live brokers.
pub(super) fn placed(
    placement: &mut Placement,
    partitions: usize,
    wanted: u16,
) -> Result<NewPartitions, Rejection> {
    if placement.live() == 0 {
        let message = "no broker is alive to hold a replica";
        return Err(Rejection::new(ErrorCode::ReplicaNotAvailable, message).retry_after(500));
    }
    let replicas = (0..partitions).map(|_| placement.place(usize::from(wanted))).collect();
    Ok(NewPartitions { wanted, replicas })
}
