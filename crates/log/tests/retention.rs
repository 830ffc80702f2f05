//! What goes from the beginning and from the end: retention, delete-records, truncation, jumps of the clock.

mod common;

use common::*;
use yak_log::dir::Crash;
use yak_log::{FlushMode, LogConfig, LogError, RetentionClock};
use yak_model::{ErrorCode, Offset};

const END: Offset = Offset::new(i64::MAX);

/// A log whose record `n` has the time `n` seconds after `NOW`.
fn timed(config: LogConfig, count: i64) -> Fixture {
    let mut fixture = Fixture::new(config);
    for n in 0..count {
        let mut bytes = batch(&[(NOW.get() + n * 1000, &[0; 30])], None);
        fixture.log.append_as_leader(&mut bytes, epoch(0), at(n * 1000)).expect("appended");
    }
    fixture
}

fn count(fixture: &Fixture) -> i64 {
    i64::try_from(values(&fixture.reader()).len()).expect("few")
}

fn deleted_files(fixture: &Fixture) -> usize {
    fixture.mem.files().iter().filter(|(path, _)| path.display().to_string().ends_with(".deleted")).count()
}

#[test]
fn old_segments_go_by_the_time_of_their_newest_record() {
    let config = LogConfig { retention_ms: Some(100_000), ..config(FlushMode::Sync) };
    let mut fixture = timed(config, 300);
    let segments = fixture.reader().segment_count();
    let clock = RetentionClock::steady(at(250_000));
    let retained = fixture.log.retain(&clock, END).unwrap();
    assert!(retained.segments > 2 && retained.segments < segments);
    let start = fixture.log.start().get();
    assert!(start <= 151 && start > 100, "{start}: records older than 100 s, as far as whole segments go");
    assert_eq!(count(&fixture), 300 - start);
    let error = fixture.reader().read(offset(0), 1, END).unwrap_err();
    assert_eq!(error.code(), ErrorCode::OffsetOutOfRange);
    assert_eq!(fixture.log.retain(&clock, END).unwrap().segments, 0);
    let (fixture, report) = fixture.reopen_clean();
    assert_eq!(report.start.get(), start);
    assert_eq!(count(&fixture), 300 - start);
}

#[test]
fn an_idle_log_ends_up_empty_and_keeps_its_offsets() {
    let config = LogConfig { retention_ms: Some(100_000), ..config(FlushMode::Sync) };
    let mut fixture = timed(config, 300);
    fixture.log.retain(&RetentionClock::steady(at(1_000_000_000)), END).unwrap();
    assert_eq!((fixture.log.start(), fixture.log.end()), (offset(300), offset(300)));
    assert_eq!((fixture.reader().segment_count(), fixture.reader().size_bytes()), (1, 0));
    assert_eq!(fixture.append(b"next"), 300);
    let (fixture, _) = fixture.reopen_clean();
    assert_eq!(values(&fixture.reader()), [b"next"]);
}

#[test]
fn nothing_above_the_high_watermark_goes() {
    let config = LogConfig { retention_ms: Some(1), ..config(FlushMode::Sync) };
    let mut fixture = timed(config, 300);
    fixture.log.retain(&RetentionClock::steady(at(1_000_000_000)), offset(120)).unwrap();
    assert!(fixture.log.start() <= offset(120), "{}", fixture.log.start());
    assert!(fixture.log.start() > offset(50));
}

#[test]
fn large_logs_shrink_to_their_size() {
    let config = LogConfig { retention_ms: None, retention_bytes: Some(10_000), ..config(FlushMode::Sync) };
    let mut fixture = timed(config, 300);
    fixture.log.retain(&RetentionClock::steady(at(i64::MAX / 4)), END).unwrap();
    let size = fixture.reader().size_bytes();
    assert!((10_000..10_000 + 4096).contains(&size), "{size}");
}

#[test]
fn inv_33_a_jump_of_the_clock_deletes_nothing() {
    let day = 86_400_000;
    let config = LogConfig { retention_ms: Some(3 * day), ..config(FlushMode::Sync) };
    let mut fixture = timed(config, 300);
    let retain = |fixture: &mut Fixture, ms: i64| {
        let clock = fixture.directory.retention_clock(at(ms)).unwrap();
        fixture.log.retain(&clock, END).unwrap().segments
    };
    assert_eq!(retain(&mut fixture, 300_000), 0);
    for jump in [3650 * day, -3650 * day, 0, day * 2] {
        fixture.advance(60);
        assert_eq!(retain(&mut fixture, 360_000 + jump), 0, "{jump}");
    }
    let (mut fixture, _) = fixture.reopen_clean();
    assert_eq!(retain(&mut fixture, 3650 * day), 0, "nor after a restart: of that time a day counts");
    assert_eq!(values(&fixture.reader()).len(), 300);
    // But time that passes counts.
    for hour in 1..=49 {
        fixture.advance(3600);
        retain(&mut fixture, 3650 * day + hour * 3_600_000);
    }
    assert_eq!(fixture.log.start(), offset(300));
}

