//! Making the indexes anew from the log.

use super::{FoundBatch, Indexes, LookupError, Segment};
use crate::error::StorageFailure;
use crate::sync::lock;

/// Indexes in the making, for a walk over a segment from its start.
#[derive(Debug)]
pub(crate) struct Rebuild<'a> {
    segment: &'a Segment,
    indexes: Indexes,
    interval: u64,
}

impl Segment {
    /// Begins indexes that replace the present ones.
    pub(crate) fn rebuild(&self, interval: u64) -> Rebuild<'_> {
        Rebuild { segment: self, indexes: Indexes::new(&self.disk, &self.dir, self.base), interval }
    }

    /// Walks the whole segment and replaces its indexes. `sealed` segments get their last time entry. Where
    /// the walk meets damage the entries end; who reads on from there reports it.
    pub(crate) fn rebuild_indexes(&self, interval: u64, sealed: bool) -> Result<(), StorageFailure> {
        let mut rebuild = self.rebuild(interval);
        let mut noted = Ok(());
        let walked = self.walk(0, self.base, |batch| {
            noted = rebuild.note(batch);
            noted.is_err()
        });
        noted?;
        match walked {
            Err(LookupError::Storage(failure)) => Err(failure),
            Ok(_) | Err(LookupError::Bad { .. }) => rebuild.finish(sealed),
        }
    }
}

impl Rebuild<'_> {
    /// Takes note of the next batch.
    pub(crate) fn note(&mut self, batch: &FoundBatch) -> Result<(), StorageFailure> {
        // An offset that entries cannot say is left to the walk over the log.
        match self.segment.relative(batch.header.last_offset()) {
            Some(relative) => self.indexes.note(batch.position, relative, &batch.header, self.interval),
            None => Ok(()),
        }
    }

    /// Writes the files and puts the new indexes in place. Without room the old files are gone and entries
    /// wait in memory.
    pub(crate) fn finish(mut self, sealed: bool) -> Result<(), StorageFailure> {
        match self.indexes.flush(sealed) {
            Err(failure) if !failure.is_refused_for_now() => return Err(failure),
            _ => {}
        }
        *lock(&self.segment.indexes) = self.indexes;
        Ok(())
    }
}
