//! INV-34: a zookeeper that is away or hangs is no reason for anything to change. Records go on meanwhile.
//!
//! `YAK_FAILOVER_ZOOKEEPER_SECONDS` sets how long it is away (3).

use std::time::Duration;

use yak_test_failover::{Leaders, Run, Setup, leaders, setting, turn};

use crate::whole;

/// Who leads what, in which epoch, and how often that has changed.
fn led(run: &Run) -> Leaders {
    leaders(&run.cluster().zookeeper_data())
}

/// Records are acknowledged to every producer, again and again, for at least so long.
fn goes_on_for(run: &mut Run, seconds: u64) {
    for _ in 0..seconds {
        run.wait_progress(20);
        run.hold(Duration::from_secs(1));
    }
    run.wait_progress(20);
}

#[test]
fn inv_34_a_killed_zookeeper_moves_no_leader_and_fails_no_record() {
    let _turn = turn();
    let mut run = Run::start(Setup::new("zookeeper-killed", 5));
    let before = led(&run);
    run.kill_zookeeper();
    let away = setting("YAK_FAILOVER_ZOOKEEPER_SECONDS", 3);
    goes_on_for(&mut run, away);
    run.start_zookeeper();
    // Longer than a whole session after its start.
    goes_on_for(&mut run, 3);
    assert_eq!(led(&run), before, "leaders moved: {}", run.cluster().zookeeper_stderr());
    let totals = whole("zookeeper killed", &run.finish());
    eprintln!("zookeeper totals: away for {away} s, {totals}");
}

#[test]
fn inv_34_a_zookeeper_that_hangs_moves_no_leader_and_fails_no_record() {
    let _turn = turn();
    let mut run = Run::start(Setup::new("zookeeper-stopped", 6));
    let before = led(&run);
    run.stop_zookeeper();
    goes_on_for(&mut run, 3);
    run.zookeeper_goes_on();
    goes_on_for(&mut run, 3);
    assert_eq!(led(&run), before, "leaders moved: {}", run.cluster().zookeeper_stderr());
    whole("zookeeper stopped", &run.finish());
}

/// The zookeeper dies, a leader dies, and nobody takes over until the zookeeper is back; then somebody does.
#[test]
fn a_leader_that_dies_without_a_zookeeper_is_replaced_when_there_is_one_again() {
    let _turn = turn();
    let mut run = Run::start(Setup::new("zookeeper-and-leader", 7));
    let leader = run.choose(yak_test_failover::Victim::Leader);
    run.kill_zookeeper();
    run.wait_progress(20);
    run.kill(leader);
    run.hold(Duration::from_millis(500));
    run.start_zookeeper();
    run.until("another leader of everything", |run| {
        run.view()?.iter().all(|view| view.leader.is_some_and(|now| now != leader)).then_some(())
    });
    run.wait_progress(20);
    run.start_broker(leader);
    let totals = whole("zookeeper and leader", &run.finish());
    assert!(totals.elections > 0, "{totals}");
}
