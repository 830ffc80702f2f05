//! A full disk refuses changes, harms nothing, and heals.

use crate::{JournalLimits, Options};
use yak_log::dir::{MemDir, Op};
use yak_model::ErrorCode;

use super::rig::*;

#[test]
fn inv_22_what_does_not_fit_is_refused_and_taken_back() {
    let dir = MemDir::new();
    let zookeeper = start(&dir);
    let handle = zookeeper.handle();
    register(&handle, 1);
    unfence(&handle, 1);
    create(&handle, "orders").unwrap();
    let (before, text) = (handle.image(), journal_text(&dir));
    for more in [0, 1, 100, 300] {
        dir.set_capacity(Some(text.len() as u64 + more));
        let refused = create(&handle, "clicks").unwrap_err();
        assert_eq!(refused.code, ErrorCode::KafkaStorageError);
        assert!(
            refused.code.is_retriable() && refused.message.starts_with("nothing was changed: "),
            "{refused}"
        );
        assert_eq!((handle.image(), journal_text(&dir)), (before.clone(), text.clone()));
        assert_eq!(recover(&dir.snapshot()).unwrap().image, *before);
    }
    dir.set_capacity(None);
    create(&handle, "clicks").unwrap();
    let image = handle.image();
    assert!(zookeeper.shutdown_blocking().is_in_order());
    assert_eq!(recover(&dir).unwrap().image, *image);
}

/// Lines that were refused must not come back after a power cut, though some of them were whole on the disk.
#[test]
fn what_was_refused_does_not_come_back() {
    let (dir, images) = some_history();
    let zookeeper = start(&dir);
    let handle = zookeeper.handle();
    dir.set_capacity(Some(journal_text(&dir).len() as u64 + 200));
    create(&handle, "clicks-2").unwrap_err();
    let at = dir.op_count();
    assert!(dir.unsynced(at).is_empty(), "the cut is on disk before anybody is told");
    assert_eq!(&recover(&dir.snapshot()).unwrap().image, images.last().unwrap());
}

#[test]
fn inv_22_a_full_disk_only_delays_compaction() {
    let dir = MemDir::new();
    let limits = JournalLimits { lines: 5, ..JournalLimits::default() };
    let zookeeper = try_start(&dir, Options { limits, ..options() }).unwrap();
    let handle = zookeeper.handle();
    register(&handle, 1);
    unfence(&handle, 1);
    create(&handle, "topic-a").unwrap();
    // Room for the next line, not for another file beside it.
    dir.set_capacity(Some(journal_text(&dir).len() as u64 + 1_600));
    create(&handle, "topic-b").unwrap();
    create(&handle, "topic-c").unwrap();
    create(&handle, "topic-a").unwrap_err();
    assert_eq!(journal_files(&dir).len(), 1, "the line after it finds the old file alone");
    let attempts = dir.ops().iter().filter(|op| matches!(op, Op::RemoveFile(_))).count();
    assert_eq!(attempts, 1, "it is not tried again at once");
    dir.set_capacity(None);
    for topic in ["topic-d", "topic-e", "topic-f", "topic-g"] {
        create(&handle, topic).unwrap();
    }
    let image = handle.image();
    assert!(zookeeper.shutdown_blocking().is_in_order());
    assert_eq!(journal_files(&dir).len(), 2);
    assert_eq!(recover(&dir).unwrap().image, *image);
}
