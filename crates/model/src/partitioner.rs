//! Which partition a key belongs to: Kafka's murmur2, so that every client agrees.

use crate::PartitionIndex;

/// Kafka's 32-bit murmur2 with its seed `0x9747b28c` (`org.apache.kafka.common.utils.Utils.murmur2`).
#[must_use]
pub fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    const SEED: u32 = 0x9747_b28c;
    // The length is mixed in modulo 2^32, as Java's int does.
    #[expect(clippy::cast_possible_truncation, reason = "murmur2 defines the length modulo 2^32")]
    let mut hash = SEED ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        k = k.wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (i, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * i);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// The partition of `key` in a topic of `partition_count` partitions, as Kafka's default partitioner has it.
///
/// # Panics
/// If `partition_count` is not positive: every topic has at least one partition.
#[must_use]
pub fn partition_for_key(key: &[u8], partition_count: i32) -> PartitionIndex {
    assert!(partition_count > 0, "a topic has at least one partition");
    let positive = i32::try_from(murmur2(key) & 0x7fff_ffff).expect("the sign bit is masked off");
    PartitionIndex::new(positive % partition_count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of Apache Kafka's own test (`UtilsTest.testMurmur2`), as signed 32-bit integers.
    #[test]
    fn murmur2_equals_kafkas() {
        for (key, hash) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }
}
