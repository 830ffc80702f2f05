//! Requests: a client writes them, a server reads them.

use bytes::BytesMut;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use yak_model::api::*;
use yak_model::{ProducerEpoch, ProducerId, TimestampMs, TopicId, TopicPartition};
use yak_protocol::{
    Call, Deregister, FetchRequest, Hello, Parser, Request, Status, ValueStyle, encode_fetch_request,
    encode_subscribe_request, encode_tail_request, parse_request,
};

use crate::generate::*;

/// What a server reads when `write` wrote the line.
fn read_back(write: impl FnOnce(&mut BytesMut, Option<u64>)) -> Request {
    let mut line = BytesMut::new();
    write(&mut line, Some(7));
    let line = line.strip_suffix(b"\n").expect("a line ends with a newline");
    assert!(!line.contains(&b'\n'), "one line");
    let envelope = parse_request(line, TimestampMs::new(1), &mut Parser::new());
    let envelope = envelope.expect("a request");
    assert_eq!(envelope.id.and_then(|id| id.as_number()), Some(7));
    envelope.request
}

pub(crate) fn called(call: &impl Call) -> Request {
    read_back(|out, id| call.encode_request(out, id))
}

fn fetches() -> impl Strategy<Value = Fetch> {
    let entry = (topic(), partition(), option::of(leader_epoch()), offset(), 0..=16_777_216_u32).prop_map(
        |(topic, partition, leader_epoch, offset, max_bytes)| FetchEntry {
            topic_id: None,
            topic,
            partition,
            leader_epoch,
            offset,
            max_bytes,
            last_fetched_epoch: None,
        },
    );
    let isolation = prop_oneof![Just(Isolation::ReadUncommitted), Just(Isolation::ReadCommitted)];
    let who = (isolation, read_from());
    (0..=60_000_u32, 0..=16_777_216_u32, 0..=16_777_216_u32, who, vec(entry, 1..4)).prop_map(
        |(max_wait_ms, min_bytes, max_bytes, (isolation, read_from), entries)| Fetch {
            max_wait_ms,
            min_bytes,
            max_bytes,
            isolation,
            read_from,
            entries,
        },
    )
}

fn read_from() -> impl Strategy<Value = ReadFrom> {
    prop_oneof![Just(ReadFrom::Leader), Just(ReadFrom::Any)]
}

fn tails() -> impl Strategy<Value = Tail> {
    let from = prop_oneof![
        Just(TailStart::Beginning),
        Just(TailStart::End),
        offset().prop_map(TailStart::Offset),
        any::<u64>().prop_map(TailStart::Last),
        time().prop_map(TailStart::Time)
    ];
    let window = (option::of(any::<u64>()), any::<bool>(), any::<bool>());
    (topics(), option::of(vec(partition(), 0..4)), from, read_from(), window).prop_map(
        |(topics, partitions, from, read_from, (max_records, stop_at_end, json_values))| Tail {
            topics,
            partitions,
            from,
            read_from,
            max_records,
            stop_at_end,
            json_values,
        },
    )
}

fn list_offsets() -> impl Strategy<Value = ListOffsets> {
    let at = prop_oneof![
        Just(OffsetSpec::Earliest),
        Just(OffsetSpec::Latest),
        Just(OffsetSpec::MaxTimestamp),
        time().prop_map(OffsetSpec::Time)
    ];
    let entry = (topic(), partition(), option::of(leader_epoch()), at).prop_map(
        |(topic, partition, leader_epoch, at)| ListOffsetsEntry { topic, partition, leader_epoch, at },
    );
    vec(entry, 1..4).prop_map(|entries| ListOffsets { entries, ..ListOffsets::default() })
}

fn create_topics() -> impl Strategy<Value = CreateTopics> {
    let numbers = (option::of(any::<i32>()), option::of(any::<i16>()));
    let topic = (text(), numbers, assignment(), btree_map(text(), text(), 0..3)).prop_map(
        |(name, (partitions, replication_factor), assignment, configs)| CreateTopic {
            name,
            partitions,
            replication_factor,
            assignment,
            configs,
        },
    );
    (vec(topic, 1..4), any::<bool>(), any::<u32>())
        .prop_map(|(topics, validate_only, timeout_ms)| CreateTopics { topics, validate_only, timeout_ms })
}

fn create_partitions() -> impl Strategy<Value = CreatePartitions> {
    (topic(), any::<i32>(), assignment(), any::<bool>(), any::<u32>()).prop_map(
        |(topic, total, assignment, validate_only, timeout_ms)| CreatePartitions {
            topic,
            total,
            assignment,
            validate_only,
            timeout_ms,
        },
    )
}

fn delete_records() -> impl Strategy<Value = DeleteRecords> {
    let entry = (topic(), partition(), option::of(offset()))
        .prop_map(|(topic, partition, before_offset)| DeleteRecordsEntry { topic, partition, before_offset });
    (vec(entry, 1..4), any::<u32>()).prop_map(|(entries, timeout_ms)| DeleteRecords { entries, timeout_ms })
}

