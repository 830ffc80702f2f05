//! ListOffsets: where partitions begin and end, and which offset belongs to a time.

use std::collections::BTreeSet;

use yak_kafka::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};
use yak_model::api::{ListOffsetsEntry, ListedOffset, OffsetSpec};
use yak_model::limits::at_most_entries;
use yak_model::{ErrorCode, LeaderEpoch, PartitionIndex, TimestampMs, TopicName};

use super::Asked;
use crate::ops::list_offsets::list_one;

/// Special timestamps, and the version in which each came (KIP-79, KIP-734, KIP-405, KIP-1005).
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: (i64, i16) = (-3, 7);
const EARLIEST_LOCAL: (i64, i16) = (-4, 8);
const LATEST_TIERED: (i64, i16) = (-5, 9);

/// Whether something is asked for that is found by reading the log.
pub(super) fn reads_the_log(request: &ListOffsetsRequest) -> bool {
    let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.into_iter().any(|one| one.timestamp >= 0 || one.timestamp == MAX_TIMESTAMP.0)
}

/// Each partition is looked at once: as in Kafka, one that is named again is refused.
pub(super) fn list_offsets(asked: &Asked, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let count = request.topics.iter().map(|topic| topic.partitions.len()).sum();
    let too_many = at_most_entries(count).err().map(|rejection| rejection.code);
    let mut seen = BTreeSet::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in topic.partitions {
            let is_first = seen.insert((topic.name.clone(), partition.partition_index));
            let refused = too_many.or((!is_first).then_some(ErrorCode::InvalidRequest));
            let name = match refused {
                Some(code) => Err(code),
                None => topic.name.parse::<TopicName>().map_err(|_invalid| ErrorCode::InvalidTopicException),
            };
            partitions.push(list_partition(asked, name, partition));
        }
        topics.push(ListOffsetsTopicResponse { partitions, name: topic.name });
    }
    ListOffsetsResponse { topics, ..ListOffsetsResponse::default() }
}

fn list_partition(
    asked: &Asked,
    topic: Result<TopicName, ErrorCode>,
    partition: ListOffsetsPartition,
) -> ListOffsetsPartitionResponse {
    let response = ListOffsetsPartitionResponse {
        partition_index: partition.partition_index,
        offset: -1,
        timestamp: -1,
        leader_epoch: -1,
        ..ListOffsetsPartitionResponse::default()
    };
    match look_up(asked, topic, &partition) {
        Ok(Some(found)) => ListOffsetsPartitionResponse {
            offset: found.offset.map_or(-1, yak_model::Offset::get),
            timestamp: found.timestamp.map_or(-1, TimestampMs::get),
            leader_epoch: found.leader_epoch.map_or(-1, LeaderEpoch::get),
            ..response
        },
        Ok(None) => response,
        Err(code) => ListOffsetsPartitionResponse { error_code: Some(code), ..response },
    }
}

/// `None`: there is no such offset, and cannot be one here.
fn look_up(
    asked: &Asked,
    topic: Result<TopicName, ErrorCode>,
    partition: &ListOffsetsPartition,
) -> Result<Option<ListedOffset>, ErrorCode> {
    let since =
        |(timestamp, version): (i64, i16)| partition.timestamp == timestamp && asked.version >= version;
    let at = match partition.timestamp {
        LATEST => OffsetSpec::Latest,
        EARLIEST => OffsetSpec::Earliest,
        timestamp if timestamp >= 0 => OffsetSpec::Time(TimestampMs::new(timestamp)),
        _ if since(MAX_TIMESTAMP) => OffsetSpec::MaxTimestamp,
        _ if since(EARLIEST_LOCAL) => OffsetSpec::Earliest,
        // No record is elsewhere than in the local log.
        _ if since(LATEST_TIERED) => return Ok(None),
        _ => return Err(ErrorCode::UnsupportedVersion),
    };
    let entry = ListOffsetsEntry {
        topic: topic?,
        partition: PartitionIndex::new(partition.partition_index),
        leader_epoch: (partition.current_leader_epoch >= 0)
            .then(|| LeaderEpoch::new(partition.current_leader_epoch)),
        at,
    };
    list_one(&asked.broker, entry).map(Some).map_err(|refused| refused.rejection.code)
}
