//! The file that some segments are rewritten into, with its indexes, and empty batches where records were.

use std::path::PathBuf;
use std::sync::Arc;

use yak_model::{LeaderEpoch, Offset};
use yak_record::{BatchHeader, EmptyBatch, HEADER_LEN};

use crate::dir::{File, OpenMode};
use crate::disk::Disk;
use crate::error::StorageFailure;
use crate::segment::{FoundBatch, Rebuild, Segment, names};

/// Written at once.
const CHUNK: usize = 1024 * 1024;

/// The `.cleaned` file in the making.
#[derive(Debug)]
pub(super) struct Output {
    disk: Arc<Disk>,
    path: PathBuf,
    file: Arc<dyn File>,
    buffer: Vec<u8>,
    /// Bytes of the file; those in the buffer follow.
    written: u64,
    indexes: Rebuild,
    hole: Option<EmptyBatch>,
}

impl Output {
    /// A new file beside the segment whose place it is to take.
    pub(super) fn create(disk: &Arc<Disk>, first: &Segment, interval: u64) -> Result<Self, StorageFailure> {
        let path = first.path(&format!("{}.{}", names::LOG, names::CLEANED));
        let file = disk.grow("create", &path, disk.dir().open(&path, OpenMode::CreateOrEmpty))?;
        Ok(Self {
            disk: disk.clone(),
            path,
            file,
            buffer: Vec::with_capacity(CHUNK),
            written: 0,
            indexes: first.rebuild_aside(interval, names::CLEANED),
            hole: None,
        })
    }

    /// Adds a batch that continues what was added before.
    pub(super) fn batch(&mut self, header: BatchHeader, bytes: &[u8]) -> Result<(), StorageFailure> {
        self.fill()?;
        self.push(header, bytes)
    }

    /// The records of this batch are gone. Says whether its bytes go as well: one that was empty before, with
    /// records on both sides, is as it was.
    pub(super) fn hole(&mut self, header: &BatchHeader) -> Result<bool, StorageFailure> {
        if let Some(hole) = &mut self.hole
            && let Some(longer) = joined(hole, header)
        {
            hole.last_offset_delta = longer;
            return Ok(true);
        }
        self.fill()?;
        let epoch: LeaderEpoch = header.partition_leader_epoch;
        self.hole = Some(EmptyBatch::new(header.base_offset, header.last_offset_delta, epoch));
        Ok(header.record_count > 0 || header.producer_id.get() >= 0)
    }

    fn fill(&mut self) -> Result<(), StorageFailure> {
        let Some(hole) = self.hole.take() else { return Ok(()) };
        let bytes: [u8; HEADER_LEN] = hole.encode();
        let header = BatchHeader::parse(&bytes).expect("it was just made");
        self.push(header, &bytes)
    }

    fn push(&mut self, header: BatchHeader, bytes: &[u8]) -> Result<(), StorageFailure> {
        self.indexes.note(&FoundBatch { position: self.size(), header })?;
        if self.buffer.len() + bytes.len() > CHUNK {
            self.write()?;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn write(&mut self) -> Result<(), StorageFailure> {
        let result = self.file.write_all_at(&self.buffer, self.written);
        self.disk.grow("write", &self.path, result)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Bytes so far, an unfilled hole not counted.
    pub(super) fn size(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Makes the file durable. Its size and indexes come back.
    pub(super) fn finish(mut self) -> Result<(u64, Rebuild), StorageFailure> {
        self.fill()?;
        self.write()?;
        // Without room for an index its entries wait in memory.
        self.indexes.flush()?;
        match self.file.sync_data() {
            // Nobody has been promised anything of this file; but what a sync failed for is on this disk.
            Err(error) => self.disk.change("sync", &self.path, Err(error)),
            Ok(()) => Ok((self.written, self.indexes)),
        }
    }
}

/// How far a hole reaches with what follows it, if both are one.
fn joined(hole: &EmptyBatch, next: &BatchHeader) -> Option<i32> {
    let last = i32::try_from(next.last_offset().since(hole.base_offset)).ok()?;
    let follows: Offset = hole.base_offset.plus(i64::from(hole.last_offset_delta) + 1);
    (hole.leader_epoch == next.partition_leader_epoch && follows == next.base_offset).then_some(last)
}
