//! Configuration that is altered takes effect, and is there after a restart.

use yak_kafka::messages::alter_configs;
use yak_kafka::messages::describe_configs::{DescribeConfigsResource, DescribeConfigsResourceResult};
use yak_kafka::messages::incremental_alter_configs::{AlterConfigsResource, AlterableConfig};
use yak_kafka::messages::{
    AlterConfigsRequest, AlterConfigsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use yak_model::ErrorCode;
use yak_record::Compression;
use yak_testkit::{BrokerBuilder, KafkaSocket};

use crate::Setting;
use crate::batch::{Owned, TIME, build, plain};

/// Kafka's numbers of kinds of resources.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// Kafka's numbers of what is done to a value.
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

fn alter(
    socket: &mut KafkaSocket,
    (resource_type, name): (i8, &str),
    changes: &[(&str, i8, Option<&str>)],
) -> Option<ErrorCode> {
    let configs = changes.iter().map(|(name, config_operation, value)| AlterableConfig {
        name: (*name).to_owned(),
        config_operation: *config_operation,
        value: value.map(str::to_owned),
    });
    let resource =
        AlterConfigsResource { resource_type, resource_name: name.to_owned(), configs: configs.collect() };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    let response: IncrementalAlterConfigsResponse = socket.ask(1, &request);
    let answer = &response.responses[0];
    assert_eq!((answer.resource_type, &*answer.resource_name), (resource_type, name));
    assert_eq!(answer.error_code.is_some(), answer.error_message.is_some());
    answer.error_code
}

fn describe(
    socket: &mut KafkaSocket,
    (resource_type, name): (i8, &str),
    key: &str,
) -> DescribeConfigsResourceResult {
    let resource = DescribeConfigsResource {
        resource_type,
        resource_name: name.to_owned(),
        configuration_keys: Some(vec![key.to_owned()]),
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: true,
        include_documentation: true,
    };
    let mut response: DescribeConfigsResponse = socket.ask(4, &request);
    assert_eq!(response.results[0].error_code, None);
    response.results[0].configs.remove(0)
}

fn value(socket: &mut KafkaSocket, resource: (i8, &str), key: &str) -> String {
    describe(socket, resource, key).value.unwrap()
}

#[test]
fn a_topics_values_take_effect_at_once() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let large = || build(&[Owned::value(&"x".repeat(3000))], Compression::None, None);
    assert_eq!(socket.produce(9, ("t", 0), &mut large()).error_code, None);
    assert_eq!(alter(&mut socket, (TOPIC, "t"), &[("max.message.bytes", SET, Some("2000"))]), None);
    assert_eq!(socket.produce(9, ("t", 0), &mut large()).error_code, Some(ErrorCode::MessageTooLarge));
    let stamped =
        [("message.timestamp.type", SET, Some("LogAppendTime")), ("max.message.bytes", DELETE, None)];
    assert_eq!(alter(&mut socket, (TOPIC, "t"), &stamped), None);
    let produced = socket.produce(9, ("t", 0), &mut plain(&["x"]));
    assert!(produced.log_append_time_ms > TIME, "the broker's own clock");
    assert_eq!(socket.produce(9, ("t", 0), &mut large()).error_code, None);
}

#[test]
fn a_change_is_made_whole_or_not_at_all() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let before = value(&mut socket, (TOPIC, "t"), "retention.ms");
    for (bad, code) in [
        (("no.such.key", SET, Some("1")), ErrorCode::InvalidConfig),
        (("segment.bytes", SET, Some("many")), ErrorCode::InvalidConfig),
        (("segment.bytes", SET, None), ErrorCode::InvalidRequest),
        (("segment.bytes", 9, Some("1")), ErrorCode::InvalidRequest),
        (("segment.bytes", APPEND, Some("1")), ErrorCode::InvalidConfig),
    ] {
        let changes = [("retention.ms", SET, Some("5000")), bad];
        assert_eq!(alter(&mut socket, (TOPIC, "t"), &changes), Some(code), "{bad:?}");
        assert_eq!(value(&mut socket, (TOPIC, "t"), "retention.ms"), before);
    }
}

