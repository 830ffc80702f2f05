//! The checker sees: what is acknowledged by a leader alone is lost with it, and that is found.

use yak_test_failover::{Acks, Flush, Run, Setup, Topic, turn};
use yak_test_history::Class;

#[test]
fn acks_1_with_stopped_followers_loses_records_and_the_checker_says_so() {
    let _turn = turn();
    let topics = vec![Topic { name: "one".to_owned(), partitions: 1, flush: Flush::Sync }];
    let mut run = Run::start(Setup { acks: Acks::One, topics, rate: 2_000, ..Setup::new("blind", 13) });
    for _ in 0..3 {
        let view = run.until("a leader", |run| run.partition("one", 0).filter(|view| view.leader.is_some()));
        let leader = view.leader.expect("there is one");
        let followers: Vec<i32> = (1..=3).filter(|id| *id != leader).collect();
        followers.iter().for_each(|id| run.stop(*id));
        // Nobody copies these. The followers hang for less than their session, so they stay in sync.
        run.wait_acknowledged(200);
        run.kill(leader);
        followers.iter().for_each(|id| run.go_on(*id));
        run.until("another leader", |run| run.partition("one", 0)?.leader.filter(|now| *now != leader));
        run.start_broker(leader);
        run.wait_in_sync();
    }
    let outcome = run.finish();
    assert!(outcome.count(Class::LostWrite) > 0, "{}", outcome.report);
    eprintln!("acks=1: {}; {} of them lost", outcome.totals, outcome.count(Class::LostWrite));
}
