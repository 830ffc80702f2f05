//! Index files: sorted entries of fixed size, big-endian, exactly Kafka's.
//!
//! ```text
//! .index      int32 offset - base | int32 position      the last offset of the batch that starts there
//! .timeindex  int64 timestamp | int32 offset - base     the largest timestamp so far, and whose it is
//! ```
//!
//! An index is a cache of the log. New entries of the active segment wait in memory and are written some at a
//! time, so that an append costs one system call; a search looks at those in memory first and then reads the
//! file where it must, so that memory does not grow with the data. The file is open only while it is read or
//! written. Whoever uses an entry checks it against the batch it names.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use yak_model::TimestampMs;

use crate::dir::{File, OpenMode};
use crate::disk::Disk;
use crate::error::StorageFailure;

/// Entries that wait in memory before they are written together.
const CHUNK: usize = 128;
/// Entries of the file that a search reads at once.
const PAGE: usize = 512;
/// Bytes of the largest entry.
const MAX_LEN: usize = 12;

/// An entry of an index.
pub(crate) trait Entry: Copy {
    /// Bytes of it in the file.
    const LEN: usize;
    fn encode(self, out: &mut Vec<u8>);
    /// From `LEN` bytes.
    fn decode(bytes: &[u8]) -> Self;
}

/// Where a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OffsetEntry {
    /// Last offset of the batch, less the segment's base.
    pub(crate) relative: u32,
    /// Where the batch starts.
    pub(crate) position: u32,
}

/// Up to when the batches are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeEntry {
    /// No batch up to and including the one named has a larger timestamp.
    pub(crate) timestamp: TimestampMs,
    /// Last offset of the batch that has it, less the segment's base.
    pub(crate) relative: u32,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

impl Entry for OffsetEntry {
    const LEN: usize = 8;

