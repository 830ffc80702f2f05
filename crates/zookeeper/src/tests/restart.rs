//! A restart is a replay.

use crate::{JournalError, Options, StartError, Zookeeper};
use yak_log::dir::{MemDir, RealDir};
use yak_model::api::AllocateProducerIds;
use yak_model::{BrokerId, ClusterId, ErrorCode};

use super::rig::*;

#[test]
fn a_restart_gives_the_same_image() {
    let (dir, images) = some_history();
    let last = images.last().unwrap();
    for _ in 0..3 {
        let zookeeper = start(&dir);
        assert_eq!(zookeeper.handle().image().as_ref(), last);
        assert!(zookeeper.shutdown_blocking().is_in_order());
    }
}

#[test]
fn a_new_cluster_has_the_id_it_was_given_or_one_of_its_own() {
    let dir = MemDir::new();
    let zookeeper = start(&dir);
    assert_eq!(zookeeper.handle().image().cluster_id(), cluster());
    drop(zookeeper);
    let own = |_| {
        let zookeeper = try_start(&MemDir::new(), Options { cluster_id: None, ..options() }).unwrap();
        zookeeper.handle().image().cluster_id()
    };
    let ids = [(); 2].map(own);
    assert!(ids[0] != ids[1] && !ids[0].uuid().is_zero());
}

#[test]
fn the_journal_of_another_cluster_is_refused() {
    let (dir, _) = some_history();
    let expected = ClusterId::from_random([9; 16]);
    let refused = try_start(&dir, Options { cluster_id: Some(expected), ..options() }).unwrap_err();
    assert!(matches!(refused, StartError::OtherCluster { found, .. } if found == cluster()));
}

#[test]
fn a_journal_in_use_is_refused() {
    let dir = MemDir::new();
    let first = start(&dir);
    let refused = try_start(&dir, options()).unwrap_err();
    assert!(matches!(refused, StartError::Journal(JournalError::InUse(_))), "{refused}");
    assert_eq!(refused.to_string(), "(memory)/zookeeper is in use by another process");
    assert!(first.shutdown_blocking().is_in_order());
    start(&dir);
}

#[test]
fn producer_ids_go_on_where_they_were() {
    let dir = MemDir::new();
    let mut last = -1;
    for _ in 0..3 {
        let zookeeper = start(&dir);
        let handle = zookeeper.handle();
        register(&handle, 1);
        let broker_id = BrokerId::new(1);
        let broker_epoch = handle.image().broker(broker_id).unwrap().epoch();
        let block = handle.submit_blocking(AllocateProducerIds { broker_id, broker_epoch }).unwrap();
        assert!(block.first.get() > last);
        last = block.end.get() - 1;
        assert!(zookeeper.shutdown_blocking().is_in_order());
    }
}

#[test]
fn who_has_the_reply_finds_its_effect_in_the_image() {
    let dir = MemDir::new();
    let zookeeper = start(&dir);
    let handle = zookeeper.handle();
    let mut watching = handle.subscribe();
    register(&handle, 1);
    unfence(&handle, 1);
    for number in 0..50 {
        let topic = format!("topic-{number}");
        create(&handle, &topic).unwrap();
        assert!(handle.image().topic(&name(&topic)).is_some());
        assert!(watching.has_changed().unwrap());
        assert_eq!(watching.borrow_and_update().as_ref(), handle.image().as_ref());
    }
}

#[test]
fn a_rejection_is_passed_on_and_changes_nothing() {
    let (dir, images) = some_history();
    let zookeeper = start(&dir);
    let refused = create(&zookeeper.handle(), "orders").unwrap_err();
    assert_eq!(refused.code, ErrorCode::TopicAlreadyExists);
    assert_eq!(zookeeper.handle().image().as_ref(), images.last().unwrap());
}

#[test]
fn after_the_end_nothing_is_taken() {
    let dir = MemDir::new();
    let zookeeper = start(&dir);
    let handle = zookeeper.handle();
    assert!(zookeeper.shutdown_blocking().is_in_order());
    let refused = create(&handle, "late").unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (ErrorCode::NotController, "the zookeeper has stopped")
    );
}

#[tokio::test]
async fn it_serves_and_ends_on_a_runtime_too() {
    let directory = tempfile::tempdir().unwrap();
    let dir = || std::sync::Arc::new(RealDir::open(directory.path()).unwrap());
    let zookeeper = Zookeeper::start(dir(), options()).unwrap();
    let handle = zookeeper.handle();
    let results = handle.submit(creation("orders")).await.unwrap();
    assert_eq!(results[0].as_ref().unwrap_err().code, ErrorCode::ReplicaNotAvailable, "no broker yet");
    let ended = tokio::spawn(async move { handle.ended().await });
    assert!(zookeeper.shutdown().await.is_in_order());
    assert!(ended.await.unwrap().is_in_order());
    let again = Zookeeper::start(dir(), options()).unwrap();
    assert_eq!(again.handle().image().index().get(), 1);
    assert!(again.shutdown().await.is_in_order());
}

#[test]
fn it_ends_when_nobody_can_ask_any_more() {
    let dir = MemDir::new();
    drop(start(&dir));
    // The lock tells when the thread is gone.
    let again = std::iter::repeat_with(|| {
        std::thread::yield_now();
        try_start(&dir, options())
    });
    assert!(again.take(1_000_000).any(|started| started.is_ok()));
}

#[test]
fn without_durability_nothing_is_synced_and_a_restart_still_finds_all() {
    use yak_log::dir::Op;
    let dir = MemDir::new();
    let quick = || Options { durable: false, ..options() };
    let zookeeper = try_start(&dir, quick()).unwrap();
    register(&zookeeper.handle(), 1);
    let image = zookeeper.handle().image();
    assert!(zookeeper.shutdown_blocking().is_in_order());
    assert!(!dir.ops().iter().any(|op| matches!(op, Op::SyncFile(_) | Op::SyncDir(_) | Op::SyncAll)));
    assert_eq!(try_start(&dir, quick()).unwrap().handle().image(), image);
}
