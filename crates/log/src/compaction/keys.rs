//! The last offset of each key of a section of a log, in bounded memory.
//!
//! Keys are known by 128 bits of a keyed hash, so that two of them do not meet even if somebody tries. Open
//! addressing; the table doubles as keys come, until it and its predecessor fill the memory it may take.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use yak_model::Offset;

/// Bytes of a slot.
const SLOT_LEN: u64 = 24;
/// Least slots of the first table.
const FIRST: usize = 1024;

/// Two halves of the hash, and the offset plus one; an empty slot has 0 there.
type Slot = [u64; 3];

/// The table.
pub(crate) struct KeyOffsets {
    slots: Vec<Slot>,
    used: usize,
    /// The largest the table may get.
    most: usize,
    hashers: [RandomState; 2],
}

impl fmt::Debug for KeyOffsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { used, most, .. } = self;
        f.debug_struct("KeyOffsets").field("used", used).field("most", most).finish_non_exhaustive()
    }
}

impl KeyOffsets {
    /// An empty table that takes at most so many bytes, but room for a few hundred keys in any case.
    pub(crate) fn with_memory(bytes: u64) -> Self {
        // While the table grows, the one of half its size is there as well.
        let most = usize::try_from(bytes / SLOT_LEN / 3 * 2).unwrap_or(usize::MAX).max(FIRST);
        // So that doubling ends there.
        let mut first = most;
        while first / 2 >= FIRST {
            first /= 2;
        }
        Self { slots: vec![[0; 3]; first], used: 0, most, hashers: [RandomState::new(), RandomState::new()] }
    }

    /// `key` stands at `offset`, the highest so far. `false` if there is no room for another key.
    #[must_use]
    pub(crate) fn put(&mut self, key: &[u8], offset: Offset) -> bool {
        let hash = self.hash(key);
        let mut at = find(&self.slots, hash);
        if self.slots[at][2] == 0 {
            if self.used >= self.slots.len() / 4 * 3 {
                if self.slots.len() > self.most / 2 {
                    return false;
                }
                self.grow();
                at = find(&self.slots, hash);
            }
            self.used += 1;
        }
        let offset = u64::try_from(offset.get()).expect("offsets in a log are not negative");
        self.slots[at] = [hash[0], hash[1], offset + 1];
        true
    }

    /// Where `key` stands last.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Offset> {
        let after = self.slots[find(&self.slots, self.hash(key))][2];
        let offset = i64::try_from(after).expect("it was an offset, which is below i64::MAX");
        (after > 0).then(|| Offset::new(offset - 1))
    }

    /// How many keys there are.
    pub(crate) const fn len(&self) -> usize {
        self.used
    }

    fn hash(&self, key: &[u8]) -> [u64; 2] {
        [self.hashers[0].hash_one(key), self.hashers[1].hash_one(key)]
    }

    fn grow(&mut self) {
        let mut slots: Vec<Slot> = vec![[0; 3]; self.slots.len() * 2];
        for slot in self.slots.iter().filter(|slot| slot[2] > 0) {
            let at = find(&slots, [slot[0], slot[1]]);
            slots[at] = *slot;
        }
        self.slots = slots;
    }
}

/// The slot of a hash, or the empty one where it belongs; there always is one.
fn find(slots: &[Slot], hash: [u64; 2]) -> usize {
    let len = slots.len() as u64;
    let mut at = usize::try_from(hash[0] % len).expect("less than a length");
    while slots[at][2] != 0 && (slots[at][0], slots[at][1]) != (hash[0], hash[1]) {
        at = if at + 1 == slots.len() { 0 } else { at + 1 };
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: i64) -> Vec<u8> {
        format!("key-{n}").into_bytes()
    }

    #[test]
    fn the_last_offset_of_every_key_is_known() {
        let mut keys = KeyOffsets::with_memory(10_000_000);
        for n in 0..100_000 {
            assert!(keys.put(&key(n % 30_000), Offset::new(n)));
        }
        assert_eq!(keys.len(), 30_000);
        for n in 0..30_000 {
            let last = if n < 10_000 { 90_000 + n } else { 60_000 + n };
            assert_eq!(keys.get(&key(n)), Some(Offset::new(last)), "{n}");
        }
        assert_eq!(keys.get(&key(30_000)), None);
        assert_eq!(keys.get(b""), None);
    }

    #[test]
    fn memory_is_bounded() {
        for bytes in [0, 100_000, 1_000_000, 3_333_333] {
            let mut keys = KeyOffsets::with_memory(bytes);
            let mut count = 0;
            let mut most = 0;
            loop {
                let before = keys.slots.capacity();
                if !keys.put(&key(count), Offset::new(count)) {
                    break;
                }
                let after = keys.slots.capacity();
                most = most.max(if after > before { before + after } else { after });
                count += 1;
            }
            let taken = most as u64 * SLOT_LEN;
            assert!(taken <= bytes.max(2 * FIRST as u64 * SLOT_LEN), "{taken} of {bytes}");
            assert!(keys.len() as u64 >= (bytes / 60).max(500), "{count} keys in {bytes} bytes");
            // A key that is there finds its place all the same.
            assert!(keys.put(&key(0), Offset::new(count)));
            assert_eq!(keys.get(&key(0)), Some(Offset::new(count)));
            assert_eq!(keys.get(&key(count)), None);
        }
    }
}
