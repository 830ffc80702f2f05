//! The response to Fetch: its records are written straight into the outgoing buffer.

mod decode;
mod sample;

use std::ops::RangeInclusive;

use bytes::{BufMut as _, Bytes, BytesMut};
use yak_model::{ErrorCode, Uuid};

pub use decode::decode_fetch_response;

use crate::api::ApiKey;
use crate::frame::{append_frame, has_tagged_response_header, write_response_header};
use crate::messages::fetch::{
    AbortedTransaction, EpochEndOffset, LeaderIdAndEpoch, NodeEndpoint, SnapshotId,
};
use crate::table::Tagged;
use crate::wire::{Field as _, Form, write_len, write_str};

/// The versions that can be decoded and encoded.
pub(crate) const VERSIONS: RangeInclusive<i16> = 4..=17;
/// The first flexible version.
pub(crate) const FLEXIBLE_FROM: i16 = 12;
/// The first version that has the ids of topics in place of their names.
const TOPIC_IDS_FROM: i16 = 13;

/// Batches that are written into a response.
pub trait FetchRecords {
    /// How many bytes [`FetchRecords::write_to`] will append.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends exactly [`FetchRecords::len`] bytes. What it appended before an error is taken back.
    ///
    /// # Errors
    /// What to tell the client of this partition instead.
    fn write_to(&mut self, out: &mut BytesMut) -> Result<(), ErrorCode>;
}

impl FetchRecords for Bytes {
    fn len(&self) -> usize {
        Self::len(self)
    }

    fn write_to(&mut self, out: &mut BytesMut) -> Result<(), ErrorCode> {
        out.put_slice(self);
        Ok(())
    }
}

/// Batches, by topic and partition (key 1, versions 4 to 17).
#[derive(Clone, Debug, PartialEq)]
pub struct FetchResponse<R> {
    /// How long the client is held back by a quota.
    pub throttle_time_ms: i32,
    /// What is wrong with the whole request (from version 7).
    pub error_code: Option<ErrorCode>,
    /// The fetch session; 0: none (from version 7).
    pub session_id: i32,
    /// By topic; Kafka's name is `responses`.
    pub topics: Vec<FetchTopicResponse<R>>,
    /// Where the leaders are that the partitions name (KIP-951; from version 16).
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// The partitions of a topic in a [`FetchResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct FetchTopicResponse<R> {
    /// The topic's name, up to version 12.
    pub topic: String,
    /// The topic's id, from version 13 on.
    pub topic_id: Uuid,
    /// By partition.
    pub partitions: Vec<FetchPartitionResponse<R>>,
}

/// What a partition has.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchPartitionResponse<R> {
    /// Which partition.
    pub partition_index: i32,
    /// Why there is nothing.
    pub error_code: Option<ErrorCode>,
    /// The first offset that not all in-sync replicas are known to have.
    pub high_watermark: i64,
    /// The first offset of an open transaction, or the high watermark.
    pub last_stable_offset: i64,
    /// The first offset that the log has (from version 5).
    pub log_start_offset: i64,
    /// Where the leader's log differs from that of who fetches (from version 12).
    pub diverging_epoch: EpochEndOffset,
    /// Who leads now, if it is not this broker (from version 12).
    pub current_leader: LeaderIdAndEpoch,
    /// A snapshot to be fetched instead (from version 12); of controllers alone.
    pub snapshot_id: SnapshotId,
    /// Transactions whose records are to be left out; null for a reader of uncommitted records.
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// A replica that is nearer to the client (from version 11); -1: none.
    pub preferred_read_replica: i32,
    /// Batches; the first may begin before the offset that was asked for.
    pub records: R,
}

impl<R> Default for FetchResponse<R> {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: None,
            session_id: 0,
            topics: Vec::new(),
            node_endpoints: Vec::new(),
        }
    }
}

impl<R> Default for FetchTopicResponse<R> {
    fn default() -> Self {
        Self { topic: String::new(), topic_id: Uuid::ZERO, partitions: Vec::new() }
    }
}

impl<R: Default> Default for FetchPartitionResponse<R> {
    fn default() -> Self {
        Self::new(0, R::default())
    }
}

impl<R> FetchPartitionResponse<R> {
    /// The protocol's default for everything but these two.
    #[must_use]
    pub fn new(partition_index: i32, records: R) -> Self {
        Self {
            partition_index,
            error_code: None,
            high_watermark: 0,
            last_stable_offset: -1,
            log_start_offset: -1,
            diverging_epoch: EpochEndOffset::default(),
            current_leader: LeaderIdAndEpoch::default(),
            snapshot_id: SnapshotId::default(),
            aborted_transactions: Some(Vec::new()),
            preferred_read_replica: -1,
            records,
        }
    }
}

