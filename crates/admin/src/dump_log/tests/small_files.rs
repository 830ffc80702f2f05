//! Indexes, snapshots, leader epochs: whole and wrong.

use super::*;

type Change = fn(&mut DumpLogArgs);

fn offset_index(entries: &[(u32, usize)]) -> Vec<u8> {
    let entry = |&(relative, position): &(u32, usize)| {
        [relative.to_be_bytes(), u32::try_from(position).unwrap().to_be_bytes()].concat()
    };
    entries.iter().flat_map(entry).collect()
}

fn time_index(entries: &[(i64, u32)]) -> Vec<u8> {
    let entry = |&(timestamp, relative): &(i64, u32)| {
        [&timestamp.to_be_bytes()[..], &relative.to_be_bytes()[..]].concat()
    };
    entries.iter().flat_map(entry).collect()
}

#[test]
fn an_offset_index_is_checked_against_the_log() {
    let (partition, _, ends) = Partition::with_segment();
    let name = format!("{:020}.index", 0);
    let good = offset_index(&[(4, ends[0]), (9, ends[1])]);
    let dump_index = |content: &[u8], change: Change| dump(&[partition.write(&name, content)], change);
    let dumped = dump_index(&[&good[..], &[0; 80]].concat(), |_| ());
    dumped.assert_whole();
    let expected = format!("offset: 4 position: {}\noffset: 9 position: {}\n", ends[0], ends[1]);
    assert!(dumped.text.ends_with(&expected));
    let verified = dump_index(&good, |args| args.verify_index_only = true);
    verified.assert_whole();
    assert_eq!(verified.text.lines().count(), 1);
    let sane = dump_index(&good, |args| args.index_sanity_check = true);
    assert!(sane.text.ends_with("00000000000000000000.index passed sanity check.\n"));
    assert!(dump_index(&[], |_| ()).text.ends_with("is empty.\n"));

    let verify = |args: &mut DumpLogArgs| args.verify_index_only = true;
    let sanity = |args: &mut DumpLogArgs| args.index_sanity_check = true;
    let cases: [(Vec<u8>, Change, &str); 5] = [
        (offset_index(&[(3, ends[0])]), verify, "the batch there ends with offset 4"),
        (offset_index(&[(4, ends[0] + 1)]), verify, "there is no batch"),
        (offset_index(&[(9, 1 << 30)]), verify, "there is no batch"),
        (offset_index(&[(9, ends[1]), (4, ends[0])]), sanity, "entries 0 and 1 do not rise"),
        (good[..12].to_vec(), sanity, "12 bytes are not whole entries of 8 bytes"),
    ];
    for (content, change, expected) in cases {
        let dumped = dump_index(&content, change);
        assert!(dumped.problem().ends_with(expected), "{}", dumped.problem());
    }
    fs::remove_file(partition.path(&format!("{:020}.log", 0))).unwrap();
    assert!(dump_index(&good, |_| ()).problem().contains("No such file"));
}

#[test]
fn a_time_index_is_checked_against_the_log() {
    let (partition, ..) = Partition::with_segment();
    let name = format!("{:020}.timeindex", 0);
    let good = time_index(&[(START + 2, 2), (START + 9, 9)]);
    let dump_index = |content: &[u8]| dump(&[partition.write(&name, content)], |_| ());
    let dumped = dump_index(&[&good[..], &[0; 120]].concat());
    dumped.assert_whole();
    let expected = format!("timestamp: {} offset: 2\ntimestamp: {} offset: 9\n", START + 2, START + 9);
    assert!(dumped.text.ends_with(&expected));
    for (entries, expected) in [
        (&[(START + 3, 2)][..], "the largest timestamp of the batch is 1700000000002"),
        (&[(START + 3, 3)], "offset 3: the batch with it ends with offset 4"),
        (&[(START + 3, 33)], "offset 33: there is no such batch"),
    ] {
        let dumped = dump_index(&time_index(entries));
        assert!(dumped.problem().ends_with(expected), "{}", dumped.problem());
    }
    let falling = dump_index(&time_index(&[(START + 9, 9), (START + 2, 2)]));
    assert!(falling.problems[0].ends_with("entries 0 and 1 do not rise"));
}

