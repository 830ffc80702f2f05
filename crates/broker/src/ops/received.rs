//! A batch as a client sent it: what must be so before it may get offsets, as Kafka's brokers have it.
//!
//! What is wrong with the bytes is found here, before the partition's lock. What depends on the topic (size, timestamps)
//! or on what is in the log (sequences) is found where it is appended.

use yak_model::api::Rejection;
use yak_model::limits::{MAX_RECORDS_PER_BATCH, MAX_TOPIC_MESSAGE_BYTES};
use yak_model::{ErrorCode, Offset};
use yak_record::{
    BatchError, BatchHeader, Batches, DecompressionLimits, Limits, Scratch, TimestampType,
    first_record_without_key, patch_max_timestamp, validate,
};

/// Checks that `bytes` are exactly one whole batch that a client may write, and corrects its greatest timestamp. The
/// topic's own limits are checked where it is appended.
///
/// # Errors
/// What is wrong with it; it is as it was.
pub(crate) fn check(bytes: &mut [u8]) -> Result<(), Rejection> {
    if bytes.is_empty() {
        let message = "a produce brings one record batch for each partition, here there is none";
        return Err(Rejection::new(ErrorCode::InvalidRecord, message));
    }
    let max_batch_bytes = usize::try_from(MAX_TOPIC_MESSAGE_BYTES).unwrap_or(usize::MAX);
    let limits = Limits { max_batch_bytes, max_records: MAX_RECORDS_PER_BATCH };
    let header = validate(bytes, &limits).map_err(malformed)?;
    if header.base_offset != Offset::ZERO {
        let message = format!("a batch that is sent has base offset 0, not {}", header.base_offset);
        return Err(Rejection::new(ErrorCode::InvalidRecord, message));
    }
    if header.attributes.timestamp_type() == TimestampType::LogAppend {
        let message = "only the broker marks timestamps as those of the append";
        return Err(Rejection::new(ErrorCode::InvalidTimestamp, message));
    }
    patch_max_timestamp(bytes, header.max_timestamp);
    Ok(())
}

/// Checks that every record of these batches has a key, which a compacted topic wants.
///
/// # Errors
/// Which record has none, or what is wrong with a batch.
pub(crate) fn check_keys(batches: &[u8]) -> Result<(), Rejection> {
    let (mut scratch, limits) = (Scratch::new(), DecompressionLimits::default());
    let mut before = 0;
    for batch in Batches::new(batches) {
        let batch = batch.map_err(malformed)?;
        if let Some(index) = first_record_without_key(batch, &mut scratch, &limits).map_err(malformed)? {
            let index = before + index;
            let message =
                format!("record {index} has no key, and the topic is compacted (cleanup.policy=compact)");
            return Err(Rejection::new(ErrorCode::InvalidRecord, message));
        }
        let header = BatchHeader::parse(batch).map_err(malformed)?;
        before += usize::try_from(header.record_count).unwrap_or_default();
    }
    Ok(())
}

