//! Batches as a client builds them, and records as it reads them.

use bytes::BytesMut;
use yak_kafka::messages::InitProducerIdRequest;
use yak_model::{ProducerEpoch, ProducerId, Sequence, TimestampMs};
use yak_record::{
    BatchBuilder, Batches, Compression, DecompressionLimits, Header, ProducerStamp, RecordParts, Scratch,
    decode,
};

/// A time that every record has.
pub(crate) const TIME: i64 = 1_700_000_000_000;

/// A record, owned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Owned {
    pub(crate) fn value(text: &str) -> Self {
        Self { value: Some(text.as_bytes().to_vec()), ..Self::default() }
    }
}

/// Asks for an id without transactions.
pub(crate) fn new_producer() -> InitProducerIdRequest {
    InitProducerIdRequest { transactional_id: None, ..InitProducerIdRequest::default() }
}

/// One batch without compression, of values alone.
pub(crate) fn plain(values: &[&str]) -> BytesMut {
    let records: Vec<_> = values.iter().map(|value| Owned::value(value)).collect();
    build(&records, Compression::None, None)
}

/// A batch of an idempotent producer.
pub(crate) fn stamped(id: i64, epoch: i16, base_sequence: i32, values: &[&str]) -> BytesMut {
    let records: Vec<_> = values.iter().map(|value| Owned::value(value)).collect();
    let stamp = ProducerStamp {
        id: ProducerId::new(id),
        epoch: ProducerEpoch::new(epoch),
        base_sequence: Sequence::new(base_sequence),
    };
    build(&records, Compression::None, Some(stamp))
}

pub(crate) fn build(records: &[Owned], compression: Compression, stamp: Option<ProducerStamp>) -> BytesMut {
    let mut builder = BatchBuilder::new();
    for record in records {
        let headers: Vec<_> =
            record.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() }).collect();
        builder.push(&RecordParts {
            timestamp: Some(TimestampMs::new(TIME)),
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &headers,
        });
    }
    builder.finish(compression, stamp)
}

/// Every record of fetched batches, with its offset.
pub(crate) fn read(batches: &[u8]) -> Vec<(i64, Owned)> {
    let mut records = Vec::new();
    for batch in Batches::new(batches) {
        let (mut scratch, limits) = (Scratch::default(), DecompressionLimits::default());
        for record in decode(batch.unwrap(), &mut scratch, &limits).unwrap() {
            let record = record.unwrap();
            let headers = record.headers().into_iter();
            let owned = Owned {
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
                headers: headers.map(|one| (one.key.to_vec(), one.value.map(<[u8]>::to_vec))).collect(),
            };
            records.push((record.offset.get(), owned));
        }
    }
    records
}

/// The values of fetched batches.
pub(crate) fn values(batches: &[u8]) -> Vec<String> {
    let text = |value: Option<Vec<u8>>| String::from_utf8(value.unwrap()).unwrap();
    read(batches).into_iter().map(|(_, record)| text(record.value)).collect()
}
