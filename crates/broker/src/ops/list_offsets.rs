//! List offsets: where a partition begins and ends, and which offset belongs to a time.

use yak_model::api::{
    ListOffsets, ListOffsetsEntry, ListOffsetsReply, ListedOffset, OffsetSpec, RefusedListOffsets, Rejection,
    Reply,
};
use yak_model::{LeaderEpoch, TimestampMs};

use crate::answer::Outcome;
use crate::broker::Broker;
use yak_model::limits::at_most_entries;

/// Looks every entry up.
pub(crate) fn list_offsets(broker: &Broker, request: ListOffsets) -> Outcome<ListOffsetsReply> {
    at_most_entries(request.entries.len())?;
    let list_one = |entry| list_one(broker, entry);
    Ok(Reply::new(ListOffsetsReply { partitions: request.entries.into_iter().map(list_one).collect() }))
}

/// Looks one entry up.
pub(crate) fn list_one(broker: &Broker, entry: ListOffsetsEntry) -> Result<ListedOffset, RefusedListOffsets> {
    look_up(broker, &entry).map_err(|rejection| {
        let ListOffsetsEntry { topic, partition, .. } = entry;
        RefusedListOffsets { topic, partition, rejection }
    })
}

fn look_up(broker: &Broker, entry: &ListOffsetsEntry) -> Result<ListedOffset, Rejection> {
    let partition = broker.partition(&entry.topic, entry.partition)?;
    let found = partition.offset_at(entry.leader_epoch, entry.at)?;
    let by_time = matches!(entry.at, OffsetSpec::Time(_) | OffsetSpec::MaxTimestamp);
    Ok(ListedOffset {
        topic: entry.topic.clone(),
        partition: entry.partition,
        offset: found.map(|found| found.offset),
        timestamp: found
            .filter(|_| by_time)
            .map(|found| found.timestamp)
            .filter(|time| *time != TimestampMs::NONE),
        leader_epoch: found.map(|found| found.leader_epoch).filter(|epoch| *epoch != LeaderEpoch::UNKNOWN),
    })
}
