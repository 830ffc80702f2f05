//! Synced-offset slots: how far each partition is known to be on the disk, to tell a torn tail from damage.
//!
//! One file of 64-byte slots, the first of which is the header; a slot never straddles a sector. All integers
//! are big-endian. A slot of zeros is free.
//!
//! ```text
//! header  "YAKSLOTS" | int32 version 1 | zeros
//! slot    uuid topic id 16 | int32 partition | int32 leader epoch | int64 synced end | int64 log start
//!         | uint32 crc32c of the 40 bytes before | 20 zeros
//! ```
//!
//! Invariants: everything before a slot's synced end, of epochs up to its leader epoch, was synced before the
//! slot was written; the log start never stands behind the one in `log-start-offset-checkpoint`. Slots are
//! written without a sync, so after a power cut they may be older than the log, never newer. Before a
//! truncation the slot is lowered and synced.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};

use yak_model::{LeaderEpoch, Offset, PartitionIndex, TopicId, Uuid};

use crate::dir::{File, OpenMode};
use crate::disk::Disk;
use crate::error::StorageFailure;
use crate::sync::lock;

const FILE_NAME: &str = "synced-offset-slots";
const SLOT_LEN: usize = 64;
const COVERED: usize = 40;
const MAGIC: &[u8; 8] = b"YAKSLOTS";
const VERSION: i32 = 1;
/// Slots at most this far apart are written together with those in between.
const WRITE_GAP: u32 = 64;

/// Names a partition for ever.
pub(crate) type SlotKey = (TopicId, PartitionIndex);

/// What one slot says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Everything before it was synced.
    pub(crate) synced_end: Offset,
    /// The log begins here.
    pub(crate) log_start: Offset,
    /// No record before `synced_end` has a higher epoch.
    pub(crate) leader_epoch: LeaderEpoch,
}

/// The slots of a log directory.
#[derive(Debug)]
pub(crate) struct SlotTable {
    disk: Arc<Disk>,
    file: Arc<dyn File>,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    /// By position in the file; the header is not among them.
    content: Vec<Option<(SlotKey, Slot)>>,
    by_key: HashMap<SlotKey, u32>,
    free: BTreeSet<u32>,
    /// Changed since they were last written.
    staged: BTreeSet<u32>,
}

impl SlotTable {
    /// Opens or makes the file. Also says how many slots could not be read.
    pub(crate) fn open(disk: Arc<Disk>) -> Result<(Self, usize), StorageFailure> {
        let path = Path::new(FILE_NAME);
        let file = disk.look("open", path, disk.dir().open(path, OpenMode::CreateOrOpen))?;
        let len = disk.look("read", path, file.len())?;
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        disk.look("read", path, file.read_exact_at(&mut bytes, 0))?;
        let (slots, lost) = Slots::parse(&bytes);
        let table = Self { disk, file, slots: Mutex::new(slots) };
        if bytes.get(..SLOT_LEN) != Some(&header()[..]) {
            table.format()?;
        }
        Ok((table, lost))
    }

    /// Begins the file anew, durably: what it held must not come back when only its header does.
    fn format(&self) -> Result<(), StorageFailure> {
        let path = Path::new(FILE_NAME);
        *lock(&self.slots) = Slots::default();
        self.disk.change("truncate", path, self.file.truncate(0))?;
        self.write_at(&header(), 0)?;
        self.sync()?;
        let root = Path::new("");
        self.disk.change("sync", root, self.disk.dir().sync_dir(root))
    }

    pub(crate) fn get(&self, key: SlotKey) -> Option<Slot> {
        let slots = lock(&self.slots);
        let index = *slots.by_key.get(&key)?;
        slots.content[index as usize].map(|(_, slot)| slot)
    }

    /// Every partition that has a slot.
    pub(crate) fn all(&self) -> Vec<(SlotKey, Slot)> {
        lock(&self.slots).content.iter().flatten().copied().collect()
    }

    /// Changes a slot in memory, making it if need be; [`SlotTable::write`] brings it to the file.
    pub(crate) fn stage(&self, key: SlotKey, change: impl FnOnce(&mut Slot)) {
        lock(&self.slots).stage(key, change);
    }