#[test]
fn deleted_files_go_when_their_readers_let_go() {
    let config = LogConfig { retention_bytes: Some(0), ..config(FlushMode::Sync) };
    let mut fixture = timed(config, 300);
    let reader = fixture.reader();
    let held = reader.read(offset(0), 1 << 20, END).unwrap();
    let first = read_from(&reader, 0, 1 << 20).unwrap();
    fixture.log.retain(&RetentionClock::steady(at(0)), END).unwrap();
    fixture.directory.flush_now().unwrap();
    fixture.directory.empty_trash();
    assert_eq!(deleted_files(&fixture), 3, "log, index and time index of the segment that is held");
    let mut bytes = bytes::BytesMut::new();
    held.read_into(&mut bytes).unwrap();
    assert!(first[0].0 == 0 && !bytes.is_empty());
    drop(held);
    fixture.directory.empty_trash();
    assert_eq!(deleted_files(&fixture), 0);
}

#[test]
fn delete_records_raises_the_start_at_once_and_durably() {
    let mut fixture = timed(config(FlushMode::Sync), 300);
    assert_eq!(fixture.log.delete_before(offset(100)).unwrap(), offset(100));
    assert_eq!(fixture.log.delete_before(offset(50)).unwrap(), offset(100), "it never falls");
    assert_eq!(fixture.log.delete_before(offset(133)).unwrap(), offset(133));
    let error = fixture.log.delete_before(offset(301)).unwrap_err();
    assert!(matches!(error, LogError::OffsetOutOfRange { .. }), "{error}");
    fixture.directory.checkpoint().unwrap();
    assert_eq!(values(&fixture.reader()).len(), 167);
    let at = fixture.mem.op_count();
    let lost = fixture.mem.unsynced(at).into_iter().collect();
    let image = fixture.mem.crash(&Crash { at, lost, torn: None });
    let (again, report) = Fixture::open(image, config(FlushMode::Sync)).unwrap();
    assert_eq!(report.start, offset(133));
    assert_eq!(values(&again.reader()).len(), 167);
}

#[test]
fn truncation_removes_whole_batches_and_lowers_what_was_promised() {
    for (target, end) in [(299, 299), (150, 150), (1, 1), (0, 0), (300, 300), (400, 300)] {
        let mut fixture = timed(config(FlushMode::Sync), 300);
        fixture.directory.flush_now().unwrap();
        fixture.log.set_high_watermark(offset(300));
        fixture.directory.checkpoint().unwrap();
        assert_eq!(fixture.log.truncate_to(offset(target)).unwrap(), offset(end));
        assert_eq!((fixture.log.end(), fixture.log.durable_end()), (offset(end), offset(end)));
        // Whatever a power cut takes back of the truncation, it is no damage.
        let at = fixture.mem.op_count();
        for lost in [fixture.mem.unsynced(at), Vec::new()] {
            let image = fixture.mem.crash(&Crash { at, lost: lost.into_iter().collect(), torn: None });
            let (again, _) = Fixture::open(image, config(FlushMode::Sync)).unwrap();
            assert_eq!(again.log.end(), offset(end));
        }
        let next = fixture.append(b"other");
        assert_eq!(next, end);
        fixture.directory.flush_now().unwrap();
        assert_eq!(fixture.log.durable_end(), offset(end + 1));
        assert_eq!(count(&fixture), end + 1);
    }
}

#[test]
fn truncation_forgets_epochs_and_producers() {
    let mut fixture = Fixture::new(config(FlushMode::Sync));
    for n in 0..100 {
        let mut bytes = batch(&[(NOW.get(), &[0; 30])], stamp(5, 0, n));
        let leader_epoch = epoch(n / 10);
        fixture.log.append_as_leader(&mut bytes, leader_epoch, NOW).unwrap();
    }
    fixture.log.truncate_to(offset(55)).unwrap();
    assert_eq!(fixture.log.latest_epoch(), Some(epoch(5)));
    assert_eq!(fixture.log.epoch_end(epoch(4)), Some((epoch(4), offset(50))));
    let mut again = batch(&[(NOW.get(), &[1; 30])], stamp(5, 0, 55));
    let appended = fixture.log.append_as_leader(&mut again, epoch(12), NOW).unwrap();
    assert_eq!((appended.base_offset, appended.duplicate), (offset(55), false));
    let mut known = batch(&[(NOW.get(), &[0; 30])], stamp(5, 0, 53));
    let appended = fixture.log.append_as_leader(&mut known, epoch(12), NOW).unwrap();
    assert_eq!((appended.base_offset, appended.duplicate), (offset(53), true));
    let (fixture, _) = fixture.reopen_clean();
    assert_eq!(fixture.log.epoch_end(epoch(5)), Some((epoch(5), offset(55))));
}

#[test]
fn a_log_begins_anew_where_its_leader_begins() {
    let mut fixture = timed(config(FlushMode::Sync), 300);
    fixture.directory.flush_now().unwrap();
    fixture.log.reset_to(offset(1000)).unwrap();
    assert_eq!((fixture.log.start(), fixture.log.end()), (offset(1000), offset(1000)));
    assert_eq!(fixture.append(b"x"), 1000);
    fixture.directory.flush_now().unwrap();
    let (fixture, _) = Fixture::open(fixture.killed(), config(FlushMode::Sync)).unwrap();
    assert_eq!(values(&fixture.reader()), [b"x"]);
    assert_eq!(fixture.log.start(), offset(1000));
}
