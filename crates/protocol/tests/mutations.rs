//! Valid lines, damaged at random: never a panic, always an answer that is itself a valid line.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use yak_model::api::*;
use yak_model::{PartitionIndex, TimestampMs, TopicName};
use yak_protocol::{
    Call, Deregister, FetchSink, FetchedHead, FetchedRecord, Hello, Parser, ReplyParser, Status,
    encode_error, parse_event, parse_fetch_reply, parse_group_event, parse_produce_reply, parse_record_line,
    parse_request,
};

const LINES: &[&str] = &[
    r#"{"id":1,"op":"hello","protocol":[1,1],"client":"yak-producer/0.1"}"#,
    r#"{"id":"a","op":"produce","topic":"t","partition":0,"leader_epoch":3,"acks":"all","records":[{"key":"k","value":"v\n","timestamp":5,"headers":[{"key":"h","value":"x"}]},{"value":{"a":[1,2]}},{"value_base64":"aGk="},{"value":null}]}"#,
    r#"{"op":"produce","entries":[{"topic":"t","producer_id":1,"producer_epoch":0,"base_sequence":0,"compression":"zstd","records":[{"value":"x"}]}],"timeout_ms":5}"#,
    r#"{"op":"fetch","topic":"t","partition":0,"offset":17,"max_wait_ms":0,"values":"json"}"#,
    r#"{"op":"fetch","isolation":"read_committed","entries":[{"topic":"t","partition":0,"offset":17,"max_bytes":5}]}"#,
    r#"{"op":"tail","topics":["a","b"],"partitions":[0,1],"from":{"last":5},"max_records":3,"stop_at_end":true}"#,
    r#"{"id":2,"op":"subscribe","topics":["a","b"]}"#,
    r#"{"op":"list_offsets","topic":"t","partition":0,"at":{"time":5}}"#,
    r#"{"op":"create_topics","topics":[{"name":"t","partitions":3,"assignment":[[1],[2]],"configs":{"retention.ms":5}},"u"]}"#,
    r#"{"op":"delete_records","topic":"t","partition":0,"before_offset":"high_watermark"}"#,
    r#"{"op":"alter_configs","resources":[{"broker":"default","configs":{"a":null,"b":"c"}}],"validate_only":true}"#,
    r#"{"op":"elect_leaders","kind":"unclean","partitions":[{"topic":"t","partition":0}],"timeout_ms":5}"#,
    r#"{"op":"init_producer_id","producer_id":5,"producer_epoch":1}"#,
    r#"{"op":"register","role":"consumer","client_id":"c","topics":["t"],"group":"g"}"#,
    r#"{"op":"offset_commit","group":"g","member_id":"m","member_epoch":3,"instance":"i","offsets":[{"topic":"t","partition":0,"offset":5,"leader_epoch":0,"metadata":"x"}]}"#,
    r#"{"op":"consumer_group_heartbeat","group":"g","member_id":"m","member_epoch":3,"owned":[{"topic_id":"AAAAAAAAQACAAAAAAAAAAA","partitions":[0,1]}]}"#,
    r#"{"op":"group_stream","group":"g","include":"t.*","assignor":"range","rebalance_timeout_ms":5,"client_id":"c"}"#,
    r#"{"op":"list_groups","states":["Stable"],"kinds":["classic"]}"#,
    r#"{"ok":{"results":[{},{"error":{"code":"NOT_COORDINATOR","message":"why","retriable":true}}]}}"#,
    r#"{"ok":{"offsets":[{"topic":"t","partition":0,"offset":5,"leader_epoch":0,"metadata":"","commit_time":5},{"topic":"t","partition":1,"offset":null}]}}"#,
    r#"{"ok":{"groups":[{"group":"g","kind":"classic","state":"Stable","epoch":3,"assignment_epoch":3,"protocol_type":"consumer","assignor":"range","members":[{"member_id":"m","client_id":"c","client_host":"h","member_epoch":3,"topics":["t"],"assignment":[{"topic":"t","partitions":[0]}],"metadata_base64":"AAE=","last_heard_ms":20}],"rebalances":[{"at":5,"epoch":3,"cause":"c","took_ms":7,"members":2}]}]}}"#,
    r#"{"event":"assignment","member_epoch":4,"topics":[{"topic":"t","topic_id":"AAAAAAAAQACAAAAAAAAAAA","partitions":[0,1]}],"complete":true}"#,
    r#"{"event":"fenced","error":{"code":"FENCED_MEMBER_EPOCH","message":"m","retriable":false}}"#,
    r#"{"id":7,"ok":{"partitions":[{"partition":0,"base_offset":0,"count":1}],"acks":"all","acked_by":[1],"durable":true}}"#,
    r#"{"id":7,"error":{"code":"NOT_LEADER_OR_FOLLOWER","message":"m","retriable":true,"leader":{"broker_id":1,"leader_epoch":2,"host":"h","port":9092},"retry_after_ms":50}}"#,
    r#"{"ok":{"partitions":[{"topic":"t","partition":0,"next_offset":2,"high_watermark":2,"log_start_offset":0,"records":[{"offset":0,"timestamp":5,"key":"k","value":"\u00e9"},{"offset":1,"timestamp":5,"timestamp_type":"log_append","value_base64":"/w==","headers":[{"key":"h","value":null}]}]},{"topic":"t","partition":1,"error":{"code":"OFFSET_OUT_OF_RANGE","message":"m","retriable":false}}]},"throttle_ms":3}"#,
    r#"{"ok":{"cluster_id":"AAAAAAAAQACAAAAAAAAAAA","index":5,"brokers":[{"broker_id":1,"host":"h","port":1}],"topics":[{"name":"t","topic_id":"AAAAAAAAQACAAAAAAAAAAA","is_internal":false,"partitions":[{"partition":0,"leader":1,"leader_epoch":0,"replicas":[1],"in_sync_replicas":[1],"offline_replicas":[]}]}]}}"#,
    r#"{"event":"metadata","cluster_id":"AAAAAAAAQACAAAAAAAAAAA","index":5,"brokers":[{"broker_id":1,"host":"h","port":1}],"topics":[]}"#,
    r#"{"topic":"t","partition":0,"offset":5,"timestamp":1700000000000,"timestamp_type":"create","key":"k","value":"v","headers":[]}"#,
];