    /// Frees a slot.
    pub(crate) fn remove(&self, key: SlotKey) {
        lock(&self.slots).remove(key);
    }

    /// Writes what was staged. Nothing is synced.
    pub(crate) fn write(&self) -> Result<(), StorageFailure> {
        // The lock is held over the write: a lowered slot must not be overtaken by an older value.
        let mut slots = lock(&self.slots);
        for (first, bytes) in slots.runs() {
            self.write_at(&bytes, (u64::from(first) + 1) * SLOT_LEN as u64)?;
        }
        slots.staged.clear();
        Ok(())
    }

    /// Makes the file durable as it is.
    pub(crate) fn sync(&self) -> Result<(), StorageFailure> {
        self.disk.change("sync", Path::new(FILE_NAME), self.file.sync_data())
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> Result<(), StorageFailure> {
        self.disk.grow("write", Path::new(FILE_NAME), self.file.write_all_at(bytes, position))
    }
}

impl Slots {
    fn parse(bytes: &[u8]) -> (Self, usize) {
        let mut slots = Self::default();
        let mut lost = 0;
        if bytes.is_empty() {
            return (slots, 0);
        }
        let header_is_good = bytes.get(..SLOT_LEN) == Some(&header()[..]);
        for (index, chunk) in (0..).zip(bytes.chunks(SLOT_LEN).skip(1)) {
            let free = chunk.iter().all(|byte| *byte == 0);
            let slot = decode(chunk).filter(|(key, _)| header_is_good && !slots.by_key.contains_key(key));
            if let Some((key, _)) = slot {
                slots.by_key.insert(key, index);
            } else {
                slots.free.insert(index);
                lost += usize::from(!free);
            }
            slots.content.push(slot);
        }
        (slots, lost)
    }

    fn stage(&mut self, key: SlotKey, change: impl FnOnce(&mut Slot)) {
        let index = match self.by_key.get(&key) {
            Some(index) => *index,
            None => self.allocate(key),
        };
        let (_, slot) = self.content[index as usize].as_mut().expect("a key names a used slot");
        change(slot);
        self.staged.insert(index);
    }

    fn allocate(&mut self, key: SlotKey) -> u32 {
        let index = self.free.pop_first().unwrap_or_else(|| {
            self.content.push(None);
            u32::try_from(self.content.len() - 1).expect("fewer than 2^32 partitions")
        });
        self.content[index as usize] = Some((key, Slot::default()));
        self.by_key.insert(key, index);
        index
    }

    fn remove(&mut self, key: SlotKey) {
        if let Some(index) = self.by_key.remove(&key) {
            self.content[index as usize] = None;
            self.free.insert(index);
            self.staged.insert(index);
        }
    }

    /// The staged slots as few runs of bytes, each with the index of its first slot.
    fn runs(&self) -> Vec<(u32, Vec<u8>)> {
        let mut runs: Vec<(u32, Vec<u8>)> = Vec::new();
        let mut next = 0;
        for &index in &self.staged {
            match runs.last_mut() {
                Some((_, bytes)) if index - next < WRITE_GAP => {
                    (next..=index).for_each(|index| bytes.extend(self.encoded(index)));
                }
                _ => runs.push((index, self.encoded(index).to_vec())),
            }
            next = index + 1;
        }
        runs
    }

    fn encoded(&self, index: u32) -> [u8; SLOT_LEN] {
        self.content[index as usize].map_or([0; SLOT_LEN], |(key, slot)| encode(key, slot))
    }
}

fn header() -> [u8; SLOT_LEN] {
    let mut bytes = [0; SLOT_LEN];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_be_bytes());
    bytes
}

