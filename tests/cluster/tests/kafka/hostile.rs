//! Peers that mean no good, or cannot do better: nobody else notices, and memory stays bounded.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use yak_kafka::messages::describe_configs::DescribeConfigsResource;
use yak_kafka::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use yak_kafka::messages::metadata::MetadataRequestTopic;
use yak_kafka::messages::{
    DescribeConfigsRequest, DescribeConfigsResponse, ListOffsetsRequest, ListOffsetsResponse,
    MetadataRequest, MetadataResponse,
};
use yak_model::ErrorCode;
use yak_testkit::{KafkaSocket, wait_for};

use crate::Setting;
use crate::batch::{Owned, build, plain};

/// A connection that was there before, and is served as ever.
struct Neighbour {
    socket: KafkaSocket,
    offset: i64,
}

impl Neighbour {
    fn new(setting: &Setting) -> Self {
        let mut neighbour = Self { socket: setting.broker.connect_kafka(), offset: -1 };
        neighbour.is_undisturbed();
        neighbour
    }

    fn is_undisturbed(&mut self) {
        let produced = self.socket.produce(9, ("t", 0), &mut plain(&["fine"]));
        assert_eq!(produced.error_code, None);
        assert!(produced.base_offset > self.offset);
        self.offset = produced.base_offset;
    }
}

/// Resident memory of the broker, in KiB: now, and at most.
pub(crate) fn memory(setting: &Setting) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", setting.broker.pid())).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (field("VmRSS:"), field("VmHWM:"))
}

#[test]
fn lengths_that_cannot_be_close_the_connection() {
    let setting = Setting::with(&[("socket.request.max.bytes", "2MiB")]);
    let mut neighbour = Neighbour::new(&setting);
    for length in [0, 3 << 20, 0x06ff_ffff_u32] {
        let mut socket = setting.broker.connect_kafka();
        socket.send_bytes(&length.to_be_bytes());
        socket.ends();
    }
    // Once the language is known, a length of any other form is none.
    for second in [-1_i32, i32::MIN, i32::MAX] {
        let mut socket = setting.broker.connect_kafka();
        let _: MetadataResponse = socket.ask(9, &MetadataRequest::default());
        socket.send_bytes(&second.to_be_bytes());
        socket.ends();
    }
    neighbour.is_undisturbed();
}

#[test]
fn counts_and_lengths_beyond_the_frame_ask_for_no_memory() {
    let setting = Setting::new();
    let mut neighbour = Neighbour::new(&setting);
    let before = memory(&setting).1;
    // Metadata 1: a count of 2^31-1 topics, of -2, of more than there are bytes for.
    for count in [i32::MAX, -2, 1_000] {
        let header = [&[0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff][..], &count.to_be_bytes()].concat();
        hostile(&setting, &header);
    }
    // Metadata 9, flexible: a varint that does not end, a count of 2^32-2, a tagged section of as many fields.
    let flexible = [0, 3, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0];
    for tail in
        [&[0xff; 20][..], &[0xff, 0xff, 0xff, 0xff, 0x0f], &[1, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]]
    {
        hostile(&setting, &[&flexible[..], tail].concat());
    }
    // Header 2 whose tagged section is of 2^31-1 bytes; a client id of 32,767 bytes that are not there.
    hostile(&setting, &[0, 3, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 1, 0, 0xff, 0xff, 0xff, 0xff, 7]);
    hostile(&setting, &[0, 3, 0, 1, 0, 0, 0, 1, 0x7f, 0xff, b'x']);
    // Produce 3 and 9: records of 2^31-1 bytes.
    hostile(
        &setting,
        &[
            &[0, 0, 0, 3, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0, 0, 1][..],
            &[0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff],
        ]
        .concat(),
    );
    neighbour.is_undisturbed();
    let grown = memory(&setting).1 - before;
    assert!(grown < 8 * 1024, "the peak grew by {grown} KiB");
}

/// Sends a frame that is none, after which the connection ends.
fn hostile(setting: &Setting, frame: &[u8]) {
    let mut socket = setting.broker.connect_kafka();
    socket.send_bytes(&u32::try_from(frame.len()).unwrap().to_be_bytes());
    socket.send_bytes(frame);
    socket.ends();
}

#[test]
fn a_frame_that_never_ends_costs_what_was_sent_and_no_more() {
    let setting = Setting::new();
    let mut neighbour = Neighbour::new(&setting);
    let before = memory(&setting).0;
    // A hundred peers announce 100 MiB each and send ten bytes.
    let mut peers = Vec::new();
    for _ in 0..100 {
        let mut socket = setting.broker.connect_kafka();
        socket.send_bytes(&[6, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0]);
        peers.push(socket);
    }
    neighbour.is_undisturbed();
    let grown = memory(&setting).0.saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB for a thousand bytes");
}

#[test]
fn a_reader_that_takes_nothing_is_bounded() {
    let setting = Setting::with(&[("message.max.bytes", "2MiB")]);
    let mut neighbour = Neighbour::new(&setting);
    let large = Owned::value(&"x".repeat(1 << 20));
    for _ in 0..4 {
        neighbour.socket.produce(
            9,
            ("t", 0),
            &mut build(std::slice::from_ref(&large), yak_record::Compression::None, None),
        );
    }
    let before = memory(&setting).0;
    // Ten peers ask for a mebibyte a thousand times each, and read nothing.
    let mut stuck: Vec<TcpStream> = Vec::new();
    for _ in 0..10 {
        let socket = setting.broker.connect_kafka();
        let mut stream = socket.stream().try_clone().unwrap();
        stream.set_nonblocking(true).unwrap();
        let request = fetch_frame();
        for _ in 0..1_000 {
            if stream.write_all(&request).is_err() {
                break;
            }
        }
        stuck.push(stream);
    }
    for _ in 0..20 {
        neighbour.is_undisturbed();
    }
    let grown = memory(&setting).0.saturating_sub(before);
    assert!(grown < 10 * 6 * 1024, "{grown} KiB for ten stuck readers");
}

