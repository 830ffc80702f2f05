//! Appending and reading: offsets, limits, rolling, lookups by offset and time.

mod common;

use bytes::BytesMut;
use common::*;
use yak_log::{AppendError, FlushMode, LogConfig, ReadError};
use yak_model::{ErrorCode, Offset, TimestampMs};
use yak_record::{BatchHeader, Batches, TimestampType};

const END: Offset = Offset::new(i64::MAX);

#[test]
fn batches_get_offsets_and_epochs_and_come_back() {
    let mut fixture = Fixture::new(config(FlushMode::Sync));
    let mut two = batch(&[(NOW.get(), b"a"), (NOW.get() + 1, b"b")], None);
    let appended = fixture.log.append_as_leader(&mut two, epoch(3), NOW).unwrap();
    assert_eq!(
        (appended.base_offset, appended.last_offset, appended.duplicate),
        (offset(0), offset(1), false)
    );
    assert_eq!(fixture.append_batch_epoch(single(b"c"), 3), 2);
    let reader = fixture.reader();
    assert_eq!(
        read_from(&reader, 0, 1).unwrap(),
        [(0, NOW.get(), b"a".to_vec()), (1, NOW.get() + 1, b"b".to_vec()), (2, NOW.get(), b"c".to_vec())]
    );
    let mut bytes = BytesMut::new();
    reader.read(offset(1), 1, END).unwrap().read_into(&mut bytes).unwrap();
    let header = BatchHeader::parse(&bytes).unwrap();
    assert_eq!((header.base_offset, header.partition_leader_epoch), (offset(0), epoch(3)));
    assert_eq!(bytes, two, "stored as patched in place");
}

impl Fixture {
    fn append_batch_epoch(&mut self, mut batch: BytesMut, leader_epoch: i32) -> i64 {
        self.log.append_as_leader(&mut batch, epoch(leader_epoch), NOW).expect("appended").base_offset.get()
    }
}

#[test]
fn an_append_is_one_write() {
    let mut fixture = Fixture::new(LogConfig { segment_bytes: 1 << 20, ..config(FlushMode::Os) });
    fixture.append(b"first");
    let before = fixture.mem.op_count();
    for n in 0..100 {
        fixture.append(&[n; 100]);
    }
    assert_eq!(fixture.mem.op_count() - before, 100);
}

#[test]
fn reads_are_whole_batches_within_the_bound() {
    let mut fixture = Fixture::new(LogConfig { segment_bytes: 1 << 20, ..config(FlushMode::Sync) });
    let size = single(&[0; 50]).len() as u64;
    for n in 0..100 {
        fixture.append(&[n; 50]);
    }
    let reader = fixture.reader();
    for (max, batches) in [(0, 1), (1, 1), (size, 1), (size * 2 - 1, 1), (size * 2, 2), (size * 10 + 5, 10)] {
        assert_eq!(reader.read(offset(7), max, END).unwrap().len() as u64, batches * size, "{max}");
    }
    assert_eq!(reader.read(offset(7), 1 << 20, offset(10)).unwrap().len() as u64, 3 * size);
    assert!(reader.read(offset(10), 1 << 20, offset(10)).unwrap().is_empty());
    assert!(reader.read(offset(100), 1 << 20, END).unwrap().is_empty());
    for (from, bound) in [(101, END), (-1, END), (11, offset(10))] {
        let error = reader.read(offset(from), 1, bound).unwrap_err();
        assert_eq!(error.code(), ErrorCode::OffsetOutOfRange, "{error}");
    }
}

#[test]
fn segments_roll_by_size_and_every_offset_is_found() {
    let mut fixture = Fixture::new(config(FlushMode::Sync));
    for n in 0..500_u32 {
        assert_eq!(fixture.append(&n.to_be_bytes()), i64::from(n));
    }
    let reader = fixture.reader();
    assert!(reader.segment_count() > 5, "{}", reader.segment_count());
    for n in (0..500_u32).rev() {
        let records = read_from(&reader, i64::from(n), 1).unwrap();
        assert_eq!(records.len(), 500 - n as usize);
        assert_eq!(records[0].2, n.to_be_bytes());
    }
    let names: Vec<String> = fixture.mem.files().iter().map(|(path, _)| path.display().to_string()).collect();
    assert!(names.contains(&"t-0/00000000000000000000.log".to_owned()), "{names:?}");
    let sizes =
        fixture.mem.files().into_iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "log"));
    assert!(sizes.into_iter().all(|(_, content)| content.len() <= 4096));
}

