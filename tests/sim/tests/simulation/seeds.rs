//! Many seeds, each a cluster with faults; the same seed twice.
//!
//! | variable | says |
//! |---|---|
//! | `YAK_SIM_SEEDS` | how many seeds must count (40) |
//! | `YAK_SIM_FIRST` | the first of them (1) |
//! | `YAK_SIM_SEED` | only this one, whether it counts or not |
//! | `YAK_SIM_TRACE` | everything that happens is printed |

use yak_test_sim::nemesis::Kind;
use yak_test_sim::oracle::{INVARIANTS, Totals};
use yak_test_sim::{Tally as _, run_seed};

use crate::many::{Runs, assert_repeatable, seeds_of};

const TEST: &str = "seeds::seeds";

/// What was never put to the test fails.
fn assert_all_seen(runs: &Runs<Totals>) {
    let Runs { counted, totals, .. } = runs;
    let unchecked = INVARIANTS.into_iter().filter(|name| !totals.checked.contains_key(name));
    let happened = |name: &&'static str| totals.faults.contains_key(name) || totals.acts.contains_key(name);
    let absent = Kind::names().filter(|name| !happened(name));
    // So rare that few seeds may well not see it.
    let is_rare = |name: &str| name == "lines of the journal lost" && *counted < 200;
    let rows = totals.rows().into_iter();
    let none = rows.filter(|(name, count)| *count == 0 && !is_rare(name)).map(|(name, _)| name);
    let never: Vec<&str> = unchecked.chain(absent).chain(none).collect();
    assert!(never.is_empty(), "never seen: {never:?}");
}

#[test]
fn seeds() {
    if let Some(runs) = seeds_of("simulation", TEST, 40, run_seed) {
        assert_all_seen(&runs);
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    assert_repeatable(run_seed);
}
