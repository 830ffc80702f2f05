//! Chance, by seed: the same seed gives the same numbers for ever, so that a failure can be repeated.

use std::ops::Range;
use std::time::Duration;

/// A small generator of numbers that look random: SplitMix64.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From any seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub const fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of `from..to`.
    ///
    /// # Panics
    /// If the range is empty.
    pub fn within(&mut self, from: u64, to: u64) -> u64 {
        assert!(from < to, "a range of nothing");
        from + self.any() % (to - from)
    }

    /// A number below `limit`.
    ///
    /// # Panics
    /// If `limit` is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.within(0, limit as u64)).expect("less than a usize")
    }

    /// True in `percent` of the cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.within(0, 100) < percent
    }

    /// One of these, unless there are none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { from.get(self.below(from.len())) }
    }

    /// So many milliseconds.
    ///
    /// # Panics
    /// If the range is empty.
    pub fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.within(range.start, range.end))
    }

    /// Into another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            let other = self.below(at + 1);
            items.swap(at, other);
        }
    }

    /// Bytes for an id.
    pub fn id(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.any().to_be_bytes());
        bytes[8..].copy_from_slice(&self.any().to_be_bytes());
        bytes
    }
}
