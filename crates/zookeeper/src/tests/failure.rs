//! The first failure of the disk is final.

use std::io::ErrorKind;

use crate::{Ended, JournalError, JournalLimits, Options};
use yak_core::image::Image;
use yak_log::dir::{Crash, Fault, FaultKind, MemDir, Op};
use yak_model::ErrorCode;

use super::rig::*;

fn once(kind: FaultKind, error: ErrorKind) -> Fault {
    Fault { kind, after: 0, error, written: 0, sticky: false }
}

fn is_final(dir: &MemDir, fault: Fault, what: &str) {
    let zookeeper = start(dir);
    let handle = zookeeper.handle();
    register(&handle, 1);
    unfence(&handle, 1);
    let before = handle.image();
    dir.inject(fault);
    let unknown = create(&handle, "orders").unwrap_err();
    assert_eq!(unknown.code, ErrorCode::RequestTimedOut, "{unknown}");
    assert!(unknown.message.contains("whether the change was made is unknown"), "{unknown}");
    assert_eq!(handle.image(), before, "INV-17: nothing is published");
    let Ended::Failed(error) = zookeeper.shutdown_blocking() else { panic!("it failed") };
    assert!(matches!(error.as_ref(), JournalError::Io { action, .. } if *action == what), "{error}");
    let refused = create(&handle, "clicks").unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotController, "INV-17: the second sync would have worked");
}

#[test]
fn inv_17_a_failed_sync_is_final() {
    is_final(&MemDir::new(), once(FaultKind::SyncFile, ErrorKind::Other), "sync");
}

#[test]
fn inv_17_a_failed_write_is_final() {
    is_final(&MemDir::new(), Fault { written: 20, ..once(FaultKind::Write, ErrorKind::Other) }, "write");
}

#[test]
fn inv_17_a_sync_that_says_there_is_no_room_is_final_too() {
    is_final(&MemDir::new(), once(FaultKind::SyncFile, ErrorKind::StorageFull), "sync");
}

/// The bytes of a failed sync read well afterwards and are gone after a power cut: what a restart builds on, it
/// first makes sure of.
#[test]
fn what_a_restart_found_unsynced_is_on_disk_before_anything_follows() {
    let dir = MemDir::new();
    is_final(&dir, once(FaultKind::SyncFile, ErrorKind::Other), "sync");
    let zookeeper = start(&dir);
    let handle = zookeeper.handle();
    assert!(handle.image().topic(&name("orders")).is_some(), "its outcome was unknown; it was made");
    assert_eq!(after_power_cut(&dir), *handle.image(), "what can be seen is on disk");
    create(&handle, "clicks").unwrap();
    assert_eq!(after_power_cut(&dir), *handle.image());
}

/// What is there after a power cut that lost everything it could.
fn after_power_cut(dir: &MemDir) -> Image {
    let at = dir.op_count();
    let lost = dir.unsynced(at).into_iter().collect();
    recover(&dir.crash(&Crash { at, lost, torn: None })).unwrap().image
}

/// A group of several lines whose sync failed is in doubt from its first line on.
#[test]
fn a_group_in_doubt_is_written_again_from_its_beginning() {
    let (text, begin) = super::torn::grouped_text();
    let dir = holding(&text);
    recover(&dir).unwrap();
    let writes: Vec<u64> = dir
        .ops()
        .iter()
        .filter_map(|op| if let Op::Write { position, .. } = op { Some(*position) } else { None })
        .collect();
    assert_eq!(writes, [begin as u64]);
}

/// The new file's name was in this machine's memory only when the process ended.
#[test]
fn a_restart_makes_sure_of_the_name_of_the_file_it_found() {
    let dir = MemDir::new();
    let limits = JournalLimits { lines: 4, ..JournalLimits::default() };
    let zookeeper = try_start(&dir, Options { limits, ..options() }).unwrap();
    let handle = zookeeper.handle();
    register(&handle, 1);
    unfence(&handle, 1);
    dir.inject(once(FaultKind::SyncDir, ErrorKind::Other));
    create(&handle, "orders").unwrap();
    assert!(!zookeeper.shutdown_blocking().is_in_order());
    assert_eq!(journal_files(&dir).len(), 2);
    let zookeeper = start(&dir);
    create(&zookeeper.handle(), "clicks").unwrap();
    assert_eq!(after_power_cut(&dir), *zookeeper.handle().image());
}

#[test]
fn a_start_that_cannot_sync_fails() {
    for (kind, action) in [
        (FaultKind::SyncFile, "sync"),
        (FaultKind::SyncDir, "sync"),
        (FaultKind::Rename, "rename"),
        (FaultKind::Write, "write"),
        (FaultKind::Create, "lock"),
        (FaultKind::Read, "read"),
    ] {
        let dir = MemDir::new();
        dir.inject(once(kind, ErrorKind::Other));
        let refused = try_start(&dir, options()).unwrap_err().to_string();
        assert!(refused.starts_with(&format!("cannot {action} (memory)/zookeeper")), "{kind:?}: {refused}");
        start(&dir);
    }
}

#[test]
fn a_compaction_that_fails_is_final() {
    for kind in [FaultKind::SyncDir, FaultKind::Rename] {
        let dir = MemDir::new();
        let limits = JournalLimits { lines: 4, ..JournalLimits::default() };
        let zookeeper = try_start(&dir, Options { limits, ..options() }).unwrap();
        let handle = zookeeper.handle();
        register(&handle, 1);
        unfence(&handle, 1);
        dir.inject(once(kind, ErrorKind::StorageFull));
        create(&handle, "orders").unwrap();
        let image = handle.image();
        let Ended::Failed(_) = zookeeper.shutdown_blocking() else { panic!("{kind:?}") };
        assert_eq!(recover(&dir).unwrap().image, *image, "{kind:?}: what was acknowledged is there");
    }
}
