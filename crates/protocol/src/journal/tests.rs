//! Journal lines: golden text, round trips, and what is refused.

use proptest::prelude::*;
use yak_model::metadata::{
    BrokerRegistration, ConfigResource, JournalLine, MetadataRecord, PartitionRecord, RecoveryState,
};
use yak_model::{
    BrokerEpoch, BrokerId, ClusterId, DirectoryId, IncarnationId, LeaderEpoch, MetadataIndex, PartitionEpoch,
    PartitionIndex, ProducerId, Term, TimestampMs, TopicId, TopicName,
};

use super::*;

fn encoded(line: &JournalLine) -> String {
    let mut out = Vec::new();
    encode_line(line, &mut out);
    String::from_utf8(out).unwrap()
}

fn without_break(text: &str) -> &[u8] {
    text.strip_suffix('\n').unwrap().as_bytes()
}

/// A line around a JSON text, with the right checksum: what is wrong with it is its content.
fn sealed(json: &str) -> Vec<u8> {
    let mut out = json.as_bytes().to_vec();
    crc::seal(&mut out, 0);
    assert_eq!(out.pop(), Some(b'\n'));
    out
}

fn line(cause: &str, records: Vec<MetadataRecord>) -> JournalLine {
    JournalLine {
        index: MetadataIndex::new(7),
        term: Term::new(1),
        synced: MetadataIndex::new(6),
        time: TimestampMs::new(1_782_900_000_250),
        cause: cause.to_owned(),
        records,
    }
}

fn broker(id: i32) -> BrokerId {
    BrokerId::new(id)
}

fn orders() -> TopicName {
    "orders".parse().unwrap()
}

fn partition() -> PartitionRecord {
    PartitionRecord {
        topic: orders(),
        topic_id: TopicId::from_random([3; 16]),
        partition: PartitionIndex::new(0),
        replicas: vec![broker(1), broker(2), broker(3)],
        directory_ids: vec![DirectoryId::from_random([1; 16]); 3],
        in_sync_replicas: vec![broker(2), broker(3)],
        eligible_leader_replicas: vec![broker(1)],
        adding_replicas: Vec::new(),
        removing_replicas: Vec::new(),
        wanted: 3,
        leader: Some(broker(2)),
        leader_epoch: LeaderEpoch::new(5),
        partition_epoch: PartitionEpoch::new(9),
        recovery_state: RecoveryState::Recovered,
    }
}

fn registration() -> BrokerRegistration {
    BrokerRegistration {
        broker_id: broker(1),
        broker_epoch: BrokerEpoch::new(7),
        incarnation_id: IncarnationId::from_random([2; 16]),
        directory_ids: vec![DirectoryId::from_random([1; 16])],
        host: "localhost".to_owned(),
        port: 9092,
        advertised: false,
        rack: None,
    }
}

fn one_of_each() -> Vec<MetadataRecord> {
    let (broker_id, broker_epoch) = (broker(1), BrokerEpoch::new(7));
    let (name, topic_id) = (orders(), TopicId::from_random([3; 16]));
    let config = |resource, value: Option<&str>| MetadataRecord::Config {
        resource,
        key: "retention.ms".to_owned(),
        value: value.map(str::to_owned),
    };
    let (first, end) = (ProducerId::new(1_000), ProducerId::new(2_000));
    let leaderless =
        PartitionRecord { leader: None, recovery_state: RecoveryState::Recovering, ..partition() };
    vec![
        MetadataRecord::Cluster { cluster_id: ClusterId::from_random([4; 16]) },
        MetadataRecord::BrokerRegistered(registration()),
        MetadataRecord::BrokerRegistered(BrokerRegistration { rack: Some("a".to_owned()), ..registration() }),
        MetadataRecord::BrokerUnfenced { broker_id, broker_epoch },
        MetadataRecord::BrokerFenced { broker_id, broker_epoch },
        MetadataRecord::TopicCreated { name: name.clone(), topic_id },
        MetadataRecord::TopicDeleted { name: name.clone(), topic_id },
        MetadataRecord::Partition(partition()),
        MetadataRecord::Partition(leaderless),
        config(ConfigResource::Topic(name), Some("7d")),
        config(ConfigResource::Broker(broker_id), None),
        config(ConfigResource::ClusterDefault, Some("")),
        MetadataRecord::ProducerIds { broker_id, broker_epoch, first, end },
    ]
}

