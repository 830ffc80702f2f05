//! INV-15: a power cut of everything at once, on a real file system, loses nothing that was acknowledged with `flush=sync`.
//!
//! `YAK_POWER_CUTS` sets how many cuts there are (3).

use yak_test_failover::{Run, Setup, setting, skipped, turn};

use crate::whole;

#[test]
fn inv_15_a_power_cut_of_everything_loses_nothing_acknowledged() {
    let _turn = turn();
    let cuts = setting("YAK_POWER_CUTS", 3);
    let seed = setting("YAK_FAILOVER_SEED", 9);
    let mut run = match Run::on_disk(Setup::new("power", seed)) {
        Ok(run) => run,
        Err(why) => {
            return skipped("runs::power::inv_15_a_power_cut_of_everything_loses_nothing_acknowledged", &why);
        }
    };
    for cut in 0..cuts {
        // A different number of records each time, so that cuts fall everywhere.
        run.wait_acknowledged(100 + 37 * (cut % 7));
        run.cut_power(cut % 2 == 0);
        run.start_all(100);
        // Now and then the next cut comes before all is well.
        if cut % 3 != 2 {
            run.wait_in_sync();
        }
    }
    let totals = whole("power", &run.finish());
    eprintln!("power totals: {totals}");
    assert_eq!(totals.power_cuts, cuts);
}
