//! Where a tail begins in each partition, and where it ends if it is to end.

use std::sync::Arc;

use yak_model::api::{
    Fetch, FetchEntry, Isolation, ListOffsets, ListOffsetsEntry, OffsetSpec, ReadFrom, Rejection, Tail,
    TailStart,
};
use yak_model::limits::MAX_ENTRIES_PER_REQUEST;
use yak_model::{Offset, PartitionIndex, TopicId, TopicPartition};

use super::cursor::Cursor;
use crate::broker::Broker;
use crate::forwarding;
use crate::partitions::Partition;

/// A partition, and the topic that is meant by its name.
type Found = (TopicPartition, TopicId);

/// The partitions that are wanted and not yet tailed.
///
/// # Errors
/// A topic or partition that does not exist.
pub(super) fn find(broker: &Broker, request: &Tail, cursors: &[Cursor]) -> Result<Vec<Found>, Rejection> {
    let image = broker.image();
    let mut missing = Vec::new();
    for topic in &request.topics {
        let found = image.topic(topic).ok_or_else(|| broker.unknown_topic(&image, topic))?;
        let all = (0..found.partition_count()).map(PartitionIndex::new);
        let wanted: Vec<PartitionIndex> = match &request.partitions {
            None => all.collect(),
            Some(wanted) => wanted.clone(),
        };
        for index in wanted {
            let id = TopicPartition::new(topic.clone(), index);
            let known = |cursor: &Cursor| cursor.id == id && cursor.topic_id == found.id();
            let is_repeated = missing.iter().any(|(other, _)| *other == id);
            if is_repeated || cursors.iter().any(known) {
                continue;
            }
            if found.partition(index).is_none() {
                // Says that it is not there.
                broker.partition(topic, index)?;
            }
            missing.push((id, found.id()));
        }
    }
    Ok(missing)
}

/// A cursor for each of these partitions.
///
/// # Errors
/// Nobody could say in time where one begins, or there is no such beginning.
pub(super) async fn begin(
    broker: &Arc<Broker>,
    request: &Tail,
    from: TailStart,
    found: Vec<Found>,
) -> Result<Vec<Cursor>, Rejection> {
    if let TailStart::Offset(offset) = from {
        check(broker, request.read_from, offset, &found).await?;
    }
    let needs_end = request.stop_at_end || !matches!(from, TailStart::Beginning | TailStart::Offset(_));
    let firsts = match from {
        TailStart::Beginning | TailStart::Last(_) => {
            list(broker, (request.read_from, OffsetSpec::Earliest), &found).await?
        }
        _ => Vec::new(),
    };
    let ends = match needs_end {
        true => list(broker, (request.read_from, OffsetSpec::Latest), &found).await?,
        false => Vec::new(),
    };
    let times = match from {
        // Only a leader knows.
        TailStart::Time(time) => list(broker, (ReadFrom::Leader, OffsetSpec::Time(time)), &found).await?,
        _ => Vec::new(),
    };
    let at = |offsets: &[Option<Offset>], place: usize| offsets.get(place).copied().flatten();
    let cursor = |(place, (id, topic_id)): (usize, Found)| {
        let first = at(&firsts, place).unwrap_or(Offset::ZERO);
        let end = at(&ends, place).unwrap_or(Offset::ZERO);
        let next = match from {
            TailStart::Beginning => first,
            TailStart::End => end,
            TailStart::Last(count) => {
                let back = i64::try_from(count).unwrap_or(i64::MAX);
                Offset::new(end.get().saturating_sub(back)).max(first)
            }
            TailStart::Time(_) => at(&times, place).unwrap_or(end),
            TailStart::Offset(offset) => offset,
        };
        Cursor::new(id, topic_id, next, request.stop_at_end.then_some(end))
    };
    Ok(found.into_iter().enumerate().map(cursor).collect())
}

/// An offset of each partition, from who may say it.
async fn list(
    broker: &Arc<Broker>,
    (read_from, at): (ReadFrom, OffsetSpec),
    found: &[Found],
) -> Result<Vec<Option<Offset>>, Rejection> {
    let mut offsets = vec![None; found.len()];
    let mut asked = Vec::new();
    for (place, (id, _)) in found.iter().enumerate() {
        match follower(broker, read_from, id) {
            // Of a follower, as far as it knows.
            Some(partition) => {
                let first = partition.reader().log_start();
                let end = partition.read_from(read_from, None, first, 0)?.high_watermark;
                offsets[place] = Some(if at == OffsetSpec::Earliest { first } else { end });
            }
            None => asked.push(place),
        }
    }
    for places in asked.chunks(MAX_ENTRIES_PER_REQUEST) {
        let entry = |place: &usize| {
            let id = &found[*place].0;
            ListOffsetsEntry { topic: id.topic.clone(), partition: id.partition, leader_epoch: None, at }
        };
        let request = ListOffsets { entries: places.iter().map(entry).collect(), ..ListOffsets::default() };
        let listed = forwarding::list_offsets(broker, request).await?;
        for (place, listed) in places.iter().zip(listed.body.partitions) {
            offsets[*place] = listed.map_err(|refused| refused.rejection)?.offset;
        }
    }
    Ok(offsets)
}

/// This broker's replica, if it is not the leader's and the reader is content with it.
fn follower(broker: &Broker, read_from: ReadFrom, id: &TopicPartition) -> Option<Arc<Partition>> {
    let image = broker.image();
    let record = image.topic(&id.topic)?.partition(id.partition)?;
    let me = broker.id();
    let is_content =
        read_from == ReadFrom::Any && record.leader != Some(me) && record.in_sync_replicas.contains(&me);
    if is_content { broker.partition(&id.topic, id.partition).ok() } else { None }
}

/// Says precisely why, if an offset is not there.
async fn check(
    broker: &Arc<Broker>,
    read_from: ReadFrom,
    offset: Offset,
    found: &[Found],
) -> Result<(), Rejection> {
    for found in found.chunks(MAX_ENTRIES_PER_REQUEST) {
        let entry = |(id, _): &Found| FetchEntry {
            topic_id: None,
            topic: id.topic.clone(),
            partition: id.partition,
            leader_epoch: None,
            offset,
            max_bytes: 0,
            last_fetched_epoch: None,
        };
        let request = Fetch {
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: 0,
            isolation: Isolation::default(),
            read_from,
            entries: found.iter().map(entry).collect(),
        };
        let fetched = forwarding::fetch(broker, request, tokio::time::Instant::now()).await?;
        fetched.body.partitions.into_iter().try_for_each(|fetched| fetched.records.map(drop))?;
    }
    Ok(())
}

/// Finds where the logs begin whose records were deleted before they were sent; the tails go on there.
///
/// # Errors
/// Nobody could say in time.
pub(super) async fn find_lost(broker: &Arc<Broker>, cursors: &mut [Cursor]) -> Result<(), Rejection> {
    let lost: Vec<Found> = cursors
        .iter()
        .filter(|cursor| cursor.is_lost)
        .map(|cursor| (cursor.id.clone(), cursor.topic_id))
        .collect();
    if lost.is_empty() {
        return Ok(());
    }
    let firsts = list(broker, (ReadFrom::Leader, OffsetSpec::Earliest), &lost).await?;
    for (cursor, first) in cursors.iter_mut().filter(|cursor| cursor.is_lost).zip(firsts) {
        cursor.next = cursor.next.max(first.unwrap_or(cursor.next));
        cursor.is_lost = false;
    }
    Ok(())
}
