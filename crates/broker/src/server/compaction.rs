//! Compacts the logs of topics with `cleanup.policy=compact`, one at a time, the dirtiest first.
//!
//! The work is done on a thread of its own, a partition's lock is taken to ask what there is to do and to put a
//! rewritten segment in its place. A log that turns out to be damaged, or cannot be read, is left alone until the next
//! start; who reads there is told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use yak_log::{Compacted, Compaction, CompactionError, LogError, RetentionClock};
use yak_model::TopicPartition;

use crate::broker::Broker;
use crate::partitions::Partition;

/// Why a log was not compacted.
enum Failed {
    /// It may be tried again.
    ForNow(String),
    /// It would fail again.
    Damaged(String),
}

/// Looks at every log each `log.cleaner.backoff.ms`, until `shutdown`.
pub(crate) async fn run(broker: Arc<Broker>, shutdown: CancellationToken) {
    let mut ticks = interval(broker.config.compaction_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut left_alone = BTreeSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if !broker.partitions.online().iter().any(|partition| partition.is_compacted()) {
            continue;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (working, flag, except) = (Arc::clone(&broker), Arc::clone(&stop), left_alone);
        let mut work = tokio::task::spawn_blocking(move || compact_logs(&working, &flag, except));
        let done = tokio::select! {
            done = &mut work => done,
            () = shutdown.cancelled() => {
                stop.store(true, Ordering::Relaxed);
                work.await
            }
        };
        left_alone = done.unwrap_or_else(|error| {
            tracing::error!(%error, "a round of compaction failed");
            BTreeSet::new()
        });
    }
}

/// Compacts every log that is worth it. Those to be left alone come back.
fn compact_logs(
    broker: &Broker,
    stop: &Arc<AtomicBool>,
    mut left_alone: BTreeSet<TopicPartition>,
) -> BTreeSet<TopicPartition> {
    let clock = match broker.directory.retention_clock(broker.clock.wall()) {
        Ok(clock) => clock,
        Err(error) => {
            tracing::error!(%error, "compaction failed");
            return left_alone;
        }
    };
    let mut candidates = Vec::new();
    for partition in broker.partitions.online() {
        if partition.is_compacted() && !left_alone.contains(partition.id()) {
            match wanted(broker, &partition, &clock) {
                Ok(Some(compaction)) => {
                    candidates.push((compaction.is_overdue(), compaction.dirty_ratio(), partition));
                }
                Ok(None) => {}
                Err(failed) => note(&partition, &failed, &mut left_alone),
            }
        }
    }
    candidates.sort_by(|one, other| other.0.cmp(&one.0).then(other.1.total_cmp(&one.1)));
    for (_, _, partition) in candidates {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        if let Err(failed) = compact(broker, &partition, &clock, stop) {
            note(&partition, &failed, &mut left_alone);
        }
    }
    left_alone
}

fn note(partition: &Partition, failed: &Failed, left_alone: &mut BTreeSet<TopicPartition>) {
    match failed {
        Failed::ForNow(reason) => {
            tracing::warn!(partition = %partition.id(), reason, "not compacted for now")
        }
        Failed::Damaged(reason) => {
            tracing::error!(partition = %partition.id(), reason, "not compacted until the next start");
            left_alone.insert(partition.id().clone());
        }
    }
}

/// What there is to do for a log. An active segment that is too old for `max.compaction.lag.ms` is rolled first.
fn wanted(
    broker: &Broker,
    partition: &Partition,
    clock: &RetentionClock,
) -> Result<Option<Compaction>, Failed> {
    let high_watermark = partition.high_watermark();
    let asked = partition.with_log(|log| {
        log.roll_if_due(broker.clock.wall())?;
        log.compaction(clock, high_watermark)
    });
    asked.unwrap_or(Ok(None)).map_err(of_log)
}

fn compact(
    broker: &Broker,
    partition: &Partition,
    clock: &RetentionClock,
    stop: &Arc<AtomicBool>,
) -> Result<(), Failed> {
    let began = Instant::now();
    let Some(compaction) = wanted(broker, partition, clock)? else { return Ok(()) };
    let mut compaction = compaction.stopped_by(Arc::clone(stop));
    let rewritten = compaction.read_keys(broker.config.compaction_memory_bytes);
    if let Err(error) = rewritten {
        return stopped(error);
    }
    loop {
        let rewritten = match compaction.rewrite_next() {
            Ok(Some(rewritten)) => rewritten,
            Ok(None) => break,
            Err(error) => return stopped(error),
        };
        match partition.with_log(|log| log.swap_in(rewritten)) {
            Some(Ok(true)) => {}
            // It was truncated or deleted meanwhile.
            Some(Ok(false)) | None => return Ok(()),
            Some(Err(error)) => return Err(of_log(error)),
        }
    }
    if let Some(done) = partition.with_log(|log| log.compacted(compaction)) {
        tell(partition, &done, began);
    }
    Ok(())
}

fn tell(partition: &Partition, done: &Compacted, began: Instant) {
    tracing::info!(
        partition = %partition.id(),
        up_to = done.up_to.get(),
        keys = done.keys,
        bytes_read = done.bytes_read,
        bytes_before = done.bytes_before,
        bytes_after = done.bytes_after,
        records_removed = done.records_removed,
        ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "compacted"
    );
}

fn stopped(error: CompactionError) -> Result<(), Failed> {
    match error {
        CompactionError::Stopped => Ok(()),
        CompactionError::Storage(failure) => Err(Failed::ForNow(failure.to_string())),
        CompactionError::Damaged(damage) => Err(Failed::Damaged(damage.to_string())),
    }
}

fn of_log(error: LogError) -> Failed {
    match error {
        LogError::Damaged { .. } => Failed::Damaged(error.to_string()),
        error => Failed::ForNow(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use yak_model::Offset;
    use yak_model::api::{Acks, OffsetSpec};
    use yak_record::{BatchBuilder, BatchHeader, Batches, Compression, RecordParts};

    use super::*;
    use crate::replication::tests::rig::{Rig, until};

    #[tokio::test(flavor = "multi_thread")]
    async fn logs_of_compacted_topics_are_compacted_and_keep_their_offsets() {
        let rig = Rig::new(&[]);
        let configs =
            [("cleanup.policy", "compact"), ("segment.bytes", "2048"), ("min.cleanable.dirty.ratio", "0.1")];
        let node = rig.cluster(1, 1, &configs).await.pop().expect("one");
        until("it leads", || node.partition(0).offset_at(None, OffsetSpec::Latest).is_ok()).await;
        for n in 0..200 {
            let mut builder = BatchBuilder::new();
            let (key, value) = (format!("key {}", n % 7), format!("value {n}"));
            builder.push(&RecordParts {
                key: Some(key.as_bytes()),
                value: Some(value.as_bytes()),
                ..RecordParts::default()
            });
            node.produce_batch(0, builder.finish(Compression::None, None), Acks::All)
                .await
                .expect("appended");
        }
        let before = rig.log_bytes(1, 0).len();
        let left_alone = compact_logs(&node.broker, &Arc::default(), BTreeSet::new());
        assert_eq!(left_alone, BTreeSet::new());
        let bytes = rig.log_bytes(1, 0);
        assert!(bytes.len() < before / 3, "{} of {before} bytes are left", bytes.len());
        let mut next = Offset::ZERO;
        for batch in Batches::new(&bytes) {
            let header = BatchHeader::parse(batch.expect("whole")).expect("a header");
            assert_eq!(header.base_offset, next, "no offset is missing");
            next = header.next_offset();
        }
        assert_eq!((next, node.end(0)), (Offset::new(200), Offset::new(200)));
        // There is nothing more to do.
        compact_logs(&node.broker, &Arc::default(), BTreeSet::new());
        assert_eq!(rig.log_bytes(1, 0), bytes);
    }
}