#[test]
fn a_full_alteration_returns_what_it_does_not_name_to_its_default() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let both = [("retention.ms", SET, Some("5000")), ("segment.bytes", SET, Some("2000000"))];
    assert_eq!(alter(&mut socket, (TOPIC, "t"), &both), None);
    let configs = vec![alter_configs::AlterableConfig {
        name: "segment.bytes".to_owned(),
        value: Some("3000000".to_owned()),
    }];
    let resource =
        alter_configs::AlterConfigsResource { resource_type: TOPIC, resource_name: "t".to_owned(), configs };
    for validate_only in [true, false] {
        let request = AlterConfigsRequest { resources: vec![resource.clone()], validate_only };
        let response: AlterConfigsResponse = socket.ask(2, &request);
        assert_eq!(response.responses[0].error_code, None);
        let expected = if validate_only { ("5000", 1) } else { ("604800000", 5) };
        let found = describe(&mut socket, (TOPIC, "t"), "retention.ms");
        assert_eq!((found.value.as_deref(), found.config_source), (Some(expected.0), expected.1));
    }
    assert_eq!(value(&mut socket, (TOPIC, "t"), "segment.bytes"), "3000000");
}

#[test]
fn lists_are_appended_to_and_subtracted_from() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let key = "follower.replication.throttled.replicas";
    let list = |socket: &mut KafkaSocket, operation, text| {
        let changed = alter(socket, (TOPIC, "t"), &[(key, operation, Some(text))]);
        (changed, value(socket, (TOPIC, "t"), key))
    };
    let is = |text: &str| (None, text.to_owned());
    assert_eq!(list(&mut socket, APPEND, "0:1"), is("0:1"));
    assert_eq!(list(&mut socket, APPEND, "0:2,0:1,0:3"), is("0:1,0:2,0:3"));
    assert_eq!(list(&mut socket, SUBTRACT, "0:2,0:9"), is("0:1,0:3"));
}

#[test]
fn altered_values_survive_a_restart_those_of_brokers_too() {
    let directory = tempfile::tempdir().unwrap();
    let builder = BrokerBuilder::new(&directory.path().join("broker-1"));
    let broker = builder.start();
    broker.connect().ok(r#"{"op":"create_topics","topic":"t"}"#);
    let mut socket = broker.connect_kafka();
    assert_eq!(alter(&mut socket, (TOPIC, "t"), &[("retention.ms", SET, Some("5000"))]), None);
    assert_eq!(alter(&mut socket, (BROKER, "1"), &[("log.segment.bytes", SET, Some("2000000"))]), None);
    assert_eq!(alter(&mut socket, (BROKER, ""), &[("log.retention.ms", SET, Some("7000"))]), None);
    let fixed = alter(&mut socket, (BROKER, "1"), &[("log.dirs", SET, Some("/elsewhere"))]);
    assert_eq!(fixed, Some(ErrorCode::InvalidRequest), "what needs a restart is refused");
    broker.connect().ok(r#"{"op":"create_topics","topic":"u"}"#);
    drop(socket);
    assert_eq!(broker.stop(), Some(0));
    let broker = builder.start();
    let mut socket = broker.connect_kafka();
    let mut found = |resource, key| {
        let found = describe(&mut socket, resource, key);
        (found.value.unwrap(), found.config_source)
    };
    assert_eq!(found((TOPIC, "t"), "retention.ms"), ("5000".to_owned(), 1));
    assert_eq!(found((TOPIC, "u"), "retention.ms"), ("7000".to_owned(), 3), "of all brokers");
    assert_eq!(found((TOPIC, "u"), "segment.bytes"), ("2000000".to_owned(), 2), "of this broker");
    assert_eq!(found((BROKER, "1"), "log.segment.bytes"), ("2000000".to_owned(), 2));
    assert_eq!(found((BROKER, "1"), "log.retention.ms"), ("7000".to_owned(), 3));
}

#[test]
fn a_described_value_says_its_type_its_other_places_and_what_it_does() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    alter(&mut socket, (TOPIC, "t"), &[("retention.ms", SET, Some("5000"))]);
    let found = describe(&mut socket, (TOPIC, "t"), "retention.ms");
    assert_eq!((found.config_type, found.read_only, found.is_sensitive), (5, false, false), "a long");
    let places: Vec<_> = found.synonyms.iter().map(|one| (&*one.name, one.source)).collect();
    assert_eq!(places.first(), Some(&("retention.ms", 1)));
    assert_eq!(places.last().map(|place| place.1), Some(5), "{places:?}");
    assert!(found.documentation.is_some_and(|text| text.len() > 20));
}
