//! INV-17 and INV-22: a failing disk acknowledges nothing more, a full one loses nothing and heals.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::let_underscore_must_use,
    reason = "a test fails by panicking, and prints its denominators"
)]

use std::io;
use std::sync::{Arc, Mutex};

use yak_log::dir::{Crash, Fault, FaultKind};
use yak_log::{
    AppendError, DurableObserver, FlushMode, Log, LogDirectory, ManualClock, MemDir, NewLog, StorageFailure,
};
use yak_model::{LeaderEpoch, Offset};
use yak_test_crash::*;

#[derive(Debug, Default)]
struct Acknowledged {
    end: Mutex<i64>,
    failed: Mutex<bool>,
}

impl DurableObserver for Acknowledged {
    fn durable(&self, end: Offset) {
        assert!(!*self.failed.lock().unwrap(), "acknowledged after the failure was told");
        *self.end.lock().unwrap() = end.get();
    }

    fn failed(&self, _: &StorageFailure) {
        *self.failed.lock().unwrap() = true;
    }
}

struct Broker {
    mem: MemDir,
    directory: LogDirectory,
    log: Log,
    acknowledged: Arc<Acknowledged>,
}

fn broker() -> Broker {
    let mem = MemDir::new();
    let directory = open_directory(&mem, &ManualClock::default()).unwrap();
    let config = config(FlushMode::Sync, 600);
    let new = NewLog { partition: partition(0), topic_id: topic_id(), config };
    let log = directory.create_logs(&[new]).unwrap().pop().unwrap();
    let acknowledged = Arc::new(Acknowledged::default());
    log.observe(acknowledged.clone());
    Broker { mem, directory, log, acknowledged }
}

fn value(n: i64) -> Vec<u8> {
    vec![u8::try_from(n % 251).unwrap(); 20 + usize::try_from(n % 50).unwrap()]
}

impl Broker {
    fn append(&mut self, n: i64) -> Result<(), AppendError> {
        let mut bytes = batch(&[(NOW.get() + n, value(n))], None);
        let appended = self.log.append_as_leader(&mut bytes, LeaderEpoch::new(0), NOW)?;
        assert_eq!(appended.base_offset.get(), n);
        Ok(())
    }

    /// What a client may do, until something fails: appends, syncs, checkpoints, deletions.
    fn work(&mut self, count: i64) -> Result<(), String> {
        for n in self.log.end().get()..count {
            self.append(n).map_err(|error| error.to_string())?;
            if n % 3 == 0 {
                self.directory.flush_due().map_err(|error| error.to_string())?;
            }
            if n % 16 == 15 {
                self.directory.checkpoint().map_err(|error| error.to_string())?;
            }
            if n % 25 == 24 {
                self.log.delete_before(Offset::new(n - 20)).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }
}

#[test]
fn inv_17_nothing_is_acknowledged_after_a_failure() {
    let kinds = [
        FaultKind::Write,
        FaultKind::SyncFile,
        FaultKind::SyncDir,
        FaultKind::SyncAll,
        FaultKind::Rename,
        FaultKind::Create,
        FaultKind::Truncate,
    ];
    let (mut faults, mut images) = (0, 0);
    let mut random = Random::new(17);
    for kind in kinds {
        for after in 0.. {
            let mut broker = broker();
            let written = random.below(100);
            broker.mem.inject(Fault { kind, after, error: io::ErrorKind::Other, written, sticky: false });
            let _ = broker.work(60);
            if broker.directory.failure().is_none() {
                break;
            }
            faults += 1;
            let _ = broker.directory.flush_due();
            let promised = *broker.acknowledged.end.lock().unwrap();
            assert!(
                *broker.acknowledged.failed.lock().unwrap(),
                "{kind:?} {after}: the observer was not told"
            );
            // The same disk, asked again, would say that all is well.
            for n in broker.log.end().get()..broker.log.end().get() + 3 {
                let error = broker.append(n).unwrap_err();
                assert!(matches!(error, AppendError::Offline(_)), "{error}");
                broker.directory.flush_now().unwrap_err();
            }
            assert_eq!(*broker.acknowledged.end.lock().unwrap(), promised);
            images += check_images(&broker, promised, &mut random, &format!("{kind:?} {after}"));
        }
    }
    println!("{faults} failing operations of {} kinds, {images} crash images after them", kinds.len());
    assert!(faults > 150);
}

/// Whatever a power cut takes after the failure: what was acknowledged before is there.
fn check_images(broker: &Broker, promised: i64, random: &mut Random, what: &str) -> usize {
    let at = broker.mem.op_count();
    let unsynced = broker.mem.unsynced(at);
    for round in 0..4 * scale() {
        let lost = unsynced.iter().copied().filter(|_| round == 0 || random.below(2) == 1).collect();
        let image = broker.mem.crash(&Crash { at, lost, torn: None });
        let opened = open(&image, broker.log.config()).unwrap_or_else(|report| panic!("{what}: {report:?}"));
        assert!(opened.log.end().get() >= promised, "{what}: {} of {promised}", opened.log.end());
        for (offset, _, read) in content(&opened.log.reader()).unwrap() {
            assert_eq!(read, value(offset), "{what}");
        }
    }
    4 * scale()
}

#[test]
fn inv_22_a_disk_full_at_any_byte_heals() {
    let mut whole = broker();
    whole.work(60).unwrap();
    let used = |mem: &MemDir| mem.files().iter().map(|(_, content)| content.len() as u64).sum::<u64>();
    let (low, high) = (used(&broker().mem), used(&whole.mem) + 400);
    let (mut refused, mut capacities) = (0, 0);
    for capacity in low..high {
        let mut broker = broker();
        broker.mem.set_capacity(Some(capacity));
        let outcome = broker.work(60);
        capacities += 1;
        assert!(broker.directory.failure().is_none(), "{capacity}: {:?}", broker.directory.failure());
        if outcome.is_err() {
            refused += 1;
            let _ = broker.directory.flush_due();
            let promised = *broker.acknowledged.end.lock().unwrap();
            let image = broker.mem.snapshot();
            image.set_capacity(None);
            let opened = open(&image, broker.log.config()).unwrap();
            assert!(opened.log.end().get() >= promised);
            assert_eq!(opened.log.end(), broker.log.end(), "{capacity}: partial bytes are cut off again");
        }
        broker.mem.set_capacity(None);
        broker.work(80).unwrap();
        broker.directory.flush_now().unwrap();
        assert_eq!(*broker.acknowledged.end.lock().unwrap(), 80);
        let records = content(&broker.log.reader()).unwrap();
        assert!(records.iter().all(|(offset, _, read)| *read == value(*offset)), "{capacity}");
        let Broker { mem, directory, log, .. } = broker;
        let config = log.config().clone();
        directory.close(vec![log], None).unwrap();
        assert_eq!(content(&open(&mem, &config).unwrap().log.reader()).unwrap(), records, "{capacity}");
    }
    println!("{capacities} sizes of the disk, {refused} of them refused appends, all healed");
    assert!(refused > 1000);
}
