//! What a run came to.

use std::collections::BTreeMap;

use crate::oracle::Totals;

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome<T = Totals> {
    /// Its seed.
    pub seed: u64,
    /// What was violated.
    pub violations: Vec<String>,
    /// What happened last.
    pub trace: String,
    /// Sum and length of the whole trace.
    pub sum: (u64, u64),
    /// Totals.
    pub totals: T,
}

/// A run in numbers, or many.
pub trait Tally: Clone + Default + PartialEq + std::fmt::Debug + Send {
    /// Adds another run's.
    fn add(&mut self, other: &Self);

    /// Whether enough happened for the run to count.
    #[must_use]
    fn counts(&self) -> bool;

    /// The plain numbers, each with its name.
    #[must_use]
    fn rows(&self) -> Vec<(&'static str, u64)>;

    /// Numbers by kind: what the kinds are of (`fault`, `act`, `check`), and each kind's.
    #[must_use]
    fn kinds(&self) -> Vec<(&'static str, &BTreeMap<&'static str, u64>)>;
}
