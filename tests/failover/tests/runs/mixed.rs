//! Faults of every kind, several at a time, by a plan.
//!
//! `YAK_FAILOVER_MIXED` sets how many runs there are (1), `YAK_FAILOVER_SEED` the seed of the first.

use yak_test_failover::{Network, Plan, Run, Setup, Totals, setting, turn};

use crate::whole;

const FAULTS: u64 = 12;

#[test]
fn faults_of_every_kind_lose_repeat_and_change_nothing() {
    let _turn = turn();
    let (runs, first_seed) = (setting("YAK_FAILOVER_MIXED", 1), setting("YAK_FAILOVER_SEED", 1));
    let mut totals = Totals::default();
    for seed in first_seed..first_seed + runs {
        let setup = Setup::new("mixed", seed).one_from_the_page_cache();
        let mut in_network = None;
        let there = Network::with(3, |network| {
            in_network = Some(play(Run::in_network(setup.clone(), network), seed, true));
        });
        // Where networks cannot be cut, the other faults are there still.
        totals += match (in_network, there) {
            (Some(totals), Ok(())) => totals,
            (_, _) => play(Run::start(setup), seed, false),
        };
    }
    eprintln!("mixed totals: {totals}");
    assert_eq!(totals.runs, runs);
}

fn play(mut run: Run, seed: u64, has_network: bool) -> Totals {
    run.play(&Plan::mixed(seed, FAULTS, has_network, &(300..2_000)));
    whole(&format!("mixed, seed {seed}"), &run.finish())
}
