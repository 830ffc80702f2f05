//! Rewriting segments: what stays of some neighbours goes into one file.

use std::path::PathBuf;
use std::sync::Arc;

use yak_model::{Offset, TimestampMs};
use yak_record::{BatchHeader, EmptyBatch, Retained, Retainer};

use super::output::Output;
use super::{Compaction, CompactionError, Source};
use crate::disk::Disk;
use crate::error::StorageFailure;
use crate::log::Segments;
use crate::segment::{FoundBatch, Rebuild, Segment, names};

/// Most bytes of a rewritten segment: positions in an index are 31 bits long.
const MAX_BYTES: u64 = i32::MAX as u64;

/// A file that is to take the place of some segments. It is durable, under a name that means nothing to a recovery.
#[derive(Debug)]
pub struct Rewritten {
    pub(crate) disk: Arc<Disk>,
    /// Neighbours, oldest first.
    pub(crate) replaced: Segments,
    pub(crate) size: u64,
    pub(crate) indexes: Rebuild,
}

/// What became of a batch.
enum Fate {
    Stays,
    Becomes(BatchHeader, bytes::Bytes),
    Goes,
}

impl Compaction {
    /// Rewrites the next segments of which something goes. `None` when there are no more.
    ///
    /// # Errors
    /// See [`CompactionError`].
    pub fn rewrite_next(&mut self) -> Result<Option<Rewritten>, CompactionError> {
        let mut retainer = Retainer::default();
        while self.done < self.segments.len() {
            let group: Segments = self.segments[self.done..self.done + self.group()].to_vec();
            self.done += group.len();
            let rewritten = self.rewrite(&group, &mut retainer);
            let changed = match rewritten {
                Ok((rewritten, changed)) => {
                    self.report.bytes_before += group.iter().map(|segment| segment.size()).sum::<u64>();
                    self.report.bytes_after += rewritten.size;
                    changed.then_some(rewritten)
                }
                Err(error) => {
                    discard(&self.core.disk, &group[0]);
                    return Err(error);
                }
            };
            if changed.is_some() {
                return Ok(changed);
            }
            discard(&self.core.disk, &group[0]);
        }
        Ok(None)
    }

    /// How many of the next segments fit into one.
    fn group(&self) -> usize {
        let rest = &self.segments[self.done..];
        let mut size = 0;
        let fits = |segment: &&Arc<Segment>| {
            size += segment.size();
            let next = self.next_base(segment);
            size <= self.segment_bytes && rest[0].relative(next.prev()).is_some()
        };
        rest.iter().take_while(fits).count().max(1)
    }

    /// Where the segment after this one begins.
    fn next_base(&self, segment: &Arc<Segment>) -> Offset {
        let after = self.segments.partition_point(|other| other.base() <= segment.base());
        self.segments.get(after).map_or(self.last_end, |next| next.base())
    }

    /// The rewritten file, and whether anything changed.
    fn rewrite(
        &mut self,
        group: &Segments,
        retainer: &mut Retainer,
    ) -> Result<(Rewritten, bool), CompactionError> {
        let mut output = Output::create(&self.core.disk, &group[0], self.index_interval_bytes)?;
        let mut changed = group.len() > 1;
        for segment in group {
            let log = segment.log()?;
            let mut source = Source::new(segment, &log);
            while let Some(found) = source.next(self)? {
                self.report.bytes_read += found.header.size_in_bytes() as u64;
                let bytes = source.bytes(&found, self)?;
                match self.judge(segment, &found, bytes, retainer)? {
                    Fate::Stays => output.batch(found.header, bytes)?,
                    Fate::Becomes(header, bytes) => {
                        output.batch(header, &bytes)?;
                        changed = true;
                    }
                    Fate::Goes => changed |= output.hole(&found.header)?,
                }
                if output.size() > MAX_BYTES {
                    let problem = "what stays of the segment is larger than a segment can be".to_owned();
                    return Err(self.damaged(segment, &found, problem).into());
                }
            }
        }
        let (size, indexes) = output.finish()?;
        let disk = self.core.disk.clone();
        Ok((Rewritten { disk, replaced: group.clone(), size, indexes }, changed))
    }

    fn judge(
        &mut self,
        segment: &Segment,
        found: &FoundBatch,
        bytes: &[u8],
        retainer: &mut Retainer,
    ) -> Result<Fate, CompactionError> {
        let header = &found.header;
        if header.base_offset >= self.end || header.attributes.is_control() {
            return Ok(Fate::Stays);
        }
        let remembered = header.producer_id.get() >= 0 && self.remembered.contains(&header.last_offset());
        if header.record_count == 0 {
            return Ok(if remembered { Fate::Stays } else { Fate::Goes });
        }
        let may_drop_tombstones =
            header.attributes.has_delete_horizon() && self.passed(header.base_timestamp);
        let horizon = self.clock.now().get().saturating_add(self.config.delete_retention_ms);
        let (keys, log_start, end) = (&self.keys, self.log_start, self.end);
        let mut removed = 0;
        let retained = retainer.retain(bytes, TimestampMs::new(horizon), |record| {
            let stays = record.offset >= end
                || (record.offset >= log_start
                    && record.key.is_some_and(|key| keys.get(key).is_none_or(|last| last <= record.offset))
                    && (record.value.is_some() || !may_drop_tombstones));
            removed += u64::from(!stays);
            stays
        });
        self.report.records_removed += removed;
        match retained {
            Ok(Retained::All) => Ok(Fate::Stays),
            Ok(Retained::Some(batch)) => become_batch(batch.freeze()),
            Ok(Retained::None) if remembered => {
                become_batch(bytes::Bytes::copy_from_slice(&EmptyBatch::of(header).encode()))
            }
            Ok(Retained::None) => Ok(Fate::Goes),
            Err(problem) => Err(self.damaged(segment, found, problem.to_string()).into()),
        }
    }

    /// Whether a delete horizon has passed, in time that was lived through: a clock that jumps drops no tombstone.
    fn passed(&self, horizon: TimestampMs) -> bool {
        let retention = self.config.delete_retention_ms;
        let compacted = TimestampMs::new(horizon.get().saturating_sub(retention));
        self.clock.age_ms(compacted) >= retention
    }
}

fn become_batch(batch: bytes::Bytes) -> Result<Fate, CompactionError> {
    let header = BatchHeader::parse(&batch).expect("it was just made");
    Ok(Fate::Becomes(header, batch))
}

impl Rewritten {
    /// Its files are not wanted any more.
    pub fn discard(self) {
        discard(&self.disk, &self.replaced[0]);
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> PathBuf {
        cleaned(&self.replaced[0], names::LOG)
    }
}

/// The name of a file that is to take the place of a segment's.
pub(crate) fn cleaned(segment: &Segment, suffix: &str) -> PathBuf {
    segment.path(&format!("{suffix}.{}", names::CLEANED))
}

/// Removes files in the making. What cannot be removed is made anew the next time, or removed at the next start.
fn discard(disk: &Disk, first: &Segment) {
    for suffix in [names::LOG, names::INDEX, names::TIME_INDEX] {
        let path = cleaned(first, suffix);
        let removed: Result<(), StorageFailure> = disk.look("remove", &path, disk.dir().remove_file(&path));
        drop(removed);
    }
}