/// The format of version 1, for ever: a change of these lines is a new version.
#[test]
fn golden_lines() {
    let golden = include_str!("golden.ndjson");
    let mut written = Vec::new();
    let cluster_id = ClusterId::from_random([4; 16]);
    encode_header(&Header { cluster_id, image: None }, &mut written);
    let image = Some(ImageSpan { index: MetadataIndex::new(6), lines: 13 });
    encode_header(&Header { cluster_id, image }, &mut written);
    for record in one_of_each() {
        encode_line(&line("broker 1 fenced: no heartbeat for 1000 ms", vec![record]), &mut written);
    }
    encode_line(&line("", Vec::new()), &mut written);
    let written = String::from_utf8(written).unwrap();
    for (written, golden) in written.lines().zip(golden.lines()) {
        assert_eq!(written, golden);
    }
    assert_eq!(written.len(), golden.len());
}

#[test]
fn golden_lines_are_read_back() {
    let mut golden = include_str!("golden.ndjson").lines();
    let cluster_id = ClusterId::from_random([4; 16]);
    let mut header = || decode_header(golden.next().unwrap().as_bytes()).unwrap();
    assert_eq!(header(), Header { cluster_id, image: None });
    let image = Some(ImageSpan { index: MetadataIndex::new(6), lines: 13 });
    assert_eq!(header(), Header { cluster_id, image });
    for record in one_of_each() {
        let expected = line("broker 1 fenced: no heartbeat for 1000 ms", vec![record]);
        assert_eq!(decode_line(golden.next().unwrap().as_bytes()).unwrap(), expected);
    }
    assert_eq!(decode_line(golden.next().unwrap().as_bytes()).unwrap(), line("", Vec::new()));
    assert_eq!(golden.next(), None);
}

