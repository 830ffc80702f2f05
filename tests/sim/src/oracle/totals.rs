//! What runs came to, in numbers.

use std::collections::BTreeMap;

use crate::Tally;

/// Totals of a run, or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records acknowledged with `acks=all`.
    pub acknowledged: u64,
    /// Records acknowledged by a leader alone.
    pub acknowledged_by_leader: u64,
    /// Records that consumers were given.
    pub read: u64,
    /// Produces that were sent again and found to be there.
    pub duplicates: u64,
    /// Requests that arrived when their sender had given them up.
    pub late: u64,
    /// ISR changes proposed for a state that was over when they came.
    pub outdated: u64,
    /// Elections of leaders.
    pub elections: u64,
    /// Unclean ones.
    pub unclean: u64,
    /// Logs cut by a follower.
    pub truncations: u64,
    /// Machines of brokers that came back from a power cut.
    pub crash_images: u64,
    /// Operations of theirs that were lost.
    pub lost_operations: u64,
    /// Last writes of which a part was lost.
    pub torn_writes: u64,
    /// Lines that the zookeeper lost in power cuts.
    pub lost_lines: u64,
    /// Partitions that were.
    pub partitions: u64,
    /// Of those, partitions whose disks left nobody entitled to their records.
    pub given_up: u64,
    /// Partitions that were produced to in the end, in peace.
    pub progress: u64,
    /// Faults, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// What people did meanwhile, by kind.
    pub acts: BTreeMap<&'static str, u64>,
    /// How often each invariant was checked with something to check.
    pub checked: BTreeMap<&'static str, u64>,
}

impl Tally for Totals {
    fn add(&mut self, other: &Self) {
        for (mine, (_, others)) in self.numbers().into_iter().zip(other.rows()) {
            *mine += others;
        }
        let Self { faults, acts, checked, .. } = self;
        let maps = [(faults, &other.faults), (acts, &other.acts), (checked, &other.checked)];
        for (mine, others) in maps {
            for (name, count) in others {
                *mine.entry(name).or_default() += count;
            }
        }
    }

    /// At least 200 records acknowledged, and 5 faults of 3 kinds.
    fn counts(&self) -> bool {
        let faults: u64 = self.faults.values().sum();
        self.acknowledged >= 200 && faults >= 5 && self.faults.len() >= 3
    }

    fn rows(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("records acknowledged by all", self.acknowledged),
            ("records acknowledged by leaders", self.acknowledged_by_leader),
            ("records read", self.read),
            ("produces sent again and found", self.duplicates),
            ("requests that came too late", self.late),
            ("ISR changes that came too late", self.outdated),
            ("elections", self.elections),
            ("unclean elections", self.unclean),
            ("truncations", self.truncations),
            ("crash images", self.crash_images),
            ("operations lost in them", self.lost_operations),
            ("writes torn in them", self.torn_writes),
            ("lines of the journal lost", self.lost_lines),
            ("partitions", self.partitions),
            ("partitions given up", self.given_up),
            ("partitions produced to in peace", self.progress),
        ]
    }

    fn kinds(&self) -> Vec<(&'static str, &BTreeMap<&'static str, u64>)> {
        vec![("fault", &self.faults), ("act", &self.acts), ("check", &self.checked)]
    }
}

impl Totals {
    /// The same numbers, in the same order.
    const fn numbers(&mut self) -> [&mut u64; 16] {
        [
            &mut self.acknowledged,
            &mut self.acknowledged_by_leader,
            &mut self.read,
            &mut self.duplicates,
            &mut self.late,
            &mut self.outdated,
            &mut self.elections,
            &mut self.unclean,
            &mut self.truncations,
            &mut self.crash_images,
            &mut self.lost_operations,
            &mut self.torn_writes,
            &mut self.lost_lines,
            &mut self.partitions,
            &mut self.given_up,
            &mut self.progress,
        ]
    }
}
