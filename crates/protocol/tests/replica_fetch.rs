//! Replica fetch: lines as they are, both ways, with raw bytes behind the line and without; and what is refused.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use yak_model::api::*;
use yak_model::limits::MAX_ATTACHMENT_BYTES;
use yak_model::{
    BrokerEpoch, BrokerId, ErrorCode, LeaderEpoch, Offset, PartitionIndex, ReplicationKey, TimestampMs,
    TopicId,
};
use yak_protocol::{
    Parser, Request, RequestId, encode_replica_fetch_reply, encode_replica_fetch_request,
    parse_replica_fetch_reply, parse_request,
};
use yak_record::Records;

const ID: &str = "AAAAAAAAQACAAAAAAAAAAA";

fn topic_id() -> TopicId {
    TopicId::from_random([0; 16])
}

fn entry(partition: i32) -> ReplicaFetchEntry {
    ReplicaFetchEntry {
        topic_id: topic_id(),
        partition: PartitionIndex::new(partition),
        leader_epoch: LeaderEpoch::new(3),
        fetch_offset: Offset::new(120),
        last_fetched_epoch: Some(LeaderEpoch::new(2)),
        durable_offset: Offset::new(118),
    }
}

fn request() -> ReplicaFetch {
    ReplicaFetch {
        broker_id: BrokerId::new(2),
        broker_epoch: BrokerEpoch::new(17),
        key: ReplicationKey::from_random([0; 16]),
        max_wait_ms: 500,
        max_bytes: 1_048_576,
        attachments: true,
        entries: vec![entry(0)],
        forget: vec![(topic_id(), PartitionIndex::new(1))],
    }
}

fn request_line(request: &ReplicaFetch, id: Option<u64>) -> String {
    let mut out = BytesMut::new();
    encode_replica_fetch_request(&mut out, id, request);
    String::from_utf8(out.to_vec()).expect("text")
}

fn fetched(partition: i32, records: &'static [u8]) -> ReplicaFetched<Records> {
    ReplicaFetched {
        topic_id: topic_id(),
        partition: PartitionIndex::new(partition),
        outcome: Ok(ReplicaData {
            high_watermark: Offset::new(119),
            log_start_offset: Offset::ZERO,
            diverging: None,
            records: Records::Bytes(Bytes::from_static(records)),
        }),
    }
}

fn diverging(partition: i32) -> ReplicaFetched<Records> {
    let end = EpochEnd { leader_epoch: LeaderEpoch::new(1), end_offset: Offset::new(80) };
    let mut fetched = fetched(partition, b"");
    if let Ok(data) = &mut fetched.outcome {
        data.diverging = Some(end);
    }
    fetched
}

fn refused(partition: i32) -> ReplicaFetched<Records> {
    let rejection = Rejection::new(ErrorCode::FencedLeaderEpoch, "over");
    ReplicaFetched {
        topic_id: topic_id(),
        partition: PartitionIndex::new(partition),
        outcome: Err(rejection),
    }
}

fn encoded(partitions: Vec<ReplicaFetched<Records>>, attachments: bool) -> Vec<u8> {
    let mut out = BytesMut::from("before");
    encode_replica_fetch_reply(
        &mut out,
        Some(&RequestId::number(7)),
        Reply::new(ReplicaFetchReply { partitions }),
        attachments,
        |_, records, out| {
            records
                .read_into(out)
                .map_err(|error| Rejection::new(ErrorCode::KafkaStorageError, error.to_string()))
        },
    );
    out[6..].to_vec()
}

/// What each partition has, as a follower reads it.
fn read(reply: &[u8]) -> Vec<Result<ReplicaData<Vec<u8>>, Rejection>> {
    let end = reply.iter().position(|byte| *byte == b'\n').expect("a line");
    let mut records = BytesMut::from("rubbish of before");
    let answer = parse_replica_fetch_reply(&reply[..end], &mut records).expect("a reply");
    assert_eq!(reply.len(), end + 1 + answer.attachment, "exactly what was announced follows");
    records.extend_from_slice(&reply[end + 1..]);
    let reply = answer.response.result.expect("ok");
    let partition = |fetched: ReplicaFetched<std::ops::Range<usize>>| {
        let data = fetched.outcome?;
        Ok(ReplicaData {
            high_watermark: data.high_watermark,
            log_start_offset: data.log_start_offset,
            diverging: data.diverging,
            records: records[data.records].to_vec(),
        })
    };
    reply.body.partitions.into_iter().map(partition).collect()
}

