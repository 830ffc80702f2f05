//! Commands that wait together share one write and one sync, and nobody is answered before it.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::Zookeeper;
use yak_log::dir::{MemDir, Op};
use yak_model::{ErrorCode, MetadataIndex};

use super::gate::GatedDir;
use super::rig::*;

/// A zookeeper with a live broker whose next sync waits at the gate.
fn gated() -> (MemDir, GatedDir, Zookeeper) {
    let memory = MemDir::new();
    let dir = GatedDir::new(memory.clone());
    let zookeeper = Zookeeper::start(Arc::new(dir.clone()), options()).unwrap();
    register(&zookeeper.handle(), 1);
    unfence(&zookeeper.handle(), 1);
    dir.close();
    (memory, dir, zookeeper)
}

#[test]
fn a_hundred_commands_that_wait_for_one_sync_share_the_next() {
    let (memory, dir, zookeeper) = gated();
    let handle = zookeeper.handle();
    let mut context = Context::from_waker(Waker::noop());
    let (syncs, before) = (dir.syncs(), handle.image());
    let mut first = pin!(handle.submit(creation("first")));
    assert!(first.as_mut().poll(&mut context).is_pending());
    dir.wait_for_sync();
    let submit = |number: usize| Box::pin(handle.submit(creation(&format!("topic-{number}"))));
    let mut others: Vec<_> = (0..100).map(submit).collect();
    assert!(others.iter_mut().all(|other| other.as_mut().poll(&mut context).is_pending()));
    assert!(first.as_mut().poll(&mut context).is_pending(), "nobody is answered before the sync");
    assert_eq!(handle.image(), before, "nothing is published before the sync");

    dir.open_gate();
    assert!(zookeeper.shutdown_blocking().is_in_order());
    for other in &mut others {
        let Poll::Ready(Ok(created)) = other.as_mut().poll(&mut context) else { panic!("it is answered") };
        assert!(created[0].is_ok());
    }
    assert_eq!(handle.image().topic_count(), 101);
    assert_eq!(dir.syncs() - syncs, 2, "one for the first, one for the hundred that came meanwhile");
    let writes = memory.ops().iter().filter(|op| matches!(op, Op::Write { .. })).count();
    assert_eq!(writes, 1 + 3 + 2, "header, three lines, two groups");
    assert_eq!(recover(&memory).unwrap().image.topic_count(), 101);
}

#[test]
fn lines_of_a_group_know_what_was_on_disk_before_it() {
    let (memory, dir, zookeeper) = gated();
    let handle = zookeeper.handle();
    let mut context = Context::from_waker(Waker::noop());
    let mut first = pin!(handle.submit(creation("first")));
    assert!(first.as_mut().poll(&mut context).is_pending());
    dir.wait_for_sync();
    let mut second = pin!(handle.submit(creation("second")));
    let mut third = pin!(handle.submit(creation("third")));
    assert!(second.as_mut().poll(&mut context).is_pending());
    assert!(third.as_mut().poll(&mut context).is_pending());
    dir.open_gate();
    assert!(zookeeper.shutdown_blocking().is_in_order());
    assert!(matches!(third.as_mut().poll(&mut context), Poll::Ready(Ok(_))));
    let text = journal_text(&memory);
    let lines = text.split(|byte| *byte == b'\n').skip(1).filter(|line| !line.is_empty());
    let synced: Vec<_> = lines.map(|line| yak_protocol::journal::decode_line(line).unwrap().synced).collect();
    assert_eq!(synced, [0, 1, 2, 3, 4, 4].map(MetadataIndex::new));
}

/// A decision on top of one that is not yet durable waits for it, even if it changes nothing itself.
#[test]
fn a_rejection_waits_for_what_it_was_decided_on() {
    let (_, dir, zookeeper) = gated();
    let handle = zookeeper.handle();
    let mut context = Context::from_waker(Waker::noop());
    let mut first = pin!(handle.submit(creation("first")));
    let mut race = pin!(handle.submit(creation("orders")));
    let mut lost = pin!(handle.submit(creation("orders")));
    assert!(first.as_mut().poll(&mut context).is_pending());
    dir.wait_for_sync();
    assert!(race.as_mut().poll(&mut context).is_pending());
    assert!(lost.as_mut().poll(&mut context).is_pending());
    dir.open_gate();
    assert!(zookeeper.shutdown_blocking().is_in_order());
    assert!(matches!(race.as_mut().poll(&mut context), Poll::Ready(Ok(created)) if created[0].is_ok()));
    let Poll::Ready(Ok(results)) = lost.as_mut().poll(&mut context) else { panic!("it is answered") };
    assert_eq!(results[0].as_ref().unwrap_err().code, ErrorCode::TopicAlreadyExists);
}

#[test]
fn many_threads_each_find_what_they_created() {
    let (memory, dir, zookeeper) = gated();
    dir.open_gate();
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let handle = zookeeper.handle();
            scope.spawn(move || {
                for number in 0..25 {
                    let topic = format!("topic-{thread}-{number}");
                    create(&handle, &topic).unwrap();
                    assert!(handle.image().topic(&name(&topic)).is_some());
                }
            });
        }
    });
    let image = zookeeper.handle().image();
    assert!(zookeeper.shutdown_blocking().is_in_order());
    assert_eq!(image.topic_count(), 400);
    assert_eq!(recover(&memory).unwrap().image, *image);
}