/// A fetch of version 4 from offset 1 on, of two mebibytes at most.
fn fetch_frame() -> Vec<u8> {
    let body = [
        &[0, 1, 0, 4, 0, 0, 0, 1, 0xff, 0xff][..],
        &(-1_i32).to_be_bytes(),
        &0_i32.to_be_bytes(),
        &1_i32.to_be_bytes(),
        &(2_i32 << 20).to_be_bytes(),
        &[0],
        &1_i32.to_be_bytes(),
        &[0, 1, b't'],
        &1_i32.to_be_bytes(),
        &0_i32.to_be_bytes(),
        &1_i64.to_be_bytes(),
        &(2_i32 << 20).to_be_bytes(),
    ]
    .concat();
    [&u32::try_from(body.len()).unwrap().to_be_bytes(), &body[..]].concat()
}

#[test]
fn one_request_names_at_most_so_many_things() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let topic = MetadataRequestTopic { name: Some("x".to_owned()), ..MetadataRequestTopic::default() };
    let named = |number| MetadataRequestTopic { name: Some(format!("x{number}")), ..topic.clone() };
    let request = MetadataRequest {
        topics: Some((0..10_001).map(named).collect()),
        allow_auto_topic_creation: false,
        ..MetadataRequest::default()
    };
    let response: MetadataResponse = socket.ask(9, &request);
    assert_eq!((response.topics.len(), response.brokers.len()), (10_001, 1));
    assert!(response.topics.iter().all(|topic| topic.error_code == Some(ErrorCode::InvalidRequest)));
    // So many that they are no message any more.
    let request = MetadataRequest { topics: Some(vec![topic; 300_000]), ..MetadataRequest::default() };
    socket.send(9, &request);
    socket.ends();
}

#[test]
fn minutes_of_silence_are_tolerated_and_longer_silence_ends_the_connection() {
    let setting = Setting::with(&[("connections.max.idle.ms", "400")]);
    let mut idle = setting.broker.connect_kafka();
    let _: MetadataResponse = idle.ask(9, &MetadataRequest::default());
    let mut waiting = setting.broker.connect_kafka();
    // Somebody who waits for records is not idle.
    waiting.send_fetch(11, ("t", 0), 0, Duration::from_millis(1_200));
    idle.ends();
    assert_eq!(waiting.read_fetched(11).error_code, None);
}

#[test]
fn a_compression_bomb_is_stored_and_hurts_nobody_who_reads_it_by_ndjson() {
    let setting = Setting::new();
    let mut neighbour = Neighbour::new(&setting);
    // 200 MiB of one letter are a few hundred kilobytes of zstd.
    let bomb = Owned { value: Some(vec![b'a'; 200 << 20]), ..Owned::default() };
    let mut batch = build(&[bomb], yak_record::Compression::Zstd, None);
    assert!(batch.len() < 1 << 20, "{}", batch.len());
    let produced = neighbour.socket.produce(9, ("t", 0), &mut batch);
    assert_eq!(produced.error_code, None);
    let before = memory(&setting).1;
    let request = format!(r#"{{"op":"fetch","topic":"t","partition":0,"offset":{}}}"#, produced.base_offset);
    let reply = setting.broker.connect().ask(&request);
    assert!(reply["error"]["code"].is_string(), "{}", &reply.to_string()[..200]);
    neighbour.is_undisturbed();
    let grown = memory(&setting).1 - before;
    assert!(grown < 150 * 1024, "the peak grew by {grown} KiB");
    wait_for("memory is given back", || (memory(&setting).0 < before + 64 * 1024).then_some(()));
}

#[test]
fn a_thing_that_is_named_often_is_told_once() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let grow = r#"{"op":"create_partitions","topic":"t","total":200}"#;
    setting.broker.connect().ok(grow);
    let before = memory(&setting).1;
    let topic = MetadataRequestTopic { name: Some("t".to_owned()), ..MetadataRequestTopic::default() };
    let request = MetadataRequest { topics: Some(vec![topic; 10_000]), ..MetadataRequest::default() };
    let response: MetadataResponse = socket.ask(9, &request);
    assert_eq!((response.topics.len(), response.topics[0].partitions.len()), (1, 200));

    let resource =
        DescribeConfigsResource { resource_type: 4, resource_name: "1".to_owned(), configuration_keys: None };
    let request =
        DescribeConfigsRequest { resources: vec![resource; 1_000], ..DescribeConfigsRequest::default() };
    let response: DescribeConfigsResponse = socket.ask(4, &request);
    let told: Vec<_> = response.results.iter().filter(|result| result.error_code.is_none()).collect();
    assert_eq!((told.len(), response.results.len()), (1, 1_000));

    let partition = ListOffsetsPartition { timestamp: 0, ..ListOffsetsPartition::default() };
    let topics = vec![ListOffsetsTopic { name: "t".to_owned(), partitions: vec![partition; 5_000] }];
    let request = ListOffsetsRequest { topics, ..ListOffsetsRequest::default() };
    let response: ListOffsetsResponse = socket.ask(7, &request);
    let looked_up = response.topics[0].partitions.iter().filter(|one| one.error_code.is_none()).count();
    assert_eq!(looked_up, 1);
    let grown = memory(&setting).1 - before;
    assert!(grown < 16 * 1024, "the peak grew by {grown} KiB");
}