fn alter_configs() -> impl Strategy<Value = AlterConfigs> {
    let change = prop_oneof![
        text().prop_map(ConfigChange::Set),
        Just(ConfigChange::Unset),
        text().prop_map(ConfigChange::Append),
        text().prop_map(ConfigChange::Subtract),
    ];
    let changes = btree_map(text(), change, 0..4).prop_map(|map| {
        map.into_iter().map(|(key, change)| ConfigAlteration { key, change }).collect::<Vec<_>>()
    });
    (vec((resource(), changes), 1..4), any::<bool>(), any::<bool>())
        .prop_map(|(resources, replace, validate_only)| AlterConfigs { resources, replace, validate_only })
}

fn elect_leaders() -> impl Strategy<Value = ElectLeaders> {
    let kind = prop_oneof![Just(ElectionKind::Preferred), Just(ElectionKind::Unclean)];
    let at = (topic(), partition()).prop_map(|(topic, partition)| TopicPartition { topic, partition });
    (kind, option::of(vec(at, 0..4)), any::<u32>()).prop_map(|(kind, partitions, timeout_ms)| ElectLeaders {
        kind,
        partitions,
        timeout_ms,
    })
}

fn registers() -> impl Strategy<Value = Register> {
    let role = prop_oneof![Just(ClientRole::Producer), Just(ClientRole::Consumer)];
    (role, text(), vec(topic(), 0..4), option::of(text()))
        .prop_map(|(role, client_id, topics, group)| Register { role, client_id, topics, group })
}

proptest! {
    #[test]
    fn hello(oldest in 0..5_u32, more in 0..5_u32, client in option::of(text())) {
        let hello = Hello { protocol: (oldest, oldest + more), client };
        prop_assert_eq!(called(&hello), Request::Hello(hello));
    }

    #[test]
    fn fetch(fetch in fetches()) {
        let read = read_back(|out, id| encode_fetch_request(out, id, &fetch));
        prop_assert_eq!(read, Request::Fetch(FetchRequest { fetch, values: ValueStyle::Text }));
    }

    #[test]
    fn tail(tail in tails()) {
        let read = read_back(|out, id| encode_tail_request(out, id, &tail));
        prop_assert_eq!(read, Request::Tail(tail));
    }

    #[test]
    fn list_offsets_(request in list_offsets()) {
        prop_assert_eq!(called(&request), Request::ListOffsets(request));
    }

    #[test]
    fn metadata(topics in option::of(vec(topic(), 0..4)), allow_auto_create: bool) {
        let request = Metadata { topics, allow_auto_create };
        prop_assert_eq!(called(&request), Request::Metadata(request));
    }

    #[test]
    fn subscribe(topics in option::of(vec(topic(), 0..4))) {
        let request = Subscribe { topics };
        let read = read_back(|out, id| encode_subscribe_request(out, id, &request));
        prop_assert_eq!(read, Request::Subscribe(request));
    }

    #[test]
    fn create_topics_(request in create_topics()) {
        prop_assert_eq!(called(&request), Request::CreateTopics(request));
    }

    #[test]
    fn delete_topics(topics in topics(), ids in vec(any::<[u8; 16]>(), 0..3), timeout_ms: u32) {
        let topic_ids = ids.into_iter().map(TopicId::from_random).collect();
        let request = DeleteTopics { topics, topic_ids, timeout_ms };
        prop_assert_eq!(called(&request), Request::DeleteTopics(request));
    }

    #[test]
    fn create_partitions_(request in create_partitions()) {
        prop_assert_eq!(called(&request), Request::CreatePartitions(request));
    }

    #[test]
    fn delete_records_(request in delete_records()) {
        prop_assert_eq!(called(&request), Request::DeleteRecords(request));
    }

    #[test]
    fn describe_configs(resources in vec((resource(), option::of(vec(text(), 0..3))), 1..4)) {
        let request = DescribeConfigs { resources };
        prop_assert_eq!(called(&request), Request::DescribeConfigs(request));
    }

    #[test]
    fn alter_configs_(request in alter_configs()) {
        prop_assert_eq!(called(&request), Request::AlterConfigs(request));
    }

    #[test]
    fn elect_leaders_(request in elect_leaders()) {
        prop_assert_eq!(called(&request), Request::ElectLeaders(request));
    }

    #[test]
    fn init_producer_id(current in option::of((0..=i64::MAX, 0..=i16::MAX))) {
        let current = current.map(|(id, epoch)| (ProducerId::new(id), ProducerEpoch::new(epoch)));
        let request = InitProducerId { current };
        prop_assert_eq!(called(&request), Request::InitProducerId(request));
    }

    #[test]
    fn register(request in registers()) {
        prop_assert_eq!(called(&request), Request::Register(request));
    }
}

#[test]
fn requests_without_fields() {
    assert_eq!(called(&Deregister), Request::Deregister);
    assert_eq!(called(&Status), Request::Status);
}
