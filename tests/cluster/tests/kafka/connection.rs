//! What a connection promises: versions, the order of replies, silence for `acks=0`, being listed as a client.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use yak_kafka::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use yak_kafka::messages::{
    ApiVersionsRequest, ApiVersionsResponse, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest,
    MetadataResponse,
};
use yak_kafka::{APIS, ApiKey, Choices, Direction, KINDS, split_response_header};
use yak_model::ErrorCode;
use yak_testkit::wait_for;

use crate::Setting;
use crate::batch::{plain, values};

/// A request header in its oldest form: key, version, correlation id, no client id.
fn header(key: i16, version: i16) -> Vec<u8> {
    [&key.to_be_bytes()[..], &version.to_be_bytes(), &1_i32.to_be_bytes(), &(-1_i16).to_be_bytes()].concat()
}

fn frame(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

#[test]
fn every_version_of_api_versions_tells_what_is_served() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    for version in 0..=4 {
        let request = ApiVersionsRequest {
            client_software_name: "testkit".to_owned(),
            client_software_version: "1.0".to_owned(),
        };
        let response: ApiVersionsResponse = socket.ask(version, &request);
        assert_eq!((response.error_code, response.api_keys.len()), (None, APIS.len()), "version {version}");
        for (told, api) in response.api_keys.iter().zip(APIS) {
            let range = (told.api_key, told.min_version..=told.max_version);
            assert_eq!(range, (api.key.number(), api.advertised.clone()));
        }
        assert_eq!(response.finalized_features_epoch, -1);
    }
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_in_version_0_and_the_connection_goes_on() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    // Its body is of a form that is not known: anything.
    socket.send_bytes(&frame(&[&header(18, 99)[..], &[0xff; 40]].concat()));
    let reply = socket.read_frame().unwrap();
    let only_itself = [&1_i32.to_be_bytes()[..], &[0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4]].concat();
    assert_eq!(reply, only_itself);
    let mut socket = setting.broker.connect_kafka();
    let response: ApiVersionsResponse = socket.ask(0, &ApiVersionsRequest::default());
    assert_eq!(response.error_code, None);
}

#[test]
fn software_that_is_not_named_as_software_is_refused() {
    let setting = Setting::new();
    let request = ApiVersionsRequest {
        client_software_name: "a b".to_owned(),
        client_software_version: "1".to_owned(),
    };
    let response: ApiVersionsResponse = setting.broker.connect_kafka().ask(3, &request);
    assert_eq!(response.error_code, Some(ErrorCode::InvalidRequest));
}

#[test]
fn every_advertised_api_is_answered_in_every_version() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let of =
        |key, direction| KINDS.iter().find(|kind| kind.key == key && kind.direction == direction).unwrap();
    // The plainest produce asks for no answer; `producing` has every version of it.
    for api in APIS.iter().filter(|api| api.key != ApiKey::Produce) {
        let (request, response) = (of(api.key, Direction::Request), of(api.key, Direction::Response));
        for version in api.accepted.clone() {
            let (mut body, mut frame) = (BytesMut::new(), BytesMut::new());
            // Software must be named; everything else may be as plain as it gets.
            if api.key == ApiKey::ApiVersions && version >= 3 {
                body.extend_from_slice(b"\x02a\x021\0");
            } else {
                (request.sample)(&mut Choices::new(&[]), version, &mut body);
            }
            (request.frame)(&mut body, version, 77, None, &mut frame).unwrap();
            socket.send_bytes(&frame);
            let mut answer = socket.read_frame().unwrap_or_else(|| panic!("{:?} {version}", api.key));
            let header = split_response_header(&answer, api.key, version).unwrap();
            assert_eq!(header.0, 77);
            let at = answer.len() - header.1.len();
            let text = (response.describe)(&mut answer[at..], version).unwrap();
            assert!(text.starts_with(&format!("{:?}Response", api.key)), "{text}");
        }
    }
}

#[test]
fn what_is_not_served_closes_the_connection_without_a_word() {
    let setting = Setting::new();
    let produce = ApiKey::Produce.number();
    // No such key; versions below and above; Produce 0 to 2, which is advertised for the sake of old clients.
    for (key, version) in [(9_999, 0), (-1, 0), (produce, 2), (produce, 99), (3, -1), (3, 99), (1, 3)] {
        let mut socket = setting.broker.connect_kafka();
        socket.send_bytes(&frame(&header(key, version)));
        socket.ends();
    }
}

