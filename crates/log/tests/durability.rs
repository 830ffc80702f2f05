//! The flusher: what is durable when, who is told, what a failure means, and what a full disk means.

mod common;

use std::io;
use std::sync::{Arc, Mutex};

use common::*;
use yak_log::dir::{Crash, Fault, FaultKind, Op};
use yak_log::{
    AppendError, DurableObserver, FlushMode, LogConfig, LogDirectory, MemDir, NewLog, StorageFailure,
};
use yak_model::{ErrorCode, Offset, PartitionIndex, TopicPartition};

#[derive(Debug, Default)]
struct Seen {
    ends: Mutex<Vec<Offset>>,
    failures: Mutex<usize>,
}

impl DurableObserver for Seen {
    fn durable(&self, end: Offset) {
        self.ends.lock().expect("no poison").push(end);
    }

    fn failed(&self, _: &StorageFailure) {
        *self.failures.lock().expect("no poison") += 1;
    }
}

fn observed(flush: FlushMode) -> (Fixture, Arc<Seen>) {
    let fixture = Fixture::new(config(flush));
    let seen = Arc::new(Seen::default());
    fixture.log.observe(seen.clone());
    (fixture, seen)
}

fn syncs(mem: &MemDir, from: usize) -> usize {
    mem.ops()[from..].iter().filter(|op| matches!(op, Op::SyncFile(_) | Op::SyncAll | Op::SyncDir(_))).count()
}

fn fault(kind: FaultKind, after: u64, error: io::ErrorKind) -> Fault {
    Fault { kind, after, error, written: 3, sticky: false }
}

#[test]
fn appends_share_one_sync_and_the_observer_hears_once() {
    let (mut fixture, seen) = observed(FlushMode::Sync);
    (0..10).for_each(|n| _ = fixture.append(&[n]));
    assert_eq!(fixture.log.durable_end(), offset(0));
    let before = fixture.mem.op_count();
    fixture.directory.flush_due().unwrap();
    assert_eq!(syncs(&fixture.mem, before), 1);
    assert_eq!(fixture.log.durable_end(), offset(10));
    assert_eq!(*seen.ends.lock().unwrap(), [offset(10)]);
    fixture.directory.flush_due().unwrap();
    assert_eq!(syncs(&fixture.mem, before), 1, "nothing to do");
}

#[test]
fn what_was_reported_durable_survives_any_power_cut() {
    let (mut fixture, _) = observed(FlushMode::Sync);
    for n in 0..100_u32 {
        fixture.append(&n.to_be_bytes());
        if n % 7 == 0 {
            fixture.directory.flush_due().unwrap();
        }
    }
    let (at, durable) = (fixture.mem.op_count(), fixture.log.durable_end());
    let lost = fixture.mem.unsynced(at).into_iter().collect();
    let image = fixture.mem.crash(&Crash { at, lost, torn: None });
    let (again, _) = Fixture::open(image, config(FlushMode::Sync)).unwrap();
    assert!(durable.get() > 90);
    assert_eq!(again.log.end(), durable);
}

#[test]
fn a_log_of_the_page_cache_is_synced_in_the_background() {
    let (mut fixture, seen) = observed(FlushMode::Os);
    let before = fixture.mem.op_count();
    (0..10).for_each(|n| _ = fixture.append(&[n]));
    fixture.advance(4);
    assert_eq!((syncs(&fixture.mem, before), fixture.log.durable_end()), (0, offset(0)));
    fixture.advance(1);
    assert_eq!(fixture.log.durable_end(), offset(10));
    assert_eq!(*seen.ends.lock().unwrap(), [offset(10)]);
    fixture.advance(5);
    let quiet = fixture.mem.op_count();
    for _ in 0..100 {
        fixture.advance(60);
    }
    assert_eq!(fixture.mem.op_count(), quiet, "an idle directory costs nothing");
    fixture.append(b"again");
    fixture.advance(5);
    assert_eq!(fixture.log.durable_end(), offset(11));
}

