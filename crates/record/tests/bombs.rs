//! Decompression: every codec stops at the cap, refuses damage, and reads the framings that others write.

use std::io::Write as _;

use yak_record::compression::decompress;
use yak_record::{BatchBuilder, BatchError, Compression, DecompressionLimits, HEADER_LEN, RecordParts};

const CODECS: [Compression; 4] =
    [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

/// The compressed part of a batch of one record with this value.
fn compressed(codec: Compression, value: &[u8]) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    builder.push(&RecordParts { value: Some(value), ..RecordParts::default() });
    builder.finish(codec, None)[HEADER_LEN..].to_vec()
}

fn limits(max_bytes: usize) -> DecompressionLimits {
    DecompressionLimits { max_bytes, ..DecompressionLimits::default() }
}

#[test]
fn bombs_stop_at_the_cap() {
    let bomb = vec![0; 4 << 20];
    for codec in CODECS {
        let input = compressed(codec, &bomb);
        let mut out = Vec::new();
        decompress(codec, &input, &mut out, &limits(5 << 20)).unwrap();
        let max = 1 << 20;
        let mut out = Vec::new();
        let error = decompress(codec, &input, &mut out, &limits(max)).unwrap_err();
        assert_eq!(error, BatchError::DecompressedTooLarge { codec, max });
        assert!(out.capacity() <= 2 * max + 64, "{codec}: {} bytes for a cap of {max}", out.capacity());
    }
}

#[test]
fn the_ratio_counts_beyond_the_free_bytes() {
    let input = compressed(Compression::Zstd, &vec![7; 3 << 20]);
    let limits = |free_bytes| DecompressionLimits { max_bytes: 64 << 20, max_ratio: 256, free_bytes };
    assert!(input.len() * 256 < 3 << 20);
    let mut out = Vec::new();
    decompress(Compression::Zstd, &input, &mut out, &limits(4 << 20)).unwrap();
    let error = decompress(Compression::Zstd, &input, &mut out, &limits(1 << 20)).unwrap_err();
    assert_eq!(error, BatchError::DecompressedTooLarge { codec: Compression::Zstd, max: 1 << 20 });
}

#[test]
fn a_claimed_size_allocates_nothing() {
    // Raw snappy that claims 4 GiB - 1, and a gzip, lz4 and zstd header with nothing behind.
    let inputs: [(Compression, &[u8]); 4] = [
        (Compression::Snappy, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 0x61]),
        (Compression::Gzip, &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]),
        (Compression::Lz4, &[0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73]),
        (Compression::Zstd, &[0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    ];
    for (codec, input) in inputs {
        let mut out = Vec::new();
        let result = decompress(codec, input, &mut out, &DecompressionLimits::default());
        assert!(result.is_err() || out.is_empty(), "{codec}");
        assert!(out.capacity() <= 64 * 1024, "{codec}: {}", out.capacity());
    }
}

#[test]
fn damage_is_refused_or_changes_the_output() {
    let value: Vec<u8> = (0..20_000_u32).flat_map(u32::to_be_bytes).collect();
    for codec in CODECS {
        let input = compressed(codec, &value);
        let mut good = Vec::new();
        decompress(codec, &input, &mut good, &DecompressionLimits::default()).unwrap();
        let mut out = Vec::new();
        for at in (0..input.len()).step_by(37) {
            let mut bad = input.clone();
            bad[at] ^= 0x10;
            let result = decompress(codec, &bad, &mut out, &DecompressionLimits::default());
            assert!(out.len() <= DecompressionLimits::default().max_bytes, "{codec} {at} {result:?}");
            let cut = decompress(codec, &input[..at], &mut out, &DecompressionLimits::default());
            assert!(cut.is_err() || out.len() < good.len(), "{codec} cut at {at}");
        }
    }
}

#[test]
fn snappy_is_written_as_java_does_and_read_raw_too() {
    let value = vec![b'a'; 100_000];
    let framed = compressed(Compression::Snappy, &value);
    assert_eq!(framed[..16], *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
    let mut from_framed = Vec::new();
    decompress(Compression::Snappy, &framed, &mut from_framed, &DecompressionLimits::default()).unwrap();
    let raw = snap::raw::Encoder::new().compress_vec(&from_framed).unwrap();
    let mut from_raw = Vec::new();
    decompress(Compression::Snappy, &raw, &mut from_raw, &DecompressionLimits::default()).unwrap();
    assert_eq!(from_raw, from_framed);
    assert!(from_raw.ends_with(&[&value[..], &[0]].concat()));
}

#[test]
fn framings_of_other_writers_are_read() {
    let text = b"the quick brown fox jumps over the lazy dog ".repeat(5000);
    let member = |part: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(part).unwrap();
        encoder.finish().unwrap()
    };
    let two_members = [member(&text[..1000]), member(&text[1000..])].concat();
    let linked = lz4_flex::frame::FrameInfo::new()
        .block_mode(lz4_flex::frame::BlockMode::Linked)
        .block_size(lz4_flex::frame::BlockSize::Max256KB)
        .content_checksum(true)
        .block_checksums(true);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(linked, Vec::new());
    encoder.write_all(&text).unwrap();
    let linked = encoder.finish().unwrap();
    let mut encoder = zstd::Encoder::new(Vec::new(), 19).unwrap();
    encoder.write_all(&text).unwrap();
    let streamed = encoder.finish().unwrap();
    for (codec, input) in
        [(Compression::Gzip, two_members), (Compression::Lz4, linked), (Compression::Zstd, streamed)]
    {
        let mut out = Vec::new();
        decompress(codec, &input, &mut out, &DecompressionLimits::default()).unwrap();
        assert!(out == text, "{codec}");
    }
}
