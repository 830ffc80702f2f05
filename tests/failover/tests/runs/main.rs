//! Failover of whole clusters; what a run is stands in the library.

mod all_at_once;
mod blind;
mod kills;
mod mixed;
mod partitions;
mod power;
mod shutdown;
mod stops;
mod zookeeper;

use yak_test_failover::{Outcome, Totals};

/// Shows the totals of a run that must be whole.
fn whole(test: &str, outcome: &Outcome) -> Totals {
    outcome.assert_whole();
    eprintln!("{test}: {}; nothing lost, twice, changed or left out", outcome.totals);
    outcome.totals
}