#[test]
fn a_truncation_during_a_round_is_not_overtaken_by_it() {
    let (mut fixture, seen) = observed(FlushMode::Sync);
    (0..10).for_each(|n| _ = fixture.append(&[n]));
    let Fixture { mem, directory, log, .. } = fixture;
    let log = Arc::new(Mutex::new(log));
    let truncating = log.clone();
    mem.before_next_sync(move || {
        truncating.lock().unwrap().truncate_to(offset(4)).unwrap();
    });
    directory.flush_due().unwrap();
    // What the round synced has to do with records that are gone.
    let mut log = log.lock().unwrap();
    assert_eq!((log.end(), log.durable_end()), (offset(4), offset(0)));
    assert!(seen.ends.lock().unwrap().is_empty());
    log.append_as_leader(&mut single(b"other"), epoch(1), NOW).unwrap();
    directory.flush_due().unwrap();
    assert_eq!(log.durable_end(), offset(5));
    let at = mem.op_count();
    let lost = mem.unsynced(at).into_iter().collect();
    let image = mem.crash(&Crash { at, lost, torn: None });
    let (again, _) = Fixture::open(image, config(FlushMode::Sync)).unwrap();
    assert_eq!(again.log.end(), offset(5));
}

#[test]
fn a_rolled_segment_is_synced_at_once() {
    let (mut fixture, _) = observed(FlushMode::Os);
    while fixture.reader().segment_count() < 2 {
        fixture.append(&[0; 100]);
    }
    fixture.directory.flush_due().unwrap();
    assert_eq!(fixture.log.durable_end(), fixture.log.end());
}

#[test]
fn many_dirty_logs_share_one_sync_of_the_file_system() {
    let fixture = Fixture::new(config(FlushMode::Sync));
    let new: Vec<NewLog> = (1..=30)
        .map(|n| NewLog {
            partition: TopicPartition::new("t".parse().unwrap(), PartitionIndex::new(n)),
            topic_id: topic_id(),
            config: config(FlushMode::Sync),
        })
        .collect();
    let mut logs = fixture.directory.create_logs(&new).unwrap();
    fixture.directory.flush_now().unwrap();
    let before = fixture.mem.op_count();
    for log in &mut logs {
        log.append_as_leader(&mut single(b"x"), epoch(0), NOW).unwrap();
    }
    fixture.directory.flush_due().unwrap();
    assert_eq!(syncs(&fixture.mem, before), 1);
    assert!(logs.iter().all(|log| log.durable_end() == offset(1)));
}

#[test]
fn inv_17_nothing_is_durable_after_a_failed_sync() {
    let (mut fixture, seen) = observed(FlushMode::Sync);
    fixture.append(b"a");
    fixture.mem.inject(fault(FaultKind::SyncFile, 0, io::ErrorKind::Other));
    let failure = fixture.directory.flush_due().unwrap_err();
    assert_eq!(failure.operation, "sync");
    assert_eq!(*seen.failures.lock().unwrap(), 1);
    // The next sync would say it worked.
    for _ in 0..3 {
        let error = fixture.log.append_as_leader(&mut single(b"b"), epoch(0), NOW).unwrap_err();
        assert_eq!(error.code(), ErrorCode::KafkaStorageError);
        fixture.directory.flush_now().unwrap_err();
        fixture.directory.checkpoint().unwrap_err();
    }
    assert_eq!(fixture.log.durable_end(), offset(0));
    assert_eq!((seen.ends.lock().unwrap().len(), *seen.failures.lock().unwrap()), (0, 1));
    assert!(fixture.directory.failure().is_some());
    assert!(fixture.log.truncate_to(offset(0)).is_err());
    assert!(fixture.log.delete_before(offset(1)).is_err());
    let Fixture { mem, directory, log, .. } = fixture;
    directory.close(vec![log], None).unwrap_err();
    assert!(!mem.files().iter().any(|(path, _)| path.ends_with(".kafka_cleanshutdown")));
}

#[test]
fn a_failed_write_takes_the_directory_offline() {
    let (mut fixture, seen) = observed(FlushMode::Sync);
    fixture.append(b"a");
    fixture.directory.flush_due().unwrap();
    fixture.mem.inject(fault(FaultKind::Write, 0, io::ErrorKind::Other));
    let error = fixture.log.append_as_leader(&mut single(b"b"), epoch(0), NOW).unwrap_err();
    assert!(matches!(error, AppendError::Offline(_)), "{error}");
    assert_eq!(fixture.log.end(), offset(1));
    fixture.directory.flush_due().unwrap_err();
    assert_eq!(*seen.failures.lock().unwrap(), 1, "told by the flusher");
    assert_eq!(values(&fixture.reader()), [b"a"], "reads go on");
    let (again, report) = Fixture::open(fixture.killed(), config(FlushMode::Sync)).unwrap();
    assert_eq!(report.cut.unwrap().bytes, 3);
    assert_eq!(values(&again.reader()), [b"a"]);
}

