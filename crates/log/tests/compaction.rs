//! Compaction: what stays, what goes, when, and that nobody who reads or writes is disturbed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints its denominators"
)]

mod common;

use bytes::BytesMut;
use common::compaction::*;
use common::*;
use yak_log::{
    Compacted, CompactionConfig, CompactionError, FlushMode, LogConfig, LogReader, RetentionClock,
};
use yak_model::{Offset, TimestampMs};
use yak_record::{BatchBuilder, BatchHeader, Compression, ProducerStamp, RecordParts};

fn with(change: impl FnOnce(&mut CompactionConfig)) -> LogConfig {
    let mut config = compacting();
    change(config.compaction.as_mut().unwrap());
    config
}

fn keyed(
    records: &[(&str, Option<&str>)],
    compression: Compression,
    stamp: Option<ProducerStamp>,
) -> BytesMut {
    let mut builder = BatchBuilder::new();
    builder.set_default_timestamp(NOW);
    for (key, value) in records {
        let (key, value) = (Some(key.as_bytes()), value.map(str::as_bytes));
        builder.push(&RecordParts { key, value, ..RecordParts::default() });
    }
    builder.finish(compression, stamp)
}

fn put(fixture: &mut Fixture, key: &str, value: Option<&str>) -> i64 {
    fixture.append_batch(keyed(&[(key, value)], Compression::None, None))
}

/// Appends so much of other keys that everything before is in closed segments.
fn roll(fixture: &mut Fixture) {
    let segments = fixture.reader().segment_count();
    while fixture.reader().segment_count() < segments + 2 {
        put(fixture, "filler", Some("some text that makes segments grow, again and again"));
    }
}

fn compact(fixture: &mut Fixture) -> Compacted {
    compact_at(fixture, NOW, PLENTY).expect("something is dirty")
}

fn offsets_of(fixture: &Fixture, key: &str) -> Vec<i64> {
    let (records, _) = content(&fixture.reader());
    records.into_iter().filter(|(_, record)| record.0 == key.as_bytes()).map(|(offset, _)| offset).collect()
}

#[test]
fn the_last_value_of_each_key_stays_at_its_offset() {
    let mut fixture = Fixture::new(compacting());
    for n in 0..100 {
        put(&mut fixture, &format!("key-{}", n % 5), Some(&format!("value {n}")));
    }
    roll(&mut fixture);
    let (before, _) = content(&fixture.reader());
    let bytes = fixture.reader().size_bytes();
    let done = compact(&mut fixture);
    assert!(done.keys == 6 && done.records_removed >= 95, "{done:?}");
    let (after, headers) = content(&fixture.reader());
    assert!(after.iter().all(|(offset, record)| before[offset] == *record));
    for n in 0..5 {
        assert_eq!(offsets_of(&fixture, &format!("key-{n}")), [95 + n]);
    }
    assert!(fixture.reader().size_bytes() < bytes / 2);
    assert_eq!((done.bytes_before, done.up_to < fixture.log.end()), (bytes_of(&fixture, done, bytes), true));
    let empty = headers.iter().take_while(|header| header.record_count == 0);
    let ends: Vec<i64> = empty.map(|header| header.next_offset().get()).collect();
    assert!(
        ends.len() < 8 && ends.last() == Some(&95),
        "one empty batch a segment stands for many: {ends:?}"
    );
    // What is in the active segment stays, and by offset and by time everything is found as before.
    let reader = fixture.reader();
    for from in 0..reader.log_end().get() {
        let found = reader.read(offset(from), 1, END).unwrap();
        assert!(!found.is_empty(), "{from}");
    }
    assert_eq!(reader.offset_for_time(NOW, END).unwrap().unwrap().offset, offset(95));
    assert_eq!(reader.max_timestamp_offset(END).unwrap().unwrap().offset, offset(95));
    assert!(compact_at(&mut fixture, NOW, PLENTY).is_none(), "nothing is dirty");
}

/// The active segment's bytes are not among those that a compaction looked at.
fn bytes_of(fixture: &Fixture, done: Compacted, bytes: u64) -> u64 {
    bytes - (fixture.reader().size_bytes() - done.bytes_after)
}