#[test]
fn golden_requests() {
    assert_eq!(
        request_line(&request(), Some(7)),
        format!(
            r#"{{"id":7,"op":"replica_fetch","broker_id":2,"broker_epoch":17,"key":"{ID}","max_wait_ms":500,"max_bytes":1048576,"attachments":true,"entries":[{{"topic_id":"{ID}","partition":0,"leader_epoch":3,"fetch_offset":120,"last_fetched_epoch":2,"durable_offset":118}}],"forget":[{{"topic_id":"{ID}","partition":1}}]}}"#
        ) + "\n"
    );
    let progress = ReplicaFetch {
        max_wait_ms: 0,
        max_bytes: 0,
        attachments: false,
        entries: vec![ReplicaFetchEntry { last_fetched_epoch: None, ..entry(0) }],
        forget: Vec::new(),
        ..request()
    };
    assert_eq!(
        request_line(&progress, None),
        format!(
            r#"{{"op":"replica_fetch","broker_id":2,"broker_epoch":17,"key":"{ID}","max_wait_ms":0,"max_bytes":0,"entries":[{{"topic_id":"{ID}","partition":0,"leader_epoch":3,"fetch_offset":120,"durable_offset":118}}]}}"#
        ) + "\n"
    );
}

#[test]
fn golden_replies() {
    let partitions =
        || vec![fetched(0, b"abc"), refused(1), diverging(2), fetched(3, b""), fetched(4, b"\n{}")];
    let head = |partition: i32| format!(r#"{{"topic_id":"{ID}","partition":{partition}"#);
    let state = r#""high_watermark":119,"log_start_offset":0"#;
    let between = [
        format!(
            r#"{},"error":{{"code":"FENCED_LEADER_EPOCH","message":"over","retriable":true}}}}"#,
            head(1)
        ),
        format!(r#"{},{state},"diverging":{{"leader_epoch":1,"end_offset":80}}}}"#, head(2)),
        format!("{},{state}}}", head(3)),
    ]
    .join(",");
    let attached = format!(
        r#"{{"id":7,"ok":{{"partitions":[{},{state},"bytes":3}},{between},{},{state},"bytes":3}}]}},"attachment":6}}"#,
        head(0),
        head(4)
    );
    let reply = encoded(partitions(), true);
    assert_eq!(String::from_utf8_lossy(&reply), format!("{attached}\nabc\n{{}}"));
    let inline = format!(
        r#"{{"id":7,"ok":{{"partitions":[{},{state},"batches_base64":"YWJj"}},{between},{},{state},"batches_base64":"Cnt9"}}]}}}}"#,
        head(0),
        head(4)
    );
    let reply = encoded(partitions(), false);
    assert_eq!(String::from_utf8_lossy(&reply), format!("{inline}\n"));
}

#[test]
fn a_partition_that_cannot_be_read_is_refused_and_the_rest_is_sent() {
    for attachments in [true, false] {
        let mut out = BytesMut::new();
        let reply = Reply::new(ReplicaFetchReply {
            partitions: vec![fetched(0, b"aaa"), fetched(1, b"bbb"), fetched(2, b"ccc")],
        });
        encode_replica_fetch_reply(&mut out, None, reply, attachments, |at, records, out| {
            if at == 1 {
                return Err(Rejection::new(ErrorCode::KafkaStorageError, "damaged"));
            }
            records.read_into(out).expect("in memory");
            Ok(())
        });
        let partitions = read(&out);
        assert_eq!(partitions[0].as_ref().expect("read").records, b"aaa");
        assert_eq!(partitions[1].as_ref().expect_err("refused").code, ErrorCode::KafkaStorageError);
        assert_eq!(partitions[2].as_ref().expect("read").records, b"ccc");
    }
}

#[test]
fn a_reply_that_is_no_reply_is_refused() {
    let partition = |fields: &str| {
        format!(r#"{{"topic_id":"{ID}","partition":0,"high_watermark":1,"log_start_offset":0{fields}}}"#)
    };
    let line = |partitions: &[String], rest: &str| {
        format!(r#"{{"ok":{{"partitions":[{}]}}{rest}}}"#, partitions.join(","))
    };
    let over = MAX_ATTACHMENT_BYTES + 1;
    let cases = [
        (
            line(&[partition(r#","bytes":3"#)], r#","attachment":4"#),
            "attachment: 4 bytes are announced, the partitions have 3".to_owned(),
        ),
        (
            line(&[partition(r#","bytes":3"#), partition(r#","bytes":2"#)], ""),
            "attachment: 0 bytes are announced, the partitions have 5".to_owned(),
        ),
        (
            line(&[partition(&format!(r#","bytes":{over}"#))], &format!(r#","attachment":{over}"#)),
            format!("attachment: {over} bytes are announced, at most {MAX_ATTACHMENT_BYTES} are taken"),
        ),
        (
            line(&[partition(&format!(r#","bytes":{over}"#))], ""),
            format!(
                "ok.partitions[0].bytes: expected a whole number from 0 to {MAX_ATTACHMENT_BYTES}, found the number {over}"
            ),
        ),
        (
            line(&[], r#","attachment":99999999999999999999999"#),
            "attachment: expected a whole number from 0 to 18446744073709551615, found the number 99999999999999999999999".to_owned(),
        ),
        (
            line(&[partition(r#","bytes":3,"batches_base64":"YWJj""#)], r#","attachment":3"#),
            r#"ok.partitions[0]: both an attachment and "batches_base64""#.to_owned(),
        ),
        (
            line(&[partition(r#","batches_base64":"YWJj""#), partition(r#","bytes":3"#)], r#","attachment":3"#),
            r#"ok.partitions[1]: both an attachment and "batches_base64""#.to_owned(),
        ),
        (
            line(&[partition(r#","batches_base64":"YW*j""#)], ""),
            "ok.partitions[0].batches_base64: not base64: Invalid symbol 42, offset 2.".to_owned(),
        ),
        (
            line(&[partition(r#","diverging":{"leader_epoch":1,"end_offset":1},"bytes":3"#)], r#","attachment":3"#),
            r#"ok.partitions[0]: records with "diverging""#.to_owned(),
        ),
        (
            r#"{"error":{"code":"STALE_BROKER_EPOCH","message":"m"},"attachment":3}"#.to_owned(),
            "attachment: 3 bytes are announced, the partitions have 0".to_owned(),
        ),
        (
            format!(r#"{{"ok":{{"partitions":[{{"topic_id":"{ID}x","partition":0}}]}}}}"#),
            format!(r#"ok.partitions[0].topic_id: "{ID}x" is not an id of 22 base64url characters"#),
        ),
        (r#"{"ok":{}}"#.to_owned(), r#"ok: missing field "partitions""#.to_owned()),
        (r#"{"ok":{"partitions":["#.to_owned(), "not JSON: EOF while parsing a list at column 21".to_owned()),
    ];
    for (line, said) in cases {
        let error = parse_replica_fetch_reply(line.as_bytes(), &mut BytesMut::new()).expect_err(&line);
        assert_eq!(error.0, said, "{line}");
    }
}

#[test]
fn a_request_that_is_none_is_refused() {
    let whole = request_line(&request(), None);
    let cases = [
        (
            format!(r#""key":"{ID}""#),
            r#""key":"short""#,
            r#"key: "short" is not an id of 22 base64url characters"#,
        ),
        (format!(r#""key":"{ID}","#), "", r#"missing field "key""#),
        (
            r#""broker_epoch":17"#.to_owned(),
            r#""broker_epoch":-1"#,
            "broker_epoch: expected a whole number from 0 to 9223372036854775807, found the number -1",
        ),
        (
            r#""fetch_offset":120"#.to_owned(),
            r#""fetch_ofset":120"#,
            r#"entries[0]: missing field "fetch_offset"; did you mean it by "fetch_ofset"?"#,
        ),
        (
            r#""durable_offset":118"#.to_owned(),
            r#""durable_offset":118,"x":1"#,
            r#"entries[0]: unknown field "x" in replica_fetch"#,
        ),
        (
            r#""partition":1}"#.to_owned(),
            r#""partition":1,"x":1}"#,
            r#"forget[0]: unknown field "x" in replica_fetch"#,
        ),
        (
            r#""attachments":true"#.to_owned(),
            r#""attachments":1"#,
            "attachments: expected true or false, found the number 1",
        ),
    ];
    for (of, instead, said) in cases {
        let line = whole.replacen(&of, instead, 1);
        assert_ne!(line, whole);
        let bad = parse_request(line.as_bytes(), TimestampMs::new(1), &mut Parser::new()).expect_err(&line);
        assert_eq!(bad.rejection.message, said, "{line}");
        assert_eq!(bad.rejection.code, ErrorCode::InvalidRequest);
    }
    let many = vec![format!(r#"{{"topic_id":"{ID}","partition":1}}"#); 10_001].join(",");
    let line = whole.replacen(&format!(r#"{{"topic_id":"{ID}","partition":1}}"#), &many, 1);
    let bad = parse_request(line.as_bytes(), TimestampMs::new(1), &mut Parser::new()).expect_err("too many");
    assert_eq!(bad.rejection.message, "forget: more than 10000 elements");
}

fn ids() -> impl Strategy<Value = TopicId> {
    any::<[u8; 16]>().prop_map(TopicId::from_random)
}

fn requests() -> impl Strategy<Value = ReplicaFetch> {
    let number = || 0..=i32::MAX;
    let offset = || (0..=i64::MAX).prop_map(Offset::new);
    let entry = (ids(), number(), number(), offset(), option::of(number()), offset()).prop_map(
        |(topic_id, partition, leader_epoch, fetch_offset, last, durable_offset)| ReplicaFetchEntry {
            topic_id,
            partition: PartitionIndex::new(partition),
            leader_epoch: LeaderEpoch::new(leader_epoch),
            fetch_offset,
            last_fetched_epoch: last.map(LeaderEpoch::new),
            durable_offset,
        },
    );
    let forget = (ids(), number().prop_map(PartitionIndex::new));
    let sizes = (0..=60_000_u32, 0..=16_777_216_u32, any::<bool>());
    let who = (number(), 0..=i64::MAX, any::<[u8; 16]>());
    (who, sizes, vec(entry, 0..4), vec(forget, 0..4)).prop_map(
        |((broker_id, broker_epoch, key), (max_wait_ms, max_bytes, attachments), entries, forget)| {
            ReplicaFetch {
                broker_id: BrokerId::new(broker_id),
                broker_epoch: BrokerEpoch::new(broker_epoch),
                key: ReplicationKey::from_random(key),
                max_wait_ms,
                max_bytes,
                attachments,
                entries,
                forget,
            }
        },
    )
}

fn outcomes() -> impl Strategy<Value = Result<ReplicaData<Vec<u8>>, Rejection>> {
    let end = (0..=i32::MAX, 0..=i64::MAX);
    prop_oneof![
        Just(Err(Rejection::new(ErrorCode::UnknownTopicId, "who?\n"))),
        (0..=i64::MAX, 0..=i64::MAX, option::of(end), vec(any::<u8>(), 0..40)).prop_map(
            |(high_watermark, log_start_offset, end, records)| {
                let diverging = end.map(|(epoch, end)| EpochEnd {
                    leader_epoch: LeaderEpoch::new(epoch),
                    end_offset: Offset::new(end),
                });
                let records = if diverging.is_some() { Vec::new() } else { records };
                Ok(ReplicaData {
                    high_watermark: Offset::new(high_watermark),
                    log_start_offset: Offset::new(log_start_offset),
                    diverging,
                    records,
                })
            }
        )
    ]
}

proptest! {
    #[test]
    fn requests_come_back(request in requests()) {
        let line = request_line(&request, Some(7));
        let envelope = parse_request(line.trim_end().as_bytes(), TimestampMs::new(1), &mut Parser::new());
        prop_assert_eq!(envelope.expect("a request").request, Request::ReplicaFetch(request));
    }

    #[test]
    fn replies_come_back(outcomes in vec(outcomes(), 0..6), attachments in any::<bool>()) {
        let partition = |outcome: &Result<ReplicaData<Vec<u8>>, Rejection>| ReplicaFetched {
            topic_id: topic_id(),
            partition: PartitionIndex::new(0),
            outcome: outcome.clone().map(|data| ReplicaData {
                high_watermark: data.high_watermark,
                log_start_offset: data.log_start_offset,
                diverging: data.diverging,
                records: Records::Bytes(data.records.into()),
            }),
        };
        let reply = encoded(outcomes.iter().map(partition).collect(), attachments);
        prop_assert_eq!(read(&reply), outcomes);
    }

    #[test]
    fn a_damaged_line_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), attachments in any::<bool>()) {
        let mut reply = encoded(vec![fetched(0, b"abc"), diverging(1), refused(2)], attachments);
        let end = reply.iter().position(|byte| *byte == b'\n').expect("a line");
        reply[at.index(end)] = byte;
        let mut records = BytesMut::new();
        if let Ok(answer) = parse_replica_fetch_reply(&reply[..end], &mut records) {
            prop_assert!(answer.attachment <= MAX_ATTACHMENT_BYTES);
            if let Ok(reply) = answer.response.result {
                let held = records.len() + answer.attachment;
                let ranges = reply.body.partitions.into_iter().filter_map(|fetched| fetched.outcome.ok());
                prop_assert!(ranges.into_iter().all(|data| data.records.end <= held));
            }
        }
    }
}