#[test]
fn segments_roll_by_age_of_their_records() {
    let mut fixture =
        Fixture::new(LogConfig { segment_ms: 1000, segment_bytes: 1 << 20, ..config(FlushMode::Sync) });
    for (ms, segments) in [(0, 1), (1000, 1), (1001, 2), (1500, 2), (2002, 3)] {
        fixture.append_batch(batch(&[(NOW.get() + ms, b"x")], None));
        assert_eq!(fixture.reader().segment_count(), segments, "{ms}");
    }
    assert!(!fixture.log.roll_if_due(at(3002)).unwrap());
    assert!(fixture.log.roll_if_due(at(3003)).unwrap());
    assert!(!fixture.log.roll_if_due(at(9999)).unwrap(), "an empty segment has no age");
    assert_eq!(fixture.reader().segment_count(), 4);
}

#[test]
fn segments_roll_when_the_index_is_full() {
    let mut fixture = Fixture::new(LogConfig {
        segment_index_bytes: 48,
        segment_bytes: 1 << 20,
        ..config(FlushMode::Sync)
    });
    for n in 0..100 {
        fixture.append(&[n; 200]);
    }
    assert!(fixture.reader().segment_count() > 8, "{}", fixture.reader().segment_count());
    assert_eq!(values(&fixture.reader()).len(), 100);
}

