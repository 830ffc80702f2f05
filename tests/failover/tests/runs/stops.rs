//! A leader that hangs: its connections stay open, it just falls silent, and later it goes on as if nothing had been.

use std::time::Duration;

use yak_test_failover::{Flush, Run, Setup, Topic, Victim, leaders, turn};

use crate::whole;

#[test]
fn a_leader_that_hangs_is_replaced_by_the_next_in_the_queue_and_follows_when_it_goes_on() {
    let _turn = turn();
    let mut run = Run::start(Setup::new("stops", 2));
    for _ in 0..2 {
        run.wait_acknowledged(200);
        let leader = run.choose(Victim::Leader);
        let before = run.view().expect("all is well");
        run.stop(leader);
        // Longer than its session, whatever that is: until it leads nothing.
        let after = run.until("another leader of everything", |run| {
            let view = run.view()?;
            view.iter().all(|view| view.leader.is_some_and(|now| now != leader)).then_some(view)
        });
        for (before, after) in before.iter().zip(&after) {
            let next = before.in_sync_replicas.iter().find(|id| **id != leader);
            assert_eq!(after.leader.as_ref(), next, "first come, first served: {before:?} became {after:?}");
        }
        run.until("a list of the living without it", |run| {
            run.alive().filter(|alive| alive.len() == 2 && !alive.contains(&leader))
        });
        // The others go on without it, and it comes back into a stream that has moved on.
        run.wait_progress(30);
        run.go_on(leader);
        run.wait_in_sync();
    }
    let totals = whole("stops longer than the session", &run.finish());
    assert!(totals.elections >= 2, "{totals}");
}

/// Who dies leaves the list of the living; the leaders, ahead of it in the list or not, stay.
#[test]
fn a_follower_that_dies_leaves_the_list_and_no_leader_moves() {
    let _turn = turn();
    let topics = vec![Topic { name: "one".to_owned(), partitions: 1, flush: Flush::Sync }];
    let mut run = Run::start(Setup { topics, ..Setup::new("followers", 14) });
    let before = leaders(&run.cluster().zookeeper_data());
    let leader = run.choose(Victim::Leader);
    for id in (1..=3).filter(|id| *id != leader) {
        run.wait_progress(20);
        run.kill(id);
        run.until("a list of the living without it", |run| {
            run.alive().filter(|alive| alive.len() == 2 && !alive.contains(&id))
        });
        run.wait_progress(20);
        run.start_broker(id);
        run.wait_in_sync();
    }
    assert_eq!(
        leaders(&run.cluster().zookeeper_data()).now[&("one".to_owned(), 0)],
        before.now[&("one".to_owned(), 0)]
    );
    let totals = whole("followers killed", &run.finish());
    assert_eq!((totals.kills, totals.elections), (2, 0), "{totals}");
}

#[test]
fn a_leader_that_hangs_for_less_than_its_session_loses_nothing() {
    let _turn = turn();
    let mut run = Run::start(Setup::new("short-stops", 3));
    for _ in 0..6 {
        run.wait_acknowledged(50);
        let leader = run.choose(Victim::Leader);
        run.stop(leader);
        run.hold(Duration::from_millis(250));
        run.go_on(leader);
    }
    let elections = leaders(&run.cluster().zookeeper_data()).elections;
    let totals = whole("stops shorter than the session", &run.finish());
    // A machine that is busy may make a short stop long, so leaders may move; they are only counted.
    assert!(totals.elections >= elections && totals.stops == 6, "{totals}");
}
