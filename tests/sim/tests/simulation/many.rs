//! Many seeds: run on two threads until so many count, counted, and repeatable.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use yak_test_sim::{Outcome, Tally};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: no number")))
}

/// What has been run.
#[derive(Default)]
pub(super) struct Runs<T> {
    pub(super) counted: u64,
    pub(super) tried: u64,
    pub(super) totals: T,
    failed: Vec<Outcome<T>>,
}

/// Fails with what a person needs to repeat it.
fn must_hold<T>(test: &str, outcome: &Outcome<T>) {
    let (seed, violations) = (outcome.seed, outcome.violations.join("\n"));
    assert!(
        outcome.violations.is_empty(),
        "\n{}\nseed {seed}:\n{violations}\nrepeat with: YAK_SIM_SEED={seed} YAK_SIM_TRACE=1 cargo test -p yak-test-sim -- {test} --exact --nocapture\n",
        outcome.trace
    );
}

/// Runs seeds on two threads until so many count, or one fails.
fn run<T: Tally>(first: u64, wanted: u64, run_seed: fn(u64) -> Outcome<T>) -> Runs<T> {
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

/// Prints the denominators.
fn report<T: Tally>(what: &str, runs: &Runs<T>) {
    let Runs { counted, tried, totals, .. } = runs;
    println!("{what}: {counted} seeds counted, {} not", tried - counted);
    for (name, count) in totals.rows() {
        println!("  total  {name:<40} {count}");
    }
    for (what, counts) in totals.kinds() {
        for (kind, count) in counts {
            println!("  {what:<6} {kind:<40} {count}");
        }
    }
}

/// Runs as many seeds as are asked for, by default so many, and reports them; or the only one that is asked for.
pub(super) fn seeds_of<T: Tally>(
    what: &str,
    test: &str,
    by_default: u64,
    run_seed: fn(u64) -> Outcome<T>,
) -> Option<Runs<T>> {
    if let Some(seed) = number("YAK_SIM_SEED") {
        let outcome = run_seed(seed);
        must_hold(test, &outcome);
        println!("seed {seed}: {:#?}", outcome.totals);
        return None;
    }
    let wanted = number("YAK_SIM_SEEDS").unwrap_or(by_default);
    let runs = run(number("YAK_SIM_FIRST").unwrap_or(1), wanted, run_seed);
    runs.failed.iter().for_each(|outcome| must_hold(test, outcome));
    report(what, &runs);
    assert!(runs.counted >= wanted, "too few seeds count: {} of {}", runs.counted, runs.tried);
    Some(runs)
}

/// The same seed does the same, another one does something else.
pub(super) fn assert_repeatable<T: Tally>(run_seed: fn(u64) -> Outcome<T>) {
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