/// One entry of a snapshot: producer id, last sequence, last offset, offset delta.
fn producer(id: i64, sequence: i32, offset: i64, delta: i32) -> Vec<u8> {
    let numbers: [&[u8]; 8] = [
        &id.to_be_bytes(),
        &3_i16.to_be_bytes(),
        &sequence.to_be_bytes(),
        &offset.to_be_bytes(),
        &delta.to_be_bytes(),
        &START.to_be_bytes(),
        &(-1_i32).to_be_bytes(),
        &(-1_i64).to_be_bytes(),
    ];
    numbers.concat()
}

#[test]
fn producer_snapshots_are_checked_by_their_checksum() {
    let entries = [producer(7, 11, 20, 4), producer(8, 1, 22, 3), producer(9, -1, -1, 0)].concat();
    let checked = [&3_i32.to_be_bytes()[..], &entries].concat();
    let mut content = [&1_i16.to_be_bytes()[..], &crc32c::crc32c(&checked).to_be_bytes(), &checked].concat();
    let partition = Partition::new();
    let name = "00000000000000000023.snapshot";
    partition.write(name, &content);
    let dumped = partition.dump(|_| ());
    dumped.assert_whole();
    let lines: Vec<_> = dumped.text.lines().skip(1).collect();
    let head = |id: i64| {
        format!(
            "producerId: {id} producerEpoch: 3 coordinatorEpoch: -1 currentTxnFirstOffset: OptionalLong.empty"
        )
    };
    let batch = "firstSequence: 7 lastSequence: 11 lastOffset: 20 offsetDelta: 4";
    assert_eq!(lines[0], format!("{} lastTimestamp: {START} {batch} timestamp: {START}", head(7)));
    assert!(lines[1].contains("firstSequence: 2147483646 lastSequence: 1 "), "sequences wrap: {}", lines[1]);
    assert_eq!(lines[2], format!("{} lastTimestamp: {START}", head(9)));

    content[30] ^= 1;
    partition.write(name, &content);
    assert!(partition.dump(|_| ()).problem().contains(".snapshot: the checksum is 0x"));
    for len in [0, 9, 40] {
        partition.write(name, &content[..len]);
        assert_eq!(partition.dump(|_| ()).problems.len(), 1, "{len}");
    }
}

#[test]
fn leader_epochs_and_aborted_transactions() {
    let partition = Partition::new();
    let dump_epochs = |content: &str| {
        partition.write("leader-epoch-checkpoint", content.as_bytes());
        partition.dump(|_| ())
    };
    let dumped = dump_epochs("0\n2\n0 0\n3 17\n");
    dumped.assert_whole();
    assert!(dumped.text.ends_with("epoch: 0 startOffset: 0\nepoch: 3 startOffset: 17\n"));
    for (content, expected) in [
        ("1\n0\n", "line 1: version 0 expected"),
        ("0\n2\n0 0\n", "line 2: it announces another number than the 1 lines that follow"),
        ("0\n2\n3 17\n3 18\n", "line 4: \"3 18\" does not rise above the line before"),
        ("0\n0\nrubbish\n", "line 3: \"rubbish\" is no epoch and offset"),
    ] {
        let dumped = dump_epochs(content);
        assert!(dumped.problem().ends_with(expected), "{}", dumped.problem());
    }
    dump_epochs("0\n0\n").assert_whole();
    let aborted = [&0_i16.to_be_bytes()[..], &7_i64.to_be_bytes(), &[0; 24]].concat();
    partition.write("00000000000000000000.txnindex", &aborted);
    let dumped = partition.dump(|_| ());
    let expected = "version: 0 producerId: 7 firstOffset: 0 lastOffset: 0 lastStableOffset: 0\n";
    assert!(dumped.text.ends_with(expected));
}
