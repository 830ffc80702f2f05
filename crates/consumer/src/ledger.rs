//! What is committed: exactly what has reached stdout.
//!
//! ```text
//!   record ─► the output's buffer ─► stdout takes bytes ─► printed ─► committed
//!             (noted: where it ends)     (settled)          (news)
//! ```

use std::collections::{BTreeMap, VecDeque};

use yak_model::{Offset, TopicPartition};

/// Follows records from the output's buffer to stdout.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Chunks with records that stdout has not taken, in order.
    waiting: VecDeque<Noted>,
    /// Of each partition the offset after the last record that stdout has taken.
    printed: BTreeMap<TopicPartition, Offset>,
    /// What of it was given away to be committed.
    given: BTreeMap<TopicPartition, Offset>,
}

/// Records of one chunk: where each ends among all bytes of the output, and where reading goes on behind it.
#[derive(Debug)]
struct Noted {
    partition: TopicPartition,
    ends: Vec<(u64, Offset)>,
}

impl Ledger {
    /// Records of this partition are about to be printed.
    pub fn begin(&mut self, partition: TopicPartition) {
        self.waiting.push_back(Noted { partition, ends: Vec::new() });
    }

    /// A record was put into the buffer: it ends at this byte, and reading goes on at this offset.
    pub fn note(&mut self, end: u64, next: Offset) {
        if let Some(noted) = self.waiting.back_mut() {
            noted.ends.push((end, next));
        }
    }

    /// Stdout has taken so many bytes in all.
    pub fn settle(&mut self, written: u64) {
        while let Some(noted) = self.waiting.front_mut() {
            let whole = noted.ends.partition_point(|(end, _)| *end <= written);
            if let Some((_, next)) = noted.ends.get(whole.wrapping_sub(1)) {
                self.printed.insert(noted.partition.clone(), *next);
            }
            if whole < noted.ends.len() {
                noted.ends.drain(..whole);
                return;
            }
            self.waiting.pop_front();
        }
    }

    /// What has been printed and was not given away to be committed yet; it counts as given away then.
    pub fn news(&mut self) -> Vec<(TopicPartition, Offset, String)> {
        let given = &mut self.given;
        let news = self.printed.iter().filter(|(id, next)| given.get(*id) != Some(*next));
        let news: Vec<_> = news.map(|(id, next)| (id.clone(), *next, String::new())).collect();
        given.extend(news.iter().map(|(id, next, _)| (id.clone(), *next)));
        news
    }

    /// What was given away and did not arrive is news again.
    pub fn take_back(&mut self, partitions: &[TopicPartition]) {
        self.given.retain(|id, _| !partitions.contains(id));
    }

    /// A partition is another's: nothing of it is this one's to commit any more.
    pub fn forget(&mut self, partition: &TopicPartition) {
        self.waiting.retain(|noted| noted.partition != *partition);
        self.printed.remove(partition);
        self.given.remove(partition);
    }
}

#[cfg(test)]
mod tests {
    use yak_model::PartitionIndex;

    use super::*;

    fn at(partition: i32) -> TopicPartition {
        TopicPartition::new("t".parse().unwrap(), PartitionIndex::new(partition))
    }

    fn news(ledger: &mut Ledger) -> Vec<(i32, i64)> {
        ledger.news().iter().map(|(id, next, _)| (id.partition.get(), next.get())).collect()
    }

    #[test]
    fn only_what_was_taken_whole_counts() {
        let mut ledger = Ledger::default();
        ledger.begin(at(0));
        for (end, next) in [(10, 1), (20, 2), (30, 3)] {
            ledger.note(end, Offset::new(next));
        }
        ledger.begin(at(1));
        ledger.note(40, Offset::new(7));
        ledger.settle(9);
        assert_eq!(news(&mut ledger), []);
        ledger.settle(29);
        assert_eq!(news(&mut ledger), [(0, 2)], "the third record is not whole");
        assert_eq!(news(&mut ledger), [], "it is said once");
        ledger.settle(40);
        assert_eq!(news(&mut ledger), [(0, 3), (1, 7)]);
        ledger.take_back(&[at(1)]);
        assert_eq!(news(&mut ledger), [(1, 7)]);
    }

    #[test]
    fn what_is_anothers_is_forgotten_also_in_the_buffer() {
        let mut ledger = Ledger::default();
        ledger.begin(at(0));
        ledger.note(10, Offset::new(1));
        ledger.begin(at(1));
        ledger.note(20, Offset::new(1));
        ledger.forget(&at(0));
        ledger.settle(20);
        assert_eq!(news(&mut ledger), [(1, 1)]);
        ledger.begin(at(0));
        ledger.settle(20);
        assert_eq!(news(&mut ledger), [], "a chunk without records is none");
    }
}
