//! Compaction: a new file begins with an image, older ones stay to be read.

use std::collections::BTreeSet;

use crate::{JournalLimits, Options};
use yak_log::dir::MemDir;

use super::rig::*;

fn run(dir: &MemDir, limits: JournalLimits, topics: std::ops::Range<u32>) -> yak_core::image::Image {
    let zookeeper = try_start(dir, Options { limits, ..options() }).unwrap();
    let handle = zookeeper.handle();
    register(&handle, 1);
    unfence(&handle, 1);
    for number in topics {
        create(&handle, &format!("topic-{number}")).unwrap();
    }
    let image = handle.image().as_ref().clone();
    assert!(zookeeper.shutdown_blocking().is_in_order());
    image
}

#[test]
fn a_new_file_begins_after_so_many_lines() {
    let dir = MemDir::new();
    let limits = JournalLimits { lines: 10, ..JournalLimits::default() };
    let image = run(&dir, limits, 0..20);
    let names: Vec<String> = journal_files(&dir).into_iter().map(|(name, _)| name).collect();
    let at = |first: u32| format!("journal-{first:020}.ndjson");
    assert_eq!(names, [at(1), at(11), at(21)]);
    assert_eq!(recover(&dir).unwrap().image, image);
}

#[test]
fn a_new_file_begins_after_so_many_bytes_of_lines() {
    let dir = MemDir::new();
    let limits = JournalLimits { bytes: 4_000, ..JournalLimits::default() };
    let image = run(&dir, limits, 0..50);
    let files = journal_files(&dir);
    assert!(files.len() > 3);
    assert_eq!(recover(&dir).unwrap().image, image);
}

#[test]
fn a_restart_goes_on_in_the_newest_file_and_counts_on() {
    let dir = MemDir::new();
    let limits = JournalLimits { lines: 10, ..JournalLimits::default() };
    for round in 0..5 {
        let image = run(&dir, limits, round * 4..round * 4 + 4);
        assert_eq!(recover(&dir).unwrap().image, image);
    }
    // 31 lines: one for the cluster, six for each round.
    assert_eq!(journal_files(&dir).len(), 4);
}

#[test]
fn every_index_is_in_exactly_one_line_of_the_files_that_are_kept() {
    let dir = MemDir::new();
    let limits = JournalLimits { lines: 7, ..JournalLimits::default() };
    let image = run(&dir, limits, 0..30);
    let mut seen = BTreeSet::new();
    for (_, text) in journal_files(&dir) {
        let mut lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let header = yak_protocol::journal::decode_header(lines.next().unwrap()).unwrap();
        assert_eq!(header.cluster_id, cluster());
        let skipped = header.image.map_or(0, |image| usize::try_from(image.lines).unwrap());
        for line in lines.skip(skipped) {
            assert!(seen.insert(yak_protocol::journal::decode_line(line).unwrap().index.get()));
        }
    }
    assert_eq!(seen, (1..=image.index().get()).collect());
}

#[test]
fn history_is_bounded_by_size_and_the_oldest_goes_first() {
    let dir = MemDir::new();
    let limits = JournalLimits { lines: 10, history_bytes: 100_000, ..JournalLimits::default() };
    let image = run(&dir, limits, 0..100);
    let files = journal_files(&dir);
    let (_, older) = files.split_last().unwrap();
    let kept: usize = older.iter().map(|(_, text)| text.len()).sum();
    assert!(kept <= 100_000 && !older.is_empty(), "{kept} bytes in {} files", older.len());
    assert!(files[0].0 > format!("journal-{:020}.ndjson", 1));
    assert_eq!(recover(&dir).unwrap().image, image);
}

#[test]
fn damage_in_the_image_is_refused() {
    let dir = MemDir::new();
    run(&dir, JournalLimits { lines: 10, ..JournalLimits::default() }, 0..10);
    let (newest, text) = journal_files(&dir).pop().unwrap();
    let path = std::path::Path::new("zookeeper").join(&newest);
    let image_end = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(5).unwrap().0;
    for at in (0..image_end).step_by(7) {
        let damaged = dir.snapshot();
        damaged.tamper(&path, |bytes| bytes[at] ^= 4).unwrap();
        let refused = recover(&damaged).unwrap_err().to_string();
        assert!(refused.contains("The beginning of a journal file is written whole"), "{at}: {refused}");
    }
    for len in 0..image_end {
        let damaged = dir.snapshot();
        damaged.tamper(&path, |bytes| bytes.truncate(len)).unwrap();
        assert!(recover(&damaged).is_err(), "cut to {len}");
    }
}
