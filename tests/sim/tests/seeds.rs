//! Many seeds, each a cluster with faults; the same seed twice.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints its denominators"
)]

use yak_test_sim::oracle::{INVARIANTS, Totals};
use yak_test_sim::{Outcome, run_seed};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Fails with what a person needs.
fn must_hold(outcome: &Outcome) {
    if outcome.violations.is_empty() {
        return;
    }
    let (seed, violations) = (outcome.seed, outcome.violations.join("\n"));
    panic!(
        "\n{}\nseed {seed}:\n{violations}\nrepeat with: YAK_SIM_SEED={seed} YAK_SIM_TRACE=1 cargo test -p yak-test-sim --test seeds one_seed -- --nocapture\n",
        outcome.trace
    );
}

/// Runs seeds until so many count, on two threads; the order of the seeds decides what is reported.
fn run(first: u64, wanted: usize, patience: usize) -> (Totals, usize, usize) {
    let mut totals = Totals::default();
    let (mut counted, mut tried) = (0, 0);
    let mut failed: Vec<Outcome> = Vec::new();
    let mut next = first;
    while counted < wanted {
        let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
            let threads: Vec<_> = (next..next + 2).map(|seed| scope.spawn(move || run_seed(seed))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        next += 2;
        for outcome in outcomes {
            tried += 1;
            if !outcome.violations.is_empty() {
                println!("seed {} fails: {}", outcome.seed, outcome.violations[0]);
                failed.push(outcome);
                if failed.len() >= patience {
                    failed.iter().for_each(must_hold);
                }
                continue;
            }
            if outcome.totals.counts() {
                counted += 1;
            }
            totals.add(&outcome.totals);
        }
        assert!(tried < wanted * 3 + 10, "too few seeds count: {counted} of {tried}");
    }
    failed.iter().for_each(must_hold);
    (totals, counted, tried)
}

fn report(totals: &Totals, counted: usize, tried: usize) {
    println!(
        "simulation: {counted} seeds counted of {tried}; {} records acknowledged by all, {} by leaders, {} read; \
         {} elections ({} unclean), {} truncations",
        totals.acknowledged,
        totals.acknowledged_by_leader,
        totals.read,
        totals.elections,
        totals.unclean,
        totals.truncations
    );
    for (kind, count) in &totals.faults {
        println!("  fault  {kind:<32} {count}");
    }
    for name in INVARIANTS {
        println!("  check  {name:<32} {}", totals.checked.get(name).copied().unwrap_or(0));
    }
    let never: Vec<&str> = INVARIANTS
        .into_iter()
        .filter(|name| totals.checked.get(name).is_none_or(|count| *count == 0))
        .collect();
    assert!(never.is_empty(), "never checked: {never:?}");
}

#[test]
fn seeds() {
    let wanted = usize::try_from(number("YAK_SIM_COUNT").unwrap_or(40)).unwrap();
    let (totals, counted, tried) = run(number("YAK_SIM_FIRST").unwrap_or(1), wanted, 1);
    report(&totals, counted, tried);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let (one, other) = (run_seed(7), run_seed(7));
    assert_eq!(one.sum, other.sum, "\n{}\n---\n{}", one.trace, other.trace);
    assert_eq!(one.totals, other.totals);
    assert_ne!(one.sum, run_seed(8).sum);
}

#[test]
fn one_seed() {
    if let Some(seed) = number("YAK_SIM_SEED") {
        let outcome = run_seed(seed);
        must_hold(&outcome);
        println!("seed {seed}: {:?}", outcome.totals);
    }
}

#[test]
#[ignore = "long: YAK_SIM_SEEDS=500 cargo test -p yak-test-sim --release -- --ignored soak --nocapture"]
fn soak() {
    let wanted = usize::try_from(number("YAK_SIM_SEEDS").unwrap_or(500)).unwrap();
    let (totals, counted, tried) = run(number("YAK_SIM_FIRST").unwrap_or(1_000), wanted, 20);
    report(&totals, counted, tried);
}