#[test]
fn a_log_that_was_compacted_is_restored_truncated_and_deleted_from_as_any_other() {
    let mut fixture = Fixture::new(compacting());
    for n in 0..100 {
        put(&mut fixture, &format!("key-{}", n % 5), Some(&format!("value {n}")));
    }
    roll(&mut fixture);
    let done = compact(&mut fixture);
    let (records, headers) = content(&fixture.reader());
    let end = fixture.log.end();
    let (killed, report) = Fixture::open(fixture.killed(), compacting()).unwrap();
    assert!(report.cut.is_none() && report.end == end, "{report:?}");
    assert_eq!(content(&killed.reader()), (records.clone(), headers.clone()));
    let (mut fixture, _) = fixture.reopen_clean();
    assert_eq!(content(&fixture.reader()), (records.clone(), headers));
    assert_eq!(fixture.log.compacted_up_to(), done.up_to, "it is remembered");
    // A follower whose leader has compacted.
    let mut follower = Fixture::new(compacting());
    follow(&fixture.reader(), &mut follower);
    assert_eq!(content(&follower.reader()).0, records);
    // One that has the beginning of what is one hole now.
    for has in [1, 7, 35, 36, 37, 50, 94] {
        let mut follower = Fixture::new(compacting());
        for n in 0..has {
            put(&mut follower, &format!("key-{}", n % 5), Some(&format!("value {n}")));
        }
        follow(&fixture.reader(), &mut follower);
        let (found, _) = content(&follower.reader());
        assert!(records.iter().all(|(offset, record)| found[offset] == *record), "{has}");
        assert!(found.len() <= records.len() + has && follower.log.end() == end);
        let damaged = follower.log.append_as_follower(&[0; 61], NOW);
        assert!(damaged.is_err());
    }
    // Within a hole.
    assert_eq!(fixture.log.delete_before(offset(40)).unwrap(), offset(40));
    assert_eq!(content(&fixture.reader()).0, records);
    let cut = fixture.log.truncate_to(offset(50)).unwrap();
    assert!(cut <= offset(50) && cut > offset(20), "{cut}: the whole empty batch goes");
    assert_eq!((fixture.log.end(), fixture.log.compacted_up_to()), (cut, cut));
    put(&mut fixture, "again", Some("and on"));
    assert_eq!(offsets_of(&fixture, "again"), [cut.get()]);
}

/// Fetches all that a leader has.
fn follow(leader: &LogReader, follower: &mut Fixture) {
    while follower.log.end() < leader.log_end() {
        let mut bytes = BytesMut::new();
        leader.read(follower.log.end(), 500, END).unwrap().read_into(&mut bytes).unwrap();
        follower.log.append_as_follower(&bytes, NOW).unwrap();
    }
}

#[test]
fn a_tombstone_stays_for_its_time_and_takes_its_key_with_it() {
    let mut fixture = Fixture::new(compacting());
    put(&mut fixture, "gone", Some("value"));
    put(&mut fixture, "stays", Some("value"));
    let tombstone = put(&mut fixture, "gone", None);
    roll(&mut fixture);
    let later = |days: i64| TimestampMs::new(NOW.get() + days * DAY);
    compact_at(&mut fixture, later(10), PLENTY).unwrap();
    assert_eq!(offsets_of(&fixture, "gone"), [tombstone], "its time begins when it is first compacted");
    let (_, headers) = content(&fixture.reader());
    let header = headers.iter().find(|header| header.base_offset.get() == tombstone).unwrap();
    assert!(header.attributes.has_delete_horizon() && header.base_timestamp == later(11), "{header:?}");
    assert_eq!(header.max_timestamp, NOW);
    roll(&mut fixture);
    compact_at(&mut fixture, TimestampMs::new(later(11).get() - 1), PLENTY).unwrap();
    assert_eq!(offsets_of(&fixture, "gone"), [tombstone]);
    roll(&mut fixture);
    compact_at(&mut fixture, later(11), PLENTY).unwrap();
    assert_eq!(offsets_of(&fixture, "gone"), [] as [i64; 0]);
    assert_eq!(offsets_of(&fixture, "stays"), [1]);
}

#[test]
fn only_what_is_replicated_durable_and_old_enough_is_touched() {
    let mut fixture = Fixture::new(with(|config| config.min_lag_ms = 1000));
    for _ in 0..40 {
        put(&mut fixture, "k", Some("a value of some length"));
    }
    roll(&mut fixture);
    let wanted = |fixture: &Fixture, now: i64, high_watermark: Offset| {
        let clock = RetentionClock::steady(TimestampMs::new(NOW.get() + now));
        fixture.log.compaction(&clock, high_watermark).unwrap().is_some()
    };
    assert!(!wanted(&fixture, 5000, END), "nothing is durable");
    fixture.directory.flush_now().unwrap();
    assert!(!wanted(&fixture, 999, END), "too young");
    assert!(!wanted(&fixture, 5000, offset(5)), "no whole segment is below the high watermark");
    assert!(wanted(&fixture, 5000, END));
    fixture.log.set_config(with(|config| config.min_dirty_ratio = 1.0));
    assert!(wanted(&fixture, 0, END), "all of it is dirty");
    compact_at(&mut fixture, NOW, PLENTY).unwrap();
    roll(&mut fixture);
    fixture.directory.flush_now().unwrap();
    assert!(!wanted(&fixture, 5000, END), "not all of it is dirty");
    fixture.log.set_config(with(|config| (config.min_dirty_ratio, config.max_lag_ms) = (1.0, 4000)));
    assert!(!wanted(&fixture, 4000, END) && wanted(&fixture, 4001, END), "too old to wait any longer");
    fixture.log.set_config(config(FlushMode::Sync));
    assert!(!wanted(&fixture, 5000, END), "the topic is not compacted");
}

