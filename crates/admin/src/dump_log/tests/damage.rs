//! Damaged segments: what is reported, and what is not damage.

use super::*;
use crate::dump_log::log::{self, Continuity};

#[test]
fn a_wrong_checksum_is_named_and_the_rest_is_dumped() {
    let (partition, mut content, ends) = Partition::with_segment();
    content[ends[1] - 1] ^= 1;
    partition.segment(0, &content);
    let dumped = partition.dump(|args| args.deep_iteration = true);
    let at = ends[0];
    let expected =
        format!("00000000000000000000.log: position {at}, offset 3: the checksum does not match the content");
    assert_eq!(dumped.problem(), expected);
    assert_eq!((dumped.batches(), dumped.text.matches("isvalid: false").count()), (3, 1));
    assert_eq!(dumped.text.matches("| offset").count(), 8, "records of the other two");
}

#[test]
fn a_destroyed_header_is_skipped_up_to_the_next_whole_batch() {
    let (partition, mut content, ends) = Partition::with_segment();
    content[ends[0]..ends[0] + 20].fill(0xee);
    partition.segment(0, &content);
    let dumped = partition.dump(|_| ());
    let (from, len) = (ends[0], ends[1] - ends[0]);
    assert!(
        dumped.problem().contains(&format!("position {from}, offset 3: magic -18")),
        "{}",
        dumped.problem()
    );
    assert!(dumped.text.contains(&format!("Found {len} invalid bytes at position {from} of ")));
    assert_eq!(dumped.batches(), 2);
}

#[test]
fn part_of_a_batch_is_a_torn_tail_only_at_the_end_of_the_last_segment() {
    for len in [1, 60, 61, 70] {
        let (partition, content, ends) = Partition::with_segment();
        partition.segment(0, &content[..ends[1] + len]);
        let dumped = partition.dump(|_| ());
        dumped.assert_whole();
        let expected = format!("Found {len} invalid bytes at the end of 00000000000000000000.log\n");
        assert!(dumped.text.ends_with(&expected));
        partition.segment(5, &batch(5, 1, 1));
        let dumped = partition.dump(|_| ());
        let expected = format!("position {}, offset 5: {len} bytes at the end are no whole batch", ends[1]);
        assert!(dumped.problem().ends_with(&expected), "{}", dumped.problem());
    }
}

#[test]
fn zeros_at_the_end_are_a_torn_tail_and_other_rubbish_is_not() {
    let (partition, content, ends) = Partition::with_segment();
    partition.segment(0, &[&content[..ends[1]], &[0; 4096]].concat());
    partition.dump(|_| ()).assert_whole();
    partition.segment(0, &[&content[..ends[1]], &[7; 4096]].concat());
    let expected = format!("position {}, offset 5: magic 7", ends[1]);
    assert!(partition.dump(|_| ()).problem().contains(&expected));
}

#[test]
fn a_length_that_swallows_the_following_batches_is_damage() {
    let (partition, mut content, ends) = Partition::with_segment();
    content[8 + 2] ^= 0x40;
    partition.segment(0, &content);
    let dumped = partition.dump(|_| ());
    assert!(dumped.problem().contains("position 0, offset 0: the batch needs"), "{}", dumped.problem());
    assert_eq!(dumped.batches(), 2);
    assert!(dumped.text.contains(&format!("Found {} invalid bytes at position 0", ends[0])));
}

/// Everything but the leader epoch, of which only a fall can be seen.
#[test]
fn every_flipped_bit_of_a_rolled_segment_is_reported() {
    let (partition, content, ends) = Partition::with_segment();
    partition.segment(10, &batch(10, 1, 1));
    partition.dump(|_| ()).assert_whole();
    let starts = [0, ends[0], ends[1]];
    let mut flipped = 0;
    for bit in 0..content.len() * 8 {
        let in_batch = starts.iter().map(|start| (bit / 8).wrapping_sub(*start)).min().unwrap();
        if (12..16).contains(&in_batch) {
            continue;
        }
        let mut bad = content.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        partition.segment(0, &bad);
        let mut context = Context::new(&DumpLogArgs::default(), None, Output::new(std::io::sink()));
        let mut continuity = Continuity::default();
        for (base, last) in [(0, false), (10, true)] {
            let path = partition.path(&format!("{base:020}.log"));
            let target = find::Target { path, kind: find::Kind::Log(base), last, named: false };
            log::dump(&mut context, &target, base, &mut continuity).unwrap();
        }
        assert!(context.problems() > 0, "bit {bit}");
        flipped += 1;
    }
    assert_eq!(flipped, (content.len() - 3 * 4) * 8);
}

#[test]
fn offsets_and_epochs_must_go_on() {
    let cases = [
        (vec![batch(0, 2, 0), batch(5, 1, 0)], "offset 5: non-consecutive offsets: 1 is followed by 5"),
        (vec![batch(0, 2, 0), batch(1, 1, 0)], "offset 1: offset 1 comes again: the batch before ends at 2"),
        (vec![batch(0, 2, 3), batch(2, 1, 2)], "offset 2: leader epoch 2 follows epoch 3"),
        (vec![batch(4, 2, 0)], "offset 4: non-consecutive offsets: -1 is followed by 4"),
    ];
    for (batches, expected) in cases {
        let partition = Partition::new();
        partition.segment(0, &batches.concat());
        let dumped = partition.dump(|_| ());
        assert!(dumped.problem().ends_with(expected), "{}", dumped.problem());
        let compacted = partition.dump(|args| args.allow_gaps = true);
        assert_eq!(compacted.problems.is_empty(), expected.contains("non-consecutive"));
    }
    let (partition, ..) = Partition::with_segment();
    partition.segment(12, &batch(12, 1, 1));
    let expected = "position 0, offset 12: the segment before ends at offset 10, this one begins at 12";
    assert!(partition.dump(|_| ()).problem().ends_with(expected));
}
