//! Record lines: written from batches, read by those who copy topics.

use bytes::BytesMut;
use proptest::prelude::*;
use yak_model::{Offset, PartitionIndex, TimestampMs};
use yak_protocol::{
    FetchedRecord, ReplyParser, TailEncoder, TailProgress, TailWindow, ValueStyle, encode_record_line,
    parse_record_line,
};
use yak_record::{Compression, TimestampType, patch_log_append_time};

use crate::owned::{Owned, batch_of, owned_records, topic};

proptest! {
    #[test]
    fn a_record_line_comes_back(record in owned_records().prop_map(|mut records| records.remove(0)), offset in 0..=i64::MAX) {
        let headers = record.headers();
        let timestamp = TimestampMs::new(record.timestamp.unwrap_or(0));
        let fetched = FetchedRecord {
            offset: Offset::new(offset), timestamp, timestamp_type: TimestampType::Create,
            key: record.key.as_deref(), value: record.value.as_deref(), headers: &headers,
        };
        let mut out = BytesMut::new();
        encode_record_line(&mut out, &topic(), 4.into(), &fetched, ValueStyle::Text);
        let line = out.strip_suffix(b"\n").expect("a line ends with a newline");
        parse_record_line(line, &mut ReplyParser::new(), |read| {
            assert_eq!((read.topic, read.partition, read.offset), (Some("orders"), Some(4.into()), Some(Offset::new(offset))));
            assert_eq!((read.timestamp, read.key, read.value), (Some(timestamp), fetched.key, fetched.value));
            assert_eq!(read.headers, fetched.headers);
        }).map_err(|error| TestCaseError::fail(error.to_string()))?;
    }
}

#[test]
fn tail_lines_stop_where_they_should() {
    let values: Vec<_> = ["a", "b", "c", "d"].map(Owned::value).to_vec();
    let mut batches = batch_of(&values, Compression::Lz4, 10).to_vec();
    let mut stamped = batch_of(&values[..1], Compression::None, 14);
    patch_log_append_time(&mut stamped, TimestampMs::new(9));
    batches.extend_from_slice(&stamped);
    let topic = topic();
    let mut encoder = TailEncoder::default();
    let mut tail = |from, before, max_records| {
        let mut out = BytesMut::new();
        let window = TailWindow { from: Offset::new(from), before: Offset::new(before), max_records };
        let what = (&topic, PartitionIndex::new(1), ValueStyle::Text);
        let progress = encoder.encode(&mut out, what, &batches, window).unwrap();
        (String::from_utf8(out.to_vec()).unwrap(), progress)
    };
    let (lines, progress) = tail(13, i64::MAX, u64::MAX);
    assert_eq!(
        lines,
        concat!(
            r#"{"topic":"orders","partition":1,"offset":13,"timestamp":1700000000000,"timestamp_type":"create","#,
            r#""key":null,"value":"d","headers":[]}"#,
            "\n",
            r#"{"topic":"orders","partition":1,"offset":14,"timestamp":9,"timestamp_type":"log_append","#,
            r#""key":null,"value":"a","headers":[]}"#,
            "\n"
        )
    );
    let progress_of = |next_offset, records| TailProgress { next_offset: Offset::new(next_offset), records };
    assert_eq!(progress, progress_of(15, 2));
    assert_eq!(tail(10, 12, u64::MAX).1, progress_of(12, 2));
    assert_eq!(tail(10, i64::MAX, 3).1, progress_of(13, 3));
    assert_eq!(tail(10, i64::MAX, 0), (String::new(), progress_of(10, 0)));
    assert_eq!(tail(20, i64::MAX, 9), (String::new(), progress_of(20, 0)));
}

#[test]
fn a_record_line_may_be_typed_by_hand() {
    let mut parser = ReplyParser::new();
    let read = |line: &[u8], parser: &mut ReplyParser| {
        parse_record_line(line, parser, |record| {
            (
                record.topic.map(str::to_owned),
                record.key.map(<[u8]>::to_vec),
                record.value.map(<[u8]>::to_vec),
            )
        })
    };
    assert_eq!(read(br#"{"value":{"a":1}}"#, &mut parser), Ok((None, None, Some(br#"{"a":1}"#.to_vec()))));
    let line = br#"{"key":"\u0041","topic":"t","value":null}"#;
    assert_eq!(read(line, &mut parser), Ok((Some("t".to_owned()), Some(b"A".to_vec()), None)));
    let bad = |line: &str, parser: &mut ReplyParser| read(line.as_bytes(), parser).unwrap_err().0;
    assert_eq!(bad("x", &mut parser), "not JSON: expected value at column 1");
    assert_eq!(bad("[]", &mut parser), "expected an object, found an array");
    assert_eq!(bad(r#"{"key":"k"}"#, &mut parser), r#"missing field "value" (a tombstone is "value":null)"#);
    assert_eq!(
        bad(r#"{"value":"v","ofset":1}"#, &mut parser),
        r#"unknown field "ofset" in a record; did you mean "offset"?"#
    );
    assert_eq!(
        bad(r#"{"value":"v","partition":-1}"#, &mut parser),
        "partition: expected a whole number from 0 to 9223372036854775807, found the number -1"
    );
}
