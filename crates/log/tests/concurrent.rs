//! Readers against a writer that appends, rolls and retains, on a real disk.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::let_underscore_must_use,
    reason = "a test fails by panicking, and prints its denominators"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use common::*;
use yak_log::{
    Background, DirectoryOptions, FlushMode, LogConfig, LogDirectory, LogReader, ManualClock, NewLog,
    ReadError, RealDir, RetentionClock,
};
use yak_model::{ErrorCode, Offset};

const RECORDS: u32 = 20_000;

/// Follows the log from its start to its end, jumping forward where retention was faster. Says how many
/// records it saw.
fn follow(reader: &LogReader, max_bytes: u64) -> u64 {
    let (mut next, mut seen) = (0, 0);
    while next < i64::from(RECORDS) {
        let bound = reader.log_end();
        match read_from_until(reader, next, max_bytes, bound) {
            Ok(records) => {
                for (offset, _, value) in &records {
                    assert_eq!(*offset, next, "no gap, no repetition");
                    assert_eq!(value[..4], u32::try_from(next).unwrap().to_be_bytes());
                    next += 1;
                }
                seen += records.len() as u64;
            }
            Err(error) => {
                assert_eq!(error.code(), ErrorCode::OffsetOutOfRange, "{error}");
                let start = reader.log_start().get();
                assert!(start > next, "only retention takes offsets away");
                next = start;
            }
        }
    }
    seen
}

fn read_from_until(
    reader: &LogReader,
    from: i64,
    max_bytes: u64,
    bound: Offset,
) -> Result<Vec<Read>, ReadError> {
    let range = reader.read(offset(from), max_bytes, bound)?;
    decode_range(reader, &range, from)
}

#[test]
fn readers_see_every_record_once_while_the_log_rolls_and_retains() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = Arc::new(RealDir::open(temporary.path()).unwrap());
    let options = DirectoryOptions { background: Background::Thread, ..options(&ManualClock::default()) };
    let directory = LogDirectory::open(dir, options).unwrap();
    let config =
        LogConfig { segment_bytes: 64 * 1024, retention_bytes: Some(400_000), ..config(FlushMode::Sync) };
    let new = NewLog { partition: partition(), topic_id: topic_id(), config };
    let mut log = directory.create_logs(&[new]).unwrap().pop().unwrap();
    let reader = log.reader();
    let (seen, done) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for max_bytes in [1, 5_000, 1 << 20] {
            let (reader, seen) = (reader.clone(), &seen);
            scope.spawn(move || seen.fetch_add(follow(&reader, max_bytes), Ordering::Relaxed));
        }
        let (times, done) = (reader.clone(), &done);
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                // Whatever it finds, it finds without a fault; a segment may go under it.
                let found = times.offset_for_time(NOW, Offset::new(i64::MAX));
                assert!(found.is_ok() || times.log_start() > offset(0), "{found:?}");
            }
        });
        for n in 0..RECORDS {
            let mut value = n.to_be_bytes().to_vec();
            value.resize(40 + n as usize % 60, 7);
            log.append_as_leader(&mut single(&value), epoch(0), NOW).unwrap();
            if n % 500 == 0 {
                log.retain(&RetentionClock::steady(NOW), Offset::new(i64::MAX)).unwrap();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(seen.load(Ordering::Relaxed) > u64::from(RECORDS), "{seen:?} records were seen");
    assert!(reader.log_start() > offset(0) && reader.segment_count() < 10);
    directory.close(vec![log], None).unwrap();
}

#[test]
fn a_real_directory_has_one_owner_and_private_files() {
    let temporary = tempfile::tempdir().unwrap();
    let open = || {
        let dir = Arc::new(RealDir::create(temporary.path().join("data/broker-1")).unwrap());
        LogDirectory::open(dir, options(&ManualClock::default()))
    };
    let directory = open().unwrap();
    let error = open().unwrap_err();
    assert!(error.to_string().ends_with("data/broker-1 is in use by another process"), "{error}");
    let new = NewLog { partition: partition(), topic_id: topic_id(), config: config(FlushMode::Sync) };
    let log = directory.create_logs(&[new]).unwrap().pop().unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let file = temporary.path().join("data/broker-1/t-0/00000000000000000000.log");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let parent = file.parent().unwrap();
        assert_eq!(std::fs::metadata(parent).unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", &file).unwrap();
        drop((directory, log));
        let directory = open().unwrap();
        let opened =
            directory.open_log(&partition(), topic_id(), config(FlushMode::Sync), yak_log::OnDamage::Refuse);
        // The link is none of ours: the log file is missing, which in an empty log is no loss.
        assert!(opened.is_err() || opened.unwrap().0.end() == offset(0));
        assert!(std::fs::symlink_metadata(&file).is_ok());
    }
}