#[test]
fn little_memory_takes_more_rounds_and_comes_to_the_same() {
    let mut fixture = Fixture::new(LogConfig { segment_bytes: 20_000, ..compacting() });
    for n in 0..6000 {
        put(&mut fixture, &format!("key-{}", n % 2000), Some(&format!("value {n}")));
    }
    roll(&mut fixture);
    let (mut rounds, mut last) = (0, offset(0));
    while let Some(done) = compact_at(&mut fixture, NOW, 0) {
        rounds += 1;
        assert!(done.up_to > last && done.keys <= 768, "{done:?}");
        last = done.up_to;
    }
    assert!(rounds > 4, "{rounds}");
    for n in [0, 1, 700, 1999] {
        assert_eq!(offsets_of(&fixture, &format!("key-{n}")), [4000 + n]);
    }
    let (records, _) = content(&fixture.reader());
    let compacted = records.range(..fixture.log.compacted_up_to().get()).count();
    assert_eq!(compacted, 2001 - usize::from(offsets_of(&fixture, "filler")[0] >= last.get()));
}

#[test]
fn what_producers_wrote_last_is_known_from_the_log_alone() {
    let mut fixture = Fixture::new(compacting());
    let batch = |id, sequence| {
        keyed(&[("k", Some("v")), ("l", Some("v"))], Compression::None, stamp(id, 0, sequence))
    };
    for n in 0..20 {
        fixture.append_batch(batch(7, 2 * n));
    }
    fixture.append_batch(batch(8, 0));
    roll(&mut fixture);
    put(&mut fixture, "k", Some("last"));
    put(&mut fixture, "l", Some("last"));
    roll(&mut fixture);
    compact(&mut fixture);
    let producers = fixture.log.producers();
    let (records, headers) = content(&fixture.reader());
    assert!(records.range(..42).next().is_none(), "their records are gone");
    let stamps = headers.iter().filter(|header| header.producer_id.get() == 7).count();
    assert_eq!(stamps, 5, "batches that are remembered stay, empty");
    let image = fixture.killed();
    for (path, _) in
        image.files().iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "snapshot"))
    {
        yak_log::Dir::remove_file(&image, path).unwrap();
    }
    let (mut fixture, _) = Fixture::open(image, compacting()).unwrap();
    let known = fixture.log.producers();
    assert_eq!(known.len(), producers.len());
    assert!(known.iter().zip(&producers).all(|(one, other)| one.last_sequence == other.last_sequence));
    let mut again = batch(7, 32);
    let appended = fixture.log.append_as_leader(&mut again, epoch(0), NOW).unwrap();
    assert!(appended.duplicate && appended.base_offset == offset(32), "{appended:?}");
    assert_eq!(fixture.append_batch(batch(7, 40)), fixture.log.end().get() - 2);
}

#[test]
fn readers_go_on_with_what_they_hold() {
    let mut fixture = Fixture::new(compacting());
    for n in 0..200 {
        put(&mut fixture, &format!("key-{}", n % 3), Some(&format!("value {n}")));
    }
    roll(&mut fixture);
    let reader = fixture.reader();
    let held: Vec<_> = (0..200).map(|n| (n, reader.read(offset(n), 300, END).unwrap())).collect();
    let bytes = |records: &yak_record::Records| {
        let mut bytes = BytesMut::new();
        records.read_into(&mut bytes).unwrap();
        bytes
    };
    let before: Vec<_> = held.iter().map(|(_, records)| bytes(records)).collect();
    compact(&mut fixture);
    fixture.directory.empty_trash();
    for ((n, records), before) in held.iter().zip(&before) {
        assert!(bytes(records) == *before, "{n}");
        assert!(reader.read(offset(*n), 300, END).is_ok());
    }
    drop(held);
    fixture.directory.empty_trash();
    let left = fixture.mem.files();
    let old = left.iter().filter(|(path, _)| !path.to_string_lossy().ends_with("log") && is_leftover(path));
    assert_eq!(old.count(), 0, "files that nobody holds are gone");
}

fn is_leftover(path: &std::path::Path) -> bool {
    ["deleted", "cleaned", "swap"].iter().any(|suffix| path.to_string_lossy().ends_with(suffix))
}

