//! Bytes that are cut, flipped or made up: never a panic, never other content taken for good, never memory by an
//! unchecked number.

use bytes::BytesMut;
use proptest::prelude::*;
use yak_model::{ErrorCode, ProducerEpoch, ProducerId, Sequence, TimestampMs};
use yak_record::{
    BatchBuilder, BatchError, BatchHeader, Batches, Compression, DecompressionLimits, HEADER_LEN, Header,
    Limits, ProducerStamp, RecordParts, RecordProblem, Scratch, decode, validate, varint, verify_crc,
};

fn batch(compression: Compression) -> BytesMut {
    let mut builder = BatchBuilder::new();
    let headers = [Header::new("trace", Some(b"1234")), Header::new("none", None)];
    for index in 0..5 {
        let value = format!("value {index} {}", "x".repeat(40));
        let timestamp = Some(TimestampMs::new(1_700_000_000_000 + index));
        let key = Some(&b"key"[..]).filter(|_| index % 2 == 0);
        builder.push(&RecordParts { timestamp, key, value: Some(value.as_bytes()), headers: &headers });
    }
    builder.finish(compression, None)
}

/// Sets the checksum right, so that what is behind it is reached.
fn with_crc(mut batch: Vec<u8>) -> Vec<u8> {
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch
}

/// Reads everything there is to read.
fn read_all(bytes: &[u8]) -> Result<usize, BatchError> {
    let mut scratch = Scratch::new();
    let mut fields = 0;
    for record in decode(bytes, &mut scratch, &DecompressionLimits::default())? {
        let record = record?;
        let headers = record.headers().iter().map(|h| h.key_text().len() + h.value.map_or(0, <[u8]>::len));
        fields +=
            record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + headers.sum::<usize>();
    }
    Ok(fields)
}

#[test]
fn every_truncation_is_noticed() {
    for compression in Compression::ALL {
        let batch = batch(compression);
        for len in 0..batch.len() {
            let cut = &batch[..len];
            let result = validate(cut, &Limits::default());
            assert!(matches!(result, Err(BatchError::Incomplete { .. })), "{compression} {len}: {result:?}");
            assert_eq!(result.unwrap_err().code(), ErrorCode::CorruptMessage);
            assert!(matches!(read_all(cut), Err(BatchError::Incomplete { .. })));
            assert!(!verify_crc(cut), "{compression} {len}");
            assert_eq!(Batches::new(cut).filter(Result::is_ok).count(), 0);
        }
    }
}

