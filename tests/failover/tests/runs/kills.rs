//! `kill -9` and `SIGSTOP` by a plan: leaders in mid-stream, restarts at once, kills inside the recovery before.
//!
//! `YAK_FAILOVER_KILLS` and `YAK_FAILOVER_STOPS` set how many there are in all; with them set, each run has twenty kills,
//! 1 to 6 s apart, and a heavier load. `YAK_FAILOVER_SEED` is the seed of the first run.

use std::ops::Range;

use yak_test_failover::{Plan, Run, Setup, Totals, setting, turn};

use crate::whole;

/// Kills of one run of a long series, so that the checker's memory is bounded by a run.
const KILLS_OF_A_RUN: u64 = 20;

struct Scale {
    runs: u64,
    kills: u64,
    stops: u64,
    rate: u64,
    pause: Range<u64>,
}

fn scale() -> Scale {
    let kills = setting("YAK_FAILOVER_KILLS", 0);
    if kills == 0 {
        return Scale { runs: 1, kills: 7, stops: 2, rate: 200, pause: 200..1_200 };
    }
    let runs = kills.div_ceil(KILLS_OF_A_RUN);
    let stops = setting("YAK_FAILOVER_STOPS", kills / 2);
    let rate = setting("YAK_FAILOVER_RATE", 400);
    Scale { runs, kills: kills.div_ceil(runs), stops: stops.div_ceil(runs), rate, pause: 1_000..6_000 }
}

#[test]
fn kills_and_stops_of_leaders_lose_repeat_and_change_nothing() {
    let _turn = turn();
    let (scale, first_seed) = (scale(), setting("YAK_FAILOVER_SEED", 1));
    let mut totals = Totals::default();
    for seed in first_seed..first_seed + scale.runs {
        let mut run = Run::start(Setup::new("kills", seed).one_from_the_page_cache().rate(scale.rate));
        run.play(&Plan::by_seed(seed, scale.kills, scale.stops, &scale.pause));
        totals += whole(&format!("kills, seed {seed}"), &run.finish());
    }
    eprintln!("failover totals: {totals}");
    assert_eq!((totals.kills, totals.stops), (scale.kills * scale.runs, scale.stops * scale.runs));
    assert!(totals.restarts_at_once > 0, "no restart was made at once: {totals}");
    assert!(totals.kills_in_recovery > 0, "no kill fell into a recovery: {totals}");
    assert!(totals.elections > 0, "nobody took over: {totals}");
}
