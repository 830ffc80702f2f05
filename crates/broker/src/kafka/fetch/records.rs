//! Batches of a partition on their way into a response.

use std::sync::Arc;

use bytes::BytesMut;
use yak_kafka::FetchRecords;
use yak_model::{ErrorCode, Offset};
use yak_record::{BatchHeader, Batches, Records};

use crate::clients::Registration;
use crate::partitions::Partition;

/// What was read of a partition: a range of its log, which is read and checked as the response is written.
#[derive(Debug)]
pub(super) struct FromLog {
    /// Whose; `None` if there is nothing.
    partition: Option<Arc<Partition>>,
    records: Records,
    /// From where on the records were asked for.
    offset: Offset,
    /// The offset after the last record that was written.
    end: Option<Offset>,
}

impl Default for FromLog {
    fn default() -> Self {
        Self { partition: None, records: Records::EMPTY, offset: Offset::ZERO, end: None }
    }
}

impl FromLog {
    /// Records that [`Partition::read`] gave for `offset`.
    pub(super) const fn new(partition: Arc<Partition>, records: Records, offset: Offset) -> Self {
        Self { partition: Some(partition), records, offset, end: None }
    }

    /// Takes note of what a client was sent.
    pub(super) fn note(&self, client: &Registration) {
        if let (Some(partition), Some(end)) = (&self.partition, self.end) {
            let id = partition.id();
            let records = u64::try_from(end.since(self.offset)).unwrap_or(0);
            client.sent(&id.topic, id.partition, end, records);
        }
    }
}

impl FetchRecords for FromLog {
    fn len(&self) -> usize {
        self.records.len()
    }

    fn write_to(&mut self, out: &mut BytesMut) -> Result<(), ErrorCode> {
        let Some(partition) = &self.partition else { return Ok(()) };
        let start = out.len();
        partition.load(&self.records, self.offset, out).map_err(|rejection| {
            out.truncate(start);
            rejection.code
        })?;
        self.end = last_header(&out[start..]).map(|last| last.next_offset());
        Ok(())
    }
}

/// The header of the last batch.
fn last_header(batches: &[u8]) -> Option<BatchHeader> {
    let last = Batches::new(batches).flatten().last()?;
    BatchHeader::parse(last).ok()
}