#[test]
fn every_single_flipped_bit_is_noticed() {
    for compression in Compression::ALL {
        let good = batch(compression);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            match bit / 8 {
                // Outside the checksum: nothing else changes, the log compares them with the neighbours.
                0..8 | 12..16 => {
                    assert!(verify_crc(&bad));
                    if let Ok(header) = BatchHeader::parse(&bad) {
                        let mut expected = BatchHeader::parse(&good).unwrap();
                        expected.base_offset = header.base_offset;
                        expected.partition_leader_epoch = header.partition_leader_epoch;
                        assert_eq!(header, expected);
                        assert_eq!(read_all(&bad), read_all(&good));
                    }
                }
                // The length: other bytes would be the batch.
                8..12 => assert!(validate(&bad, &Limits::default()).is_err(), "{compression} bit {bit}"),
                _ => {
                    assert!(validate(&bad, &Limits::default()).is_err(), "{compression} bit {bit}");
                    assert!(
                        BatchHeader::parse(&bad).is_err() || !verify_crc(&bad),
                        "{compression} bit {bit}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_flipped_bit_behind_a_right_checksum_does_no_harm() {
    for compression in Compression::ALL {
        let good = batch(compression);
        for bit in 21 * 8..good.len() * 8 {
            let mut bad = good.to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            let bad = with_crc(bad);
            let readable = read_all(&bad);
            let valid = validate(&bad, &Limits::default());
            if valid.is_ok_and(|header| header.attributes.compression() == Compression::None) {
                assert!(
                    readable.is_ok(),
                    "bit {bit}: what a broker accepts, a consumer can read: {readable:?}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn made_up_bytes_are_no_batch(bytes: Vec<u8>) {
        prop_assert!(validate(&bytes, &Limits::default()).is_err());
        prop_assert!(!verify_crc(&bytes));
        prop_assert!(read_all(&bytes).is_err());
    }

    #[test]
    fn made_up_content_behind_a_right_checksum_does_no_harm(
        patch in proptest::collection::vec((16..200_usize, any::<u8>()), 1..8),
    ) {
        for compression in Compression::ALL {
            let mut bad = batch(compression).to_vec();
            for &(at, byte) in &patch {
                if let Some(place) = bad.get_mut(at) {
                    *place = byte;
                }
            }
            let bad = with_crc(bad);
            let readable = read_all(&bad).is_ok();
            if let Ok(header) = validate(&bad, &Limits::default()) {
                prop_assert!(readable || header.attributes.compression() != Compression::None);
            }
        }
    }
}

#[test]
fn counts_are_checked_against_the_bytes() {
    let refused = |at: usize, bytes: &[u8]| {
        let mut bad = batch(Compression::None).to_vec();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        let bad = with_crc(bad);
        assert!(read_all(&bad).is_err() || at == 23);
        validate(&bad, &Limits { max_records: usize::MAX, ..Limits::default() }).unwrap_err()
    };
    let too_many = i32::MAX.to_be_bytes();
    assert!(matches!(refused(57, &too_many), BatchError::Count { .. }));
    assert!(matches!(refused(23, &too_many), BatchError::Count { .. }));
    assert!(matches!(refused(57, &0_i32.to_be_bytes()), BatchError::Count { .. }));

    let mut consistent = batch(Compression::None).to_vec();
    consistent[23..27].copy_from_slice(&(i32::MAX - 1).to_be_bytes());
    consistent[57..61].copy_from_slice(&too_many);
    let consistent = with_crc(consistent);
    let limit = validate(&consistent, &Limits::default()).unwrap_err();
    assert!(matches!(limit, BatchError::TooManyRecords { .. }), "{limit}");
    let unlimited = validate(&consistent, &Limits { max_records: usize::MAX, ..Limits::default() });
    assert!(matches!(unlimited, Err(BatchError::Count { .. })), "checked before anything is sized by it");
}

#[test]
fn records_out_of_order_or_too_many_are_refused() {
    let good = batch(Compression::None);
    let mut second = &good[HEADER_LEN..];
    let first_len = varint::take_i32(&mut second).unwrap();
    second = &second[usize::try_from(first_len).unwrap()..];
    varint::take_i32(&mut second).unwrap();
    let delta_at = good.len() - second.len() + 2; // After attributes and timestamp delta.
    assert_eq!(good[delta_at], 2, "offset delta 1 of the second record");
    let mut bad = good.to_vec();
    bad[delta_at] = 0;
    let problem = BatchError::Record { index: 1, problem: RecordProblem::OffsetDelta };
    assert_eq!(validate(&with_crc(bad.clone()), &Limits::default()), Err(problem.clone()));
    assert_eq!(read_all(&with_crc(bad)), Err(problem));

    let mut one_less = good.to_vec();
    one_less[26] -= 1;
    one_less[60] -= 1;
    let trailing = BatchError::Record { index: 4, problem: RecordProblem::Trailing };
    assert_eq!(validate(&with_crc(one_less.clone()), &Limits::default()), Err(trailing.clone()));
    let error = read_all(&with_crc(one_less)).unwrap_err();
    assert!(error == trailing || matches!(error, BatchError::Record { .. }));
}

#[test]
fn what_only_brokers_may_write_is_refused() {
    let with_attributes = |bits: u8| {
        let mut bad = batch(Compression::None).to_vec();
        bad[22] = bits;
        validate(&with_crc(bad), &Limits::default()).unwrap_err()
    };
    assert_eq!(with_attributes(0x20), BatchError::Control);
    assert_eq!(with_attributes(0x10), BatchError::Transactional);
    assert_eq!(with_attributes(5), BatchError::UnknownCompression(5));

    let stamped = |id, epoch, sequence| {
        let mut builder = BatchBuilder::new();
        builder.push(&RecordParts::default());
        let (id, epoch) = (ProducerId::new(id), ProducerEpoch::new(epoch));
        let stamp = ProducerStamp { id, epoch, base_sequence: Sequence::new(sequence) };
        validate(&builder.finish(Compression::None, Some(stamp)), &Limits::default()).map(|_| ())
    };
    assert_eq!(stamped(-1, 0, 0), Ok(()), "clients leave anything there without a producer id");
    assert_eq!(stamped(5, 0, 0), Ok(()));
    for (id, epoch, sequence) in [(5, -1, 0), (5, 0, -1), (-2, 0, 0)] {
        assert_eq!(stamped(id, epoch, sequence), Err(BatchError::Producer { id, epoch, sequence }));
    }
}

#[test]
fn size_limits_come_before_the_checksum() {
    let batch = batch(Compression::None);
    let limits = Limits { max_batch_bytes: batch.len() - 1, ..Limits::default() };
    let error = validate(&batch, &limits).unwrap_err();
    assert_eq!(error, BatchError::TooLarge { size: batch.len(), max: batch.len() - 1 });
    assert_eq!(error.code(), ErrorCode::MessageTooLarge);
    let twice = [&batch[..], &batch[..]].concat();
    assert_eq!(validate(&twice, &Limits::default()), Err(BatchError::Trailing(batch.len())));
}
