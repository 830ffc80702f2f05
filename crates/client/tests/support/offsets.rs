//! What a fake broker leads, and where that begins and ends.

use yak_model::api::{
    DeleteRecords, DeleteRecordsReply, DeletedRecords, LeaderHint, ListOffsets, ListOffsetsReply,
    ListedOffset, OffsetSpec, RefusedListOffsets, Rejection,
};
use yak_model::{BrokerId, ErrorCode, Offset, PartitionIndex, TopicName};

use super::{FakePartition, State};

/// Refuses another epoch than the leader's, too.
pub(super) fn list_offsets(state: &State, broker: BrokerId, list: ListOffsets) -> ListOffsetsReply {
    let partitions = list.entries.into_iter().map(|entry| {
        let (topic, partition) = (entry.topic.clone(), entry.partition);
        let refused = |rejection| RefusedListOffsets { topic: topic.clone(), partition, rejection };
        check_leader(state, broker, &topic, partition, false).map_err(refused)?;
        let found = find(state, &topic, partition).map_err(refused)?;
        if entry.leader_epoch != Some(found.leader_epoch) {
            return Err(refused(Rejection::new(ErrorCode::FencedLeaderEpoch, "another epoch")));
        }
        let offset = match entry.at {
            OffsetSpec::Earliest => Some(found.log.start),
            OffsetSpec::Latest => Some(found.log.end),
            OffsetSpec::MaxTimestamp => None,
            OffsetSpec::Time(time) => Some(Offset::new(time.get())),
        };
        Ok(ListedOffset { topic, partition, offset, timestamp: None, leader_epoch: None })
    });
    ListOffsetsReply { partitions: partitions.collect() }
}

pub(super) fn delete_records(
    state: &mut State,
    broker: BrokerId,
    delete: DeleteRecords,
) -> DeleteRecordsReply {
    let partitions = delete.entries.into_iter().map(|entry| {
        let (topic, partition) = (entry.topic, entry.partition);
        let log_start_offset = check_leader(state, broker, &topic, partition, false).map(|()| {
            let log = &mut find_mut(state, &topic, partition).log;
            log.delete_before(entry.before_offset.unwrap_or(log.end));
            log.start
        });
        DeletedRecords { topic, partition, log_start_offset }
    });
    DeleteRecordsReply { partitions: partitions.collect() }
}

/// Refuses what another broker leads.
pub(super) fn check_leader(
    state: &State,
    broker: BrokerId,
    topic: &TopicName,
    partition: PartitionIndex,
    is_any: bool,
) -> Result<(), Rejection> {
    let found = find(state, topic, partition)?;
    if found.leader == Some(broker) || (is_any && found.followers.contains(&broker)) {
        return Ok(());
    }
    let rejection = Rejection::new(ErrorCode::NotLeaderOrFollower, "another broker leads");
    Err(match found.leader {
        None => rejection,
        Some(leader) => rejection.with_leader(LeaderHint {
            broker_id: leader,
            leader_epoch: found.leader_epoch,
            host: state.addresses[&leader].host.clone(),
            port: state.addresses[&leader].port,
        }),
    })
}

pub(super) fn find<'s>(
    state: &'s State,
    topic: &TopicName,
    partition: PartitionIndex,
) -> Result<&'s FakePartition, Rejection> {
    let at = usize::try_from(partition.get()).unwrap();
    let unknown =
        || Rejection::new(ErrorCode::UnknownTopicOrPartition, format!("{topic}-{partition} does not exist"));
    state.topics.get(topic).and_then(|partitions| partitions.get(at)).ok_or_else(unknown)
}

pub(super) fn find_mut<'s>(
    state: &'s mut State,
    topic: &TopicName,
    partition: PartitionIndex,
) -> &'s mut FakePartition {
    let at = usize::try_from(partition.get()).unwrap();
    &mut state.topics.get_mut(topic).unwrap()[at]
}