#[test]
fn what_is_too_large_or_too_far_in_time_is_refused() {
    let mut fixture = Fixture::new(LogConfig { max_message_bytes: 500, ..config(FlushMode::Sync) });
    fixture.append(b"x");
    let hour = 3_600_000;
    let mut list = BytesMut::new();
    (0..20).for_each(|_| list.extend_from_slice(&single(&[0; 300])));
    for (mut bytes, code) in [
        (single(&[0; 500]), ErrorCode::MessageTooLarge),
        (list, ErrorCode::RecordListTooLarge),
        (batch(&[(NOW.get() + hour + 1, b"x")], None), ErrorCode::InvalidTimestamp),
        (BytesMut::from(&single(b"x")[..20]), ErrorCode::CorruptMessage),
    ] {
        let error = fixture.log.append_as_leader(&mut bytes, epoch(0), NOW).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
    fixture.append_batch(batch(&[(NOW.get() + hour, b"y")], None));
    assert_eq!(values(&fixture.reader()), [b"x", b"y"]);
    assert!(fixture.directory.failure().is_none());
}

#[test]
fn log_append_time_stamps_the_batch() {
    let mut fixture =
        Fixture::new(LogConfig { timestamp_type: TimestampType::LogAppend, ..config(FlushMode::Sync) });
    let mut bytes = batch(&[(5, b"a"), (NOW.get() * 2, b"b")], None);
    let appended = fixture.log.append_as_leader(&mut bytes, epoch(0), NOW).unwrap();
    assert_eq!(appended.log_append_time, Some(NOW));
    let records = read_from(&fixture.reader(), 0, 1).unwrap();
    assert_eq!(records, [(0, NOW.get(), b"a".to_vec()), (1, NOW.get(), b"b".to_vec())]);
}

#[test]
fn several_batches_of_one_append_are_contiguous() {
    let mut fixture = Fixture::new(config(FlushMode::Sync));
    let mut list = BytesMut::new();
    for n in 0..5 {
        list.extend_from_slice(&batch(&[(NOW.get(), &[n]), (NOW.get(), &[n + 10])], None));
    }
    let appended = fixture.log.append_as_leader(&mut list, epoch(0), NOW).unwrap();
    assert_eq!((appended.base_offset, appended.last_offset), (offset(0), offset(9)));
    assert_eq!(Batches::new(&list).count(), 5);
    assert_eq!(values(&fixture.reader()).len(), 10);
}

#[test]
fn offsets_by_time_and_the_largest_timestamp() {
    let mut fixture = Fixture::new(config(FlushMode::Sync));
    // Times rise by 10 a record, but every seventh batch is late.
    let time = |n: i64| NOW.get() + if n % 7 == 0 { n * 10 - 500 } else { n * 10 };
    for n in 0..300 {
        fixture.append_batch(batch(&[(time(n), b"x"), (time(n) + 3, b"y")], None));
    }
    let reader = fixture.reader();
    let all: Vec<(i64, i64)> = (0..300).flat_map(|n| [(2 * n, time(n)), (2 * n + 1, time(n) + 3)]).collect();
    for bound in [600, 599, 341, 20, 1, 0] {
        let visible = || all.iter().filter(|(offset, _)| *offset < bound);
        for wanted in (-600..3100).step_by(37).map(|ms| NOW.get() + ms) {
            let found = reader.offset_for_time(TimestampMs::new(wanted), offset(bound)).unwrap();
            let expected = visible().find(|(_, time)| *time >= wanted);
            assert_eq!(
                found.map(|found| (found.offset.get(), found.timestamp.get())),
                expected.copied(),
                "{wanted} below {bound}"
            );
        }
    }
    for bound in [600, 598, 342, 20, 2, 0] {
        let visible = || all.iter().filter(|(offset, _)| *offset < bound);
        let largest = visible().map(|(_, time)| *time).max();
        let expected = visible().find(|(_, time)| Some(*time) == largest);
        let found = reader.max_timestamp_offset(offset(bound)).unwrap();
        assert_eq!(
            found.map(|found| (found.offset.get(), found.timestamp.get())),
            expected.copied(),
            "{bound}"
        );
    }
}

#[test]
fn a_follower_appends_what_continues_its_log() {
    let mut leader = Fixture::new(config(FlushMode::Sync));
    (0..20).for_each(|n| _ = leader.append(&[n; 300]));
    let mut bytes = BytesMut::new();
    let mut next = 0;
    while next < 20 {
        let range = leader.reader().read(offset(next), 1000, END).unwrap();
        range.read_into(&mut bytes).unwrap();
        next = i64::try_from(Batches::new(&bytes).count()).unwrap();
    }
    let mut follower = Fixture::new(config(FlushMode::Sync));
    follower.log.append_as_follower(&bytes, NOW).unwrap();
    assert_eq!(values(&follower.reader()), values(&leader.reader()));
    assert_eq!(follower.log.latest_epoch(), Some(epoch(0)));
    let again = follower.log.append_as_follower(&bytes, NOW).unwrap_err();
    assert!(matches!(again, AppendError::NotContiguous { .. }), "{again}");
    let mut flipped = single(b"x");
    yak_record::patch_base_offset(&mut flipped, offset(20));
    yak_record::patch_leader_epoch(&mut flipped, epoch(0));
    *flipped.last_mut().unwrap() ^= 1;
    let error = follower.log.append_as_follower(&flipped, NOW).unwrap_err();
    assert_eq!(error.code(), ErrorCode::CorruptMessage);
    yak_record::patch_leader_epoch(&mut flipped, epoch(-1));
    let error = follower.log.append_as_follower(&flipped, NOW).unwrap_err();
    assert!(matches!(error, AppendError::StaleEpoch { .. }), "{error}");
    assert_eq!(follower.log.end(), offset(20));
}

#[test]
fn an_old_leader_cannot_append() {
    let mut fixture = Fixture::new(config(FlushMode::Sync));
    fixture.append_batch_epoch(single(b"x"), 5);
    let error = fixture.log.append_as_leader(&mut single(b"y"), epoch(4), NOW).unwrap_err();
    assert_eq!(error.code(), ErrorCode::FencedLeaderEpoch);
    fixture.log.start_epoch(epoch(9));
    assert_eq!(fixture.log.epoch_end(epoch(9)), Some((epoch(9), offset(1))));
    assert_eq!(fixture.log.epoch_end(epoch(7)), Some((epoch(5), offset(1))));
    assert_eq!(fixture.log.epoch_end(epoch(10)), None);
}

#[test]
fn a_wrong_read_names_the_range() {
    let fixture = Fixture::new(config(FlushMode::Sync));
    let error = fixture.reader().read(offset(3), 1, END).unwrap_err();
    assert!(matches!(error, ReadError::OffsetOutOfRange { .. }));
    assert_eq!(error.to_string(), "offset 3 is not within the log, which has [0, 0)");
}

#[test]
fn retransmitted_batches_are_answered_with_the_last_ones_offset() {
    let mut fixture = Fixture::new(config(FlushMode::Sync));
    let sent = |sequence: i32| batch(&[(NOW.get(), b"a"), (NOW.get(), b"b")], stamp(5, 0, sequence));
    assert_eq!(fixture.append_batch(sent(0)), 0);
    // Another producer's batch comes in between.
    assert_eq!(fixture.append(b"other"), 2);
    assert_eq!(fixture.append_batch(sent(2)), 3);
    let mut again = sent(0);
    again.extend_from_slice(&sent(2));
    let appended = fixture.log.append_as_leader(&mut again, epoch(0), NOW).unwrap();
    assert!(appended.duplicate);
    assert_eq!((appended.base_offset, appended.last_offset), (offset(0), offset(4)));
    assert_eq!(fixture.log.end(), offset(5));
}
