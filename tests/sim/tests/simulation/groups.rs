//! Many seeds of consumer groups; the variables are those of `seeds`.

use yak_test_sim::Tally as _;
use yak_test_sim::groups::oracle::INVARIANTS;
use yak_test_sim::groups::{Kind, run_seed};

use crate::many::{assert_repeatable, seeds_of};

const TEST: &str = "groups::seeds";

#[test]
fn seeds() {
    let Some(runs) = seeds_of("groups", TEST, 60, run_seed) else { return };
    let totals = &runs.totals;
    let unchecked = INVARIANTS.into_iter().filter(|name| !totals.checked.contains_key(name));
    let absent = Kind::ALL.into_iter().map(Kind::name).filter(|name| !totals.faults.contains_key(name));
    let none = totals.rows().into_iter().filter(|(_, count)| *count == 0).map(|(name, _)| name);
    let never: Vec<&str> = unchecked.chain(absent).chain(none).collect();
    assert!(never.is_empty(), "never seen: {never:?}");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    assert_repeatable(run_seed);
}
