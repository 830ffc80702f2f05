//! Networks that are cut, one way or both: from the zookeeper, from the followers, from everything.

use yak_test_failover::{Network, Node, Run, Setup, Victim, skipped, turn};

use crate::whole;

/// The ways from a broker to others, the ways back, and both.
fn directions(broker: i32, others: &[Node]) -> [Vec<(Node, Node)>; 3] {
    let out: Vec<_> = others.iter().map(|other| (Node::Broker(broker), *other)).collect();
    let back: Vec<_> = out.iter().map(|(from, to)| (*to, *from)).collect();
    let both = out.iter().chain(&back).copied().collect();
    [out, back, both]
}

fn followers(leader: i32) -> Vec<Node> {
    (1..=3).filter(|id| *id != leader).map(Node::Broker).collect()
}

/// Runs `test` in a network, if this machine has such.
fn in_network(name: &str, test: impl FnOnce(Network) + Send) {
    let _turn = turn();
    if let Err(why) = Network::with(3, test) {
        skipped(&format!("runs::partitions::{name}"), &why);
    }
}

/// Cuts, waits until another broker leads what the victim led, and heals.
fn cut_until_replaced(run: &mut Run, leader: i32, ways: &[(Node, Node)]) {
    run.wait_progress(20);
    run.cut(ways);
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
        for direction in 0..3 {
            let leader = run.choose(Victim::Leader);
            cut_until_replaced(&mut run, leader, &directions(leader, &[Node::Zookeeper])[direction]);
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
        for direction in 0..3 {
            run.wait_progress(20);
            let leader = run.choose(Victim::Leader);
            run.cut(&directions(leader, &followers(leader))[direction]);
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
        for direction in 0..3 {
            let leader = run.choose(Victim::Leader);
            let mut others = followers(leader);
            others.extend([Node::Zookeeper, Node::Clients]);
            cut_until_replaced(&mut run, leader, &directions(leader, &others)[direction]);
        }
        let totals = whole("cut off from everything", &run.finish());
        assert!(totals.cuts == 3 && totals.elections >= 3, "{totals}");
    });
}
