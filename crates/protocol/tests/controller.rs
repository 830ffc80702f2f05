//! The zookeeper's port: what one side writes, the other reads as the same; lines that may not change; bad lines.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use yak_model::api::*;
use yak_model::metadata::{JournalLine, PartitionRecord, RecoveryState};
use yak_model::{
    BrokerEpoch, BrokerId, ErrorCode, LeaderEpoch, MetadataIndex, PartitionEpoch, PartitionIndex, Term,
    TimestampMs, TopicName, TopicPartition, Uuid,
};
use yak_protocol::journal::{Header, encode_header, encode_line};
use yak_protocol::{
    AtController, Call, ControllerRequest, ControllerStatus, Done, Hello, Indexed, ReplyBody, RequestId,
    WatchEvent, WatchLine, encode_error, encode_reply, encode_watch_event, encode_watch_request,
    parse_controller_request, parse_watch_line,
};

fn topic() -> TopicName {
    "orders".parse().expect("a topic")
}

fn uuid<T: std::str::FromStr>(byte: u8) -> T {
    let Ok(id) = Uuid::from_random([byte; 16]).to_string().parse() else { unreachable!("an id") };
    id
}

fn opening() -> OpenSession {
    OpenSession {
        registration: RegisterBroker {
            broker_id: BrokerId::new(1),
            incarnation_id: uuid(2),
            cluster_id: Some(uuid(4)),
            directory_ids: vec![uuid(1)],
            host: "localhost".to_owned(),
            port: 9092,
            advertised: false,
            rack: Some("a".to_owned()),
            proof: LogProof { undamaged: true, page_cache_kept: false },
        },
        seen: MetadataIndex::new(56),
        secret: Some("s".to_owned()),
    }
}

fn proposal() -> IsrProposal {
    IsrProposal {
        topic_id: uuid(3),
        partition: PartitionIndex::new(0),
        leader_epoch: LeaderEpoch::new(5),
        partition_epoch: PartitionEpoch::new(9),
        followers: vec![(BrokerId::new(2), BrokerEpoch::new(8))],
    }
}

fn presence() -> ClientPresence {
    let register = Register {
        role: ClientRole::Producer,
        client_id: "p".to_owned(),
        topics: vec![topic()],
        group: None,
    };
    ClientPresence { register, address: "127.0.0.1:5".to_owned() }
}

const ONE: (BrokerId, BrokerEpoch) = (BrokerId::new(1), BrokerEpoch::new(7));

/// Writes a call, compares the line, and has the server read it.
#[track_caller]
fn check_call(call: &impl Call, line: &str) -> ControllerRequest {
    let mut out = BytesMut::new();
    call.encode_request(&mut out, None);
    assert_eq!(String::from_utf8_lossy(&out), format!("{line}\n"));
    parse_controller_request(&out).expect("a request").request
}

