//! A series of acknowledgements, and the gaps in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Kinds of losses that are kept as text.
const MAX_LOSSES: usize = 20;

/// So many gaps are listed.
const LISTED: usize = 20;

/// An acknowledgement of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ack {
    /// When it came.
    pub(super) at: Instant,
    /// The partition.
    pub(super) partition: i32,
    /// Whose logs hold the batch, a bit for each broker.
    pub(super) by: u64,
    /// How many records.
    pub(super) records: usize,
}

impl Ack {
    /// Whether a broker's log holds it.
    #[must_use]
    pub(super) fn is_held_by(&self, broker: i32) -> bool {
        self.by & 1_u64.checked_shl(broker.unsigned_abs()).unwrap_or(0) != 0
    }
}

/// Acknowledgements in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Acks {
    all: Vec<Ack>,
    covered: BTreeSet<i32>,
    lost: usize,
    losses: Vec<String>,
    last_sent: Option<Instant>,
    longest_pause: Duration,
    /// What the tokens of the records count from.
    pub(super) origin: Option<Instant>,
    /// How many partitions the topic has.
    pub(super) partitions: i32,
}

impl Acks {
    /// Takes one in; its time is that of the newest or later.
    pub(super) fn acknowledged(&mut self, ack: Ack) {
        self.covered.insert(ack.partition);
        self.all.push(ack);
    }

    /// Takes in that records failed, or may have.
    pub(super) fn lost(&mut self, records: usize, why: String) {
        self.lost += records;
        if self.losses.len() < MAX_LOSSES {
            self.losses.push(why);
        }
    }

    /// Takes in that a record was pushed.
    pub(super) fn sent(&mut self, at: Instant) {
        if let Some(last) = self.last_sent.replace(at) {
            self.longest_pause = self.longest_pause.max(at - last);
        }
    }

    /// Forgets them, and not the topic.
    pub(super) fn clear(&mut self) {
        let (origin, partitions) = (self.origin, self.partitions);
        *self = Self { origin, partitions, ..Self::default() };
    }

    /// All of them.
    #[must_use]
    pub(super) fn all(&self) -> &[Ack] {
        &self.all
    }

    /// Those that came at `from` or later.
    #[must_use]
    pub(super) fn since(&self, from: Instant) -> &[Ack] {
        &self.all[self.all.partition_point(|ack| ack.at < from)..]
    }

    /// How many partitions were acknowledged.
    #[must_use]
    pub(super) fn covered(&self) -> i32 {
        i32::try_from(self.covered.len()).unwrap_or(i32::MAX)
    }

    /// Records that failed or whose end is unknown.
    #[must_use]
    pub(super) const fn lost_records(&self) -> usize {
        self.lost
    }

    /// Why the first of them.
    #[must_use]
    pub(super) fn first_loss(&self) -> Option<String> {
        self.losses.first().cloned()
    }

    /// Records acknowledged.
    #[must_use]
    pub(super) fn records(&self) -> usize {
        self.all.iter().map(|ack| ack.records).sum()
    }

    /// The longest time between two pushes. A gap as long may be the sender's own.
    #[must_use]
    pub(super) const fn longest_pause(&self) -> Duration {
        self.longest_pause
    }

    /// The longest time without an acknowledgement in any one partition, of those that touch `from` to `to`.
    #[must_use]
    pub(super) fn longest_gap(&self, from: Instant, to: Instant) -> Duration {
        let of_one = |partition: &i32| {
            let mut longest = Duration::ZERO;
            let mut last = None;
            for ack in self.all.iter().filter(|ack| ack.partition == *partition) {
                if let Some(last) = last.replace(ack.at)
                    && ack.at >= from
                    && last <= to
                {
                    longest = longest.max(ack.at - last);
                }
            }
            // It has not ended if nothing came after `to`.
            let open = last.filter(|last| *last < to).map_or(Duration::ZERO, |last| to - last);
            longest.max(open)
        };
        self.covered.iter().map(of_one).max().unwrap_or(to - from)
    }

    /// Where the gaps longer than `limit` are, counted from `from`: for a person who asks what made them.
    #[must_use]
    pub(super) fn gaps(&self, from: Instant, limit: Duration) -> Vec<String> {
        let mut last = BTreeMap::new();
        let mut found = Vec::new();
        for ack in &self.all {
            let Some(before) = last.insert(ack.partition, ack.at) else { continue };
            let gap = ack.at - before;
            if gap > limit && ack.at >= from && found.len() < LISTED {
                let begin = before.saturating_duration_since(from);
                let own = if self.longest_pause > limit { ", perhaps the sender's own" } else { "" };
                found.push(format!("partition {}: {gap:.1?} from {begin:.1?} on{own}", ack.partition));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn series(begin: Instant, of: &[(i32, u64)]) -> Acks {
        let mut acks = Acks::default();
        for (partition, ms) in of {
            let at = begin + MS(*ms);
            acks.acknowledged(Ack { at, partition: *partition, by: 0b1110, records: 2 });
        }
        acks
    }

    #[test]
    fn a_gap_is_of_one_partition_and_counts_if_it_touches_the_window() {
        let begin = Instant::now() + MS(1_000);
        let acks = series(begin, &[(0, 0), (1, 5), (0, 50), (1, 60), (0, 70), (0, 200), (1, 210)]);
        let gap = |from, to| acks.longest_gap(begin + MS(from), begin + MS(to));
        assert_eq!(gap(0, 210), MS(150), "partition 1, though partition 0 had some meanwhile");
        assert_eq!(gap(51, 59), MS(55), "one that began before and ends after");
        assert_eq!(gap(0, 55), MS(55));
        assert_eq!(gap(0, 1_000), MS(800), "one that has not ended");
        let listed = acks.gaps(begin + MS(10), MS(100));
        assert_eq!(listed, ["partition 0: 130.0ms from 60.0ms on", "partition 1: 150.0ms from 50.0ms on"]);
        assert_eq!(Acks::default().longest_gap(begin, begin + MS(9)), MS(9), "nothing at all");
    }

    #[test]
    fn those_since_a_moment_and_what_is_forgotten() {
        let begin = Instant::now() + MS(1_000);
        let mut acks = series(begin, &[(0, 0), (0, 10), (0, 20)]);
        assert_eq!(acks.since(begin + MS(10)).len(), 2);
        assert_eq!(acks.since(begin + MS(21)).len(), 0);
        assert_eq!((acks.records(), acks.covered()), (6, 1));
        assert!(acks.all()[0].is_held_by(3) && !acks.all()[0].is_held_by(4));
        acks.lost(3, "failed".to_owned());
        acks.clear();
        assert_eq!((acks.records(), acks.lost_records(), acks.first_loss()), (0, 0, None));
    }

    #[test]
    fn a_pause_of_the_sender_is_remembered() {
        let (begin, mut acks) = (Instant::now(), Acks::default());
        [0, 2, 30, 31].into_iter().for_each(|ms| acks.sent(begin + MS(ms)));
        assert_eq!(acks.longest_pause(), MS(28));
    }
}
