//! Sequences, duplicates, epochs, expiry and snapshots.

use yak_model::LeaderEpoch;
use yak_record::{
    BatchBuilder, Compression, ProducerStamp, RecordParts, patch_base_offset, patch_leader_epoch,
};

use super::*;

const NOW: TimestampMs = TimestampMs::new(1_000_000);

/// The header of a batch of `count` records at `offset`.
fn header(id: i64, epoch: i16, sequence: i32, count: usize, offset: i64) -> BatchHeader {
    let mut builder = BatchBuilder::new();
    for _ in 0..count {
        builder.push(&RecordParts { timestamp: Some(NOW), ..RecordParts::default() });
    }
    let stamp = ProducerStamp {
        id: ProducerId::new(id),
        epoch: ProducerEpoch::new(epoch),
        base_sequence: Sequence::new(sequence),
    };
    let mut batch = builder.finish(Compression::None, Some(stamp));
    patch_base_offset(&mut batch, Offset::new(offset));
    patch_leader_epoch(&mut batch, LeaderEpoch::new(0));
    BatchHeader::parse(&batch).unwrap()
}

/// State after batches of ten records each with the given base sequences, at offsets 100, 110...
fn after(sequences: &[i32]) -> Producers {
    let mut producers = Producers::default();
    for (offset, sequence) in (100..).step_by(10).zip(sequences) {
        producers.update(&header(7, 2, *sequence, 10, offset), NOW);
    }
    producers
}

#[test]
fn the_next_sequence_is_new_and_a_gap_is_not() {
    let producers = after(&[0, 10]);
    assert_eq!(producers.check(&header(7, 2, 20, 5, 0)), Ok(Verdict::New));
    let (id, found) = (ProducerId::new(7), Sequence::new(21));
    let expected = Sequence::new(20);
    assert_eq!(
        producers.check(&header(7, 2, 21, 5, 0)),
        Err(ProducerError::OutOfOrder { id, expected, found })
    );
}

#[test]
fn the_last_five_batches_are_duplicates_with_their_offsets() {
    let producers = after(&[0, 10, 20, 30, 40, 50]);
    for (sequence, offset) in [(10, 110), (20, 120), (30, 130), (40, 140), (50, 150)] {
        match producers.check(&header(7, 2, sequence, 10, 0)) {
            Ok(Verdict::Duplicate(original)) => assert_eq!(original.base_offset(), Offset::new(offset)),
            other => panic!("{sequence}: {other:?}"),
        }
    }
    let (id, found) = (ProducerId::new(7), Sequence::new(0));
    assert_eq!(producers.check(&header(7, 2, 0, 10, 0)), Err(ProducerError::Duplicate { id, found }));
    // Other boundaries than the original's.
    assert!(matches!(producers.check(&header(7, 2, 50, 9, 0)), Err(ProducerError::Duplicate { .. })));
    assert!(matches!(producers.check(&header(7, 2, 55, 10, 0)), Err(ProducerError::OutOfOrder { .. })));
}

#[test]
fn a_newer_epoch_begins_anew_and_fences_the_older() {
    let mut producers = after(&[0]);
    assert!(matches!(producers.check(&header(7, 3, 10, 1, 0)), Err(ProducerError::OutOfOrder { .. })));
    assert_eq!(producers.check(&header(7, 3, 0, 1, 0)), Ok(Verdict::New));
    producers.update(&header(7, 3, 0, 1, 200), NOW);
    let (id, current, found) = (ProducerId::new(7), ProducerEpoch::new(3), ProducerEpoch::new(2));
    assert_eq!(producers.check(&header(7, 2, 10, 1, 0)), Err(ProducerError::Fenced { id, current, found }));
}

#[test]
fn an_unknown_producer_begins_with_sequence_zero() {
    let producers = Producers::default();
    assert_eq!(producers.check(&header(7, 2, 0, 1, 0)), Ok(Verdict::New));
    let (id, found) = (ProducerId::new(7), Sequence::new(3));
    assert_eq!(producers.check(&header(7, 2, 3, 1, 0)), Err(ProducerError::Unknown { id, found }));
    assert_eq!(producers.check(&header(-1, -1, -1, 1, 0)), Ok(Verdict::New));
}

#[test]
fn sequences_wrap() {
    let mut producers = Producers::default();
    producers.update(&header(7, 0, i32::MAX - 9, 10, 0), NOW);
    assert_eq!(producers.check(&header(7, 0, 0, 5, 0)), Ok(Verdict::New));
    producers.update(&header(7, 0, 0, 5, 10), NOW);
    assert!(matches!(producers.check(&header(7, 0, i32::MAX - 9, 10, 0)), Ok(Verdict::Duplicate(_))));
    assert_eq!(producers.check(&header(7, 0, 5, 1, 0)), Ok(Verdict::New));
}

#[test]
fn idle_producers_expire() {
    let mut producers = after(&[0]);
    producers.update(&header(8, 0, 0, 1, 500), TimestampMs::new(NOW.get() + 100));
    producers.expire(|seen| seen <= NOW);
    assert_eq!(producers.len(), 1);
    assert!(matches!(producers.check(&header(7, 2, 10, 1, 0)), Err(ProducerError::Unknown { .. })));
    assert_eq!(producers.check(&header(8, 0, 1, 1, 0)), Ok(Verdict::New));
}

#[test]
fn there_is_a_limit_and_the_idle_go_first() {
    let mut producers = Producers::default();
    for id in 0..=MAX_PRODUCERS {
        let id = i64::try_from(id).unwrap();
        producers.update(&header(id, 0, 0, 1, id), TimestampMs::new(id));
    }
    assert!(producers.len() <= MAX_PRODUCERS);
    assert!(producers.len() > MAX_PRODUCERS / 2);
    let last = i64::try_from(MAX_PRODUCERS).unwrap();
    assert!(producers.by_id.contains_key(&ProducerId::new(last)));
    assert!(!producers.by_id.contains_key(&ProducerId::new(0)));
}

#[test]
fn snapshots_keep_all_five_batches() {
    let mut producers = after(&[0, 10, 20, 30, 40, 50]);
    producers.update(&header(9, 1, 0, 3, 900), NOW);
    let bytes = producers.to_snapshot();
    assert_eq!(bytes.len(), 10 + 6 * 46);
    let again = Producers::from_snapshot(&bytes).unwrap();
    assert_eq!(again, producers);
}

#[test]
fn a_snapshot_has_kafkas_layout() {
    let mut producers = Producers::default();
    producers.update(&header(0x0102, 3, 0, 10, 100), NOW);
    let bytes = producers.to_snapshot();
    assert_eq!(bytes[..2], [0, 1]);
    assert_eq!(bytes[2..6], crc32c::crc32c(&bytes[6..]).to_be_bytes());
    assert_eq!(bytes[6..10], [0, 0, 0, 1]);
    let mut entry = vec![0, 0, 0, 0, 0, 0, 1, 2, 0, 3, 0, 0, 0, 9];
    entry.extend(109_i64.to_be_bytes());
    entry.extend(9_i32.to_be_bytes());
    entry.extend(NOW.get().to_be_bytes());
    entry.extend([0xff; 12]);
    assert_eq!(bytes[10..], entry);
}

#[test]
fn a_torn_or_flipped_snapshot_is_refused() {
    let bytes = after(&[0, 10]).to_snapshot();
    for len in 0..bytes.len() {
        assert_eq!(Producers::from_snapshot(&bytes[..len]), None, "{len}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Producers::from_snapshot(&flipped), None, "{bit}");
    }
}
