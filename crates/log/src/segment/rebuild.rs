//! Making the indexes anew from the log.

use yak_model::Offset;

use super::{FoundBatch, Indexes, LookupError, Segment, names, relative_to};
use crate::error::StorageFailure;
use crate::sync::lock;

/// Indexes in the making, for a walk over a segment.
#[derive(Debug)]
pub(crate) struct Rebuild {
    base: Offset,
    indexes: Indexes,
    interval: u64,
}

impl Segment {
    /// Begins indexes that replace the present ones, for a walk from the segment's start.
    pub(crate) fn rebuild(&self, interval: u64) -> Rebuild {
        Rebuild { base: self.base, indexes: Indexes::new(&self.disk, &self.dir, self.base), interval }
    }

    /// Begins indexes of what is to replace this segment, in files whose names have a suffix more.
    pub(crate) fn rebuild_aside(&self, interval: u64, suffix: &str) -> Rebuild {
        let indexes = Indexes::aside(&self.disk, &self.dir, self.base, suffix);
        Rebuild { base: self.base, indexes, interval }
    }

    /// The segment that takes the place of this one and perhaps of others behind it. Its files have their usual
    /// names; `rebuild` comes from [`Segment::rebuild_aside`].
    pub(crate) fn successor(&self, size: u64, mut rebuild: Rebuild) -> Self {
        rebuild.indexes.moved(&self.dir, self.base);
        Self::assemble(&self.disk, &self.dir, self.base, (size, rebuild.indexes))
    }

    /// Begins indexes that continue the present ones, for a walk from the batch that comes back: the last
    /// indexed one that lies wholly before `from`. `None` if there is no such batch, or an index is wrong.
    pub(crate) fn resume(
        &self,
        from: Offset,
        interval: u64,
    ) -> Result<Option<(FoundBatch, Rebuild)>, StorageFailure> {
        match self.try_resume(from) {
            Ok(resumed) => {
                Ok(resumed.map(|(batch, indexes)| (batch, Rebuild { base: self.base, indexes, interval })))
            }
            Err(LookupError::Storage(failure)) => Err(failure),
            // The walk from the start will say what it is.
            Err(LookupError::Bad { .. }) => Ok(None),
        }
    }

    fn try_resume(&self, from: Offset) -> Result<Option<(FoundBatch, Indexes)>, LookupError> {
        let offsets = lock(&self.indexes).written_offsets();
        let offsets = offsets.and_then(|part| part.rank(|entry| self.absolute(entry.relative) < from));
        let Some((kept, entry)) = self.readable(names::INDEX, offsets)? else { return Ok(None) };
        let Some(batch) = self.confirmed_offset(entry)? else { return Ok(None) };
        let times = lock(&self.indexes).written_times();
        let times = times.and_then(|part| part.rank(|time| time.relative <= entry.relative));
        let times = self.readable(names::TIME_INDEX, times)?;
        let newest = times.map(|(_, time)| self.confirmed(time)).transpose()?.flatten();
        if newest.is_none() && times.is_some() {
            return Ok(None);
        }
        // Time entries may have waited in memory when the process died, the one that went with this offset entry
        // too: what came after is looked at.
        let max = self.max_of(newest, batch.end())?;
        let mut indexes = Indexes::resumed(&self.disk, &self.dir, self.base, (kept, times), max);
        indexes.push_time_entry()?;
        Ok(Some((batch, indexes)))
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
            Ok(_) | Err(LookupError::Bad { .. }) => rebuild.finish(self, sealed),
        }
    }
}

impl Rebuild {
    /// Takes note of the next batch.
    pub(crate) fn note(&mut self, batch: &FoundBatch) -> Result<(), StorageFailure> {
        // An offset that entries cannot say is left to the walk over the log.
        match relative_to(self.base, batch.header.last_offset()) {
            Some(relative) => self.indexes.note(batch.position, relative, &batch.header, self.interval),
            None => Ok(()),
        }
    }

    /// Writes the files of a segment that will not be appended to. Without room entries wait in memory.
    pub(crate) fn flush(&mut self) -> Result<(), StorageFailure> {
        match self.indexes.flush(true) {
            Err(failure) if !failure.is_refused_for_now() => Err(failure),
            _ => Ok(()),
        }
    }

    /// Writes the files and gives the indexes to the segment, which has the batches that were noted. Without
    /// room the old files are gone and entries wait in memory.
    pub(crate) fn finish(mut self, segment: &Segment, sealed: bool) -> Result<(), StorageFailure> {
        match self.indexes.flush(sealed) {
            Err(failure) if !failure.is_refused_for_now() => return Err(failure),
            _ => {}
        }
        *lock(&segment.indexes) = self.indexes;
        Ok(())
    }
}
