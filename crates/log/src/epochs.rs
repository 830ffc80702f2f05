//! Leader epochs of a log: where each began. Kept in `leader-epoch-checkpoint`, and in every batch.
//!
//! ```text
//! 0            version
//! 2            how many lines follow
//! 0 0          epoch, its first offset
//! 3 1500
//! ```
//!
//! Invariant: epochs and their first offsets rise strictly from entry to entry.

use std::fmt::Write as _;

use yak_model::{LeaderEpoch, Offset};

pub(crate) const FILE_NAME: &str = "leader-epoch-checkpoint";

/// The epochs, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeaderEpochs {
    entries: Vec<(LeaderEpoch, Offset)>,
    /// Changed since the file was written.
    dirty: bool,
    /// No batch in the files has a higher epoch, those before the log's start included.
    highest: LeaderEpoch,
}

impl LeaderEpochs {
    /// Reads the file's content.
    pub(crate) fn parse(content: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(content).map_err(|error| error.to_string())?;
        let mut lines = text.lines();
        if lines.next() != Some("0") {
            return Err("version 0 expected".to_owned());
        }
        let count: usize =
            lines.next().and_then(|line| line.parse().ok()).ok_or("the second line is not a count")?;
        let mut epochs = Self::default();
        for line in lines {
            let (epoch, start) = parse_line(line).ok_or_else(|| format!("{line:?} is not understood"))?;
            if epochs.entries.last().is_some_and(|last| last.0 >= epoch || last.1 >= start) {
                return Err(format!("{line:?} does not rise above the line before"));
            }
            epochs.entries.push((epoch, start));
        }
        if epochs.entries.len() != count {
            return Err(format!("{count} lines announced, {} found", epochs.entries.len()));
        }
        Ok(epochs)
    }

    /// The file's content.
    pub(crate) fn render(&self) -> String {
        let mut text = format!("0\n{}\n", self.entries.len());
        for (epoch, start) in &self.entries {
            writeln!(text, "{epoch} {start}").expect("writing to a string cannot fail");
        }
        text
    }

    /// Whether the file has to be written; from now on it counts as written.
    pub(crate) fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    /// The file could not be written after all.
    pub(crate) fn mark_dirty(&mut self) {
        self.dirty = true;
    }

    /// A bound of the epochs of all batches in the files.
    pub(crate) fn highest(&self) -> LeaderEpoch {
        self.highest.max(self.latest().unwrap_or_default())
    }

    /// A batch of `epoch` is in the files, or may be.
    pub(crate) fn raise_highest(&mut self, epoch: LeaderEpoch) {
        self.highest = self.highest.max(epoch);
    }

    pub(crate) fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|(epoch, _)| *epoch)
    }

    /// A record of `epoch` stands at `start`, or will. Epochs that began there or later go: nothing of theirs
    /// is in the log. Older epochs than the latest are ignored.
    pub(crate) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) {
        self.raise_highest(epoch);
        if epoch.get() < 0 || self.latest().is_some_and(|latest| latest >= epoch) {
            return;
        }
        while self.entries.last().is_some_and(|(_, began)| *began >= start) {
            self.entries.pop();
        }
        self.entries.push((epoch, start));
        self.dirty = true;
    }

    /// The epoch of the record at `offset`.
    pub(crate) fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.entries.partition_point(|(_, start)| *start <= offset);
        after.checked_sub(1).map(|index| self.entries[index].0)
    }

    /// Kafka's answer to `OffsetForLeaderEpoch` (KIP-101, KIP-279): the largest epoch not above `epoch`, and
    /// the offset at which it ended. An epoch before all that are known answers with itself and the first
    /// start. `None` for an epoch above the latest.
    pub(crate) fn end_of(&self, epoch: LeaderEpoch, log_end: Offset) -> Option<(LeaderEpoch, Offset)> {
        let latest = self.latest()?;
        if epoch == latest {
            return Some((epoch, log_end));
        }
        if epoch.get() < 0 || epoch > latest {
            return None;
        }
        let after = self.entries.partition_point(|(known, _)| *known <= epoch);
        let end = self.entries[after].1;
        Some(match after.checked_sub(1) {
            Some(index) => (self.entries[index].0, end),
            None => (epoch, end),
        })
    }

    /// The log now ends at `end`.
    pub(crate) fn truncate_end(&mut self, end: Offset) {
        let kept = self.entries.partition_point(|(_, start)| *start < end);
        self.dirty |= kept < self.entries.len();
        self.entries.truncate(kept);
    }

    /// The log now begins at `start`: of the epochs before it the last one stays, from there.
    pub(crate) fn truncate_start(&mut self, start: Offset) {
        let after = self.entries.partition_point(|(_, began)| *began <= start);
        let Some(covering) = after.checked_sub(1) else { return };
        if covering > 0 || self.entries[covering].1 < start {
            self.entries.drain(..covering);
            self.entries[0].1 = start;
            self.dirty = true;
        }
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.dirty |= !self.entries.is_empty();
        self.entries.clear();
    }
}

