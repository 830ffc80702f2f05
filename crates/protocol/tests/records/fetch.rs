//! Batches become fetch replies, which become records again.

use bytes::BytesMut;
use proptest::prelude::*;
use yak_model::api::{
    Fetch, FetchEntry, FetchReply, FetchedPartition, Isolation, ReadFrom, Rejection, Reply,
};
use yak_model::{ErrorCode, Offset, PartitionIndex, TopicName};
use yak_protocol::{
    FetchEncoder, FetchRequest, FetchSink, FetchedHead, FetchedRecord, ReplyParser, RequestId, SentPartition,
    ValueStyle, parse_fetch_reply,
};
use yak_record::Compression;

use crate::owned::{NOW, Owned, batch_of, owned_headers, owned_records, topic, with_places};

#[derive(Debug, Default, PartialEq, Eq)]
struct Collected {
    heads: Vec<FetchedHead>,
    records: Vec<Owned>,
    refused: Vec<(TopicName, PartitionIndex, Rejection)>,
}

impl FetchSink for Collected {
    fn partition(&mut self, head: FetchedHead) {
        self.heads.push(head);
    }

    fn record(&mut self, record: &FetchedRecord<'_>) {
        self.records.push(Owned {
            offset: Some(record.offset.get()),
            timestamp: Some(record.timestamp.get()),
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: owned_headers(record.headers.iter().copied()),
        });
    }

    fn refused(&mut self, topic: TopicName, partition: PartitionIndex, rejection: Rejection) {
        self.refused.push((topic, partition, rejection));
    }
}

fn fetch_request(offsets: &[i64], values: ValueStyle) -> FetchRequest {
    let entry = |(partition, offset): (i32, &i64)| FetchEntry {
        topic_id: None,
        topic: topic(),
        partition: partition.into(),
        leader_epoch: None,
        offset: Offset::new(*offset),
        max_bytes: 1 << 20,
        last_fetched_epoch: None,
    };
    let entries = (0..).zip(offsets).map(entry).collect();
    let isolation = Isolation::ReadUncommitted;
    FetchRequest {
        fetch: Fetch {
            max_wait_ms: 0,
            min_bytes: 1,
            max_bytes: 1 << 20,
            isolation,
            read_from: ReadFrom::Leader,
            entries,
        },
        values,
    }
}

type FetchResults = Vec<Result<Vec<u8>, Rejection>>;

fn fetch_reply(results: FetchResults) -> Reply<FetchReply<Vec<u8>>> {
    let partition = |(partition, records): (i32, _)| FetchedPartition {
        topic: topic(),
        partition: partition.into(),
        high_watermark: Offset::new(900),
        last_stable_offset: Offset::new(900),
        log_start_offset: Offset::new(2),
        diverging: None,
        records,
    };
    Reply::new(FetchReply { partitions: (0..).zip(results).map(partition).collect() })
}

/// Encodes a fetch reply, gives its line and what was sent.
fn encoded(request: &FetchRequest, results: FetchResults) -> (String, Vec<SentPartition>) {
    let mut out = BytesMut::new();
    let id = RequestId::number(3);
    let sent = FetchEncoder::default().encode(&mut out, Some(&id), request, &fetch_reply(results)).to_vec();
    let line = String::from_utf8(out.to_vec()).expect("a line is UTF-8");
    assert_eq!(line.find('\n'), Some(line.len() - 1), "one line");
    (line, sent)
}

fn collected(line: &str) -> Collected {
    let mut collected = Collected::default();
    let response = parse_fetch_reply(line.trim_end().as_bytes(), &mut ReplyParser::new(), &mut collected);
    let response = response.expect("a fetch reply");
    assert_eq!(response.id, Some(RequestId::number(3)));
    assert!(response.result.is_ok(), "{line}");
    collected
}

proptest! {
    #[test]
    fn what_a_batch_holds_is_what_a_fetch_brings(
        records in owned_records(),
        skipped in 0..12_usize,
        compression in proptest::sample::select(&Compression::ALL),
    ) {
        let batch = batch_of(&records, compression, 100);
        let all = with_places(&records, 100, NOW);
        let from = 100 + i64::try_from(skipped.min(records.len() - 1)).unwrap();
        let wanted: Vec<_> = all.into_iter().filter(|record| record.offset >= Some(from)).collect();
        let (line, sent) = encoded(&fetch_request(&[from], ValueStyle::Text), vec![Ok(batch.to_vec())]);
        let next_offset = Offset::new(100).plus(i64::try_from(records.len()).unwrap());
        let count = u64::try_from(wanted.len()).unwrap();
        prop_assert_eq!(sent, [SentPartition { next_offset, records: count }]);
        let collected = collected(&line);
        prop_assert_eq!(&collected.records, &wanted);
        let head = FetchedHead {
            topic: topic(), partition: 0.into(), next_offset,
            high_watermark: Offset::new(900), log_start_offset: Offset::new(2),
        };
        prop_assert_eq!(collected.heads, [head]);
    }
}