#[test]
fn replies_come_in_order_and_a_long_fetch_holds_those_behind_it() {
    let setting = Setting::new();
    let (mut reader, mut writer) = (setting.broker.connect_kafka(), setting.broker.connect_kafka());
    reader.send_fetch(11, ("t", 0), 0, Duration::from_secs(50));
    reader.send(9, &MetadataRequest { topics: None, ..MetadataRequest::default() });
    reader.send_fetch(4, ("t", 0), 0, Duration::ZERO);
    // A request that arrives behind a held one is looked at, and waits with its reply.
    let produced = writer.produce(9, ("t", 0), &mut plain(&["a"]));
    assert_eq!((produced.error_code, produced.base_offset), (None, 0));
    assert_eq!(values(&reader.read_fetched(11).records), ["a"]);
    let metadata: MetadataResponse = reader.read(9);
    assert_eq!(metadata.topics.len(), 1);
    reader.read_fetched(4);
}

#[test]
fn pipelined_produces_are_appended_in_the_order_of_their_arrival() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let texts: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    for text in &texts {
        socket.send_batch(9, -1, ("t", 0), &mut plain(&[text]));
    }
    for offset in 0..500 {
        assert_eq!(socket.read_produced(9).base_offset, offset);
    }
    assert_eq!(values(&socket.fetch(12, ("t", 0), 0).records), texts);
}

#[test]
fn without_acknowledgement_there_is_no_reply_and_a_refusal_is_a_close() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    for number in 0..10 {
        socket.send_batch(7, 0, ("t", 0), &mut plain(&[&number.to_string()]));
    }
    let fetched = socket.fetch(11, ("t", 0), 0);
    assert_eq!(values(&fetched.records).len(), 10, "the next reply is the fetch's");
    socket.send_batch(7, 0, ("missing", 0), &mut plain(&["x"]));
    socket.ends();
}

#[test]
fn a_fetch_is_answered_when_there_is_something_and_not_before_its_time() {
    let setting = Setting::new();
    let (mut reader, mut writer) = (setting.broker.connect_kafka(), setting.broker.connect_kafka());
    let began = Instant::now();
    reader.send_fetch(12, ("t", 0), 0, Duration::from_millis(300));
    let nothing = reader.read_fetched(12);
    assert!(nothing.records.is_empty() && began.elapsed() >= Duration::from_millis(300));
    assert_eq!((nothing.high_watermark, nothing.last_stable_offset, nothing.log_start_offset), (0, 0, 0));
    reader.send_fetch(12, ("t", 0), 0, Duration::from_secs(50));
    writer.produce(9, ("t", 0), &mut plain(&["now"]));
    assert_eq!(values(&reader.read_fetched(12).records), ["now"]);
    assert!(began.elapsed() < Duration::from_secs(50));
}

#[test]
fn a_connection_is_a_client_from_its_first_fetch_or_produce_until_it_closes() {
    let setting = Setting::new();
    let clients = || setting.broker.connect().ok(r#"{"op":"status"}"#)["clients"].clone();
    let mut socket = setting.broker.connect_kafka();
    let request = ApiVersionsRequest {
        client_software_name: "testkit".to_owned(),
        client_software_version: "1.0".to_owned(),
    };
    let _: ApiVersionsResponse = socket.ask(3, &request);
    assert_eq!(clients().as_array().unwrap().len(), 0);
    socket.produce(9, ("t", 0), &mut plain(&["a", "b"]));
    let listed = clients();
    let client = &listed[0];
    assert_eq!((&client["client_id"], &client["software"]), (&"testkit".into(), &"testkit/1.0".into()));
    assert_eq!((&client["role"], &client["records"]), (&"producer".into(), &2.into()), "{client}");
    let mut reader = setting.broker.connect_kafka();
    reader.fetch(4, ("t", 0), 0);
    reader.fetch(4, ("t", 0), 2);
    let listed = clients();
    let position = &listed[1]["positions"][0];
    assert_eq!((&position["received"], &position["position"]), (&2.into(), &2.into()), "{listed}");
    drop((socket, reader));
    wait_for("both are deregistered", || clients().as_array().unwrap().is_empty().then_some(()));
}

#[test]
fn a_question_behind_a_produce_is_answered_as_of_after_it() {
    let setting = Setting::with(&[("log.flush.mode", "sync")]);
    let mut socket = setting.broker.connect_kafka();
    for round in 0..50 {
        socket.send_batch(9, -1, ("t", 0), &mut plain(&["a"]));
        let partitions = vec![ListOffsetsPartition { timestamp: -1, ..ListOffsetsPartition::default() }];
        let topics = vec![ListOffsetsTopic { name: "t".to_owned(), partitions }];
        socket.send(7, &ListOffsetsRequest { topics, ..ListOffsetsRequest::default() });
        let produced = socket.read_produced(9);
        let latest: ListOffsetsResponse = socket.read(7);
        assert_eq!((produced.base_offset, latest.topics[0].partitions[0].offset), (round, round + 1));
    }
}
