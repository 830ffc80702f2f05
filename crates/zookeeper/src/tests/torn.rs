//! An unfinished write at the end is cut, wherever it stopped, and said aloud.

use yak_log::dir::MemDir;

use super::rig::*;

/// Where each line of a journal ends, from the header on.
fn line_ends(text: &[u8]) -> Vec<usize> {
    let breaks = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    breaks.map(|(at, _)| at + 1).collect()
}

#[test]
fn inv_18_at_every_byte_length_the_whole_lines_are_there() {
    let (dir, images) = some_history();
    let text = journal_text(&dir);
    let ends = line_ends(&text);
    for len in ends[0]..=text.len() {
        let cut = holding(&text[..len]);
        let found = recover(&cut).unwrap_or_else(|error| panic!("{len}: {error}"));
        let whole = ends.iter().filter(|end| **end <= len).count() - 1;
        assert_eq!(found.image, images[whole], "at {len}");
        let kept = ends[whole];
        assert_eq!(
            found.cut.map(|cut| (cut.line, cut.bytes)),
            (len > kept).then(|| (whole as u64 + 2, (len - kept) as u64))
        );
        assert_eq!(journal_text(&cut), &text[..kept], "the file is as if the rest had never been there");
    }
}

#[test]
fn within_the_header_a_cut_is_damage() {
    let (dir, _) = some_history();
    let text = journal_text(&dir);
    for len in 0..line_ends(&text)[0] - 1 {
        let refused = recover(&holding(&text[..len])).unwrap_err().to_string();
        assert!(refused.contains("journal-00000000000000000001.ndjson:1: "), "{len}: {refused}");
    }
}

#[test]
fn after_a_cut_the_journal_goes_on() {
    let (dir, _) = some_history();
    let text = journal_text(&dir);
    let cut = holding(&text[..text.len() - 5]);
    let zookeeper = start(&cut);
    assert!(zookeeper.handle().image().topic(&name("logins")).is_none());
    create(&zookeeper.handle(), "payments").unwrap();
    let image = zookeeper.handle().image();
    assert!(zookeeper.shutdown_blocking().is_in_order());
    assert_eq!(recover(&cut).unwrap().image, *image);
}

#[test]
fn holes_of_a_write_that_was_never_synced_are_cut() {
    let (dir, images) = some_history();
    let text = journal_text(&dir);
    let ends = line_ends(&text);
    // The last line with any run of its bytes not written, and all of it.
    let last = ends[ends.len() - 2];
    for (from, to) in
        [(last, text.len()), (last, last + 10), (last + 20, last + 30), (text.len() - 9, text.len())]
    {
        let mut holed = text.clone();
        holed[from..to].fill(0);
        assert_eq!(recover(&holding(&holed)).unwrap().image, images[images.len() - 2], "{from}..{to}");
    }
}

/// A journal whose last two lines are one group: both were written when only what was before them was known to be
/// on disk. And where the group begins.
pub(super) fn grouped_text() -> (Vec<u8>, usize) {
    let (dir, _) = some_history();
    let text = journal_text(&dir);
    let ends = line_ends(&text);
    let last = ends[ends.len() - 2];
    let mut line = decoded(&text[last..]);
    line.synced = yak_model::MetadataIndex::new(line.synced.get() - 1);
    let mut regrouped = text[..last].to_vec();
    yak_protocol::journal::encode_line(&line, &mut regrouped);
    (regrouped, ends[ends.len() - 3])
}

#[test]
fn a_hole_before_a_whole_line_of_the_same_group_is_cut_with_it() {
    let (text, begin) = grouped_text();
    let whole = recover(&holding(&text)).unwrap().image;
    let mut holed = text.clone();
    holed[begin + 30..begin + 60].fill(0);
    let found = recover(&holding(&holed)).unwrap().image;
    assert_eq!(found.index().get(), whole.index().get() - 2, "neither was acknowledged");
}

#[test]
fn what_is_left_of_an_interrupted_compaction_is_removed() {
    let (dir, images) = some_history();
    let path = std::path::Path::new("zookeeper/journal-00000000000000000007.ndjson.tmp");
    yak_log::dir::Dir::open(&dir, path, yak_log::dir::OpenMode::CreateNew)
        .unwrap()
        .write_all_at(b"half", 0)
        .unwrap();
    assert_eq!(&recover(&dir).unwrap().image, images.last().unwrap());
    assert!(dir.files().iter().all(|(found, _)| found != path));
}

#[test]
fn an_empty_directory_begins_a_journal() {
    let found = recover(&MemDir::new()).unwrap();
    assert_eq!((found.cluster_id, found.image.index().get(), found.cut), (cluster(), 0, None));
}
