//! Clean shutdowns, one broker after the other, as for a new version of the program: nobody notices.

use yak_test_failover::{Run, Setup, turn};

use crate::whole;

#[test]
fn a_rolling_restart_fails_no_record() {
    let _turn = turn();
    let mut run = Run::start(Setup::new("rolling", 8));
    for id in [1, 2, 3] {
        run.wait_progress(20);
        run.shut_down(id);
        run.wait_progress(20);
        run.start_broker(id);
        run.wait_in_sync();
    }
    let totals = whole("rolling restart", &run.finish());
    assert_eq!(totals.shutdowns, 3);
    assert!(totals.elections >= 3, "each led something by then: {totals}");
}