/// A batch that is cut off is no batch, and sending it again would not make it one.
fn malformed(error: BatchError) -> Rejection {
    let code = match error {
        BatchError::Incomplete { .. } => ErrorCode::InvalidRecord,
        _ => error.code(),
    };
    Rejection::new(code, error.to_string())
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use yak_model::api::{Acks, Produced};
    use yak_model::{ProducerEpoch, ProducerId, Sequence, TimestampMs};
    use yak_record::{
        BatchBuilder, BatchHeader, Compression, DecompressionLimits, ProducerStamp, RecordParts, Scratch,
        decode,
    };

    use super::*;
    use crate::replication::tests::rig::{Node, Rig, until};

    /// A time that the limits of a topic let through.
    const TIME: i64 = 1_700_000_000_000;

    fn stamped(count: i64, compression: Compression, stamp: Option<ProducerStamp>) -> BytesMut {
        let mut builder = BatchBuilder::new();
        for number in 0..count {
            let value = format!("record {number} with some text in it that can be compressed a little");
            builder.push(&RecordParts {
                timestamp: Some(TimestampMs::new(TIME + number)),
                key: None,
                value: Some(value.as_bytes()),
                headers: &[],
            });
        }
        builder.finish(compression, stamp)
    }

    fn batch() -> BytesMut {
        stamped(3, Compression::None, None)
    }

    fn of_producer(id: i64, epoch: i16, sequence: i32) -> BytesMut {
        let stamp = ProducerStamp {
            id: ProducerId::new(id),
            epoch: ProducerEpoch::new(epoch),
            base_sequence: Sequence::new(sequence),
        };
        stamped(3, Compression::None, Some(stamp))
    }

    /// A batch with other bytes at a place, and the checksum that goes with them.
    fn with(mut batch: BytesMut, at: usize, bytes: &[u8]) -> BytesMut {
        batch[at..at + bytes.len()].copy_from_slice(bytes);
        let crc = crc32c::crc32c(&batch[21..]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
        batch
    }

    async fn cluster(rig: &Rig, configs: &[(&str, &str)]) -> Node {
        let node = rig.cluster(1, 1, configs).await.pop().expect("one");
        let leads = || node.partition(0).offset_at(None, yak_model::api::OffsetSpec::Latest).is_ok();
        until("it leads", leads).await;
        node
    }

    async fn produce(node: &Node, batch: BytesMut) -> Result<Produced, ErrorCode> {
        node.produce_batch(0, batch, Acks::Leader).await.map_err(|rejection| rejection.code)
    }

    /// The headers of all batches in the log.
    fn stored(rig: &Rig) -> Vec<BatchHeader> {
        let bytes = rig.log_bytes(1, 0);
        let headers = Batches::new(&bytes).map(|batch| BatchHeader::parse(batch.expect("whole")));
        headers.collect::<Result<_, _>>().expect("headers")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_no_client_may_send_is_refused_with_kafkas_code_and_leaves_nothing() {
        let rig = Rig::new(&[]);
        let configs = [("max.message.bytes", "1000"), ("message.timestamp.after.max.ms", "1000")];
        let node = cluster(&rig, &configs).await;
        let mut flipped = batch();
        flipped[70] ^= 1;
        let twice = BytesMut::from(&[batch(), batch()].concat()[..]);
        let cut = |len: usize| BytesMut::from(&batch()[..len]);
        let future = i64::MAX.to_be_bytes();
        for (what, batch, code) in [
            ("no batch", BytesMut::new(), ErrorCode::InvalidRecord),
            ("two batches", twice, ErrorCode::InvalidRecord),
            ("a batch that is cut off", cut(80), ErrorCode::InvalidRecord),
            ("a header that is cut off", cut(30), ErrorCode::InvalidRecord),
            ("a flipped bit", flipped, ErrorCode::CorruptMessage),
            ("an old magic", with(batch(), 16, &[1]), ErrorCode::InvalidRecord),
            ("a base offset", with(batch(), 0, &5_i64.to_be_bytes()), ErrorCode::InvalidRecord),
            ("a codec that does not exist", with(batch(), 22, &[6]), ErrorCode::UnsupportedCompressionType),
            ("a timestamp of the append", with(batch(), 22, &[8]), ErrorCode::InvalidTimestamp),
            (
                "a transaction",
                with(of_producer(9, 0, 0), 22, &[16]),
                ErrorCode::TransactionalIdAuthorizationFailed,
            ),
            ("a control batch", with(batch(), 22, &[32]), ErrorCode::InvalidRecord),
            ("a marker of a transaction", with(batch(), 22, &[48]), ErrorCode::InvalidRecord),
            ("more offsets than records", with(batch(), 23, &3_i32.to_be_bytes()), ErrorCode::InvalidRecord),
            ("no records", with(batch(), 57, &0_i32.to_be_bytes()), ErrorCode::InvalidRecord),
            (
                "a producer without sequence",
                with(of_producer(9, 0, 0), 53, &[255; 4]),
                ErrorCode::InvalidRecord,
            ),
            ("a time in the future", with(batch(), 27, &future), ErrorCode::InvalidTimestamp),
            ("too many bytes", stamped(40, Compression::None, None), ErrorCode::MessageTooLarge),
            ("a sequence that begins late", of_producer(8, 0, 5), ErrorCode::UnknownProducerId),
        ] {
            assert_eq!(produce(&node, batch).await.map(|produced| produced.base_offset), Err(code), "{what}");
            assert_eq!(node.end(0), Offset::ZERO, "{what}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn sequences_are_checked_only_of_those_who_have_an_id() {
        let rig = Rig::new(&[]);
        let node = cluster(&rig, &[]).await;
        let base = async |batch| produce(&node, batch).await.map(|produced| produced.base_offset.get());
        // Clients without an id leave anything in the other two fields.
        for _ in 0..2 {
            let junk = with(batch(), 51, &[0, 0, 0, 0, 0, 0]);
            assert!(base(junk).await.is_ok());
        }
        assert_eq!(base(of_producer(7, 1, 0)).await, Ok(6));
        assert_eq!(base(of_producer(7, 1, 3)).await, Ok(9));
        assert_eq!(base(of_producer(7, 1, 0)).await, Ok(6), "sent again: where it is");
        assert_eq!(node.end(0), Offset::new(12));
        assert_eq!(base(of_producer(7, 1, 9)).await, Err(ErrorCode::OutOfOrderSequenceNumber));
        assert_eq!(base(of_producer(7, 0, 6)).await, Err(ErrorCode::InvalidProducerEpoch));
        assert_eq!(base(of_producer(7, 2, 6)).await, Err(ErrorCode::OutOfOrderSequenceNumber));
        assert_eq!(base(of_producer(7, 2, 0)).await, Ok(12));
        // Without it Java's producer would send the same batch for ever, until its delivery times out.
        let unknown = node.produce_batch(0, of_producer(8, 0, 9), Acks::Leader).await.expect_err("refused");
        assert_eq!(
            (unknown.code, unknown.log_start_offset),
            (ErrorCode::UnknownProducerId, Some(Offset::ZERO))
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_batch_is_stored_as_it_came_but_for_a_wrong_greatest_timestamp() {
        let rig = Rig::new(&[]);
        let node = cluster(&rig, &[]).await;
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            produce(&node, stamped(3, compression, None)).await.expect("appended");
        }
        produce(&node, with(batch(), 35, &(TIME + 500).to_be_bytes())).await.expect("appended");
        let stored = stored(&rig);
        let codecs: Vec<_> = stored.iter().map(|header| header.attributes.compression()).collect();
        assert_eq!(codecs, [Compression::None, Compression::Gzip, Compression::Zstd, Compression::None]);
        assert!(stored.iter().all(|header| header.max_timestamp.get() == TIME + 2), "{stored:?}");
        let bytes = rig.log_bytes(1, 0);
        assert_eq!(bytes[21..batch().len()], batch()[21..], "its bytes, but for offset and epoch");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_topic_that_names_a_codec_stores_nothing_else() {
        let rig = Rig::new(&[]);
        let node = cluster(&rig, &[("compression.type", "gzip")]).await;
        assert_eq!(produce(&node, of_producer(7, 0, 0)).await.expect("appended").base_offset.get(), 0);
        produce(&node, stamped(2, Compression::Lz4, None)).await.expect("appended");
        assert_eq!(produce(&node, of_producer(7, 0, 0)).await.expect("known").base_offset.get(), 0);
        let headers = stored(&rig);
        assert!(headers.iter().all(|header| header.attributes.compression() == Compression::Gzip));
        assert_eq!(
            (headers.len(), headers[0].producer_id.get(), headers[0].max_timestamp.get()),
            (2, 7, TIME + 2)
        );
        let bytes = rig.log_bytes(1, 0);
        let mut scratch = Scratch::new();
        let records = decode(&bytes, &mut scratch, &DecompressionLimits::default()).expect("decodes");
        let times: Vec<i64> =
            records.map(|record| record.expect("a record").timestamp.get() - TIME).collect();
        assert_eq!(times, [0, 1, 2]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_compacted_topic_takes_no_record_without_key() {
        let rig = Rig::new(&[]);
        let node = cluster(&rig, &[("cleanup.policy", "compact")]).await;
        for compression in [Compression::None, Compression::Lz4] {
            let refused = node.produce_batch(0, stamped(3, compression, None), Acks::Leader).await;
            let refused = refused.expect_err("it has no keys");
            assert_eq!(refused.code, ErrorCode::InvalidRecord);
            assert!(refused.message.contains("record 0 has no key"), "{}", refused.message);
            let mut builder = BatchBuilder::new();
            builder.push(&RecordParts { key: Some(b"k"), ..RecordParts::default() });
            let batch = builder.finish(compression, None);
            node.produce_batch(0, batch, Acks::Leader).await.expect("a tombstone is welcome");
        }
        assert_eq!(node.end(0), Offset::new(2));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn log_append_time_is_told_and_stored() {
        let rig = Rig::new(&[]);
        let node = cluster(&rig, &[("message.timestamp.type", "LogAppendTime")]).await;
        let time = produce(&node, batch()).await.expect("appended").log_append_time.expect("told");
        let header = stored(&rig)[0];
        assert_eq!(
            (header.attributes.timestamp_type(), header.max_timestamp),
            (TimestampType::LogAppend, time)
        );
        assert!(yak_record::verify_crc(&rig.log_bytes(1, 0)));
    }
}
