//! Bytes that others wrote, or that were derived by hand from the format, and never from this crate.
//!
//! `golden/*.hex` are batches of kafka-python 3.0.12's `DefaultRecordBatchBuilder`.

use bytes::BytesMut;
use yak_model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};
use yak_record::{
    BatchBuilder, BatchHeader, Compression, DecompressionLimits, Header, Limits, ProducerStamp, RecordParts,
    Scratch, TimestampType, decode, patch_base_offset, patch_leader_epoch, patch_log_append_time,
    patch_max_timestamp, validate, verify_crc,
};

const START: i64 = 1_700_000_000_000;

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).expect("two digits")).collect()
}

/// The four records of the golden files.
fn with_records(check: impl FnOnce(&[RecordParts<'_>])) {
    let first = [Header::new("h", Some(b"x")), Header::new("h", None), Header::new("", Some(b""))];
    let last = [Header::new("trace", Some("größe".as_bytes()))];
    let value = [0x00, 0xff].repeat(150);
    let at = |delta| Some(TimestampMs::new(START + delta));
    check(&[
        RecordParts { timestamp: at(0), key: Some(b"k1"), value: Some(b"v1"), headers: &first },
        RecordParts { timestamp: at(5), key: None, value: Some(b"hello"), headers: &[] },
        RecordParts { timestamp: at(-3), key: Some(b""), value: None, headers: &[] },
        RecordParts { timestamp: at(1000), key: Some(b"key"), value: Some(&value), headers: &last },
    ]);
}

fn build(producer: Option<ProducerStamp>) -> BytesMut {
    let mut builder = BatchBuilder::new();
    with_records(|records| records.iter().for_each(|record| builder.push(record)));
    let mut batch = builder.finish(Compression::None, producer);
    patch_leader_epoch(&mut batch, LeaderEpoch::new(0)); // kafka-python leaves 0 here, Java -1.
    batch
}

#[test]
fn a_batch_derived_by_hand() {
    let golden = unhex(
        "0000000000000000 0000003e ffffffff 02 36ff4dc3 0000 00000000 0000018bcfe56800 0000018bcfe56800
         ffffffffffffffff ffff ffffffff 00000001
         18 00 00 00 02 6b 0a 68656c6c6f 00",
    );
    let mut builder = BatchBuilder::new();
    builder.set_default_timestamp(TimestampMs::new(START));
    builder.push(&RecordParts { key: Some(b"k"), value: Some(b"hello"), ..RecordParts::default() });
    assert_eq!((builder.count(), builder.encoded_len()), (1, golden.len()));
    assert_eq!(builder.finish(Compression::None, None), golden);
}

#[test]
fn uncompressed_batches_are_kafka_pythons_byte_for_byte() {
    assert_eq!(build(None), unhex(include_str!("golden/plain.hex")));
    let (id, epoch, base_sequence) =
        (ProducerId::new(4711), ProducerEpoch::new(3), Sequence::new(i32::MAX - 1));
    let batch = build(Some(ProducerStamp { id, epoch, base_sequence }));
    assert_eq!(batch, unhex(include_str!("golden/idempotent.hex")));
    let header = validate(&batch, &Limits::default()).unwrap();
    assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (id, epoch, base_sequence));
    assert_eq!(header.last_sequence(), Some(Sequence::new(1)), "wraps to 0 after the largest");
}

#[test]
fn every_compression_of_kafka_python_is_read() {
    let files = [
        (Compression::None, include_str!("golden/plain.hex")),
        (Compression::Gzip, include_str!("golden/gzip.hex")),
        (Compression::Snappy, include_str!("golden/snappy.hex")),
        (Compression::Lz4, include_str!("golden/lz4.hex")),
        (Compression::Zstd, include_str!("golden/zstd.hex")),
    ];
    let mut scratch = Scratch::new();
    for (compression, hex) in files {
        let mut batch = unhex(hex);
        let header = validate(&batch, &Limits::default()).unwrap();
        assert_eq!(header.attributes.compression(), compression);
        assert_eq!(header.max_timestamp, TimestampMs::new(START + 1000));
        patch_base_offset(&mut batch, Offset::new(1 << 40));
        let records = decode(&batch, &mut scratch, &DecompressionLimits::default()).unwrap();
        let records: Vec<_> = records.collect::<Result<_, _>>().unwrap();
        with_records(|expected| {
            assert_eq!(records.len(), expected.len());
            for (index, (record, parts)) in records.iter().zip(expected).enumerate() {
                assert_eq!(record.offset, Offset::new((1 << 40) + i64::try_from(index).unwrap()));
                assert_eq!(Some(record.timestamp), parts.timestamp);
                assert_eq!((record.key, record.value), (parts.key, parts.value), "{compression} {index}");
                assert!(record.headers().iter().eq(parts.headers.iter().copied()));
            }
        });
    }
}

#[test]
fn offset_and_epoch_are_outside_the_checksum() {
    let mut batch = build(None);
    patch_base_offset(&mut batch, Offset::new(77));
    patch_leader_epoch(&mut batch, LeaderEpoch::new(5));
    assert!(verify_crc(&batch));
    let header = BatchHeader::parse(&batch).unwrap();
    assert_eq!((header.base_offset, header.partition_leader_epoch), (Offset::new(77), LeaderEpoch::new(5)));
    assert_eq!((header.last_offset(), header.next_offset()), (Offset::new(80), Offset::new(81)));
}

#[test]
fn log_append_time_replaces_every_timestamp() {
    let mut batch = build(None);
    patch_log_append_time(&mut batch, TimestampMs::new(START + 9));
    let header = validate(&batch, &Limits::default()).unwrap();
    assert_eq!(header.attributes.timestamp_type(), TimestampType::LogAppend);
    assert_eq!(header.max_timestamp, TimestampMs::new(START + 9));
    let mut scratch = Scratch::new();
    for record in decode(&batch, &mut scratch, &DecompressionLimits::default()).unwrap() {
        assert_eq!(record.unwrap().timestamp, TimestampMs::new(START + 9));
    }
}

#[test]
fn a_wrong_max_timestamp_is_seen_and_corrected() {
    let golden = build(None);
    let mut batch = golden.clone();
    patch_max_timestamp(&mut batch, TimestampMs::new(5));
    assert!(verify_crc(&batch) && batch != golden);
    let header = validate(&batch, &Limits::default()).unwrap();
    assert_eq!(header.max_timestamp, TimestampMs::new(START + 1000));
    patch_max_timestamp(&mut batch, header.max_timestamp);
    assert_eq!(batch, golden);
}
