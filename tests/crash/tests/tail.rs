//! INV-18: for every byte length of the tail, recovery yields exactly the whole batches, or says it is damage.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::let_underscore_must_use,
    reason = "a test fails by panicking, and prints its denominators"
)]

use yak_log::{FlushMode, LogDirectory, LogError, ManualClock, MemDir, NewLog};
use yak_record::{BatchHeader, Batches};
use yak_test_crash::*;

const TAIL: usize = 64 * 1024;

/// A log of one segment of 64 KiB whose first quarter is synced. Where its batches end, with the offset there.
fn tail(flush: FlushMode) -> (MemDir, Vec<(usize, i64)>, i64) {
    let mem = MemDir::new();
    let directory = open_directory(&mem, &ManualClock::default()).unwrap();
    let config = config(flush, 1 << 20);
    let new = NewLog { partition: partition(0), topic_id: topic_id(), config };
    let mut log = directory.create_logs(&[new]).unwrap().pop().unwrap();
    let mut random = Random::new(18);
    let mut synced = 0;
    while log.reader().size_bytes() < TAIL as u64 {
        let values = (0..1 + random.below(4)).map(|_| vec![7; random.below(300)]).collect();
        append(&mut log, 0, values);
        if synced == 0 && log.reader().size_bytes() > TAIL as u64 / 4 {
            directory.flush_now().unwrap();
            synced = log.durable_end().get();
        }
    }
    let bytes = log_bytes(&mem);
    let mut ends = vec![(0, 0)];
    for batch in Batches::new(&bytes) {
        let header = BatchHeader::parse(batch.unwrap()).unwrap();
        ends.push((ends.last().unwrap().0 + header.size_in_bytes(), header.next_offset().get()));
    }
    (mem.snapshot(), ends, synced)
}

const LOG: &str = "t-0/00000000000000000000.log";

fn log_bytes(mem: &MemDir) -> Vec<u8> {
    mem.files().into_iter().find(|(path, _)| path.as_os_str() == LOG).unwrap().1
}

fn check(flush: FlushMode, spoil: impl Fn(&mut Vec<u8>, usize)) -> (usize, usize) {
    let (mem, ends, synced) = tail(flush);
    let whole = log_bytes(&mem);
    let config = config(flush, 1 << 20);
    let (mut cut, mut damaged) = (0, 0);
    for len in 0..=TAIL {
        let image = mem.snapshot();
        let mut intact = 0;
        let spoil = |bytes: &mut Vec<u8>| {
            spoil(bytes, len);
            // A batch may end with the very zeros that it is spoilt with.
            intact = len
                + bytes[len.min(bytes.len())..].iter().zip(&whole[len..]).take_while(|(a, b)| a == b).count();
        };
        image.tamper(LOG.as_ref(), spoil).unwrap();
        let &(kept, end) = &ends[ends.partition_point(|(at, _)| *at <= intact) - 1];
        match open(&image, &config) {
            Ok(opened) => {
                assert!(end >= synced, "{len}: a loss below the slot passed");
                assert_eq!(opened.log.end().get(), end, "{len}");
                assert!(log_bytes(&image) == whole[..kept], "{len}: exactly the whole batches");
                cut += 1;
            }
            Err(Report::Log(LogError::Damaged { damage, .. })) => {
                assert!(end < synced, "{len}: {damage}");
                assert_eq!((damage.offset.get(), damage.durable_end.get()), (end, synced), "{len}");
                damaged += 1;
            }
            Err(other) => panic!("{len}: {other:?}"),
        }
    }
    (cut, damaged)
}

#[test]
fn inv_18_every_length_of_the_tail() {
    for flush in [FlushMode::Sync, FlushMode::Os] {
        let (cut, damaged) = check(flush, |bytes, len| bytes.truncate(len));
        println!("{flush:?}: {} lengths of the tail: {cut} recovered, {damaged} reported", cut + damaged);
        assert!(cut > TAIL / 2 && damaged > TAIL / 5);
    }
}

#[test]
fn inv_18_every_length_of_the_tail_followed_by_zeros() {
    let (cut, damaged) = check(FlushMode::Os, |bytes, len| bytes[len..].fill(0));
    println!("{} tails of zeros: {cut} recovered, {damaged} reported", cut + damaged);
    assert!(cut > TAIL / 2 && damaged > TAIL / 5);
}

/// The slot belongs to the directory, not to the test.
#[test]
fn a_directory_without_logs_opens_after_any_crash() {
    let mem = MemDir::new();
    let directory: LogDirectory = open_directory(&mem, &ManualClock::default()).unwrap();
    drop(directory);
    for at in 0..=mem.op_count() {
        let lost = mem.unsynced(at).into_iter().collect();
        let image = mem.crash(&yak_log::dir::Crash { at, lost, torn: None });
        assert!(open_directory(&image, &ManualClock::default()).is_ok(), "{at}");
    }
}