fn encode((topic_id, partition): SlotKey, slot: Slot) -> [u8; SLOT_LEN] {
    let mut bytes = [0; SLOT_LEN];
    bytes[..16].copy_from_slice(topic_id.uuid().as_bytes());
    bytes[16..20].copy_from_slice(&partition.get().to_be_bytes());
    bytes[20..24].copy_from_slice(&slot.leader_epoch.get().to_be_bytes());
    bytes[24..32].copy_from_slice(&slot.synced_end.get().to_be_bytes());
    bytes[32..40].copy_from_slice(&slot.log_start.get().to_be_bytes());
    let crc = crc32c::crc32c(&bytes[..COVERED]);
    bytes[COVERED..COVERED + 4].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// `None` for a free slot as well as for one that cannot be trusted.
fn decode(bytes: &[u8]) -> Option<(SlotKey, Slot)> {
    let bytes: &[u8; SLOT_LEN] = bytes.try_into().ok()?;
    let int32 = |at: usize| Some(i32::from_be_bytes(bytes[at..at + 4].try_into().ok()?));
    let int64 = |at: usize| Some(i64::from_be_bytes(bytes[at..at + 8].try_into().ok()?));
    let crc = u32::from_be_bytes(bytes[COVERED..COVERED + 4].try_into().ok()?);
    let rest_is_zero = bytes[COVERED + 4..].iter().all(|byte| *byte == 0);
    if crc != crc32c::crc32c(&bytes[..COVERED]) || !rest_is_zero {
        return None;
    }
    let topic_id = TopicId::new(Uuid::from_bytes(bytes[..16].try_into().ok()?));
    let slot = Slot {
        leader_epoch: LeaderEpoch::new(int32(20)?),
        synced_end: Offset::new(int64(24)?),
        log_start: Offset::new(int64(32)?),
    };
    Some(((topic_id, PartitionIndex::new(int32(16)?)), slot))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dir::MemDir;

    fn key(topic: u8, partition: i32) -> SlotKey {
        (TopicId::from_random([topic; 16]), PartitionIndex::new(partition))
    }

    fn reopen(dir: &MemDir) -> (SlotTable, usize) {
        SlotTable::open(Arc::new(Disk::new(Arc::new(dir.snapshot())))).unwrap()
    }

    fn filled(dir: &MemDir, count: i32) -> SlotTable {
        let (table, _) = SlotTable::open(Arc::new(Disk::new(Arc::new(dir.clone())))).unwrap();
        for partition in 0..count {
            table.stage(key(1, partition), |slot| slot.synced_end = Offset::new(i64::from(partition) * 10));
        }
        table.write().unwrap();
        table
    }

    #[test]
    fn slots_come_back_and_freed_ones_are_used_again() {
        let dir = MemDir::new();
        let table = filled(&dir, 3);
        table.remove(key(1, 1));
        table.stage(key(2, 0), |slot| {
            *slot = Slot {
                synced_end: Offset::new(9),
                log_start: Offset::new(4),
                leader_epoch: LeaderEpoch::new(2),
            };
        });
        table.write().unwrap();
        let (again, lost) = reopen(&dir);
        assert_eq!(lost, 0);
        assert_eq!(again.get(key(1, 1)), None);
        assert_eq!(again.get(key(1, 2)).unwrap().synced_end, Offset::new(20));
        assert_eq!(again.get(key(2, 0)), table.get(key(2, 0)));
        assert_eq!(again.all().len(), 3);
        let path = Path::new(FILE_NAME);
        assert_eq!(dir.files().iter().find(|(name, _)| name == path).unwrap().1.len(), 4 * SLOT_LEN);
    }

    #[test]
    fn neighbours_are_written_together() {
        let dir = MemDir::new();
        let table = filled(&dir, 200);
        let before = dir.op_count();
        for partition in [0, 1, 5, 150] {
            table.stage(key(1, partition), |slot| slot.synced_end = Offset::new(7));
        }
        table.write().unwrap();
        assert_eq!(dir.op_count() - before, 2);
        let (again, _) = reopen(&dir);
        for partition in 0..200 {
            assert_eq!(again.get(key(1, partition)), table.get(key(1, partition)), "{partition}");
        }
    }

    #[test]
    fn a_flipped_bit_loses_that_slot_alone() {
        let dir = MemDir::new();
        let table = filled(&dir, 3);
        for bit in SLOT_LEN * 8 * 2..SLOT_LEN * 8 * 3 {
            let copy = dir.snapshot();
            copy.tamper(Path::new(FILE_NAME), |bytes| bytes[bit / 8] ^= 1 << (bit % 8)).unwrap();
            let (again, lost) = reopen(&copy);
            assert_eq!((again.get(key(1, 1)), lost), (None, 1), "bit {bit}");
            assert_eq!(again.get(key(1, 2)), table.get(key(1, 2)));
        }
    }
}
