//! Many seeds, each a cluster with faults; the same seed twice.
//!
//! | variable | says |
//! |---|---|
//! | `YAK_SIM_SEEDS` | how many seeds must count (40) |
//! | `YAK_SIM_FIRST` | the first of them (1) |
//! | `YAK_SIM_SEED` | only this one, whether it counts or not |
//! | `YAK_SIM_TRACE` | everything that happens is printed |

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use yak_test_sim::nemesis::Kind;
use yak_test_sim::oracle::{INVARIANTS, Totals};
use yak_test_sim::{Outcome, run_seed};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: no number")))
}

/// What has been run.
#[derive(Default)]
struct Runs {
    counted: u64,
    tried: u64,
    totals: Totals,
    failed: Vec<Outcome>,
}

/// Fails with what a person needs to repeat it.
fn must_hold(outcome: &Outcome) {
    let (seed, violations) = (outcome.seed, outcome.violations.join("\n"));
    assert!(
        outcome.violations.is_empty(),
        "\n{}\nseed {seed}:\n{violations}\nrepeat with: YAK_SIM_SEED={seed} YAK_SIM_TRACE=1 cargo test -p yak-test-sim -- seeds::seeds --exact --nocapture\n",
        outcome.trace
    );
}

/// Runs seeds on two threads until so many count, or one fails.
fn run(first: u64, wanted: u64) -> Runs {
    let (next, runs) = (AtomicU64::new(first), Mutex::new(Runs::default()));
    let most = wanted * 3 + 10;
    std::thread::scope(|scope| {
        for _ in 0..wanted.min(2) {
            scope.spawn(|| {
                loop {
                    {
                        let runs = runs.lock().unwrap();
                        if runs.counted >= wanted || runs.tried >= most || !runs.failed.is_empty() {
                            return;
                        }
                    }
                    let outcome = run_seed(next.fetch_add(1, Ordering::Relaxed));
                    let mut runs = runs.lock().unwrap();
                    runs.tried += 1;
                    if let Some(violation) = outcome.violations.first() {
                        println!("seed {} fails after {} seeds: {violation}", outcome.seed, runs.tried);
                        runs.failed.push(outcome);
                        continue;
                    }
                    runs.counted += u64::from(outcome.totals.counts());
                    runs.totals.add(&outcome.totals);
                    if runs.tried % 50 == 0 {
                        println!("... {} seeds, {} counted", runs.tried, runs.counted);
                    }
                }
            });
        }
    });
    runs.into_inner().unwrap()
}

/// Prints the denominators; what was never put to the test fails.
fn report(runs: &Runs) {
    let Runs { counted, tried, totals, .. } = runs;
    println!("simulation: {counted} seeds counted, {} not", tried - counted);
    for (name, count) in totals.rows() {
        println!("  total  {name:<40} {count}");
    }
    for (kind, count) in &totals.faults {
        println!("  fault  {kind:<40} {count}");
    }
    for (kind, count) in &totals.acts {
        println!("  act    {kind:<40} {count}");
    }
    for name in INVARIANTS {
        println!("  check  {name:<40} {}", totals.checked.get(name).copied().unwrap_or(0));
    }
    let unchecked = INVARIANTS.into_iter().filter(|name| !totals.checked.contains_key(name));
    let happened = |name: &&'static str| totals.faults.contains_key(name) || totals.acts.contains_key(name);
    let absent = Kind::names().filter(|name| !happened(name));
    let none = totals.rows().into_iter().filter(|(_, count)| *count == 0).map(|(name, _)| name);
    let never: Vec<&str> = unchecked.chain(absent).chain(none).collect();
    assert!(never.is_empty(), "never seen: {never:?}");
}

#[test]
fn seeds() {
    if let Some(seed) = number("YAK_SIM_SEED") {
        let outcome = run_seed(seed);
        must_hold(&outcome);
        println!("seed {seed}: {:#?}", outcome.totals);
        return;
    }
    let wanted = number("YAK_SIM_SEEDS").unwrap_or(40);
    let runs = run(number("YAK_SIM_FIRST").unwrap_or(1), wanted);
    runs.failed.iter().for_each(must_hold);
    report(&runs);
    assert!(runs.counted >= wanted, "too few seeds count: {} of {}", runs.counted, runs.tried);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let mut sums = std::collections::BTreeSet::new();
    for seed in [7, 8] {
        let (one, other) = (run_seed(seed), run_seed(seed));
        assert_eq!(one.sum, other.sum, "\n{}\n---\n{}", one.trace, other.trace);
        assert_eq!(one.totals, other.totals);
        assert!(one.sum.1 > 1_000, "next to nothing happened: {:?}", one.sum);
        sums.insert(one.sum);
    }
    assert_eq!(sums.len(), 2, "every seed gives the same trace");
}
