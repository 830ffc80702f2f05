//! Altering configuration.

use yak_model::api::{AlterConfigs, ConfigAlteration};
use yak_model::metadata::ConfigResource;

use super::*;

fn set(key: &str, value: &str) -> ConfigAlteration {
    ConfigAlteration { key: key.to_owned(), value: Some(value.to_owned()) }
}

fn unset(key: &str) -> ConfigAlteration {
    ConfigAlteration { key: key.to_owned(), value: None }
}

fn of(topic: &str) -> ConfigResource {
    ConfigResource::Topic(name(topic))
}

impl Rig {
    fn alter(&mut self, resource: ConfigResource, changes: &[ConfigAlteration]) -> Result<(), Rejection> {
        let request = AlterConfigs { resources: vec![(resource, changes.to_vec())], validate_only: false };
        self.submit(request).unwrap().remove(0)
    }

    fn overrides(&self, topic: &str) -> Vec<String> {
        self.image().config(&of(topic)).iter().map(|(key, value)| format!("{key}={value}")).collect()
    }
}

#[test]
fn values_are_set_and_unset_one_by_one() {
    let mut rig = Rig::cluster(1);
    rig.create(topic("t")).unwrap();
    rig.alter(of("t"), &[set("retention.ms", "7d"), set("segment.bytes", "64KiB")]).unwrap();
    assert_eq!(rig.overrides("t"), ["flush=sync", "retention.ms=7d", "segment.bytes=64KiB"]);
    rig.alter(of("t"), &[unset("retention.ms"), set("segment.bytes", "1MiB")]).unwrap();
    assert_eq!(rig.overrides("t"), ["flush=sync", "segment.bytes=1MiB"]);
    assert_eq!(rig.last_line().cause, "configuration of topic t altered on request");
}

#[test]
fn a_resource_is_altered_whole_or_not_at_all() {
    let mut rig = Rig::cluster(1);
    rig.create(topic("t")).unwrap();
    let refused = rig.alter(of("t"), &[set("retention.ms", "1"), set("segment.bytes", "big")]).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidConfig);
    assert_eq!(rig.overrides("t"), ["flush=sync"]);
}

#[test]
fn resources_are_altered_one_by_one() {
    let mut rig = Rig::cluster(1);
    rig.create(topic("t")).unwrap();
    let resources = vec![
        (of("absent"), vec![set("retention.ms", "1")]),
        (of("t"), vec![set("retention.ms", "1")]),
        (of("t"), vec![set("retention.ms", "2")]),
    ];
    let results = rig.submit(AlterConfigs { resources, validate_only: false }).unwrap();
    assert_eq!(results[0].as_ref().unwrap_err().code, ErrorCode::UnknownTopicOrPartition);
    assert!(results[1].is_ok());
    assert_eq!(results[2].as_ref().unwrap_err().code, ErrorCode::InvalidRequest, "named twice");
}

#[test]
fn what_is_decided_at_creation_stays() {
    let mut rig = Rig::cluster(1);
    rig.create(topic("t")).unwrap();
    for change in [set("flush", "os"), unset("flush")] {
        let refused = rig.alter(of("t"), &[change]).unwrap_err();
        assert_eq!(refused.message, "flush: is decided when the topic is created");
    }
    rig.alter(of("t"), &[set("flush", "sync")]).unwrap();
}

#[test]
fn refusals_have_kafkas_codes() {
    let mut rig = Rig::cluster(1);
    rig.create(topic("t")).unwrap();
    let twice = [set("retention.ms", "1"), unset("retention.ms")];
    assert_eq!(rig.alter(of("t"), &twice).unwrap_err().code, ErrorCode::InvalidRequest);
    assert_eq!(rig.alter(of("t"), &[set("colour", "red")]).unwrap_err().code, ErrorCode::InvalidConfig);
    let refused = rig.alter(of("t"), &[unset("retention.m")]).unwrap_err();
    assert_eq!(refused.message, "retention.m: unknown key, did you mean retention.ms?");
    let long = "x".repeat(40_000);
    for change in [set(&long, "1"), set("log.retention.ms", &long)] {
        assert_eq!(
            rig.alter(ConfigResource::ClusterDefault, &[change]).unwrap_err().code,
            ErrorCode::InvalidConfig
        );
    }
    let stranger = ConfigResource::Broker(BrokerId::new(9));
    assert_eq!(rig.alter(stranger, &[]).unwrap_err().code, ErrorCode::BrokerIdNotRegistered);
}

#[test]
fn what_is_there_already_is_no_change() {
    let mut rig = Rig::cluster(1);
    rig.create(topic("t")).unwrap();
    rig.alter(of("t"), &[set("retention.ms", "1")]).unwrap();
    let lines = rig.lines.len();
    rig.alter(of("t"), &[set("retention.ms", "1"), unset("segment.ms")]).unwrap();
    assert_eq!(rig.lines.len(), lines);
}

#[test]
fn only_saying_what_would_happen_changes_nothing() {
    let mut rig = Rig::cluster(1);
    rig.create(topic("t")).unwrap();
    let resources = vec![(of("t"), vec![set("retention.ms", "1")])];
    rig.submit(AlterConfigs { resources, validate_only: true }).unwrap().remove(0).unwrap();
    assert_eq!(rig.overrides("t"), ["flush=sync"]);
}

#[test]
fn brokers_and_the_cluster_have_values_too() {
    let mut rig = Rig::cluster(1);
    let one = ConfigResource::Broker(BrokerId::new(1));
    rig.alter(one.clone(), &[set("log.retention.ms", "1")]).unwrap();
    rig.alter(ConfigResource::ClusterDefault, &[set("log.retention.ms", "2")]).unwrap();
    assert_eq!(rig.image().config(&one)["log.retention.ms"], "1");
    assert_eq!(rig.image().config(&ConfigResource::ClusterDefault)["log.retention.ms"], "2");
    rig.alter(one.clone(), &[unset("log.retention.ms")]).unwrap();
    assert!(rig.image().config(&one).is_empty());
}

#[test]
fn a_deleted_topic_takes_its_values_with_it() {
    let mut rig = Rig::cluster(1);
    rig.create(topic("t")).unwrap();
    rig.alter(of("t"), &[set("retention.ms", "1")]).unwrap();
    rig.submit(api::DeleteTopics { topics: vec![name("t")], timeout_ms: 0 }).unwrap();
    rig.create(topic("t")).unwrap();
    assert_eq!(rig.overrides("t"), ["flush=sync"]);
}
