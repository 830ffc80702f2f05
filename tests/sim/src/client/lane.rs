//! What a producer has under way to one partition.

use std::collections::VecDeque;

use bytes::Bytes;
use yak_model::{ProducerEpoch, ProducerId, Sequence, TimestampMs};
use yak_record::{BatchBuilder, Compression, ProducerStamp, RecordParts};

use crate::net::ConnectionId;

#[derive(Debug)]
pub(super) struct Batch {
    pub(super) sequence: i32,
    pub(super) values: Vec<u64>,
    pub(super) bytes: Bytes,
    /// Over which connection, as which request, when.
    pub(super) sent: Option<(ConnectionId, u64, u64)>,
    pub(super) not_before_us: u64,
    pub(super) done: bool,
    /// It was sent before, with an unknown outcome.
    pub(super) doubtful: bool,
}

/// The batches of one producer id, in order.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) producer_id: i64,
    next: i32,
    pub(super) batches: VecDeque<Batch>,
}

impl Lane {
    pub(super) fn new(id: u64) -> Self {
        Self { producer_id: i64::try_from(id).unwrap_or(0), next: 0, batches: VecDeque::new() }
    }

    /// One more batch, with sequence numbers if it may be sent again.
    pub(super) fn push(&mut self, now: TimestampMs, values: Vec<u64>, padding: &[u8], idempotent: bool) {
        let stamp = idempotent.then_some(ProducerStamp {
            id: ProducerId::new(self.producer_id),
            epoch: ProducerEpoch::new(0),
            base_sequence: Sequence::new(self.next),
        });
        let bytes = batch(now, &values, padding, stamp);
        let sequence = self.next;
        self.next += i32::try_from(values.len()).unwrap_or(0);
        self.batches.push_back(Batch {
            sequence,
            values,
            bytes,
            sent: None,
            not_before_us: 0,
            done: false,
            doubtful: false,
        });
    }
}

fn batch(now: TimestampMs, values: &[u64], padding: &[u8], stamp: Option<ProducerStamp>) -> Bytes {
    let mut builder = BatchBuilder::new();
    for value in values {
        let mut bytes = value.to_be_bytes().to_vec();
        bytes.extend_from_slice(padding);
        builder.push(&RecordParts { timestamp: Some(now), value: Some(&bytes), ..RecordParts::default() });
    }
    builder.finish(Compression::None, stamp).freeze()
}
