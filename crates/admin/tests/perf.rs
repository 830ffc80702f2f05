//! yak-perf as a program: exit codes and first lines, against a broker that refuses every record.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};

use bytes::BytesMut;
use yak_model::api::{
    BrokerMetadata, DescribeConfigsReply, InitProducerIdReply, Metadata, MetadataReply, PartitionMetadata,
    RegisterReply, Rejection, Reply, TopicMetadata,
};
use yak_model::{
    BrokerId, ClusterId, ErrorCode, LeaderEpoch, PartitionIndex, ProducerEpoch, ProducerId, TimestampMs,
    TopicId,
};
use yak_protocol::{HelloReply, Parser, Request, encode_error, encode_reply, parse_request};

fn perf(args: &str, broker: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yak-perf"));
    command.args(args.split_whitespace()).args(["--bootstrap-server", broker]).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A broker with one partition that takes no record. Its threads end with the process.
fn refusing_broker() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || serve(stream, port));
        }
    });
    format!("127.0.0.1:{port}")
}

fn serve(mut stream: TcpStream, port: u16) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut parser = Parser::new();
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
        let envelope = parse_request(&line, TimestampMs::new(0), &mut parser).unwrap();
        let id = envelope.id.as_ref();
        let mut out = BytesMut::new();
        macro_rules! answer {
            ($reply:expr) => {
                encode_reply(&mut out, id, &Ok(Reply::new($reply)))
            };
        }
        let broker_id = BrokerId::new(1);
        let cluster_id = ClusterId::from_random([1; 16]);
        match envelope.request {
            Request::Hello(_) => {
                answer!(HelloReply { protocol: 1, server: "refusing/0".to_owned(), broker_id, cluster_id });
            }
            Request::Register(_) => answer!(RegisterReply { registration: 1 }),
            Request::DescribeConfigs(_) => answer!(DescribeConfigsReply { resources: vec![] }),
            Request::InitProducerId(_) => answer!(InitProducerIdReply {
                producer_id: ProducerId::new(1),
                producer_epoch: ProducerEpoch::new(0),
            }),
            Request::Metadata(request) => answer!(metadata(request, cluster_id, port)),
            Request::Produce(_) => {
                encode_error(&mut out, id, &Rejection::new(ErrorCode::PolicyViolation, "not today"));
            }
            other => panic!("not asked for here: {other:?}"),
        }
        if stream.write_all(&out).is_err() {
            return;
        }
        line.clear();
    }
}

fn metadata(request: Metadata, cluster_id: ClusterId, port: u16) -> MetadataReply {
    let broker_id = BrokerId::new(1);
    let partition = PartitionMetadata {
        partition: PartitionIndex::new(0),
        leader: Some(broker_id),
        leader_epoch: LeaderEpoch::new(0),
        replicas: vec![broker_id],
        in_sync_replicas: vec![broker_id],
        offline_replicas: vec![],
    };
    let topic = |name| TopicMetadata {
        name,
        topic_id: TopicId::from_random([2; 16]),
        is_internal: false,
        created: false,
        similar: None,
        partitions: vec![partition.clone()],
    };
    let host = "127.0.0.1".to_owned();
    MetadataReply {
        cluster_id,
        index: 1.into(),
        brokers: vec![BrokerMetadata { broker_id, host, port, rack: None }],
        topics: request.topics.unwrap_or_default().into_iter().map(|name| Ok(topic(name))).collect(),
    }
}

#[test]
fn a_send_that_failed_is_exit_code_1() {
    let broker = refusing_broker();
    let output = perf("produce --topic t --num-records 5 --producer-props acks=all linger.ms=20", &broker);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).starts_with("0 records sent, "), "{}", text(&output.stdout));
    let expected = "error: 5 records failed, 0 have an unknown outcome: not today (POLICY_VIOLATION)\n";
    assert_eq!(text(&output.stderr), expected);

    let output = perf("produce --topic t --num-records 5 --json", &broker);
    assert_eq!(output.status.code(), Some(1));
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((figures["records"].as_u64(), figures["failed"].as_u64()), (Some(0), Some(5)));
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["error"]["code"], "POLICY_VIOLATION");
}

#[test]
fn nobody_there_is_exit_code_1_and_nonsense_2() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("127.0.0.1:{}", silent.local_addr().unwrap().port());
    let output = perf("produce --topic t --num-records 5 --request-timeout-ms 200", &address);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!("error: no broker answered at {address}: ");
    assert!(text(&output.stderr).starts_with(&expected), "{}", text(&output.stderr));

    for (args, line) in [
        ("produce --topic t --num-records 0", "error: --num-records: 0 is not at least 1"),
        ("produce --topic t --num-records 5 --throughput 0", "error: --throughput: \"0\""),
        (
            "produce --topic t --num-records 5 --producer-props asks=1",
            "error: --producer-props asks: unknown property",
        ),
        (
            "produce --topic t --num-records 5 --producer-props acks=2",
            "error: --producer-props acks: \"2\" is not all, 1 or 0",
        ),
    ] {
        let output = perf(args, "localhost");
        assert_eq!(output.status.code(), Some(2), "{args}");
        assert!(text(&output.stderr).starts_with(line), "{args}: {}", text(&output.stderr));
    }
}
