//! How fast a log is compacted: `cargo run --release -p yak-log --example compaction -- DIRECTORY [MIB] [KEYS]`.
//!
//! Writes so many MiB of records of 100 bytes with so many different keys, in batches of 100, into a log below the
//! directory (which must not exist), and compacts it; then as much again. Prints what was read a second.

use std::io::{Error, Write, stdout};
use std::sync::Arc;
use std::time::Instant;

use yak_log::{
    Background, CompactionConfig, DirectoryOptions, FlushMode, Log, LogConfig, LogDirectory, NewLog, RealDir,
    RetentionClock,
};
use yak_model::{
    BrokerId, ClusterId, DirectoryId, LeaderEpoch, PartitionIndex, TimestampMs, TopicId, TopicPartition,
};
use yak_record::{BatchBuilder, Compression, RecordParts};

const NOW: TimestampMs = TimestampMs::new(1_766_836_000_000);
const MEMORY: u64 = 128 * 1024 * 1024;

fn main() -> Result<(), Error> {
    let mut words = std::env::args().skip(1);
    let path = words.next().ok_or_else(|| Error::other("name a directory that does not exist"))?;
    let mut number =
        |default: u64| words.next().map_or(Ok(default), |word| word.parse().map_err(Error::other));
    let (mib, keys) = (number(1024)?, number(100_000)?);
    let dir = Arc::new(RealDir::create(&path)?);
    let options = DirectoryOptions {
        broker_id: BrokerId::new(1),
        cluster_id: Some(ClusterId::from_random([1; 16])),
        new_directory_id: DirectoryId::from_random([2; 16]),
        reserve_bytes: 0,
        now: NOW,
        background: Background::Thread,
    };
    let directory = LogDirectory::open(dir, options).map_err(Error::other)?;
    let compaction = CompactionConfig {
        delete_retention_ms: 0,
        min_lag_ms: 0,
        max_lag_ms: i64::MAX,
        min_dirty_ratio: 0.0,
    };
    let config = LogConfig {
        segment_bytes: 64 * 1024 * 1024,
        compaction: Some(compaction),
        flush: FlushMode::Os,
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    };
    let partition = TopicPartition::new("t".parse().map_err(Error::other)?, PartitionIndex::new(0));
    let new = NewLog { partition, topic_id: TopicId::from_random([3; 16]), config };
    let mut logs = directory.create_logs(&[new]).map_err(Error::other)?;
    let log = logs.first_mut().ok_or_else(|| Error::other("a log was asked for"))?;
    let mut next = 0;
    for round in ["at first", "with as much again"] {
        fill(log, mib * 1024 * 1024, keys, &mut next)?;
        directory.flush_now().map_err(Error::other)?;
        compact(log, round)?;
    }
    directory.close(logs, None).map_err(Error::other)?;
    Ok(())
}

fn fill(log: &mut Log, bytes: u64, keys: u64, next: &mut u64) -> Result<(), Error> {
    let mut builder = BatchBuilder::new();
    let mut written = 0;
    while written < bytes {
        for _ in 0..100 {
            // An odd step, so that the keys of a batch are spread.
            *next += 1;
            let key = format!("key-{:016}", next.wrapping_mul(2_654_435_761) % keys);
            let parts = RecordParts {
                timestamp: Some(NOW),
                key: Some(key.as_bytes()),
                value: Some(&[b'v'; 80]),
                headers: &[],
            };
            builder.push(&parts);
        }
        let mut batch = builder.finish(Compression::None, None);
        written += batch.len() as u64;
        log.append_as_leader(&mut batch, LeaderEpoch::new(0), NOW).map_err(Error::other)?;
    }
    Ok(())
}

fn compact(log: &mut Log, round: &str) -> Result<(), Error> {
    let began = Instant::now();
    let compaction = log.compaction(&RetentionClock::steady(NOW), log.end()).map_err(Error::other)?;
    let mut compaction = compaction.ok_or_else(|| Error::other("there is too little for one segment"))?;
    compaction.read_keys(MEMORY).map_err(Error::other)?;
    let keys_read = began.elapsed();
    while let Some(rewritten) = compaction.rewrite_next().map_err(Error::other)? {
        log.swap_in(rewritten).map_err(Error::other)?;
    }
    let done = log.compacted(compaction);
    let took = began.elapsed();
    #[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
    let rate = done.bytes_read as f64 / 1_000_000.0 / took.as_secs_f64();
    writeln!(
        stdout(),
        "{round}: {} keys, {} of {} bytes left; {} bytes read in {took:.2?} ({keys_read:.2?} for the keys): \
         {rate:.0} MB/s",
        done.keys,
        done.bytes_after,
        done.bytes_before,
        done.bytes_read
    )
}