#[test]
fn damage_is_reported_and_never_copied() {
    for at in [3, 60, 100] {
        let mut fixture = Fixture::new(compacting());
        for n in 0..60 {
            put(&mut fixture, &format!("key-{}", n % 3), Some(&format!("value {n}")));
        }
        roll(&mut fixture);
        fixture.directory.flush_now().unwrap();
        let path = std::path::Path::new("t-0/00000000000000000000.log");
        fixture.mem.tamper(path, |bytes| bytes[at] ^= 1).unwrap();
        let clock = RetentionClock::steady(NOW);
        let mut compaction = fixture.log.compaction(&clock, END).unwrap().unwrap();
        let result = compaction.read_keys(PLENTY).and_then(|()| compaction.rewrite_next().map(drop));
        assert!(matches!(result, Err(CompactionError::Damaged(_))), "{at}: {result:?}");
        assert!(fixture.mem.files().iter().all(|(path, _)| !is_leftover(path)));
    }
}

#[test]
fn inv_22_without_room_the_log_is_as_it_was() {
    let mut fixture = Fixture::new(compacting());
    for n in 0..100 {
        put(&mut fixture, &format!("key-{n}"), Some(&format!("value {n}")));
    }
    roll(&mut fixture);
    fixture.directory.flush_now().unwrap();
    let before = content(&fixture.reader()).0;
    let full: usize = fixture.mem.files().iter().map(|(_, content)| content.len()).sum();
    fixture.mem.set_capacity(Some(full as u64 + 100));
    let clock = RetentionClock::steady(NOW);
    let mut compaction = fixture.log.compaction(&clock, END).unwrap().unwrap();
    compaction.read_keys(PLENTY).unwrap();
    let refused = compaction.rewrite_next().unwrap_err();
    assert!(
        matches!(&refused, CompactionError::Storage(failure) if failure.is_refused_for_now()),
        "{refused}"
    );
    assert!(fixture.directory.failure().is_none());
    fixture.mem.set_capacity(None);
    assert_eq!(content(&fixture.reader()).0, before);
    compact(&mut fixture);
    assert_eq!(offsets_of(&fixture, "key-1"), [1]);
}

#[test]
fn a_log_that_changes_meanwhile_keeps_its_segments() {
    let mut fixture = Fixture::new(compacting());
    for n in 0..100 {
        put(&mut fixture, &format!("key-{}", n % 3), Some(&format!("value {n}")));
    }
    roll(&mut fixture);
    fixture.directory.flush_now().unwrap();
    let mut compaction = fixture.log.compaction(&RetentionClock::steady(NOW), END).unwrap().unwrap();
    compaction.read_keys(PLENTY).unwrap();
    let rewritten = compaction.rewrite_next().unwrap().unwrap();
    fixture.log.truncate_to(offset(1)).unwrap();
    assert!(!fixture.log.swap_in(rewritten).unwrap());
    assert_eq!(fixture.log.compacted(compaction).up_to, offset(0));
    assert_eq!(content(&fixture.reader()).0.len(), 1);
    assert!(fixture.mem.files().iter().all(|(path, _)| !path.to_string_lossy().ends_with("cleaned")));
}

#[test]
fn who_wants_records_is_not_given_what_is_empty() {
    let mut fixture = Fixture::new(compacting());
    for n in 0..200 {
        put(&mut fixture, &format!("key-{}", n % 3), Some(&format!("value {n}")));
    }
    roll(&mut fixture);
    compact(&mut fixture);
    let reader = fixture.reader();
    let first = |from: i64, bound: Offset| {
        let (records, _) = reader.read_records(offset(from), 1, bound).unwrap();
        let mut bytes = BytesMut::new();
        records.read_into(&mut bytes).unwrap();
        reader.verify(&bytes, offset(from)).unwrap();
        let header = BatchHeader::parse(&bytes).unwrap();
        (header.base_offset.get(), header.record_count)
    };
    for from in 0..200 {
        assert_eq!(first(from, END), (from.max(197), 1), "{from}");
    }
    let (base, count) = first(5, offset(197));
    assert!(base <= 5 && count == 0, "there is nothing but what is empty: that is given");
    // Damage is not read over.
    let path = std::path::Path::new("t-0/00000000000000000000.log");
    for at in [3, 25, 60] {
        fixture.mem.tamper(path, |bytes| bytes[at] ^= 1).unwrap();
        let read = reader.read_records(offset(5), 1, END);
        let verified = read.and_then(|(records, _)| {
            let mut bytes = BytesMut::new();
            records.read_into(&mut bytes).unwrap();
            reader.verify(&bytes, offset(5))
        });
        assert!(verified.is_err(), "{at}");
        fixture.mem.tamper(path, |bytes| bytes[at] ^= 1).unwrap();
    }
}
