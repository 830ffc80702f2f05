//! OffsetForLeaderEpoch: where the records of an epoch end (KIP-320).

use yak_kafka::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
};
use yak_model::api::{OffsetForLeaderEpoch, OffsetForLeaderEpochEntry};
use yak_model::{ErrorCode, LeaderEpoch, PartitionIndex, TopicName};

use super::Asked;
use super::places::{Places, parse};
use crate::ops;

pub(super) fn offset_for_leader_epoch(
    asked: &Asked,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let (mut places, mut entries) = (Places::with_capacity(request.topics.len()), Vec::new());
    for topic in request.topics {
        let name = parse(&topic.topic, ErrorCode::UnknownTopicOrPartition);
        let entry = |name: &TopicName, partition: OffsetForLeaderPartition| {
            let current = partition.current_leader_epoch;
            Ok(OffsetForLeaderEpochEntry {
                topic: name.clone(),
                partition: PartitionIndex::new(partition.partition),
                current_leader_epoch: (current >= 0).then(|| LeaderEpoch::new(current)),
                leader_epoch: LeaderEpoch::new(partition.leader_epoch),
            })
        };
        places.take((topic.topic, name), (topic.partitions, |one| one.partition), entry, &mut entries);
    }
    let found = ops::offset_for_leader_epoch::offset_for_leader_epoch(
        &asked.broker,
        OffsetForLeaderEpoch { entries },
    );
    let results = found.map(|reply| reply.body.partitions.into_iter().map(|found| found.end));
    let filled = places.fill(results, |partition, result| match result {
        Ok(end) => EpochEndOffset {
            partition,
            leader_epoch: end.map_or(-1, |end| end.leader_epoch.get()),
            end_offset: end.map_or(-1, |end| end.end_offset.get()),
            error_code: None,
        },
        Err(rejection) => {
            EpochEndOffset { partition, error_code: Some(rejection.code), ..EpochEndOffset::default() }
        }
    });
    let topics =
        filled.into_iter().map(|(topic, partitions)| OffsetForLeaderTopicResult { topic, partitions });
    OffsetForLeaderEpochResponse { topics: topics.collect(), ..OffsetForLeaderEpochResponse::default() }
}