fn parse_line(line: &str) -> Option<(LeaderEpoch, Offset)> {
    let (epoch, start) = line.split_once(' ')?;
    let (epoch, start): (i32, i64) = (epoch.parse().ok()?, start.parse().ok()?);
    (epoch >= 0 && start >= 0).then(|| (LeaderEpoch::new(epoch), Offset::new(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        let mut epochs = LeaderEpochs::default();
        for (epoch, start) in entries {
            epochs.assign(LeaderEpoch::new(*epoch), Offset::new(*start));
        }
        epochs
    }

    fn end(epochs: &LeaderEpochs, epoch: i32) -> Option<(i32, i64)> {
        let end = epochs.end_of(LeaderEpoch::new(epoch), Offset::new(100));
        end.map(|(epoch, offset)| (epoch.get(), offset.get()))
    }

    #[test]
    fn text_is_kafkas_and_comes_back() {
        let epochs = epochs(&[(0, 0), (3, 15)]);
        assert_eq!(epochs.render(), "0\n2\n0 0\n3 15\n");
        let again = LeaderEpochs::parse(epochs.render().as_bytes()).unwrap();
        assert_eq!(again.entries, epochs.entries);
        assert!(!again.dirty);
        for bad in ["", "1\n0\n", "0\n1\n", "0\n2\n3 15\n0 0\n", "0\n1\n-1 0\n", "0\n1\n0\n"] {
            assert!(LeaderEpochs::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ends_are_kafkas() {
        let epochs = epochs(&[(2, 10), (4, 30), (7, 60)]);
        assert_eq!(end(&epochs, 7), Some((7, 100)));
        assert_eq!(end(&epochs, 8), None);
        assert_eq!(end(&epochs, -1), None);
        assert_eq!(end(&epochs, 5), Some((4, 60)));
        assert_eq!(end(&epochs, 4), Some((4, 60)));
        assert_eq!(end(&epochs, 2), Some((2, 30)));
        assert_eq!(end(&epochs, 1), Some((1, 10)));
        assert_eq!(end(&LeaderEpochs::default(), 0), None);
    }

    #[test]
    fn an_epoch_without_records_is_replaced_by_the_next() {
        assert_eq!(epochs(&[(0, 0), (1, 5), (2, 5)]).entries, epochs(&[(0, 0), (2, 5)]).entries);
        assert_eq!(epochs(&[(3, 5), (2, 9)]).entries, epochs(&[(3, 5)]).entries);
    }

    #[test]
    fn truncation_at_both_ends() {
        let mut log = epochs(&[(0, 0), (1, 5), (2, 9)]);
        log.truncate_end(Offset::new(9));
        assert_eq!(log.entries, epochs(&[(0, 0), (1, 5)]).entries);
        log.truncate_start(Offset::new(7));
        assert_eq!(log.entries, epochs(&[(1, 7)]).entries);
        assert_eq!(log.epoch_at(Offset::new(7)), Some(LeaderEpoch::new(1)));
        assert_eq!(log.epoch_at(Offset::new(6)), None);
    }
}
