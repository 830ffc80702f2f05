//! What runs of groups came to, in numbers.

use std::collections::BTreeMap;

use crate::Tally;

/// Totals of a run, or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Commits that were confirmed.
    pub commits: u64,
    /// Generations of the classic group.
    pub generations: u64,
    /// Rebalances of the server-side group that came to an end.
    pub rebalances: u64,
    /// Partitions of the server-side group that came to another member.
    pub moved: u64,
    /// Questions that arrived again.
    pub repeated: u64,
    /// Answers that came when nobody waited for them any more.
    pub late: u64,
    /// Coordinators that took over.
    pub coordinators: u64,
    /// Of those, in the middle of a rebalance.
    pub in_rebalance: u64,
    /// Records that were forgotten with a coordinator.
    pub forgotten: u64,
    /// Faults, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// How often each invariant was checked with something to check.
    pub checked: BTreeMap<&'static str, u64>,
}

impl Tally for Totals {
    fn add(&mut self, other: &Self) {
        for (mine, (_, others)) in self.numbers().into_iter().zip(other.rows()) {
            *mine += others;
        }
        for (mine, others) in [(&mut self.faults, &other.faults), (&mut self.checked, &other.checked)] {
            for (name, count) in others {
                *mine.entry(name).or_default() += count;
            }
        }
    }

    /// At least 100 commits confirmed, 5 generations and 5 rebalances, and 5 faults of 3 kinds.
    fn counts(&self) -> bool {
        let faults: u64 = self.faults.values().sum();
        let is_busy = self.commits >= 100 && self.generations >= 5 && self.rebalances >= 5;
        is_busy && faults >= 5 && self.faults.len() >= 3
    }

    fn rows(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("commits confirmed", self.commits),
            ("generations", self.generations),
            ("rebalances of the server-side group", self.rebalances),
            ("partitions moved by it", self.moved),
            ("questions that came again", self.repeated),
            ("answers that came too late", self.late),
            ("coordinators", self.coordinators),
            ("of them in a rebalance", self.in_rebalance),
            ("records forgotten", self.forgotten),
        ]
    }

    fn kinds(&self) -> Vec<(&'static str, &BTreeMap<&'static str, u64>)> {
        vec![("fault", &self.faults), ("check", &self.checked)]
    }
}

impl Totals {
    /// The numbers of the rows, in the same order.
    const fn numbers(&mut self) -> [&mut u64; 9] {
        [
            &mut self.commits,
            &mut self.generations,
            &mut self.rebalances,
            &mut self.moved,
            &mut self.repeated,
            &mut self.late,
            &mut self.coordinators,
            &mut self.in_rebalance,
            &mut self.forgotten,
        ]
    }
}