/// Lines are what they were before the flag was there, unless it is set.
#[test]
fn a_registration_says_that_it_is_advertised_only_if_it_is() {
    let advertised =
        MetadataRecord::BrokerRegistered(BrokerRegistration { advertised: true, ..registration() });
    let text = encoded(&line("", vec![advertised.clone()]));
    assert!(text.contains(r#""port":9092,"advertised":true,"rack":null"#), "{text}");
    assert_eq!(decode_line(without_break(&text)).unwrap(), line("", vec![advertised]));
}

#[test]
fn the_checksum_is_crc32c_of_everything_before_its_field() {
    let text = encoded(&line("why", one_of_each()));
    let (summed, rest) = text.rsplit_once(",\"crc\":\"").unwrap();
    assert_eq!(rest, format!("{:08x}\"}}\n", crc32c::crc32c(summed.as_bytes())));
    assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283, "Castagnoli");
}

#[test]
fn every_flipped_bit_is_noticed() {
    let text = encoded(&line("broker 1 is ready", one_of_each()));
    let bytes = without_break(&text);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << bit;
            assert!(decode_line(&flipped).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn every_cut_is_noticed() {
    let text = encoded(&line("broker 1 is ready", one_of_each()));
    let bytes = without_break(&text);
    for len in 0..bytes.len() {
        assert!(decode_line(&bytes[..len]).is_err(), "cut to {len}");
    }
}

#[test]
fn strictness_says_what_is_wrong() {
    let record = |text: &str| {
        format!(
            r#"{{"index":1,"time":"2026-07-01T12:00:00.000Z","cause":"","records":[{text}],"term":1,"synced":0}}"#
        )
    };
    let cases = [
        (r#"{"index":1}"#.to_owned(), "missing field `time`"),
        (record(r#"{"broker_promoted":{}}"#), "unknown variant `broker_promoted`"),
        (record(r#"{"broker_fenced":{"broker_id":1,"broker_epoch":2,"why":3}}"#), "unknown field `why`"),
        (
            record(r#"{"broker_fenced":{"broker_id":1,"broker_id":1,"broker_epoch":2}}"#),
            "duplicate field `broker_id`",
        ),
        (
            record(r#"{"broker_fenced":{"broker_id":"1","broker_epoch":2}}"#),
            "invalid type: string \"1\", expected i32",
        ),
        (record(r#"{"broker_fenced":{"broker_id":4294967296,"broker_epoch":2}}"#), "expected i32"),
        (record(r#"{"broker_fenced":{"broker_id":1}}"#), "missing field `broker_epoch`"),
        (
            record(r#"{"cluster":{"cluster_id":"short"}}"#),
            "\"short\" is not an id of 22 base64url characters",
        ),
        (record(r#"{"topic_created":{"topic":"a b","topic_id":"AAAAAAAAAAAAAAAAAAAAAA"}}"#), "contains ' '"),
        (record(r#"{"cluster":{"cluster_id":"AAAAAAAAAAAAAAAAAAAAAA"},"x":1}"#), "expected value"),
        (record("").replace("2026-07-01", "2026-17-01"), "is not a time"),
        (record("").replace(r#""cause":"""#, r#""cause":"","cause":"""#), "duplicate field `cause`"),
        (record("").replace(r#""term":1"#, r#""term":1.5"#), "expected u64"),
    ];
    for (json, reason) in cases {
        let refused = decode_line(&sealed(&json)).unwrap_err().to_string();
        assert!(refused.contains(reason), "{json}\n  {refused}\n  {reason}");
    }
}

#[test]
fn a_line_that_is_none_says_so() {
    for bytes in [&b""[..], b"}", b"hello", b"{\"index\":1}", b"{\"a\":1,\"crc\":\"0000000G\"}"] {
        assert!(matches!(decode_line(bytes), Err(LineFault::NotWhole)), "{bytes:?}");
    }
    let upper = String::from_utf8(sealed("{\"a\":1}")).unwrap().replace(['a', 'b', 'c', 'd', 'e', 'f'], "F");
    assert!(decode_line(upper.as_bytes()).is_err());
    let refused = decode_line(b"{\"a\":1,\"crc\":\"00000000\"}").unwrap_err().to_string();
    assert!(refused.starts_with("its checksum is 00000000, its bytes sum up to "), "{refused}");
    assert!(decode_line(&sealed("{\"a\":\"\u{0}\"}")).is_err(), "a raw control character is not JSON");
}

#[test]
fn another_version_is_named() {
    let other = sealed(r#"{"journal":"yak","version":2,"shape":"round"}"#);
    let refused = decode_header(&other).unwrap_err();
    assert_eq!(refused.to_string(), r#"its format is "yak" version 2, this program reads "yak" version 1"#);
    let foreign = sealed(r#"{"journal":"gnu","version":1}"#);
    assert!(matches!(decode_header(&foreign), Err(LineFault::Version { .. })));
}

#[test]
fn a_clock_far_away_is_shown_as_the_nearest_moment() {
    for (ms, shown) in [
        (-1, "1970-01-01T00:00:00.000Z"),
        (i64::MAX, "9999-12-30T22:00:00.999Z"),
        (0, "1970-01-01T00:00:00.000Z"),
    ] {
        let text = encoded(&JournalLine { time: TimestampMs::new(ms), ..line("", Vec::new()) });
        assert!(text.contains(shown), "{text}");
        decode_line(without_break(&text)).unwrap();
    }
}

fn ids() -> impl Strategy<Value = Vec<BrokerId>> {
    proptest::collection::vec(any::<i32>().prop_map(BrokerId::new), 0..4)
}

fn topic_name() -> impl Strategy<Value = TopicName> {
    "[a-zA-Z0-9._-]{3,40}".prop_map(|text| text.parse().unwrap())
}

fn any_partition() -> impl Strategy<Value = MetadataRecord> {
    let directories = proptest::collection::vec(any::<[u8; 16]>().prop_map(DirectoryId::from_random), 0..4);
    let numbers = (any::<i32>(), any::<i32>(), any::<i32>(), any::<u16>(), any::<bool>());
    let lists = (ids(), ids(), ids(), ids(), ids(), directories);
    (topic_name(), any::<[u8; 16]>(), numbers, lists, proptest::option::of(any::<i32>())).prop_map(
        |(topic, topic_id, numbers, lists, leader)| {
            MetadataRecord::Partition(PartitionRecord {
                topic,
                topic_id: TopicId::from_random(topic_id),
                partition: PartitionIndex::new(numbers.0),
                replicas: lists.0,
                directory_ids: lists.5,
                in_sync_replicas: lists.1,
                eligible_leader_replicas: lists.2,
                adding_replicas: lists.3,
                removing_replicas: lists.4,
                wanted: numbers.3,
                leader: leader.map(BrokerId::new),
                leader_epoch: LeaderEpoch::new(numbers.1),
                partition_epoch: PartitionEpoch::new(numbers.2),
                recovery_state: if numbers.4 { RecoveryState::Recovered } else { RecoveryState::Recovering },
            })
        },
    )
}

fn any_registration() -> impl Strategy<Value = MetadataRecord> {
    let directories = proptest::collection::vec(any::<[u8; 16]>().prop_map(DirectoryId::from_random), 0..4);
    let numbers = (any::<i32>(), any::<i64>(), any::<u16>(), any::<bool>());
    (numbers, any::<[u8; 16]>(), directories, any::<String>(), any::<Option<String>>()).prop_map(
        |(numbers, incarnation, directory_ids, host, rack)| {
            MetadataRecord::BrokerRegistered(BrokerRegistration {
                broker_id: BrokerId::new(numbers.0),
                broker_epoch: BrokerEpoch::new(numbers.1),
                incarnation_id: IncarnationId::from_random(incarnation),
                directory_ids,
                host,
                port: numbers.2,
                advertised: numbers.3,
                rack,
            })
        },
    )
}

fn any_record() -> impl Strategy<Value = MetadataRecord> {
    let broker = || (any::<i32>().prop_map(BrokerId::new), any::<i64>().prop_map(BrokerEpoch::new));
    let topic = || (topic_name(), any::<[u8; 16]>().prop_map(TopicId::from_random));
    let resource = prop_oneof![
        topic_name().prop_map(ConfigResource::Topic),
        any::<i32>().prop_map(|id| ConfigResource::Broker(BrokerId::new(id))),
        Just(ConfigResource::ClusterDefault),
    ];
    prop_oneof![
        any::<[u8; 16]>().prop_map(|id| MetadataRecord::Cluster { cluster_id: ClusterId::from_random(id) }),
        any_registration(),
        broker()
            .prop_map(|(broker_id, broker_epoch)| MetadataRecord::BrokerUnfenced { broker_id, broker_epoch }),
        broker()
            .prop_map(|(broker_id, broker_epoch)| MetadataRecord::BrokerFenced { broker_id, broker_epoch }),
        topic().prop_map(|(name, topic_id)| MetadataRecord::TopicCreated { name, topic_id }),
        topic().prop_map(|(name, topic_id)| MetadataRecord::TopicDeleted { name, topic_id }),
        any_partition(),
        (resource, any::<String>(), any::<Option<String>>())
            .prop_map(|(resource, key, value)| MetadataRecord::Config { resource, key, value }),
        (broker(), any::<i64>(), any::<i64>()).prop_map(|((broker_id, broker_epoch), first, end)| {
            let (first, end) = (ProducerId::new(first), ProducerId::new(end));
            MetadataRecord::ProducerIds { broker_id, broker_epoch, first, end }
        }),
    ]
}

proptest! {
    #[test]
    fn every_line_comes_back(
        numbers in any::<(u64, u64, u64)>(),
        time in 0..253_402_207_200_000i64,
        cause in any::<String>(),
        records in proptest::collection::vec(any_record(), 0..5),
    ) {
        let line = JournalLine {
            index: MetadataIndex::new(numbers.0),
            term: Term::new(numbers.1),
            synced: MetadataIndex::new(numbers.2),
            time: TimestampMs::new(time),
            cause,
            records,
        };
        let text = encoded(&line);
        prop_assert_eq!(text.matches('\n').count(), 1, "one line");
        prop_assert_eq!(decode_line(without_break(&text)).unwrap(), line);
    }

    #[test]
    fn anything_else_is_refused_without_a_panic(bytes in any::<Vec<u8>>()) {
        prop_assert!(decode_line(&bytes).is_err());
        prop_assert!(decode_header(&bytes).is_err());
    }

    #[test]
    fn any_json_of_the_right_sum_is_refused_or_read_without_a_panic(json in "\\{\"[a-z]{1,6}\":[0-9a-z\\[\\]{}\":,]{0,20}\\}") {
        let line = sealed(&json);
        prop_assert!(decode_line(&line).is_err());
        prop_assert!(decode_header(&line).is_err());
    }
}
