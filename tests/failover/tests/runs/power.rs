//! INV-15: power cuts on a real file system lose nothing that was acknowledged with `flush=sync`, be it everything at once
//! or one broker after the other.
//!
//! `YAK_POWER_CUTS` sets how many cuts there are in each run (3), `YAK_FAILOVER_SEED` the seed.

use std::time::Duration;

use yak_test_failover::{Run, Setup, Totals, Victim, setting, skipped, turn};

use crate::whole;

fn cuts() -> u64 {
    setting("YAK_POWER_CUTS", 3)
}

/// The more is under way, the more a cut can take.
fn setup(name: &'static str) -> Setup {
    Setup::new(name, setting("YAK_FAILOVER_SEED", 9)).rate(500)
}

fn done(run: Run, how: &str) -> Totals {
    let totals = whole("power", &run.finish());
    eprintln!("power totals: {how}, {totals}");
    assert_eq!(totals.power_cuts, cuts());
    totals
}

#[test]
fn inv_15_a_power_cut_of_everything_loses_nothing_acknowledged() {
    let _turn = turn();
    let mut run = match Run::on_a_disk(setup("power")) {
        Ok(run) => run,
        Err(why) => {
            return skipped("runs::power::inv_15_a_power_cut_of_everything_loses_nothing_acknowledged", &why);
        }
    };
    for cut in 0..cuts() {
        // A different number of records each time, so that cuts fall everywhere.
        run.wait_acknowledged(100 + 37 * (cut % 7));
        run.cut_power(cut % 2 == 0);
        run.start_all(100);
        // Now and then the next cut comes before all is well.
        if cut % 3 != 2 {
            run.wait_in_sync();
        }
    }
    done(run, "everything at once");
}

#[test]
fn inv_15_power_cuts_of_leaders_lose_nothing_acknowledged() {
    let _turn = turn();
    let mut run = match Run::on_disks(setup("power-of-one")) {
        Ok(run) => run,
        Err(why) => {
            return skipped("runs::power::inv_15_power_cuts_of_leaders_lose_nothing_acknowledged", &why);
        }
    };
    for cut in 0..cuts() {
        run.wait_acknowledged(100 + 37 * (cut % 7));
        let leader = run.choose(Victim::Leader);
        run.cut_power_of(leader, cut % 2 == 0);
        // It comes back before another leads, or later.
        run.hold(Duration::from_millis(if cut % 3 == 0 { 1_500 } else { 50 }));
        run.start_broker(leader);
        if cut % 3 != 2 {
            run.wait_in_sync();
        }
    }
    done(run, "leaders one by one");
}
