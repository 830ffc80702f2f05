//! Records of every kind, as `clients/README.md` writes them.

use serde_json::{Value, json};

use crate::bytes::encode;

/// The codecs, by Kafka's names.
pub const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// When the first sample was made.
pub const START: i64 = 1_700_000_000_000;

/// Records that a codec makes smaller.
#[must_use]
pub fn repetitive() -> Vec<Value> {
    let value = |number: i32| format!("{number} {}", "the same again ".repeat(20));
    (0..20).map(|number| record(Some(b"key"), Some(value(number).as_bytes()), &[])).collect()
}

/// What records may be, each with records that are so.
#[must_use]
pub fn kinds() -> Vec<(&'static str, Vec<Value>)> {
    let plain = record(Some(b"key"), Some(b"value"), &[]);
    vec![
        ("a key", vec![plain.clone(), record(Some("größe".as_bytes()), Some("groß 😀".as_bytes()), &[])]),
        ("no key", vec![record(None, Some(b"value"), &[])]),
        ("no value", vec![plain.clone(), record(Some(b"key"), None, &[])]),
        ("empty key and value", vec![record(Some(b""), Some(b""), &[])]),
        (
            "bytes that are not UTF-8",
            vec![record(
                Some(&[0xff, 0x00, b'k']),
                Some(&[0xc3, 0x28, 0x00, 0xff, 0x80]),
                &[("h", Some(&[0xff, 0xfe]))],
            )],
        ),
        (
            "headers",
            vec![
                record(
                    Some(b"key"),
                    Some(b"value"),
                    &[("a", Some(b"1")), ("größe", Some("groß".as_bytes()))],
                ),
                plain.clone(),
            ],
        ),
        (
            "headers of one name",
            vec![record(
                Some(b"key"),
                Some(b"value"),
                &[("a", Some(b"1")), ("a", Some(b"2")), ("a", Some(b"1"))],
            )],
        ),
        ("a header without a value", vec![record(Some(b"key"), Some(b"value"), &[("a", None)])]),
        ("a timestamp", vec![at(plain.clone(), START), at(plain, START + 5)]),
    ]
}

/// A record.
#[must_use]
pub fn record(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&str, Option<&[u8]>)]) -> Value {
    let headers: Vec<_> = headers.iter().map(|(name, value)| json!([name, encode(*value)])).collect();
    json!({ "key": encode(key), "value": encode(value), "headers": headers })
}

/// A record with a timestamp.
#[must_use]
pub fn at(mut record: Value, timestamp: i64) -> Value {
    record["timestamp"] = timestamp.into();
    record
}

/// What was read, in the form in which it was written: without offset, and without a timestamp that nobody gave.
#[must_use]
pub fn as_written(read: &Value, written: &Value) -> Value {
    let mut read = read.clone();
    if let Some(fields) = read.as_object_mut() {
        fields.remove("offset");
        if written.get("timestamp").is_none() {
            fields.remove("timestamp");
        }
    }
    read
}

/// Checks that exactly these records were read, in this order.
pub fn assert_read(read: &Value, written: &[Value], of: &str) {
    let read = read["records"].as_array().unwrap_or_else(|| panic!("{of}: {read}"));
    assert_eq!(read.len(), written.len(), "{of}");
    for (read, written) in read.iter().zip(written) {
        assert_eq!(as_written(read, written), *written, "{of}");
    }
}