#[test]
fn every_failing_operation_is_final_or_harmless() {
    let mut hit = 0;
    for kind in [
        FaultKind::Write,
        FaultKind::SyncFile,
        FaultKind::SyncDir,
        FaultKind::SyncAll,
        FaultKind::Rename,
        FaultKind::Create,
    ] {
        for after in 0..40 {
            let (mut fixture, seen) = observed(FlushMode::Sync);
            fixture.mem.inject(fault(kind, after, io::ErrorKind::Other));
            let mut acknowledged = 0;
            for n in 0..120_u32 {
                let mut batch = single(&n.to_be_bytes());
                if fixture.log.append_as_leader(&mut batch, epoch(0), NOW).is_err() {
                    break;
                }
                let flushed =
                    if n % 10 == 0 { fixture.directory.flush_now() } else { fixture.directory.flush_due() };
                acknowledged = fixture.log.durable_end().get();
                if flushed.is_err() {
                    break;
                }
            }
            hit += usize::from(fixture.directory.failure().is_some());
            assert_eq!(seen.ends.lock().unwrap().last().map_or(0, |end| end.get()), acknowledged);
            let at = fixture.mem.op_count();
            let lost = fixture.mem.unsynced(at).into_iter().collect();
            let image = fixture.mem.crash(&Crash { at, lost, torn: None });
            let (again, _) = Fixture::open(image, config(FlushMode::Sync)).unwrap();
            assert!(again.log.end().get() >= acknowledged, "{kind:?} {after}");
            let records = values(&again.reader());
            assert!(records.iter().zip(0_u32..).all(|(value, n)| *value == n.to_be_bytes()));
        }
    }
    assert!(hit > 100, "{hit} faults were hit");
}

#[test]
fn inv_22_a_full_disk_refuses_cuts_off_and_heals() {
    let (mut fixture, _) = observed(FlushMode::Sync);
    fixture.append(b"a");
    fixture.directory.flush_now().unwrap();
    let used: usize = fixture.mem.files().iter().map(|(_, content)| content.len()).sum();
    let log_len = |mem: &MemDir| {
        mem.files().iter().find(|(path, _)| path.extension().is_some_and(|e| e == "log")).unwrap().1.len()
    };
    let whole = log_len(&fixture.mem);
    for room in 0..70 {
        fixture.mem.set_capacity(Some(used as u64 + room));
        let error = fixture.log.append_as_leader(&mut single(b"bb"), epoch(0), NOW).unwrap_err();
        assert!(matches!(error, AppendError::NoRoom { .. }), "{error}");
        assert_eq!(error.code(), ErrorCode::KafkaStorageError);
        assert_eq!(log_len(&fixture.mem), whole, "partial bytes are cut off again");
        assert!(fixture.directory.failure().is_none());
    }
    fixture.directory.flush_now().unwrap();
    assert_eq!(values(&fixture.reader()), [b"a"]);
    fixture.mem.set_capacity(None);
    assert_eq!(fixture.append(b"b"), 1);
    fixture.directory.flush_now().unwrap();
    assert_eq!(fixture.log.durable_end(), offset(2));
}

#[test]
fn inv_22_whatever_a_full_disk_took_of_a_batch_is_cut_off_again() {
    let (mut fixture, _) = observed(FlushMode::Sync);
    fixture.append(b"a");
    let log_len = |mem: &MemDir| {
        mem.files().iter().find(|(path, _)| path.extension().is_some_and(|e| e == "log")).unwrap().1.len()
    };
    let (whole, batch) = (log_len(&fixture.mem), single(b"b").len());
    for written in 0..=batch {
        let full = io::ErrorKind::StorageFull;
        fixture.mem.inject(Fault { written, ..fault(FaultKind::Write, 0, full) });
        let error = fixture.log.append_as_leader(&mut single(b"b"), epoch(0), NOW).unwrap_err();
        assert!(matches!(error, AppendError::NoRoom { .. }), "{error}");
        assert_eq!(log_len(&fixture.mem), whole, "{written} bytes were written");
    }
    assert_eq!(fixture.append(b"b"), 1);
    assert_eq!(values(&fixture.reader()), [b"a", b"b"]);
    assert!(fixture.directory.failure().is_none());
}

