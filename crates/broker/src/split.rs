//! Records that leave their partition to the broker: murmur2 of the key, else round robin, record by record.

use std::collections::BTreeMap;

use bytes::BytesMut;
use yak_model::api::Rejection;
use yak_model::{ErrorCode, PartitionIndex, ProducerId, partition_for_key};
use yak_record::{
    BatchBuilder, BatchError, BatchHeader, Batches, Compression, DecompressionLimits, Header, RecordParts,
    Scratch, decode,
};

/// One batch for each partition that gets records, in order of partition; within one, records keep their order. With a
/// single partition there is nothing to split: its batches are taken as they are.
///
/// # Errors
/// The batches are malformed, or an idempotent producer's: its sequences belong to one partition.
pub(crate) fn split_by_partition(
    batches: &[u8],
    partition_count: i32,
    mut next_partition: impl FnMut() -> PartitionIndex,
) -> Result<Vec<(PartitionIndex, BytesMut)>, Rejection> {
    let mut scratch = Scratch::new();
    let mut split: BTreeMap<PartitionIndex, BatchBuilder> = BTreeMap::new();
    let mut compression = Compression::None;
    for batch in Batches::new(batches) {
        let batch = batch.map_err(malformed)?;
        let header = BatchHeader::parse(batch).map_err(malformed)?;
        if header.producer_id != ProducerId::NONE {
            let message = "with producer_id, partition is required: sequences are counted for each partition";
            return Err(Rejection::new(ErrorCode::InvalidRequest, message));
        }
        compression = header.attributes.compression();
        for record in decode(batch, &mut scratch, &DecompressionLimits::default()).map_err(malformed)? {
            let record = record.map_err(malformed)?;
            let partition =
                record.key.map_or_else(&mut next_partition, |key| partition_for_key(key, partition_count));
            let headers: Vec<Header<'_>> = record.headers().iter().collect();
            split.entry(partition).or_default().push(&RecordParts {
                timestamp: Some(record.timestamp),
                key: record.key,
                value: record.value,
                headers: &headers,
            });
        }
    }
    let finish = |(partition, mut builder): (PartitionIndex, BatchBuilder)| {
        (partition, builder.finish(compression, None))
    };
    Ok(split.into_iter().map(finish).collect())
}

fn malformed(error: BatchError) -> Rejection {
    Rejection::new(error.code(), error.to_string())
}

#[cfg(test)]
mod tests {
    use yak_model::TimestampMs;

    use super::*;

    fn batch(records: &[(Option<&str>, &str)]) -> BytesMut {
        let mut builder = BatchBuilder::new();
        for (key, value) in records {
            builder.push(&RecordParts {
                timestamp: Some(TimestampMs::new(7)),
                key: key.map(str::as_bytes),
                value: Some(value.as_bytes()),
                headers: &[],
            });
        }
        builder.finish(Compression::Lz4, None)
    }

    fn values(batch: &[u8]) -> Vec<String> {
        let mut scratch = Scratch::new();
        let records = decode(batch, &mut scratch, &DecompressionLimits::default()).unwrap();
        records.map(|record| String::from_utf8(record.unwrap().value.unwrap().to_vec()).unwrap()).collect()
    }

    #[test]
    fn keys_stay_together_and_the_rest_takes_turns() {
        let mut turn = 0;
        let next = || {
            turn += 1;
            PartitionIndex::new((turn - 1) % 2)
        };
        let batch = batch(&[(None, "a"), (Some("k"), "b"), (None, "c"), (Some("k"), "d"), (None, "e")]);
        let split = split_by_partition(&batch, 2, next).unwrap();
        let of_key = partition_for_key(b"k", 2);
        let expected: Vec<Vec<&str>> = if of_key.get() == 0 {
            vec![vec!["a", "b", "d", "e"], vec!["c"]]
        } else {
            vec![vec!["a", "e"], vec!["b", "c", "d"]]
        };
        let found: Vec<Vec<String>> = split.iter().map(|(_, batch)| values(batch)).collect();
        assert_eq!(found, expected);
        assert!(split.iter().all(|(_, batch)| {
            BatchHeader::parse(batch).unwrap().attributes.compression() == Compression::Lz4
        }));
    }
}
