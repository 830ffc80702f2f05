//! Everything killed at once, and started again.

use yak_test_failover::{Run, Setup, turn};

use crate::whole;

#[test]
fn all_brokers_killed_at_once_come_back_with_everything() {
    let _turn = turn();
    let mut run = Run::start(Setup::new("all-at-once", 4).one_from_the_page_cache());
    for round in 0..4 {
        run.wait_acknowledged(200);
        let with_zookeeper = round % 2 == 1;
        if with_zookeeper {
            run.kill_zookeeper();
        }
        for id in run.cluster().running() {
            run.kill(id);
        }
        run.start_all(200);
        // Half of the time the next blow comes before all is well again.
        if round % 2 == 0 {
            run.wait_in_sync();
        }
    }
    let totals = whole("everything at once", &run.finish());
    assert_eq!((totals.kills, totals.zookeeper_kills), (12, 2), "{totals}");
}
