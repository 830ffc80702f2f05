//! Networks that are cut, one way or both: from the zookeeper, from the followers, from everything.

use yak_test_failover::{CutFrom, Direction, Network, Run, Setup, Victim, skipped, turn, ways};

use crate::whole;

/// Runs `test` in a network, if this machine has such.
fn in_network(name: &str, test: impl FnOnce(Network) + Send) {
    let _turn = turn();
    if let Err(why) = Network::with(3, test) {
        skipped(&format!("runs::partitions::{name}"), &why);
    }
}

/// Cuts, waits until another broker leads what the victim led, and heals.
fn cut_until_replaced(run: &mut Run, leader: i32, from: CutFrom, direction: Direction) {
    run.wait_progress(20);
    run.cut(&ways(leader, from, direction));
    run.until("another leader of everything", |run| {
        run.view()?.iter().all(|view| view.leader.is_some_and(|now| now != leader)).then_some(())
    });
    run.wait_progress(20);
    run.heal_network();
    run.wait_in_sync();
}

#[test]
fn a_leader_cut_off_from_the_zookeeper_is_replaced() {
    in_network("a_leader_cut_off_from_the_zookeeper_is_replaced", |network| {
        let mut run = Run::in_network(Setup::new("cut-zookeeper", 10), network);
        for direction in Direction::ALL {
            let leader = run.choose(Victim::Leader);
            cut_until_replaced(&mut run, leader, CutFrom::Zookeeper, direction);
        }
        let totals = whole("cut off from the zookeeper", &run.finish());
        assert!(totals.cuts == 3 && totals.elections >= 3, "{totals}");
    });
}

/// It stays leader, because the zookeeper hears it; what it cannot replicate it does not acknowledge.
#[test]
fn a_leader_cut_off_from_its_followers_acknowledges_nothing_alone() {
    in_network("a_leader_cut_off_from_its_followers_acknowledges_nothing_alone", |network| {
        let mut run = Run::in_network(Setup::new("cut-followers", 11), network);
        for direction in Direction::ALL {
            run.wait_progress(20);
            let leader = run.choose(Victim::Leader);
            run.cut(&ways(leader, CutFrom::Brokers, direction));
            run.until("an ISR of the leader alone", |run| {
                let led = run.view()?.into_iter().find(|view| view.leader == Some(leader))?;
                (led.in_sync_replicas == [leader]).then_some(())
            });
            run.heal_network();
            run.wait_in_sync();
        }
        let totals = whole("cut off from the followers", &run.finish());
        assert_eq!(totals.cuts, 3, "{totals}");
    });
}

#[test]
fn a_leader_cut_off_from_everything_is_replaced() {
    in_network("a_leader_cut_off_from_everything_is_replaced", |network| {
        let mut run = Run::in_network(Setup::new("cut-everything", 12), network);
        for direction in Direction::ALL {
            let leader = run.choose(Victim::Leader);
            cut_until_replaced(&mut run, leader, CutFrom::Everything, direction);
        }
        let totals = whole("cut off from everything", &run.finish());
        assert!(totals.cuts == 3 && totals.elections >= 3, "{totals}");
    });
}