#[test]
fn a_roll_without_room_is_refused_and_heals() {
    let mut fixture = Fixture::new(config(FlushMode::Sync));
    let mut count = 0_u32;
    while fixture.reader().size_bytes() < 4000 {
        fixture.append(&count.to_be_bytes());
        count += 1;
    }
    let used: usize = fixture.mem.files().iter().map(|(_, content)| content.len()).sum();
    fixture.mem.inject(fault(FaultKind::Create, 0, io::ErrorKind::StorageFull));
    fixture.mem.set_capacity(Some(used as u64 + 100));
    for _ in 0..5 {
        let mut large = single(&[1; 200]);
        let error = fixture.log.append_as_leader(&mut large, epoch(0), NOW).unwrap_err();
        assert!(matches!(error, AppendError::NoRoom { .. }), "{error}");
    }
    fixture.mem.set_capacity(None);
    for n in count..count + 100 {
        fixture.append(&n.to_be_bytes());
    }
    assert_eq!(values(&fixture.reader()).len(), count as usize + 100);
    let (again, _) = Fixture::open(fixture.killed(), config(FlushMode::Sync)).unwrap();
    assert_eq!(values(&again.reader()), values(&fixture.reader()));
}

#[test]
fn the_reserve_closes_and_opens_by_itself() {
    let (mem, clock) = (MemDir::new(), yak_log::ManualClock::default());
    mem.set_capacity(Some(100_000));
    let options = yak_log::DirectoryOptions { reserve_bytes: 50_000, ..options(&clock) };
    let directory = LogDirectory::open(Arc::new(mem.clone()), options).unwrap();
    let new = NewLog { partition: partition(), topic_id: topic_id(), config: LogConfig::default() };
    let mut log = directory.create_logs(&[new]).unwrap().pop().unwrap();
    log.append_as_leader(&mut single(&[0; 1000]), epoch(0), NOW).unwrap();
    mem.set_capacity(Some(40_000));
    // It is asked for now and then only, so some appends may still be let in.
    let refused = (0..10_000).any(|_| {
        mem.set_capacity(Some(
            40_000 + mem.files().iter().map(|(_, content)| content.len() as u64).sum::<u64>(),
        ));
        log.append_as_leader(&mut single(&[0; 1000]), epoch(0), NOW).is_err()
    });
    assert!(refused);
    assert!(log.append_as_leader(&mut single(b"x"), epoch(0), NOW).is_err());
    assert!(directory.failure().is_none());
    directory.flush_now().unwrap();
    mem.set_capacity(None);
    log.append_as_leader(&mut single(b"x"), epoch(0), NOW).unwrap();
}

#[test]
fn the_thread_does_what_the_manual_rounds_do() {
    let (mem, clock) = (MemDir::new(), yak_log::ManualClock::default());
    let options = yak_log::DirectoryOptions { background: yak_log::Background::Thread, ..options(&clock) };
    let directory = LogDirectory::open(Arc::new(mem), options).unwrap();
    let new = NewLog { partition: partition(), topic_id: topic_id(), config: config(FlushMode::Sync) };
    let mut log = directory.create_logs(&[new]).unwrap().pop().unwrap();
    #[derive(Debug)]
    struct Told(std::sync::mpsc::SyncSender<Offset>);
    impl DurableObserver for Told {
        fn durable(&self, end: Offset) {
            self.0.send(end).unwrap();
        }
        fn failed(&self, _: &StorageFailure) {}
    }
    let (send, receive) = std::sync::mpsc::sync_channel(1000);
    log.observe(Arc::new(Told(send)));
    for n in 1..=200 {
        log.append_as_leader(&mut single(b"x"), epoch(0), NOW).unwrap();
        if n % 20 == 0 {
            while receive.recv_timeout(std::time::Duration::from_secs(20)).unwrap() < offset(n) {}
        }
    }
    assert_eq!(log.durable_end(), offset(200));
    directory.close(vec![log], None).unwrap();
}
