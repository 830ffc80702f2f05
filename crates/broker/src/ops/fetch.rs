//! Fetch: read records, waiting until there are some.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use yak_model::api::{EpochEnd, Fetch, FetchEntry, FetchReply, FetchedPartition, ReadFrom, Reply};
use yak_model::limits::{MAX_FETCH_BYTES, MAX_FETCH_WAIT_MS, at_most_entries};
use yak_record::Records;

use crate::answer::Answer;
use crate::broker::Broker;
use crate::partitions::Read;
use crate::wakeups::Wait;

/// Reads every entry, and answers when there are `min_bytes`, an error or a diverging log, or `max_wait_ms` have passed.
pub(crate) fn fetch(broker: &Arc<Broker>, request: Fetch) -> Answer<FetchReply<Records>> {
    if let Err(rejection) = at_most_entries(request.entries.len()) {
        return Answer::Now(Err(rejection));
    }
    let (reply, enough) = read(broker, &request);
    if enough || request.max_wait_ms == 0 {
        return Answer::ok(reply);
    }
    let broker = Arc::clone(broker);
    // From its arrival on, wherever its reply stands in the queue.
    let wait_ms = request.max_wait_ms.min(MAX_FETCH_WAIT_MS);
    let deadline = Instant::now() + Duration::from_millis(wait_ms.into());
    Answer::later(async move {
        let hosted =
            request.entries.iter().filter_map(|entry| broker.partition(&entry.topic, entry.partition).ok());
        let wait = Wait::new(hosted.collect());
        loop {
            wait.arm();
            let (reply, enough) = read(&broker, &request);
            if enough {
                return Ok(Reply::new(reply));
            }
            tokio::select! {
                () = wait.grown() => {}
                () = sleep_until(deadline) => return Ok(Reply::new(reply)),
                () = broker.stopping.cancelled() => return Ok(Reply::new(reply)),
            }
        }
    })
}

/// One look at every entry; whether that is enough to answer with.
fn read(broker: &Broker, request: &Fetch) -> (FetchReply<Records>, bool) {
    let mut left = u64::from(request.max_bytes.min(MAX_FETCH_BYTES));
    let min_bytes = u64::from(request.min_bytes.min(request.max_bytes)).min(left);
    let (mut found, mut at_once) = (0_u64, false);
    let mut partitions = Vec::with_capacity(request.entries.len());
    for entry in &request.entries {
        let max_bytes = u64::from(entry.max_bytes).min(left);
        // Once the reply is full, later entries only tell where they are.
        let wanted = if found == 0 || left > 0 { Some(max_bytes) } else { None };
        let (fetched, has_more) = read_entry(broker, request.read_from, entry, wanted);
        // Whoever asks for more than whole batches can give, or than the limits let through, gets what there is.
        at_once |= has_more || fetched.diverging.is_some();
        match &fetched.records {
            Ok(records) => {
                let len = records.len() as u64;
                found += len;
                left = left.saturating_sub(len);
            }
            Err(_) => at_once = true,
        }
        partitions.push(fetched);
    }
    let enough = at_once || found >= min_bytes;
    (FetchReply { partitions }, enough)
}

fn read_entry(
    broker: &Broker,
    read_from: ReadFrom,
    entry: &FetchEntry,
    wanted: Option<u64>,
) -> (FetchedPartition<Records>, bool) {
    let read = || {
        let partition = broker.partition_of(&entry.topic, entry.topic_id, entry.partition)?;
        if let Some(last_fetched) = entry.last_fetched_epoch {
            let meant_for = (read_from, entry.leader_epoch);
            let diverging = partition.divergence(meant_for, last_fetched, entry.offset)?;
            if diverging.is_some() {
                return Ok((fetched(entry, partition.nothing_to_read(), diverging), false));
            }
        }
        let mut read =
            partition.read_from(read_from, entry.leader_epoch, entry.offset, wanted.unwrap_or(0))?;
        if wanted.is_none() {
            read.records = Records::EMPTY;
        }
        let has_more = read.has_more;
        Ok((fetched(entry, read, None), has_more))
    };
    read().unwrap_or_else(|rejection| {
        (FetchedPartition::refused(entry.topic.clone(), entry.partition, rejection), false)
    })
}

fn fetched(entry: &FetchEntry, read: Read, diverging: Option<EpochEnd>) -> FetchedPartition<Records> {
    FetchedPartition {
        topic: entry.topic.clone(),
        partition: entry.partition,
        high_watermark: read.high_watermark,
        last_stable_offset: read.high_watermark,
        log_start_offset: read.log_start_offset,
        diverging,
        records: Ok(read.records),
    }
}

#[cfg(test)]
mod tests {
    use yak_model::api::Isolation;
    use yak_model::{ErrorCode, LeaderEpoch, Offset, PartitionIndex};

    use super::*;
    use crate::replication::tests::rig::{Node, Rig, topic};

    /// One fetch that may not wait to be answered, though it asks for more than there is.
    fn fetch_one(node: &Node, from: ReadFrom, offset: i64, last: Option<i32>) -> FetchedPartition<Records> {
        let entry = FetchEntry {
            topic_id: None,
            topic: topic(),
            partition: PartitionIndex::new(0),
            leader_epoch: None,
            offset: Offset::new(offset),
            last_fetched_epoch: last.map(LeaderEpoch::new),
            max_bytes: 1 << 20,
        };
        let request = Fetch {
            max_wait_ms: if last.is_some() { 60_000 } else { 0 },
            min_bytes: if last.is_some() { 1 << 20 } else { 0 },
            max_bytes: 1 << 20,
            isolation: Isolation::ReadUncommitted,
            read_from: from,
            entries: vec![entry],
        };
        match fetch(&node.broker, request) {
            Answer::Now(outcome) => outcome.expect("answered").body.partitions.pop().expect("one"),
            Answer::Later(_) => FetchedPartition::refused(
                topic(),
                PartitionIndex::new(0),
                yak_model::api::Rejection::new(ErrorCode::RequestTimedOut, "it waits"),
            ),
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reader_of_another_log_is_told_where_the_two_part() {
        let rig = Rig::new(&[]);
        let (nodes, first, second) = rig.two_epochs().await;
        for from in [ReadFrom::Leader, ReadFrom::Any] {
            let parts = |offset, last| {
                let fetched = fetch_one(&nodes[1], from, offset, Some(last));
                assert_eq!(fetched.last_stable_offset, fetched.high_watermark);
                let records = fetched.records.map_err(|rejection| rejection.code)?;
                let end = fetched.diverging.map(|end| (end.leader_epoch.get(), end.end_offset.get()));
                assert!(end.is_none() || records.is_empty());
                Ok::<_, ErrorCode>(end)
            };
            // It had a fourth record of the first epoch, which was never acknowledged.
            assert_eq!(parts(4, first), Ok(Some((first, 3))));
            assert_eq!(parts(6, second), Ok(Some((second, 5))), "beyond the end");
            assert_eq!(parts(5, second + 1), Err(ErrorCode::OffsetOutOfRange), "an epoch that never was");
            // Nothing parts: there is less than was asked for, so that it waits.
            assert_eq!(parts(5, second), Err(ErrorCode::RequestTimedOut));
            assert_eq!(parts(3, first), Err(ErrorCode::RequestTimedOut));
        }
        assert!(
            fetch_one(&nodes[1], ReadFrom::Leader, 3, None).records.is_ok_and(|records| !records.is_empty())
        );
    }
}