/// Appends a response of a version from 4 to 17 as a whole frame.
///
/// A partition whose records cannot be written is written with that error instead: offsets of -1 and no records,
/// as Kafka does. It is changed in `response` too. Records are never null, which kafka-python cannot bear.
pub fn encode_fetch_response<R: FetchRecords>(
    out: &mut BytesMut,
    version: i16,
    correlation_id: i32,
    response: &mut FetchResponse<R>,
) {
    append_frame(out, |out| {
        let tagged = has_tagged_response_header(ApiKey::Fetch, version, FLEXIBLE_FROM);
        write_response_header(out, correlation_id, tagged);
        response.encode(out, version);
    });
}

impl<R: FetchRecords> FetchResponse<R> {
    /// Appends the body alone; see [`encode_fetch_response`].
    pub fn encode(&mut self, out: &mut BytesMut, version: i16) {
        let form = Form::new(version, FLEXIBLE_FROM);
        out.put_i32(self.throttle_time_ms);
        if form.version >= 7 {
            self.error_code.write(out, form);
            out.put_i32(self.session_id);
        }
        write_len(Some(self.topics.len()), out, form);
        for topic in &mut self.topics {
            topic.write(out, form);
        }
        if form.flexible {
            let mut tagged = Tagged::default();
            if form.version >= 16 && !self.node_endpoints.is_empty() {
                tagged.push(0, &self.node_endpoints, form);
            }
            tagged.write(out);
        }
    }
}

impl<R: FetchRecords> FetchTopicResponse<R> {
    fn write(&mut self, out: &mut BytesMut, form: Form) {
        if form.version >= TOPIC_IDS_FROM {
            self.topic_id.write(out, form);
        } else {
            write_str(Some(&self.topic), out, form);
        }
        write_len(Some(self.partitions.len()), out, form);
        for partition in &mut self.partitions {
            partition.write(out, form);
        }
        if form.flexible {
            Tagged::default().write(out);
        }
    }
}

impl<R: FetchRecords> FetchPartitionResponse<R> {
    fn write(&mut self, out: &mut BytesMut, form: Form) {
        let start = out.len();
        let len = self.records.len();
        self.write_head(out, form);
        write_len(Some(len), out, form);
        let records_start = out.len();
        let written = if len == 0 { Ok(()) } else { self.records.write_to(out) };
        // A length that is not true would garble the rest of the response.
        let written = written.and_then(|()| match out.len() == records_start + len {
            true => Ok(()),
            false => Err(ErrorCode::UnknownServerError),
        });
        if let Err(error_code) = written {
            out.truncate(start);
            self.fail(error_code);
            self.write_head(out, form);
            write_len(Some(0), out, form);
        }
        self.write_tagged(out, form);
    }

    fn fail(&mut self, error_code: ErrorCode) {
        self.error_code = Some(error_code);
        self.high_watermark = -1;
        self.last_stable_offset = -1;
        self.log_start_offset = -1;
        self.diverging_epoch = EpochEndOffset::default();
        self.current_leader = LeaderIdAndEpoch::default();
        self.snapshot_id = SnapshotId::default();
        self.aborted_transactions = None;
        self.preferred_read_replica = -1;
    }

    /// The fields before the records.
    fn write_head(&self, out: &mut BytesMut, form: Form) {
        out.put_i32(self.partition_index);
        self.error_code.write(out, form);
        out.put_i64(self.high_watermark);
        out.put_i64(self.last_stable_offset);
        if form.version >= 5 {
            out.put_i64(self.log_start_offset);
        }
        self.aborted_transactions.write(out, form.nullable(true));
        if form.version >= 11 {
            out.put_i32(self.preferred_read_replica);
        }
    }

    /// The fields behind the records.
    fn write_tagged(&self, out: &mut BytesMut, form: Form) {
        if !form.flexible {
            return;
        }
        let mut tagged = Tagged::default();
        if self.diverging_epoch != EpochEndOffset::default() {
            tagged.push(0, &self.diverging_epoch, form);
        }
        if self.current_leader != LeaderIdAndEpoch::default() {
            tagged.push(1, &self.current_leader, form);
        }
        if self.snapshot_id != SnapshotId::default() {
            tagged.push(2, &self.snapshot_id, form);
        }
        tagged.write(out);
    }
}
