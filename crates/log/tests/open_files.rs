//! Open files: how few are held, and that too many of them break nothing.
#![cfg(unix)]

mod common;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::*;
use yak_log::dir::{Entry, LockGuard, Metadata, OpenMode};
use yak_log::{
    AppendError, Dir, File, FlushMode, Log, LogDirectory, LogError, ManualClock, MemDir, NewLog, OnDamage,
    RealDir,
};
use yak_model::{ErrorCode, PartitionIndex, TopicPartition};

/// `EMFILE`, of which `io::ErrorKind` has no stable name.
const TOO_MANY_OPEN_FILES: i32 = 24;

/// A directory in memory in which no file can be opened while it is crowded.
#[derive(Clone, Debug, Default)]
struct Crowded {
    mem: MemDir,
    crowded: Arc<AtomicBool>,
}

impl Crowded {
    fn set(&self, crowded: bool) {
        self.crowded.store(crowded, Ordering::Relaxed);
    }

    fn check(&self) -> io::Result<()> {
        if self.crowded.load(Ordering::Relaxed) {
            return Err(io::Error::from_raw_os_error(TOO_MANY_OPEN_FILES));
        }
        Ok(())
    }

    fn open_directory(&self, clock: &ManualClock) -> LogDirectory {
        LogDirectory::open(Arc::new(self.clone()), options(clock)).expect("the directory opens")
    }
}

