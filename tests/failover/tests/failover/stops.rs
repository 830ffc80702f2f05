//! A leader that hangs: its connections stay open, it just falls silent, and later it goes on as if nothing had been.

use std::time::Duration;

use yak_test_failover::{Run, Setup, Victim, leaders, turn};

use crate::whole;

#[test]
fn a_leader_that_hangs_is_replaced_and_follows_when_it_goes_on() {
    let _turn = turn();
    let mut run = Run::start(Setup::new("stops", 2));
    for round in 0..2 {
        run.wait_acknowledged(200);
        let leader = run.choose(Victim::Leader);
        run.stop(leader);
        // Longer than its session, whatever that is: until it leads nothing.
        run.until("another leader of everything", |run| {
            let led = run.view()?.iter().all(|view| view.leader.is_some_and(|now| now != leader));
            led.then_some(())
        });
        // The others go on without it, and it comes back into a stream that has moved on.
        run.wait_progress(30);
        run.go_on(leader);
        if round == 0 {
            run.wait_in_sync();
        }
    }
    let totals = whole("stops longer than the session", &run.finish());
    assert!(totals.elections >= 2, "{totals}");
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