#[test]
fn a_fetch_reply_is_readable() {
    let records = [
        Owned { key: Some(b"k".to_vec()), timestamp: Some(5), ..Owned::value("v") },
        Owned { timestamp: Some(6), headers: vec![(b"h".to_vec(), None)], ..Owned::default() },
        Owned { timestamp: Some(6), value: Some(vec![0xff]), key: Some(vec![0xfe]), ..Owned::default() },
    ];
    let batch = batch_of(&records, Compression::None, 7);
    let (line, _) = encoded(&fetch_request(&[7], ValueStyle::Text), vec![Ok(batch.to_vec())]);
    assert_eq!(
        line,
        concat!(
            r#"{"id":3,"ok":{"partitions":[{"topic":"orders","partition":0,"next_offset":10,"high_watermark":900,"#,
            r#""log_start_offset":2,"records":[{"offset":7,"timestamp":5,"key":"k","value":"v"},"#,
            r#"{"offset":8,"timestamp":6,"value":null,"headers":[{"key":"h","value":null}]},"#,
            r#"{"offset":9,"timestamp":6,"key_base64":"/g==","value_base64":"/w=="}]}]}}"#,
            "\n"
        )
    );
}

#[test]
fn an_empty_fetch_goes_on_where_it_began() {
    let (line, sent) = encoded(&fetch_request(&[41], ValueStyle::Text), vec![Ok(Vec::new())]);
    assert_eq!(sent, [SentPartition { next_offset: Offset::new(41), records: 0 }]);
    assert!(line.contains(r#""next_offset":41,"#) && line.contains(r#""records":[]"#), "{line}");
    assert_eq!(collected(&line).heads[0].next_offset, Offset::new(41));
}

#[test]
fn a_partition_that_fails_does_not_spoil_the_others() {
    let good = batch_of(&[Owned::value("v")], Compression::None, 0).to_vec();
    let mut damaged = good.clone();
    let last = damaged.len() - 3;
    damaged[last] = 0x7f;
    let rejection = Rejection::new(ErrorCode::OffsetOutOfRange, "offset 5 is beyond the end, 2");
    let results = vec![Ok(good.clone()), Err(rejection.clone()), Ok(damaged.clone()), Ok(good.clone())];
    let (line, sent) = encoded(&fetch_request(&[0, 5, 0, 0], ValueStyle::Text), results);
    assert_eq!(sent.iter().map(|sent| sent.records).collect::<Vec<_>>(), [1, 0, 0, 1]);
    let collected = collected(&line);
    assert_eq!((collected.heads.len(), collected.records.len()), (2, 2));
    assert_eq!(collected.refused[0], (topic(), 1.into(), rejection.clone()));
    assert_eq!(collected.refused[1].2.code, ErrorCode::InvalidRecord);

    // Alone, a refused partition makes the whole reply an error.
    for result in [Err(rejection), Ok(damaged)] {
        let (line, sent) = encoded(&fetch_request(&[5], ValueStyle::Text), vec![result]);
        assert_eq!(sent, [SentPartition { next_offset: Offset::new(5), records: 0 }]);
        assert!(line.starts_with(r#"{"id":3,"error":{"code":""#), "{line}");
        let mut sink = Collected::default();
        let response =
            parse_fetch_reply(line.trim_end().as_bytes(), &mut ReplyParser::new(), &mut sink).unwrap();
        assert!(response.result.is_err());
        assert_eq!(sink, Collected::default());
    }
}

#[test]
fn values_as_json_come_back_as_json() {
    let cases = [
        (r#"{"a": [1]}"#, r#""value":{"a": [1]}"#),
        ("{\n  \"a\": 1\r\n}", r#""value":{   "a": 1  }"#),
        ("17", r#""value":17"#),
        ("true", r#""value":true"#),
        ("null", r#""value":"null""#),
        (r#""text""#, r#""value":"\"text\"""#),
        ("text", r#""value":"text""#),
        ("{\"a\":", r#""value":"{\"a\":""#),
        ("", r#""value":"""#),
    ];
    for (value, expected) in cases {
        let batch = batch_of(&[Owned::value(value)], Compression::None, 0);
        let (line, _) = encoded(&fetch_request(&[0], ValueStyle::Json), vec![Ok(batch.to_vec())]);
        assert!(line.contains(&format!("{expected}}}]}}]}}}}")), "{line}");
    }
    let deep = "[".repeat(60) + &"]".repeat(60);
    let batch = batch_of(&[Owned::value(&deep)], Compression::None, 0);
    let (line, _) = encoded(&fetch_request(&[0], ValueStyle::Json), vec![Ok(batch.to_vec())]);
    assert!(line.contains(r#""value":"[["#), "too deep to be read again: {line}");
}

#[test]
fn a_full_reply_leaves_the_rest_for_the_next_fetch() {
    let large = Owned::value(&"x".repeat(7 * 1024 * 1024));
    let mut batches = Vec::new();
    for base_offset in 94..=100 {
        batches.extend_from_slice(&batch_of(std::slice::from_ref(&large), Compression::Zstd, base_offset));
    }
    let small = batch_of(&[Owned::value("v")], Compression::None, 0).to_vec();
    let (line, sent) = encoded(&fetch_request(&[94, 0], ValueStyle::Text), vec![Ok(batches), Ok(small)]);
    let sent_of = |next_offset, records| SentPartition { next_offset: Offset::new(next_offset), records };
    assert_eq!(sent, [sent_of(99, 5), sent_of(0, 0)]);
    // The number written at first was 101.
    assert!(
        line.starts_with(r#"{"id":3,"ok":{"partitions":[{"topic":"orders","partition":0,"next_offset":99 ,"#)
    );
    let collected = collected(&line);
    assert_eq!((collected.records.len(), collected.heads[0].next_offset), (5, Offset::new(99)));
}
