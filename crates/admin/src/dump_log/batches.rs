//! Reads a segment batch by batch, and finds the next whole batch behind one that is not.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use yak_record::{BatchError, BatchHeader, HEADER_LEN, MAGIC, verify_crc};

const BUFFER_BYTES: usize = 256 * 1024;
/// Where the magic stands in a header.
const MAGIC_AT: usize = 16;

/// A segment that is being read. The file may grow meanwhile.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    file: BufReader<File>,
    position: u64,
    batch: Vec<u8>,
}

/// What stands at a position of a segment.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// A batch with a sound header, all its bytes. Its checksum was not looked at.
    Batch(BatchHeader, &'a [u8]),
    /// No batch, for `len` bytes; then comes a whole one, or the end of the file.
    Invalid { len: u64, why: BatchError, to_the_end: bool },
    /// The beginning of a batch, or zeros, up to the end of the file.
    Unfinished { len: u64 },
    /// The end of the file.
    End,
}

impl Segment {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = BufReader::with_capacity(BUFFER_BYTES, File::open(path)?);
        Ok(Self { path: path.to_owned(), file, position: 0, batch: Vec::new() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the next batch is expected.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// If the file has become shorter than what was read of it, goes on from its end.
    pub(super) fn rewind_if_truncated(&mut self) -> io::Result<bool> {
        let len = self.len()?;
        let truncated = len < self.position;
        if truncated {
            self.seek(len)?;
        }
        Ok(truncated)
    }

    /// What stands at the position, which moves behind it, unless it is unfinished.
    pub(super) fn next(&mut self) -> io::Result<Found<'_>> {
        let left = self.len()?.saturating_sub(self.position);
        if left == 0 {
            return Ok(Found::End);
        }
        let header_len = usize::try_from(left).map_or(HEADER_LEN, |left| left.min(HEADER_LEN));
        self.batch.clear();
        self.fill(header_len)?;
        match BatchHeader::parse(&self.batch) {
            Ok(header) if header.size_in_bytes() as u64 <= left => {
                self.fill(header.size_in_bytes() - HEADER_LEN)?;
                self.position += self.batch.len() as u64;
                Ok(Found::Batch(header, &self.batch))
            }
            Ok(header) => {
                let available = usize::try_from(left).unwrap_or(usize::MAX);
                self.resynchronise(BatchError::Incomplete { needed: header.size_in_bytes(), available })
            }
            Err(why) => self.resynchronise(why),
        }
    }

    /// Reads what is left and looks for a whole batch in it.
    fn resynchronise(&mut self, why: BatchError) -> io::Result<Found<'_>> {
        let mut rest = std::mem::take(&mut self.batch);
        self.file.read_to_end(&mut rest)?;
        let next = next_whole_batch(&rest);
        let len = next.unwrap_or(rest.len()) as u64;
        let cut_off = matches!(why, BatchError::Incomplete { .. });
        if next.is_none() && (cut_off || rest.iter().all(|byte| *byte == 0)) {
            self.seek(self.position)?;
            return Ok(Found::Unfinished { len });
        }
        self.seek(self.position + len)?;
        Ok(Found::Invalid { len, why, to_the_end: next.is_none() })
    }

    fn fill(&mut self, len: usize) -> io::Result<()> {
        let start = self.batch.len();
        self.batch.resize(start + len, 0);
        self.file.read_exact(&mut self.batch[start..])
    }

    fn seek(&mut self, position: u64) -> io::Result<()> {
        self.position = position;
        self.file.seek(SeekFrom::Start(position)).map(drop)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.get_ref().metadata()?.len())
    }
}

/// Where in `bytes`, behind the first, a batch begins whose checksum is right.
fn next_whole_batch(bytes: &[u8]) -> Option<usize> {
    let magic = MAGIC.cast_unsigned();
    (1..bytes.len().saturating_sub(HEADER_LEN - 1)).find(|&start| {
        let rest = &bytes[start..];
        rest[MAGIC_AT] == magic
            && BatchHeader::parse(rest)
                .is_ok_and(|header| rest.get(..header.size_in_bytes()).is_some_and(verify_crc))
    })
}

/// Reads the headers of a segment one after the other, or at a given place, without the records.
#[derive(Debug)]
pub(super) struct Headers {
    file: BufReader<File>,
    position: u64,
}

impl Headers {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: BufReader::with_capacity(BUFFER_BYTES, File::open(path)?), position: 0 })
    }

    /// The header at `position`; `None` if there is no sound one.
    pub(super) fn at(&mut self, position: u64) -> io::Result<Option<BatchHeader>> {
        let distance =
            i64::try_from(position).unwrap_or(i64::MAX) - i64::try_from(self.position).unwrap_or(0);
        self.file.seek_relative(distance)?;
        self.position = position;
        let mut bytes = [0; HEADER_LEN];
        match self.file.read_exact(&mut bytes) {
            Ok(()) => self.position += bytes.len() as u64,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.position = self.file.stream_position()?;
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        Ok(BatchHeader::parse(&bytes).ok())
    }
}
