//! Batches for a topic that says how they are stored (`compression.type`), whatever their producers chose.

use bytes::BytesMut;
use yak_model::ProducerId;
use yak_model::config::TopicCompression;
use yak_record::{
    BatchBuilder, BatchError, BatchHeader, Batches, Compression, DecompressionLimits, Header, ProducerStamp,
    RecordParts, Scratch, decode,
};

/// The codec that a topic asks for; `None` leaves it to producers.
pub(crate) const fn codec(compression: TopicCompression) -> Option<Compression> {
    match compression {
        TopicCompression::Producer => None,
        TopicCompression::Uncompressed => Some(Compression::None),
        TopicCompression::Gzip => Some(Compression::Gzip),
        TopicCompression::Snappy => Some(Compression::Snappy),
        TopicCompression::Lz4 => Some(Compression::Lz4),
        TopicCompression::Zstd => Some(Compression::Zstd),
    }
}

/// The batches with this codec; `None` if they have it already. Records, timestamps and sequences stay what they are,
/// so that what is sent again is still known.
///
/// # Errors
/// The batches are malformed.
pub(crate) fn recompress(batches: &[u8], codec: Compression) -> Result<Option<BytesMut>, BatchError> {
    let mut differs = false;
    for batch in Batches::new(batches) {
        differs |= BatchHeader::parse(batch?)?.attributes.compression() != codec;
    }
    if !differs {
        return Ok(None);
    }
    let (mut out, mut scratch, mut builder) = (BytesMut::new(), Scratch::new(), BatchBuilder::new());
    for batch in Batches::new(batches) {
        let batch = batch?;
        let header = BatchHeader::parse(batch)?;
        for record in decode(batch, &mut scratch, &DecompressionLimits::default())? {
            let record = record?;
            let headers: Vec<Header<'_>> = record.headers().iter().collect();
            builder.push(&RecordParts {
                timestamp: Some(record.timestamp),
                key: record.key,
                value: record.value,
                headers: &headers,
            });
        }
        let stamp = ProducerStamp {
            id: header.producer_id,
            epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
        };
        let stamp = (header.producer_id != ProducerId::NONE).then_some(stamp);
        out.extend_from_slice(&builder.finish(codec, stamp));
    }
    Ok(Some(out))
}
