//! Checking batches that were read: the log is not checked on the way to the reader.

use yak_model::Offset;
use yak_record::{BatchHeader, split_first_batch, verify_crc};

use super::LogReader;
use crate::error::ReadError;
use crate::sync::lock;

impl LogReader {
    /// Checks batches that [`LogReader::read`] gave for `offset`: each whole, its checksum right, continuing
    /// the one before (the first holding `offset`, or separated from it by nothing but what compaction left empty), of the epoch that belongs there. Nothing that a single
    /// flipped bit on the disk makes of a log passes this. For whoever decodes the records anyway.
    ///
    /// # Errors
    /// [`ReadError::Damaged`], with the position within `batches`.
    pub fn verify(&self, batches: &[u8], offset: Offset) -> Result<(), ReadError> {
        let mut expected = None;
        let mut rest = batches;
        while !rest.is_empty() {
            let position = (batches.len() - rest.len()) as u64;
            let at = expected.unwrap_or(offset);
            let (header, batch, after) = match split_first_batch(rest) {
                Ok(split) => split,
                Err(problem) => return Err(self.damaged(position, at, problem.to_string())),
            };
            if let Some(problem) = self.problem(&header, batch, (offset, expected)) {
                return Err(self.damaged(position, at, problem));
            }
            expected = Some(header.next_offset());
            rest = after;
        }
        Ok(())
    }

    fn problem(
        &self,
        header: &BatchHeader,
        batch: &[u8],
        (offset, expected): (Offset, Option<Offset>),
    ) -> Option<String> {
        let base = header.base_offset;
        let belongs = match expected {
            Some(expected) => base == expected,
            None => {
                let holds = base <= offset && offset < header.next_offset();
                holds || (base > offset && self.holes_reach(offset, base))
            }
        };
        if !belongs {
            return Some(format!("base offset {base} where {} belongs", expected.unwrap_or(offset)));
        }
        if !verify_crc(batch) {
            return Some("the checksum is wrong".to_owned());
        }
        let epoch = header.partition_leader_epoch;
        let known = lock(&self.shared.epochs).epoch_at(base);
        known
            .filter(|known| *known != epoch)
            .map(|known| format!("leader epoch {epoch} where {known} belongs"))
    }

    fn damaged(&self, position: u64, offset: Offset, problem: String) -> ReadError {
        let segments = self.shared.segments.load();
        let index = segments.partition_point(|segment| segment.base() <= offset).saturating_sub(1);
        ReadError::Damaged(self.damage(&segments[index], position, offset, problem))
    }
}