    fn encode(self, out: &mut Vec<u8>) {
        out.extend(self.relative.to_be_bytes());
        out.extend(self.position.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Self {
        Self { relative: u32_at(bytes, 0), position: u32_at(bytes, 4) }
    }
}

impl Entry for TimeEntry {
    const LEN: usize = 12;

    fn encode(self, out: &mut Vec<u8>) {
        out.extend(self.timestamp.get().to_be_bytes());
        out.extend(self.relative.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Self {
        let timestamp = i64::from_be_bytes(bytes[..8].try_into().expect("eight bytes"));
        Self { timestamp: TimestampMs::new(timestamp), relative: u32_at(bytes, 8) }
    }
}

/// One index file and the entries that are not in it yet.
#[derive(Debug)]
pub(crate) struct IndexFile<E> {
    disk: Arc<Disk>,
    path: PathBuf,
    /// Whether the file is this index's: a new one has to empty it first.
    made: bool,
    /// Entries in the file; `None` until it was looked at.
    written: Option<usize>,
    pending: Vec<u8>,
    /// The file may have more entries than `written`, which are not right any more.
    overlong: bool,
    kind: std::marker::PhantomData<E>,
}

/// The part of an index that is in its file, to be searched without a lock.
#[derive(Debug)]
pub(crate) struct WrittenPart<E> {
    disk: Arc<Disk>,
    path: PathBuf,
    entries: usize,
    kind: std::marker::PhantomData<E>,
}

impl<E: Entry> IndexFile<E> {
    /// The index of a segment that exists, whatever is in the file.
    pub(crate) fn existing(disk: Arc<Disk>, path: PathBuf) -> Self {
        Self {
            disk,
            path,
            made: true,
            written: None,
            pending: Vec::new(),
            overlong: false,
            kind: std::marker::PhantomData,
        }
    }

    /// The index of a segment that exists, of which the first `kept` entries are right.
    pub(crate) fn shortened(disk: Arc<Disk>, path: PathBuf, kept: usize) -> Self {
        Self { written: Some(kept), overlong: true, ..Self::existing(disk, path) }
    }

    /// The index of a new segment; a file left over from an earlier one of that name is emptied.
    pub(crate) fn new(disk: Arc<Disk>, path: PathBuf) -> Self {
        Self { made: false, written: Some(0), ..Self::existing(disk, path) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file has another name from now on.
    pub(crate) fn moved(&mut self, path: PathBuf) {
        self.path = path;
    }

    /// Bytes that the file will have.
    pub(crate) fn len(&mut self) -> io::Result<u64> {
        Ok((self.written()? * E::LEN + self.pending.len()) as u64)
    }

    /// The last entry.
    pub(crate) fn last(&mut self) -> io::Result<Option<E>> {
        if let Some(bytes) = self.pending.rchunks_exact(E::LEN).next() {
            return Ok(Some(E::decode(bytes)));
        }
        let part = self.written_part()?;
        match part.entries {
            0 => Ok(None),
            entries => part.entry(&*part.open()?, entries - 1).map(Some),
        }
    }

    /// Adds an entry, and writes the waiting ones if they are many. That there is no room, or that too many files
    /// are open, is not an error: they wait on.
    pub(crate) fn push(&mut self, entry: E) -> Result<(), StorageFailure> {
        entry.encode(&mut self.pending);
        if self.pending.len() >= CHUNK * E::LEN {
            match self.flush() {
                Err(failure) if failure.is_refused_for_now() => {}
                result => result?,
            }
        }
        Ok(())
    }

    /// Writes all waiting entries; makes the file if there is none.
    pub(crate) fn flush(&mut self) -> Result<(), StorageFailure> {
        if self.made && self.pending.is_empty() && self.written != Some(0) && !self.overlong {
            return Ok(());
        }
        let disk = self.disk.clone();
        let written = self.written();
        let written = disk.look("read", &self.path, written)?;
        let mode = if written == 0 { OpenMode::CreateOrEmpty } else { OpenMode::CreateOrOpen };
        let file = disk.grow("create", &self.path, disk.dir().open(&self.path, mode))?;
        self.made = true;
        if self.overlong {
            disk.change("truncate", &self.path, file.truncate((written * E::LEN) as u64))?;
            self.overlong = false;
        }
        if self.pending.is_empty() {
            return Ok(());
        }
        let result = file.write_all_at(&self.pending, (written * E::LEN) as u64);
        disk.grow("write", &self.path, result)?;
        self.written = Some(written + self.pending.len() / E::LEN);
        self.pending.clear();
        // An idle log keeps no buffer.
        self.pending.shrink_to(0);
        Ok(())
    }

    /// The last entry in memory for which `holds`, which must hold for a prefix of all entries.
    pub(crate) fn search_pending(&self, holds: impl Fn(&E) -> bool) -> Option<E> {
        let entries = self.pending.len() / E::LEN;
        let at = |index: usize| E::decode(&self.pending[index * E::LEN..][..E::LEN]);
        partition_point(0, entries, |index| holds(&at(index))).checked_sub(1).map(at)
    }

    /// The part in the file.
    pub(crate) fn written_part(&mut self) -> io::Result<WrittenPart<E>> {
        let entries = self.written()?;
        let (disk, path) = (self.disk.clone(), self.path.clone());
        Ok(WrittenPart { disk, path, entries, kind: std::marker::PhantomData })
    }

    fn written(&mut self) -> io::Result<usize> {
        if let Some(written) = self.written {
            return Ok(written);
        }
        // A missing index has no entries: the search begins at the start of the log.
        let written = match self.disk.dir().metadata(&self.path) {
            Ok(metadata) => usize::try_from(metadata.len).unwrap_or(usize::MAX) / E::LEN,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        self.written = Some(written);
        Ok(written)
    }
}

impl<E: Entry> WrittenPart<E> {
    /// The last entry for which `holds`, which must hold for a prefix of all entries.
    pub(crate) fn search(&self, holds: impl Fn(&E) -> bool) -> io::Result<Option<E>> {
        Ok(self.rank(holds)?.map(|(_, entry)| entry))
    }

    /// As [`WrittenPart::search`], with the number of entries up to and including the one found.
    pub(crate) fn rank(&self, holds: impl Fn(&E) -> bool) -> io::Result<Option<(usize, E)>> {
        let (mut low, mut high) = (0, self.entries);
        if high == 0 {
            return Ok(None);
        }
        let file = match self.open() {
            // It went with its segment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        while high - low > PAGE {
            let middle = low.midpoint(high);
            if holds(&self.entry(&*file, middle)?) { low = middle } else { high = middle }
        }
        let mut page = [0; PAGE * MAX_LEN];
        let page = &mut page[..(high - low) * E::LEN];
        file.read_exact_at(page, (low * E::LEN) as u64)?;
        let at = |index: usize| E::decode(&page[index * E::LEN..][..E::LEN]);
        let found = partition_point(0, high - low, |index| holds(&at(index))).checked_sub(1);
        Ok(found.map(|index| (low + index + 1, at(index))))
    }

    fn open(&self) -> io::Result<Arc<dyn File>> {
        self.disk.dir().open(&self.path, OpenMode::Read)
    }

    fn entry(&self, file: &dyn File, index: usize) -> io::Result<E> {
        let mut bytes = [0; MAX_LEN];
        file.read_exact_at(&mut bytes[..E::LEN], (index * E::LEN) as u64)?;
        Ok(E::decode(&bytes[..E::LEN]))
    }
}

/// The first index in `low..high` for which `holds` does not, given that it holds for a prefix.
fn partition_point(mut low: usize, mut high: usize, holds: impl Fn(usize) -> bool) -> usize {
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dir::{Dir, MemDir};

    fn index(dir: &MemDir) -> IndexFile<OffsetEntry> {
        IndexFile::new(Arc::new(Disk::new(Arc::new(dir.clone()))), "i.index".into())
    }

    fn find(index: &mut IndexFile<OffsetEntry>, relative: u32) -> Option<OffsetEntry> {
        let holds = |entry: &OffsetEntry| entry.relative <= relative;
        match index.search_pending(holds) {
            Some(entry) => Some(entry),
            None => index.written_part().unwrap().search(holds).unwrap(),
        }
    }

    #[test]
    fn searches_find_entries_in_memory_and_in_the_file() {
        let dir = MemDir::new();
        let mut index = index(&dir);
        assert_eq!(find(&mut index, 5), None);
        for n in 1..=3000 {
            index.push(OffsetEntry { relative: n * 10, position: n * 100 }).unwrap();
        }
        assert_eq!(index.len().unwrap(), 24_000);
        let in_file = dir.metadata(Path::new("i.index")).unwrap().len;
        assert!(in_file < 24_000 && in_file > 22_000, "{in_file}");
        for flushed in [false, true] {
            for n in 1..=3000 {
                let entry = Some(OffsetEntry { relative: n * 10, position: n * 100 });
                assert_eq!(find(&mut index, n * 10), entry, "{n}");
                assert_eq!(find(&mut index, n * 10 + 9), entry, "{n}");
            }
            assert_eq!(find(&mut index, 9), None, "flushed: {flushed}");
            assert_eq!(index.last().unwrap().unwrap().relative, 30_000);
            index.flush().unwrap();
        }
    }

    #[test]
    fn entries_wait_while_there_is_no_room() {
        let dir = MemDir::new();
        let mut index = index(&dir);
        dir.set_capacity(Some(10));
        for n in 1..=500 {
            index.push(OffsetEntry { relative: n, position: n }).unwrap();
        }
        dir.set_capacity(None);
        index.flush().unwrap();
        assert_eq!(dir.metadata(Path::new("i.index")).unwrap().len, 4000);
        for n in 1..=500 {
            assert_eq!(find(&mut index, n).unwrap().position, n);
        }
    }

    #[test]
    fn a_missing_file_has_no_entries() {
        let disk = Arc::new(Disk::new(Arc::new(MemDir::new())));
        let mut index: IndexFile<TimeEntry> = IndexFile::existing(disk, "none".into());
        assert_eq!(index.last().unwrap(), None);
        assert_eq!(index.written_part().unwrap().search(|_| true).unwrap(), None);
    }
}
