//! The first failure of the disk is final.

use std::io::ErrorKind;

use yak_log::dir::{Crash, Fault, FaultKind, MemDir};
use yak_model::ErrorCode;
use yak_zookeeper::{Ended, JournalError, JournalLimits, Options};

use crate::rig::*;

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
    let refused = create(&handle, "clicks").unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotController, "INV-17: the second sync would have worked");
    let Ended::Failed(error) = zookeeper.shutdown_blocking() else { panic!("it failed") };
    assert!(matches!(error.as_ref(), JournalError::Io { action, .. } if *action == what), "{error}");
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
    create(&handle, "clicks").unwrap();
    let at = dir.op_count();
    let lost = dir.unsynced(at).into_iter().collect();
    let found = recover(&dir.crash(&Crash { at, lost, torn: None })).unwrap();
    assert_eq!(found.image, *handle.image());
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
