//! Where reading begins and ends: starts and stops as offsets.

use yak_model::api::{ListOffsets, ListOffsetsEntry, ListedOffset, OffsetSpec, TailStart};
use yak_model::{Offset, TopicPartition};

use super::partition::Partition;
use super::{Assignment, Stop};
use crate::{Admin, ClientError, Cluster};

/// Looks up where each partition begins and ends now, and so where reading does.
pub(super) async fn look_up(
    cluster: &Cluster,
    assignments: &[Assignment],
) -> Result<Vec<Partition>, ClientError> {
    if assignments.is_empty() {
        return Ok(Vec::new());
    }
    let entries = assignments.iter().flat_map(questions).collect();
    let reply = Admin::new(cluster).list_offsets(&ListOffsets { entries, ..ListOffsets::default() }).await?;
    let mut answers = reply.partitions.into_iter();
    let mut next = || match answers.next() {
        Some(Ok(listed)) => Ok(listed),
        Some(Err(refused)) => Err(refused.rejection.into()),
        None => Err(ClientError::Protocol {
            address: cluster.connected_to(),
            why: "fewer offsets than were asked for".to_owned(),
        }),
    };
    let mut partitions = Vec::with_capacity(assignments.len());
    for assignment in assignments {
        let earliest = offset(&next()?, Offset::ZERO);
        let latest = offset(&next()?, earliest);
        let start = match assignment.start {
            TailStart::Beginning => earliest,
            TailStart::End => latest,
            TailStart::Offset(offset) => offset,
            TailStart::Last(count) => {
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                Offset::new(latest.get().saturating_sub(count)).max(earliest)
            }
            TailStart::Time(_) => offset(&next()?, latest),
        };
        let stop = match assignment.stop {
            Stop::Never => None,
            Stop::AtEnd => Some(latest),
            Stop::Before(offset) => Some(offset),
        };
        let id = TopicPartition::new(assignment.topic.clone(), assignment.partition);
        let mut partition = Partition::new(id, start, stop, cluster);
        partition.log_start_offset = earliest;
        partition.high_watermark = latest;
        partitions.push(partition);
    }
    Ok(partitions)
}

/// Earliest, latest, and the time if there is one.
fn questions(assignment: &Assignment) -> impl Iterator<Item = ListOffsetsEntry> {
    let time = match assignment.start {
        TailStart::Time(time) => Some(OffsetSpec::Time(time)),
        _ => None,
    };
    let specs = [OffsetSpec::Earliest, OffsetSpec::Latest].into_iter().chain(time);
    let (topic, partition) = (assignment.topic.clone(), assignment.partition);
    specs.map(move |at| ListOffsetsEntry { topic: topic.clone(), partition, leader_epoch: None, at })
}

/// No record is that young: at the end.
fn offset(listed: &ListedOffset, otherwise: Offset) -> Offset {
    listed.offset.unwrap_or(otherwise)
}
