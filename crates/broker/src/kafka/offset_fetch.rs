//! OffsetFetch: how far groups have come; one up to version 7, any number after it (KIP-709).

use std::collections::BTreeSet;

use yak_kafka::messages::offset_fetch::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponseGroup,
    OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use yak_kafka::messages::{OffsetFetchRequest, OffsetFetchResponse};
use yak_model::api::{FetchedOffset, OffsetFetch, Rejection};
use yak_model::limits::{MAX_ENTRIES_PER_REQUEST, at_most_entries};
use yak_model::{ErrorCode, LeaderEpoch, Offset, PartitionIndex, TopicName};

use super::places::{self, Places};
use super::{Asked, members};
use crate::ops;

/// From this version on a request names several groups.
const SEVERAL: i16 = 8;
/// From this version on an answer has a place for an error of the whole group.
const GROUP_ERROR: i16 = 2;
/// Kafka's "nothing is committed".
const NOTHING: i64 = -1;

pub(super) fn offset_fetch(asked: &Asked, request: OffsetFetchRequest) -> OffsetFetchResponse {
    if asked.version >= SEVERAL {
        return of_groups(asked, request.groups);
    }
    let topics = request.topics.map(|topics| {
        let topics = topics.into_iter();
        topics.map(|topic| OffsetFetchRequestTopics {
            name: topic.name,
            partition_indexes: topic.partition_indexes,
        })
    });
    let group = OffsetFetchRequestGroup {
        group_id: request.group_id,
        member_id: None,
        member_epoch: -1,
        topics: topics.map(Iterator::collect),
    };
    let wanted = (asked.version < GROUP_ERROR).then(|| group.topics.clone().unwrap_or_default());
    let answered = of_group(asked, group);
    let topics = match (wanted, answered.error_code) {
        (Some(wanted), Some(code)) => refused(wanted, code),
        _ => answered.topics,
    };
    OffsetFetchResponse {
        topics: topics.into_iter().map(older).collect(),
        error_code: answered.error_code,
        ..OffsetFetchResponse::default()
    }
}

/// All groups of a request together name no more than one may, and each is named once: a few bytes more would else be
/// answered by all that a group has committed again.
fn of_groups(asked: &Asked, mut groups: Vec<OffsetFetchRequestGroup>) -> OffsetFetchResponse {
    let partitions = |group: &OffsetFetchRequestGroup| {
        let topics = group.topics.iter().flatten();
        1 + topics.map(|topic| topic.partition_indexes.len()).sum::<usize>()
    };
    let too_many = at_most_entries(groups.iter().map(partitions).sum());
    groups.truncate(MAX_ENTRIES_PER_REQUEST);
    let mut named = BTreeSet::new();
    let answered = groups.into_iter().map(|group| {
        let checked = too_many.clone().and_then(|()| {
            if named.insert(group.group_id.clone()) { Ok(()) } else { Err(places::repeated(&group.group_id)) }
        });
        match checked {
            Ok(()) => of_group(asked, group),
            Err(rejection) => refused_group(group.group_id, &rejection),
        }
    });
    OffsetFetchResponse { groups: answered.collect(), ..OffsetFetchResponse::default() }
}

fn refused_group(group_id: String, rejection: &Rejection) -> OffsetFetchResponseGroup {
    OffsetFetchResponseGroup { group_id, topics: Vec::new(), error_code: Some(rejection.code) }
}

fn of_group(asked: &Asked, group: OffsetFetchRequestGroup) -> OffsetFetchResponseGroup {
    let name = group.group_id.clone();
    match fetch(asked, group) {
        Ok(topics) => OffsetFetchResponseGroup { group_id: name, topics, error_code: None },
        Err(rejection) => refused_group(name, &rejection),
    }
}

fn fetch(asked: &Asked, group: OffsetFetchRequestGroup) -> Result<Vec<OffsetFetchResponseTopics>, Rejection> {
    let OffsetFetchRequestGroup { group_id, member_id, member_epoch, topics } = group;
    let group_id = members::group(group_id)?;
    let member = match member_id {
        Some(id) if !id.is_empty() && member_epoch >= 0 => Some(members::identity(id, None, member_epoch)?),
        _ => None,
    };
    let Some(topics) = topics else {
        let request = OffsetFetch { group_id, member, partitions: None };
        return Ok(by_topic(ops::offsets::offset_fetch(&asked.broker, request)?.body.offsets));
    };
    let (mut places, mut entries) = (Places::with_capacity(topics.len()), Vec::new());
    for topic in topics {
        let name = places::parse(&topic.name, ErrorCode::UnknownTopicOrPartition);
        let entry = |name: &TopicName, index| Ok((name.clone(), PartitionIndex::new(index)));
        places.take((topic.name, name), (topic.partition_indexes, |index| *index), entry, &mut entries);
    }
    let request = OffsetFetch { group_id, member, partitions: Some(entries) };
    let offsets = ops::offsets::offset_fetch(&asked.broker, request)?.body.offsets;
    // A name that no topic can have has no commit; that is no error.
    let answer = |index, result: Result<FetchedOffset, Rejection>| partition(index, result.ok());
    let topics = places.fill(Ok(offsets.into_iter().map(Ok)), answer).into_iter();
    Ok(topics.map(|(name, partitions)| OffsetFetchResponseTopics { name, partitions }).collect())
}

fn by_topic(offsets: Vec<FetchedOffset>) -> Vec<OffsetFetchResponseTopics> {
    let mut topics: Vec<OffsetFetchResponseTopics> = Vec::new();
    for fetched in offsets {
        let name = fetched.topic.as_str();
        if topics.last().is_none_or(|topic| topic.name != name) {
            topics.push(OffsetFetchResponseTopics { name: name.to_owned(), partitions: Vec::new() });
        }
        if let Some(topic) = topics.last_mut() {
            topic.partitions.push(partition(fetched.partition.get(), Some(fetched)));
        }
    }
    topics
}

fn partition(index: i32, fetched: Option<FetchedOffset>) -> OffsetFetchResponsePartitions {
    let committed = fetched.and_then(|fetched| fetched.committed);
    OffsetFetchResponsePartitions {
        partition_index: index,
        committed_offset: committed.as_ref().map_or(NOTHING, |committed| Offset::get(committed.offset)),
        committed_leader_epoch: committed
            .as_ref()
            .and_then(|committed| committed.leader_epoch)
            .map_or(-1, LeaderEpoch::get),
        metadata: Some(committed.map(|committed| committed.metadata).unwrap_or_default()),
        error_code: None,
    }
}

/// The oldest version says it of each partition.
fn refused(wanted: Vec<OffsetFetchRequestTopics>, code: ErrorCode) -> Vec<OffsetFetchResponseTopics> {
    let refuse = |index| OffsetFetchResponsePartitions { error_code: Some(code), ..partition(index, None) };
    let topic = |topic: OffsetFetchRequestTopics| OffsetFetchResponseTopics {
        name: topic.name,
        partitions: topic.partition_indexes.into_iter().map(refuse).collect(),
    };
    wanted.into_iter().map(topic).collect()
}

fn older(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    let partition = |partition: OffsetFetchResponsePartitions| OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
    };
    OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(partition).collect(),
    }
}
