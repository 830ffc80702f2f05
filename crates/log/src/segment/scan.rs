//! Walking a segment's batches by their headers, with or without their checksums.

use std::io;

use yak_record::{BatchError, BatchHeader, HEADER_LEN};

use crate::dir::File;

/// Read at once when looking for headers: an index interval, so mostly one read finds what it looks for.
const WINDOW: usize = 4096;
/// Read at once when the whole file is looked at.
const CHUNK: usize = 256 * 1024;
/// Where the bytes that the checksum covers begin.
const CHECKED_FROM: u64 = 21;

/// A batch that was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FoundBatch {
    /// Where it starts.
    pub(crate) position: u64,
    pub(crate) header: BatchHeader,
}

impl FoundBatch {
    /// Where it ends.
    pub(crate) fn end(&self) -> u64 {
        self.position + self.header.size_in_bytes() as u64
    }
}

/// Why a walk cannot go on.
#[derive(Debug)]
pub(crate) enum ScanError {
    /// What is at the position is not a whole batch.
    Bad { position: u64, problem: BatchError },
    /// It cannot be read.
    Io(io::Error),
}

impl From<io::Error> for ScanError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Walks batches from a position where one starts.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    file: &'a dyn File,
    position: u64,
    end: u64,
    window: Vec<u8>,
    window_at: u64,
    read_at_once: usize,
}

impl<'a> Scan<'a> {
    /// For looking at a few headers.
    pub(crate) fn headers(file: &'a dyn File, position: u64, end: u64) -> Self {
        Self::new(file, position, end, WINDOW)
    }

    /// For looking at all of a file.
    pub(crate) fn whole(file: &'a dyn File, position: u64, end: u64) -> Self {
        Self::new(file, position, end, CHUNK)
    }

    fn new(file: &'a dyn File, position: u64, end: u64, read_at_once: usize) -> Self {
        Self { file, position, end, window: Vec::new(), window_at: 0, read_at_once }
    }

    /// The next batch, which lies whole before the end; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<FoundBatch>, ScanError> {
        let position = self.position;
        if position >= self.end {
            return Ok(None);
        }
        let bad = |problem| ScanError::Bad { position, problem };
        let available = self.end - position;
        let head = self.bytes(position, HEADER_LEN.min(to_usize(available)))?;
        let header = BatchHeader::parse(head).map_err(bad)?;
        let needed = header.size_in_bytes();
        if needed as u64 > available {
            return Err(bad(BatchError::Incomplete { needed, available: to_usize(available) }));
        }
        self.position += needed as u64;
        Ok(Some(FoundBatch { position, header }))
    }

    /// As [`Scan::next`], with the checksum. However long the batch says it is, no more memory is used.
    pub(crate) fn next_checked(&mut self) -> Result<Option<FoundBatch>, ScanError> {
        let Some(batch) = self.next()? else { return Ok(None) };
        let mut at = batch.position + CHECKED_FROM;
        let mut computed = 0;
        while at < batch.end() {
            let wanted = to_usize((batch.end() - at).min(CHUNK as u64));
            let bytes = self.bytes(at, wanted)?;
            computed = crc32c::crc32c_append(computed, bytes);
            at += wanted as u64;
        }
        let stored = batch.header.crc;
        if stored != computed {
            self.position = batch.position;
            let problem = BatchError::Crc { stored, computed };
            return Err(ScanError::Bad { position: batch.position, problem });
        }
        Ok(Some(batch))
    }

    /// `len` bytes at `position`, all of which must be there; read with what follows if need be.
    pub(crate) fn bytes(&mut self, position: u64, len: usize) -> io::Result<&[u8]> {
        let have = self.window_at..self.window_at + self.window.len() as u64;
        if position < have.start || position + len as u64 > have.end {
            let wanted = len.max(self.read_at_once).min(to_usize(self.end - position));
            self.window.resize(wanted, 0);
            let read = self.file.read_at(&mut self.window, position);
            self.window.truncate(*read.as_ref().unwrap_or(&0));
            self.window_at = position;
            if read? < len {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let from = to_usize(position - self.window_at);
        Ok(&self.window[from..from + len])
    }
}

/// Lengths in a file of at most 2 GiB, or already bounded by what is read at once.
fn to_usize(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}