/// What a mutation may put in: what JSON is made of, and what it is not.
const PIECES: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"\\",
    b"null",
    b"true",
    b"-1",
    b"1e9",
    b"99999999999999999999",
    b"\xff",
    b"\0",
    b"\\u",
    b"\\ud800",
    b"\"op\"",
    b"\"records\":[{}]",
    b"\"value\":{\"a\":",
    b"[[[[[[[[",
    b" ",
    b"\n",
    b"0.5",
];

#[derive(Clone, Debug)]
enum Mutation {
    Insert(Index, &'static [u8]),
    Remove(Index, usize),
    Flip(Index, u8),
    Cut(Index),
    Repeat(Index, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    prop_oneof![
        3 => (at(), select(PIECES)).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        2 => (at(), 1..20_usize).prop_map(|(at, len)| Mutation::Remove(at, len)),
        2 => (at(), 1..=255_u8).prop_map(|(at, bits)| Mutation::Flip(at, bits)),
        1 => at().prop_map(Mutation::Cut),
        1 => (at(), 1..40_usize).prop_map(|(at, len)| Mutation::Repeat(at, len)),
    ]
}

impl Mutation {
    fn apply(&self, line: &mut Vec<u8>) {
        if line.is_empty() {
            return;
        }
        match *self {
            Self::Insert(at, piece) => {
                let at = at.index(line.len());
                line.splice(at..at, piece.iter().copied());
            }
            Self::Remove(at, len) => {
                let at = at.index(line.len());
                line.drain(at..(at + len).min(line.len()));
            }
            Self::Flip(at, bits) => {
                let at = at.index(line.len());
                line[at] ^= bits;
            }
            Self::Cut(at) => line.truncate(at.index(line.len())),
            Self::Repeat(at, len) => {
                let at = at.index(line.len());
                let repeated = line[at..(at + len).min(line.len())].to_vec();
                line.splice(at..at, repeated);
            }
        }
    }
}

struct Ignore;

impl FetchSink for Ignore {
    fn partition(&mut self, _: FetchedHead) {}
    fn record(&mut self, _: &FetchedRecord<'_>) {}
    fn refused(&mut self, _: TopicName, _: PartitionIndex, _: Rejection) {}
}

/// Feeds a line to everything that reads lines.
fn feed(line: &[u8], parser: &mut Parser) {
    if let Err(bad) = parse_request(line, TimestampMs::new(1), parser) {
        let mut answer = BytesMut::new();
        encode_error(&mut answer, bad.id.as_ref(), &bad.rejection);
        let read = Status::parse_reply(&answer).expect("an error reply is a reply");
        assert_eq!((read.id, read.result.expect_err("an error")), (bad.id, bad.rejection));
    }
    let topic: TopicName = "t".parse().expect("a topic");
    let mut replies = ReplyParser::new();
    let outcomes = [
        parse_fetch_reply(line, &mut replies, &mut Ignore).is_ok(),
        parse_record_line(line, &mut replies, |_| ()).is_ok(),
        parse_produce_reply(line, &topic).is_ok(),
        Hello::parse_reply(line).is_ok(),
        ListOffsets::parse_reply(line).is_ok(),
        Metadata::parse_reply(line).is_ok(),
        parse_event(line).is_ok(),
        CreateTopics::parse_reply(line).is_ok(),
        DeleteTopics::parse_reply(line).is_ok(),
        CreatePartitions::parse_reply(line).is_ok(),
        DeleteRecords::parse_reply(line).is_ok(),
        DescribeConfigs::parse_reply(line).is_ok(),
        AlterConfigs::parse_reply(line).is_ok(),
        ElectLeaders::parse_reply(line).is_ok(),
        InitProducerId::parse_reply(line).is_ok(),
        Register::parse_reply(line).is_ok(),
        Deregister::parse_reply(line).is_ok(),
        Status::parse_reply(line).is_ok(),
        OffsetCommit::parse_reply(line).is_ok(),
        OffsetFetch::parse_reply(line).is_ok(),
        ListGroups::parse_reply(line).is_ok(),
        DescribeGroups::parse_reply(line).is_ok(),
        ConsumerGroupHeartbeat::parse_reply(line).is_ok(),
        GroupStream::parse_reply(line).is_ok(),
        parse_group_event(line).is_ok(),
    ];
    assert!(!(outcomes[0] && outcomes[1]), "no line is both a reply and a record");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn damaged_lines_are_answered(line in select(LINES), mutations in vec(mutation(), 1..6)) {
        let mut line = line.as_bytes().to_vec();
        for mutation in mutations {
            mutation.apply(&mut line);
        }
        let mut parser = Parser::new();
        feed(&line, &mut parser);
        let good = parse_request(br#"{"op":"produce","topic":"t","records":[{"value":"x"}]}"#, TimestampMs::new(1), &mut parser);
        prop_assert!(good.is_ok(), "the parser goes on");
    }

    #[test]
    fn noise_is_answered(line in vec(any::<u8>(), 0..200)) {
        feed(&line, &mut Parser::new());
    }
}

#[test]
fn every_prefix_of_every_line_is_answered() {
    let mut parser = Parser::new();
    for line in LINES {
        for end in 0..line.len() {
            feed(&line.as_bytes()[..end], &mut parser);
        }
    }
}