impl Dir for Crowded {
    fn path(&self) -> PathBuf {
        self.mem.path()
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        self.check()?;
        self.mem.open(path, mode)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.check()?;
        self.mem.list(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.mem.metadata(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.mem.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.mem.remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.mem.create_dir(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.mem.remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.mem.sync_dir(path)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.mem.sync_all()
    }

    fn available_space(&self) -> io::Result<u64> {
        self.mem.available_space()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>> {
        self.mem.lock(path)
    }
}

fn new_log(index: i32) -> NewLog {
    let partition = TopicPartition::new("t".parse().expect("a valid name"), PartitionIndex::new(index));
    NewLog { partition, topic_id: topic_id(), config: config(FlushMode::Sync) }
}

fn append(log: &mut Log) -> Result<i64, AppendError> {
    log.append_as_leader(&mut single(&[0; 100]), epoch(0), NOW).map(|appended| appended.base_offset.get())
}

fn is_refused(error: &LogError) -> bool {
    matches!(error, LogError::Storage(failure) if failure.is_refused_for_now())
}

#[test]
fn appends_and_checkpoints_are_refused_and_heal() {
    let (dir, clock) = (Crowded::default(), ManualClock::default());
    let directory = dir.open_directory(&clock);
    dir.set(true);
    assert!(is_refused(&directory.create_logs(&[new_log(0)]).unwrap_err()));
    dir.set(false);
    let mut log = directory.create_logs(&[new_log(0)]).unwrap().pop().unwrap();
    dir.set(true);
    let error = append(&mut log).unwrap_err();
    assert!(matches!(error, AppendError::Refused(_)), "{error}");
    assert_eq!(error.code(), ErrorCode::KafkaStorageError);
    dir.set(false);
    assert_eq!(append(&mut log).unwrap(), 0);
    // The file is held now: appends go on until the segment is full.
    dir.set(true);
    let appended = (1..100).take_while(|n| append(&mut log).is_ok_and(|offset| offset == *n)).count();
    assert!((10..99).contains(&appended), "{appended}");
    directory.checkpoint().unwrap();
    let checkpointed =
        || dir.mem.files().iter().any(|(path, _)| path == Path::new("recovery-point-offset-checkpoint"));
    assert!(!checkpointed());
    assert_eq!(log.durable_end(), log.end());
    dir.set(false);
    clock.advance(Duration::from_secs(10));
    directory.flush_due().unwrap();
    assert!(checkpointed());
    assert_eq!(append(&mut log).unwrap(), i64::try_from(appended).unwrap() + 1);
    assert!(directory.failure().is_none());
    let expected = usize::try_from(log.end().get()).unwrap();
    assert_eq!(values(&log.reader()).len(), expected);
    directory.close(vec![log], None).unwrap();
    let directory = dir.open_directory(&clock);
    let (log, report) =
        directory.open_log(&partition(), topic_id(), config(FlushMode::Sync), OnDamage::Refuse).unwrap();
    assert!(report.clean);
    assert_eq!(values(&log.reader()).len(), expected);
}

#[test]
fn opening_truncating_and_closing_are_refused_and_heal() {
    let (dir, clock) = (Crowded::default(), ManualClock::default());
    let directory = dir.open_directory(&clock);
    let mut log = directory.create_logs(&[new_log(0)]).unwrap().pop().unwrap();
    (0..100).for_each(|_| _ = append(&mut log).unwrap());
    directory.flush_now().unwrap();
    drop((log, directory));
    let directory = dir.open_directory(&clock);
    let open = |directory: &LogDirectory| {
        directory.open_log(&partition(), topic_id(), config(FlushMode::Sync), OnDamage::Refuse)
    };
    dir.set(true);
    assert!(is_refused(&open(&directory).unwrap_err()));
    dir.set(false);
    let (mut log, _) = open(&directory).unwrap();
    dir.set(true);
    assert!(is_refused(&log.truncate_to(offset(50)).unwrap_err()));
    assert_eq!(log.end(), offset(100));
    // What recovery left to be synced is synced without opening it.
    directory.flush_now().unwrap();
    assert_eq!(log.durable_end(), offset(100));
    dir.set(false);
    assert_eq!(log.truncate_to(offset(50)).unwrap(), offset(50));
    assert_eq!(append(&mut log).unwrap(), 50);
    dir.set(true);
    assert!(directory.close(vec![log], None).unwrap_err().is_refused_for_now());
    dir.set(false);
    let directory = dir.open_directory(&clock);
    assert!(!directory.was_clean());
    let (log, _) = open(&directory).unwrap();
    assert_eq!(values(&log.reader()).len(), 51);
    assert!(directory.failure().is_none());
}

#[cfg(target_os = "linux")]
#[test]
fn idle_partitions_hold_no_files_and_others_one() {
    const PARTITIONS: i32 = 200;
    /// The lock, the slots and the directory itself.
    const SHARED: usize = 3;
    let place = tempfile::tempdir().unwrap();
    // Only files below it count, so that other tests do not.
    let held = || {
        let links = std::fs::read_dir("/proc/self/fd").unwrap();
        let targets = links.filter_map(|link| std::fs::read_link(link.unwrap().path()).ok());
        targets.filter(|target| target.starts_with(place.path())).count()
    };
    let clock = ManualClock::default();
    let open =
        || LogDirectory::open(Arc::new(RealDir::open(place.path()).unwrap()), options(&clock)).unwrap();
    let directory = open();
    assert_eq!(held(), SHARED);
    let new: Vec<NewLog> = (0..PARTITIONS).map(new_log).collect();
    let mut logs = directory.create_logs(&new).unwrap();
    assert_eq!(held(), SHARED, "after creation");
    let partitions = usize::try_from(PARTITIONS).unwrap();
    logs.iter_mut().for_each(|log| assert_eq!(append(log).unwrap(), 0));
    assert_eq!(held(), SHARED + partitions, "while appending");
    directory.checkpoint().unwrap();
    assert_eq!(held(), SHARED + partitions, "after the sync");
    // As after a kill.
    drop((logs, directory));
    assert_eq!(held(), 0);
    let directory = open();
    let reopen = |partition: &TopicPartition| {
        directory.open_log(partition, topic_id(), config(FlushMode::Sync), OnDamage::Refuse).unwrap()
    };
    let mut logs: Vec<Log> = new.iter().map(|new| reopen(&new.partition).0).collect();
    assert_eq!(held(), SHARED, "after recovery");
    logs.iter().for_each(|log| assert_eq!(values(&log.reader()).len(), 1));
    directory.checkpoint().unwrap();
    assert_eq!(held(), SHARED, "after reading");
    (0..100).for_each(|_| _ = append(&mut logs[0]).unwrap());
    assert_eq!(values(&logs[0].reader()).len(), 101);
    directory.flush_now().unwrap();
    assert_eq!(held(), SHARED + 1, "only the active segment of the busy one");
    directory.close(logs, None).unwrap();
    assert_eq!(held(), 0);
}