#[test]
fn sessions_as_they_stand_on_the_wire() {
    let line = r#"{"op":"register_broker","broker_id":1,"incarnation_id":"AgICAgICQgKCAgICAgICAg","cluster_id":"BAQEBAQERASEBAQEBAQEBA","directory_ids":["AQEBAQEBQQGBAQEBAQEBAQ"],"host":"localhost","port":9092,"rack":"a","proof":{"undamaged":true,"page_cache_kept":false},"seen":56,"secret":"s"}"#;
    assert_eq!(check_call(&opening(), line), ControllerRequest::RegisterBroker(opening()));
    let registration = RegisterBroker { advertised: true, ..opening().registration };
    let advertised = OpenSession { registration, ..opening() };
    let line = line.replace(r#""port":9092,"#, r#""port":9092,"advertised":true,"#);
    assert_eq!(check_call(&advertised, &line), ControllerRequest::RegisterBroker(advertised.clone()));
    let resume = ResumeSession {
        broker_id: ONE.0,
        broker_epoch: ONE.1,
        incarnation_id: uuid(2),
        applied: MetadataIndex::new(57),
    };
    let line = r#"{"op":"resume_broker","broker_id":1,"broker_epoch":7,"incarnation_id":"AgICAgICQgKCAgICAgICAg","applied":57}"#;
    assert_eq!(check_call(&resume, line), ControllerRequest::ResumeBroker(resume));
    let mut heartbeat = Heartbeat {
        broker_epoch: ONE.1,
        applied: MetadataIndex::new(57),
        recovered: true,
        clients: Some(vec![presence()]),
    };
    let line = r#"{"op":"heartbeat","broker_epoch":7,"applied":57,"recovered":true,"clients":[{"role":"producer","client_id":"p","topics":["orders"],"address":"127.0.0.1:5"}]}"#;
    assert_eq!(check_call(&heartbeat, line), ControllerRequest::Heartbeat(heartbeat.clone()));
    heartbeat.clients = None;
    let line = r#"{"op":"heartbeat","broker_epoch":7,"applied":57,"recovered":true}"#;
    assert_eq!(check_call(&heartbeat, line), ControllerRequest::Heartbeat(heartbeat));
    let shutdown = ShutdownBroker { broker_id: ONE.0, broker_epoch: ONE.1 };
    let line = r#"{"op":"shutdown_broker","broker_id":1,"broker_epoch":7}"#;
    assert_eq!(
        check_call(&AtController(shutdown), line),
        ControllerRequest::ShutdownBroker(ShutdownBroker { broker_id: ONE.0, broker_epoch: ONE.1 })
    );
    let status = ControllerStatus::default();
    assert_eq!(check_call(&status, r#"{"op":"status"}"#), ControllerRequest::Status(status));
    let status = ControllerStatus { seen: Some(MetadataIndex::new(7)), secret: Some("s".to_owned()) };
    let line = r#"{"op":"status","seen":7,"secret":"s"}"#;
    assert_eq!(check_call(&status, line), ControllerRequest::Status(status));
    let hello = Hello { protocol: (1, 1), client: None };
    assert_eq!(check_call(&hello, r#"{"op":"hello","protocol":[1,1]}"#), ControllerRequest::Hello(hello));
}

#[test]
fn commands_as_they_stand_on_the_wire() {
    let alter = AlterIsr { broker_id: ONE.0, broker_epoch: ONE.1, proposals: vec![proposal()] };
    let line = r#"{"op":"alter_isr","broker_id":1,"broker_epoch":7,"proposals":[{"topic_id":"AwMDAwMDQwODAwMDAwMDAw","partition":0,"leader_epoch":5,"partition_epoch":9,"followers":[{"broker_id":2,"broker_epoch":8}]}]}"#;
    assert_eq!(check_call(&AtController(alter.clone()), line), ControllerRequest::AlterIsr(alter));
    let at = TopicPartition { topic: topic(), partition: PartitionIndex::new(0) };
    let elect = ElectLeaders { kind: ElectionKind::Preferred, partitions: Some(vec![at]), timeout_ms: 5 };
    let line = r#"{"op":"elect_leaders","kind":"preferred","partitions":[{"topic":"orders","partition":0}],"timeout_ms":5}"#;
    assert_eq!(check_call(&elect, line), ControllerRequest::ElectLeaders(elect.clone()));
    let by_hand =
        br#"{"op":"elect_leaders","kind":"preferred","topic":"orders","partition":0,"timeout_ms":5}"#;
    let read = parse_controller_request(by_hand).expect("a request");
    assert_eq!(read.request, ControllerRequest::ElectLeaders(elect));
    let all = ElectLeaders { kind: ElectionKind::Unclean, partitions: None, timeout_ms: 5 };
    let line = r#"{"op":"elect_leaders","kind":"unclean","timeout_ms":5}"#;
    assert_eq!(check_call(&all, line), ControllerRequest::ElectLeaders(all));
    let ids = AllocateProducerIds { broker_id: ONE.0, broker_epoch: ONE.1 };
    let line = r#"{"op":"allocate_producer_ids","broker_id":1,"broker_epoch":7}"#;
    assert_eq!(check_call(&ids, line), ControllerRequest::AllocateProducerIds(ids));
    let create = CreateTopic {
        name: "orders".to_owned(),
        partitions: None,
        replication_factor: None,
        assignment: None,
        configs: std::collections::BTreeMap::new(),
    };
    let create = ForwardedCreateTopics {
        request: CreateTopics { topics: vec![create], validate_only: false, timeout_ms: 5 },
        defaults: Some(TopicDefaults { partitions: 3, replication_factor: 3, min_insync_replicas: 2 }),
        on_first_use: true,
    };
    let line = r#"{"op":"create_topics","topics":[{"name":"orders"}],"validate_only":false,"timeout_ms":5,"defaults":{"partitions":3,"replication_factor":3,"min_insync_replicas":2},"on_first_use":true}"#;
    assert_eq!(check_call(&AtController(create.clone()), line), ControllerRequest::CreateTopics(create));
}

#[test]
fn the_operations_of_a_brokers_port_are_read_too() {
    let by_hand = r#"{"op":"create_topics","topic":"orders"}"#;
    let Ok(ControllerRequest::CreateTopics(create)) =
        parse_controller_request(by_hand.as_bytes()).map(|read| read.request)
    else {
        unreachable!("a request");
    };
    assert_eq!((create.defaults, create.on_first_use), (None, false));
    assert_eq!(create.request.topics[0].name, "orders");
    for line in [
        r#"{"op":"create_partitions","topic":"orders","total":6}"#,
        r#"{"op":"delete_topics","topic":"orders"}"#,
        r#"{"op":"alter_configs","topic":"orders","configs":{"a":"b"}}"#,
        r#"{"op":"metadata"}"#,
    ] {
        parse_controller_request(line.as_bytes()).expect(line);
    }
}

/// Writes a reply, compares the line, and has the client read it.
#[track_caller]
fn check_reply<C: Call>(body: C::Reply, line: &str)
where
    C::Reply: ReplyBody + Clone + PartialEq + std::fmt::Debug,
{
    let mut out = BytesMut::new();
    encode_reply(&mut out, None, &Ok(Reply::new(body.clone())));
    assert_eq!(String::from_utf8_lossy(&out), format!("{line}\n"));
    assert_eq!(C::parse_reply(&out).expect("a reply").result, Ok(Reply::new(body)));
}

#[test]
fn replies_as_they_stand_on_the_wire() {
    let opened = SessionOpened {
        broker_epoch: ONE.1,
        cluster_id: uuid(4),
        key: uuid(5),
        index: MetadataIndex::new(7),
        fenced: true,
        session_timeout_ms: 1000,
    };
    let line = r#"{"ok":{"broker_epoch":7,"cluster_id":"BAQEBAQERASEBAQEBAQEBA","key":"BQUFBQUFRQWFBQUFBQUFBQ","index":7,"fenced":true,"session_timeout_ms":1000}}"#;
    check_reply::<OpenSession>(opened.clone(), line);
    check_reply::<ResumeSession>(opened, line);
    let index = MetadataIndex::new(57);
    check_reply::<Heartbeat>(
        HeartbeatReply { fenced: false, index },
        r#"{"ok":{"fenced":false,"index":57}}"#,
    );
    check_reply::<AtController<ShutdownBroker>>(Indexed { body: Done, index }, r#"{"ok":{},"index":57}"#);
    let block = ProducerIdBlock { broker_id: ONE.0, broker_epoch: ONE.1, first: 0.into(), end: 1000.into() };
    let line = r#"{"ok":{"broker_id":1,"broker_epoch":7,"first":0,"end":1000},"index":57}"#;
    check_reply::<AtController<AllocateProducerIds>>(Indexed { body: block, index }, line);
    let stale = Rejection::new(ErrorCode::FencedLeaderEpoch, "why");
    let body = AlterIsrReply { results: vec![Ok(PartitionEpoch::new(10)), Err(stale)] };
    let line = r#"{"ok":{"results":[{"partition_epoch":10},{"error":{"code":"FENCED_LEADER_EPOCH","message":"why","retriable":true}}]},"index":57}"#;
    check_reply::<AtController<AlterIsr>>(Indexed { body, index }, line);
    let at = |partition| TopicPartition { topic: topic(), partition: PartitionIndex::new(partition) };
    let not_needed = Rejection::new(ErrorCode::ElectionNotNeeded, "why");
    let body = ElectLeadersReply {
        partitions: vec![(at(0), Ok(BrokerId::new(1))), (at(1), Err(not_needed.clone()))],
    };
    let line = r#"{"ok":{"partitions":[{"topic":"orders","partition":0,"leader":1},{"topic":"orders","partition":1,"error":{"code":"ELECTION_NOT_NEEDED","message":"why","retriable":true}}]},"index":57}"#;
    check_reply::<AtController<ElectLeaders>>(Indexed { body, index }, line);
    // The only entry stays an entry, so that the index comes with it.
    let body = ElectLeadersReply { partitions: vec![(at(1), Err(not_needed))] };
    let line = r#"{"ok":{"partitions":[{"topic":"orders","partition":1,"error":{"code":"ELECTION_NOT_NEEDED","message":"why","retriable":true}}]},"index":57}"#;
    check_reply::<AtController<ElectLeaders>>(Indexed { body, index }, line);
}

#[test]
fn the_status_as_it_stands_on_the_wire() {
    let partition = PartitionRecord {
        topic: topic(),
        topic_id: uuid(3),
        partition: PartitionIndex::new(0),
        replicas: vec![ONE.0],
        directory_ids: vec![uuid(1)],
        in_sync_replicas: vec![ONE.0],
        eligible_leader_replicas: vec![],
        adding_replicas: vec![],
        removing_replicas: vec![],
        wanted: 3,
        leader: None,
        leader_epoch: LeaderEpoch::new(5),
        partition_epoch: PartitionEpoch::new(9),
        recovery_state: RecoveryState::Recovering,
    };
    let report = ZookeeperReport {
        cluster_id: uuid(4),
        version: "0.1.0".to_owned(),
        index: MetadataIndex::new(57),
        journal: "data/zookeeper/journal-00000000000000000001.ndjson".to_owned(),
        brokers: vec![SessionReport {
            broker_id: ONE.0,
            broker_epoch: ONE.1,
            host: "localhost".to_owned(),
            port: 9092,
            fenced: false,
            connected: true,
            heartbeat_age_ms: Some(120),
            clients: vec![presence()],
        }],
        leaderless: vec![partition],
        elections: vec![ElectionStatus {
            time: TimestampMs::new(1_700_000_000_000),
            topic: topic(),
            partition: PartitionIndex::new(0),
            from: Some(ONE.0),
            to: None,
            leader_epoch: LeaderEpoch::new(5),
            cause: "broker 1 fenced".to_owned(),
        }],
    };
    let line = concat!(
        r#"{"ok":{"cluster_id":"BAQEBAQERASEBAQEBAQEBA","version":"0.1.0","index":57,"journal":"data/zookeeper/journal-00000000000000000001.ndjson","#,
        r#""brokers":[{"broker_id":1,"broker_epoch":7,"host":"localhost","port":9092,"fenced":false,"connected":true,"heartbeat_age_ms":120,"clients":[{"role":"producer","client_id":"p","topics":["orders"],"address":"127.0.0.1:5"}]}],"#,
        r#""leaderless":[{"topic":"orders","partition":0,"leader":null,"leader_epoch":5,"in_sync_replicas":[1],"replicas":[1],"wanted":3,"eligible_leader_replicas":[],"adding_replicas":[],"removing_replicas":[],"partition_epoch":9,"recovery_state":"recovering","topic_id":"AwMDAwMDQwODAwMDAwMDAw","directory_ids":["AQEBAQEBQQGBAQEBAQEBAQ"]}],"#,
        r#""elections":[{"time":1700000000000,"topic":"orders","partition":0,"from":1,"to":null,"leader_epoch":5,"cause":"broker 1 fenced"}]}}"#
    );
    check_reply::<ControllerStatus>(report, line);
}

#[test]
fn a_command_without_its_index_is_no_reply() {
    let error = AtController::<ShutdownBroker>::parse_reply(br#"{"ok":{}}"#).expect_err("no index");
    assert_eq!(error.0, "missing field \"index\"");
    let refused = br#"{"error":{"code":"STALE_BROKER_EPOCH","message":"why","retriable":false}}"#;
    let read = AtController::<ShutdownBroker>::parse_reply(refused).expect("a refusal has none");
    assert_eq!(read.result, Err(Rejection::new(ErrorCode::StaleBrokerEpoch, "why")));
}

#[test]
fn the_stream_of_a_watch() {
    let mut request = BytesMut::new();
    encode_watch_request(&mut request, None, &Watch { after: Some(MetadataIndex::new(57)), events: true });
    assert_eq!(&request[..], b"{\"op\":\"watch\",\"after\":57,\"events\":true}\n");
    let read = parse_controller_request(&request).expect("a request").request;
    assert_eq!(read, ControllerRequest::Watch(Watch { after: Some(MetadataIndex::new(57)), events: true }));
    let by_hand = parse_controller_request(b"{\"op\":\"watch\"}").expect("a request").request;
    assert_eq!(by_hand, ControllerRequest::Watch(Watch::default()));
    let events = [
        (WatchEvent::Alive, r#"{"event":"alive"}"#),
        (WatchEvent::Suspended(ONE.0), r#"{"event":"suspended","broker_id":1}"#),
        (WatchEvent::Restored(ONE.0), r#"{"event":"restored","broker_id":1}"#),
    ];
    for (event, line) in events {
        let mut out = BytesMut::new();
        encode_watch_event(&mut out, event);
        assert_eq!(String::from_utf8_lossy(&out), format!("{line}\n"));
        assert_eq!(parse_watch_line(line.as_bytes()), Ok(Some(WatchLine::Event(event))));
    }
    let header = Header { cluster_id: uuid(4), image: None };
    let line = JournalLine {
        index: MetadataIndex::new(1),
        term: Term::new(1),
        synced: MetadataIndex::new(0),
        time: TimestampMs::new(0),
        cause: "why".to_owned(),
        records: vec![],
    };
    let (mut header_text, mut line_text) = (Vec::new(), Vec::new());
    encode_header(&header, &mut header_text);
    encode_line(&line, &mut line_text);
    let without_break = |text: &[u8]| text.strip_suffix(b"\n").expect("a line").to_vec();
    assert_eq!(parse_watch_line(&without_break(&header_text)), Ok(Some(WatchLine::Header(header))));
    assert_eq!(parse_watch_line(&without_break(&line_text)), Ok(Some(WatchLine::Line(line))));
    line_text[10] ^= 1;
    assert!(parse_watch_line(&without_break(&line_text)).is_err(), "a flipped bit is seen");
    let mut refused = BytesMut::new();
    let rejection = Rejection::new(ErrorCode::InvalidRegistration, "why");
    encode_error(&mut refused, None, &rejection);
    assert_eq!(parse_watch_line(&refused), Ok(Some(WatchLine::Refused(rejection))));
    assert_eq!(parse_watch_line(br#"{"event":"from a newer server","x":1}"#), Ok(None));
    assert!(parse_watch_line(br#"{"ok":{}}"#).is_err());
}

#[test]
fn bad_lines_are_answered_with_the_reason() {
    let cases = [
        ("", r#"empty line: a request is one JSON object, for example {"op":"metadata"}"#),
        ("[]", "expected an object, found an array"),
        (r#"{"op":"heartbet"}"#, r#"op: unknown operation "heartbet"; did you mean "heartbeat"?"#),
        (
            r#"{"op":"produce"}"#,
            "op: unknown operation \"produce\"; the operations are hello, register_broker, resume_broker, \
             heartbeat, watch, create_topics, create_partitions, delete_topics, alter_configs, \
             allocate_producer_ids, alter_isr, elect_leaders, shutdown_broker, metadata, status",
        ),
        (r#"{"op":"heartbeat"}"#, r#"missing field "broker_epoch""#),
        (
            r#"{"op":"heartbeat","broker_epoch":1,"aplied":2}"#,
            r#"unknown field "aplied" in heartbeat; did you mean "applied"?"#,
        ),
        (
            r#"{"op":"heartbeat","broker_epoch":-1}"#,
            "broker_epoch: expected a whole number from 0 to 9223372036854775807, found the number -1",
        ),
        (
            r#"{"op":"heartbeat","broker_epoch":1,"clients":[{"role":"producer","client_id":"a","address":"b","x":1}]}"#,
            "clients[0]: unknown field \"x\" in heartbeat",
        ),
        (r#"{"op":"watch","events":1}"#, "events: expected true or false, found the number 1"),
        (
            r#"{"op":"alter_isr","broker_id":1,"broker_epoch":1,"proposals":[]}"#,
            "proposals: must not be empty",
        ),
        (
            r#"{"op":"elect_leaders","kind":"fair"}"#,
            r#"kind: expected "preferred" or "unclean", found "fair""#,
        ),
        (
            r#"{"op":"register_broker","broker_id":1,"incarnation_id":"x"}"#,
            r#"incarnation_id: "x" is not an id of 22 base64url characters"#,
        ),
        (
            r#"{"op":"create_topics","topic":"t","defaults":{"partitions":0}}"#,
            "defaults.partitions: expected a whole number from 1 to 2147483647, found the number 0",
        ),
        (r#"{"op":"status","op":"status"}"#, r#"duplicate field "op""#),
    ];
    for (line, message) in cases {
        let bad = parse_controller_request(line.as_bytes()).expect_err(line);
        assert_eq!(
            (bad.rejection.message.as_str(), bad.rejection.code),
            (message, ErrorCode::InvalidRequest)
        );
    }
    let bad = parse_controller_request(br#"{"id":"a","op":"x"}"#).expect_err("no operation");
    assert_eq!(bad.id.map(|id| id.to_string()).as_deref(), Some(r#""a""#));
    let many = vec!["{}"; 10_001].join(",");
    let line = format!(r#"{{"op":"heartbeat","broker_epoch":1,"clients":[{many}]}}"#);
    let bad = parse_controller_request(line.as_bytes()).expect_err("too many");
    assert_eq!(bad.rejection.message, "clients: more than 10000 elements");
}

fn registration() -> impl Strategy<Value = (BrokerId, BrokerEpoch)> {
    (0..=i32::MAX, 0..=i64::MAX).prop_map(|(id, epoch)| (id.into(), epoch.into()))
}

fn id<T: std::str::FromStr + std::fmt::Debug>() -> impl Strategy<Value = T> {
    any::<u8>().prop_map(uuid)
}

fn openings() -> impl Strategy<Value = OpenSession> {
    let ids = (0..=i32::MAX, id(), option::of(id()), vec(id(), 0..4));
    let place = ("\\PC{0,12}", (any::<u16>(), any::<bool>()), option::of("\\PC{0,12}"));
    let rest = (any::<bool>(), any::<bool>(), any::<u64>(), option::of("\\PC{0,12}"));
    (ids, place, rest).prop_map(
        |(ids, (host, (port, advertised), rack), (undamaged, page_cache_kept, seen, secret))| OpenSession {
            registration: RegisterBroker {
                broker_id: ids.0.into(),
                incarnation_id: ids.1,
                cluster_id: ids.2,
                directory_ids: ids.3,
                host,
                port,
                advertised,
                rack,
                proof: LogProof { undamaged, page_cache_kept },
            },
            seen: seen.into(),
            secret,
        },
    )
}

fn alterations() -> impl Strategy<Value = AlterIsr> {
    let follower = (0..=i32::MAX, -1..=i64::MAX).prop_map(|(id, epoch)| (id.into(), epoch.into()));
    let proposal = (id(), 0..=i32::MAX, 0..=i32::MAX, 0..=i32::MAX, vec(follower, 0..4)).prop_map(
        |(topic_id, partition, leader_epoch, partition_epoch, followers)| IsrProposal {
            topic_id,
            partition: partition.into(),
            leader_epoch: leader_epoch.into(),
            partition_epoch: partition_epoch.into(),
            followers,
        },
    );
    (registration(), vec(proposal, 1..4)).prop_map(|((broker_id, broker_epoch), proposals)| AlterIsr {
        broker_id,
        broker_epoch,
        proposals,
    })
}

/// What the zookeeper reads when a broker called.
fn read_back(call: &impl Call) -> ControllerRequest {
    let mut line = BytesMut::new();
    call.encode_request(&mut line, Some(7));
    let read = parse_controller_request(&line).expect("a request");
    assert_eq!(read.id, Some(RequestId::number(7)));
    read.request
}

proptest! {
    #[test]
    fn registrations_come_back(opening in openings()) {
        prop_assert_eq!(read_back(&opening), ControllerRequest::RegisterBroker(opening));
    }

    #[test]
    fn alterations_come_back(alter in alterations()) {
        prop_assert_eq!(read_back(&alter), ControllerRequest::AlterIsr(alter));
    }

    #[test]
    fn results_of_alterations_come_back(results in vec((any::<bool>(), 0..=i32::MAX), 0..5), index: u64) {
        let results = results
            .into_iter()
            .map(|(ok, epoch)| if ok { Ok(epoch.into()) } else { Err(Rejection::new(ErrorCode::IneligibleReplica, "why")) })
            .collect();
        let body = Indexed { body: AlterIsrReply { results }, index: index.into() };
        let mut line = BytesMut::new();
        encode_reply(&mut line, Some(&RequestId::number(7)), &Ok(Reply { body: body.clone(), throttle_ms: 5 }));
        let read = AtController::<AlterIsr>::parse_reply(&line).expect("a reply");
        prop_assert_eq!(read.result, Ok(Reply { body, throttle_ms: 5 }));
    }

    #[test]
    fn noise_is_answered(line in vec(any::<u8>(), 0..200)) {
        if let Err(bad) = parse_controller_request(&line) {
            prop_assert!(!bad.rejection.message.is_empty());
        }
        parse_watch_line(&line).ok();
    }

    #[test]
    fn damaged_lines_are_answered(opening in openings(), at: proptest::sample::Index, byte: u8) {
        let mut line = BytesMut::new();
        opening.encode_request(&mut line, None);
        let at = at.index(line.len());
        line[at] = byte;
        if let Err(bad) = parse_controller_request(&line) {
            prop_assert!(!bad.rejection.message.is_empty());
        }
    }
}
