//! Whatever is pushed comes back: all compressions, nulls, empty fields, headers, timestamps.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use yak_model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};
use yak_record::{
    BatchBuilder, Batches, Compression, DecompressionLimits, Header, Limits, ProducerStamp, RecordParts,
    Scratch, decode, first_record_without_key, patch_base_offset, validate,
};

#[derive(Clone, Debug)]
struct Owned {
    timestamp: Option<i64>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Owned {
    fn headers(&self) -> Vec<Header<'_>> {
        self.headers.iter().map(|(key, value)| Header::new(key, value.as_deref())).collect()
    }
}

fn timestamp() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 1_600_000_000_000..1_800_000_000_000_i64, 1 => any::<i64>(), 1 => Just(-1)]
}

fn record() -> impl Strategy<Value = Owned> {
    let value = prop_oneof![8 => vec(any::<u8>(), 0..300), 1 => vec(Just(b'a'), 0..70_000)];
    let header = ("[ab]{0,2}|\\PC{0,8}", option::of(vec(any::<u8>(), 0..20)));
    let parts =
        (option::of(timestamp()), option::of(vec(any::<u8>(), 0..40)), option::of(value), vec(header, 0..4));
    parts.prop_map(|(timestamp, key, value, headers)| Owned { timestamp, key, value, headers })
}

fn push_all(builder: &mut BatchBuilder, records: &[Owned]) {
    for record in records {
        let headers = record.headers();
        let parts = RecordParts {
            timestamp: record.timestamp.map(TimestampMs::new),
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &headers,
        };
        let before = builder.encoded_len();
        builder.push(&parts);
        assert!(builder.encoded_len() - before <= BatchBuilder::max_record_len(&parts));
    }
}

const DEFAULT_TIMESTAMP: i64 = 1_650_000_000_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn records_come_back(
        batches in vec(vec(record(), 1..12), 1..4),
        compression in prop::sample::select(Compression::ALL.to_vec()),
        base_offset in 0..i64::MAX / 2,
        idempotent: bool,
    ) {
        let mut builder = BatchBuilder::new();
        builder.set_default_timestamp(TimestampMs::new(DEFAULT_TIMESTAMP));
        let mut scratch = Scratch::new();
        let mut all = Vec::new();
        for records in &batches {
            let stamp = ProducerStamp {
                id: ProducerId::new(9), epoch: ProducerEpoch::new(0), base_sequence: Sequence::new(0),
            };
            push_all(&mut builder, records);
            prop_assert_eq!(builder.count(), records.len());
            let mut batch = builder.finish(compression, idempotent.then_some(stamp));
            prop_assert!(builder.is_empty());
            patch_base_offset(&mut batch, Offset::new(base_offset));
            let limits = Limits { max_batch_bytes: usize::MAX, ..Limits::default() };
            let header = validate(&batch, &limits).unwrap();
            let greatest = records.iter().map(|r| r.timestamp.unwrap_or(DEFAULT_TIMESTAMP)).max().unwrap();
            prop_assert_eq!(header.max_timestamp, TimestampMs::new(greatest));
            prop_assert_eq!(header.partition_leader_epoch, LeaderEpoch::UNKNOWN);
            prop_assert_eq!(header.size_in_bytes(), batch.len());
            prop_assert_eq!(header.producer_id.get() == 9, idempotent);

            let without_key =
                first_record_without_key(&batch, &mut scratch, &DecompressionLimits::default()).unwrap();
            prop_assert_eq!(without_key, records.iter().position(|r| r.key.is_none()));
            let decoded = decode(&batch, &mut scratch, &DecompressionLimits::default()).unwrap();
            let decoded: Vec<_> = decoded.collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(decoded.len(), records.len());
            for (index, (got, put)) in decoded.iter().zip(records).enumerate() {
                prop_assert_eq!(got.offset, Offset::new(base_offset + i64::try_from(index).unwrap()));
                prop_assert_eq!(got.timestamp, TimestampMs::new(put.timestamp.unwrap_or(DEFAULT_TIMESTAMP)));
                prop_assert_eq!((got.key, got.value), (put.key.as_deref(), put.value.as_deref()));
                prop_assert_eq!(got.headers().len(), put.headers.len());
                prop_assert!(got.headers().iter().eq(put.headers()));
            }
            all.extend_from_slice(&batch);
        }
        let found: Vec<_> = Batches::new(&all).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(found.len(), batches.len());
        prop_assert_eq!(found.concat(), all);
    }
}

#[test]
fn a_reset_builder_forgets() {
    let mut builder = BatchBuilder::new();
    builder.push(&RecordParts { value: Some(b"forgotten"), ..RecordParts::default() });
    builder.reset();
    assert!(builder.is_empty());
    builder.push(&RecordParts { value: Some(b"kept"), ..RecordParts::default() });
    let batch = builder.finish(Compression::None, None);
    let mut scratch = Scratch::new();
    let records = decode(&batch, &mut scratch, &DecompressionLimits::default()).unwrap();
    let values: Vec<_> = records.map(|record| record.unwrap().value.unwrap()).collect();
    assert_eq!(values, [b"kept"]);
}
