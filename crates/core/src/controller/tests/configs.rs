//! Altering configuration.

use yak_model::api::{AlterConfigs, ConfigAlteration, ConfigChange};
use yak_model::metadata::ConfigResource;

use super::*;

fn set(key: &str, value: &str) -> ConfigAlteration {
    ConfigAlteration::set(key, value)
}

fn unset(key: &str) -> ConfigAlteration {
    ConfigAlteration::unset(key)
}

fn append(key: &str, items: &str) -> ConfigAlteration {
    ConfigAlteration { key: key.to_owned(), change: ConfigChange::Append(items.to_owned()) }
}

fn subtract(key: &str, items: &str) -> ConfigAlteration {
    ConfigAlteration { key: key.to_owned(), change: ConfigChange::Subtract(items.to_owned()) }
}

fn of(topic: &str) -> ConfigResource {
    ConfigResource::Topic(name(topic))
}

impl Rig {
    fn alter(&mut self, resource: ConfigResource, changes: &[ConfigAlteration]) -> Result<(), Rejection> {
        let resources = vec![(resource, changes.to_vec())];
        let request = AlterConfigs { resources, ..AlterConfigs::default() };
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
    let results = rig.submit(AlterConfigs { resources, ..AlterConfigs::default() }).unwrap();
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
    rig.submit(AlterConfigs { resources, validate_only: true, ..AlterConfigs::default() })
        .unwrap()
        .remove(0)
        .unwrap();
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
    rig.submit(api::DeleteTopics { topics: vec![name("t")], ..Default::default() }).unwrap();
    rig.create(topic("t")).unwrap();
    assert_eq!(rig.overrides("t"), ["flush=sync"]);
}

#[test]
fn lists_are_appended_to_and_subtracted_from() {
    let mut rig = Rig::cluster(1);
    rig.create(topic("t")).unwrap();
    let key = "leader.replication.throttled.replicas";
    rig.alter(of("t"), &[append(key, "0:1, 0:2")]).unwrap();
    rig.alter(of("t"), &[append(key, "0:2,1:1")]).unwrap();
    assert_eq!(rig.image().config(&of("t"))[key], "0:1,0:2,1:1", "what is there already stays once");
    rig.alter(of("t"), &[subtract(key, "0:1,9:9")]).unwrap();
    assert_eq!(rig.image().config(&of("t"))[key], "0:2,1:1");
    rig.alter(of("t"), &[append("cleanup.policy", "delete")]).unwrap();
    assert_eq!(
        rig.image().config(&of("t"))["cleanup.policy"],
        "delete",
        "the default is what is appended to"
    );
    for change in
        [append("retention.ms", "1"), subtract("colour", "red"), append("cleanup.policy", "compress")]
    {
        assert_eq!(rig.alter(of("t"), &[change]).unwrap_err().code, ErrorCode::InvalidConfig);
    }
    rig.alter(ConfigResource::ClusterDefault, &[append("log.cleanup.policy", "delete")]).unwrap();
    let refused = rig.alter(ConfigResource::ClusterDefault, &[append("log.segment.bytes", "1")]).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidConfig);
}

#[test]
fn a_replacement_takes_away_what_it_does_not_name() {
    let mut rig = Rig::cluster(1);
    rig.create(topic("t")).unwrap();
    rig.alter(of("t"), &[set("retention.ms", "1"), set("segment.ms", "2")]).unwrap();
    let replace = |validate_only, key: &str, value: &str| AlterConfigs {
        resources: vec![(of("t"), vec![set(key, value)])],
        replace: true,
        validate_only,
    };
    rig.submit(replace(true, "segment.ms", "3")).unwrap().remove(0).unwrap();
    assert_eq!(rig.overrides("t"), ["flush=sync", "retention.ms=1", "segment.ms=2"]);
    rig.submit(replace(false, "segment.ms", "3")).unwrap().remove(0).unwrap();
    assert_eq!(rig.overrides("t"), ["flush=sync", "segment.ms=3"], "what was decided at creation stays");
    rig.submit(replace(false, "segment.ms", "none")).unwrap().remove(0).unwrap_err();
    assert_eq!(rig.overrides("t"), ["flush=sync", "segment.ms=3"]);
}

#[test]
fn of_brokers_only_what_they_can_take_over_is_altered() {
    let mut rig = Rig::cluster(1);
    let one = ConfigResource::Broker(BrokerId::new(1));
    for (change, code) in [
        (set("num.partitions", "3"), ErrorCode::InvalidRequest),
        (set("retention.ms", "3"), ErrorCode::InvalidRequest),
        (unset("colour"), ErrorCode::InvalidRequest),
        (set("log.segment.bytes", "1GB"), ErrorCode::InvalidConfig),
        (set("log.cleanup.policy", "compress"), ErrorCode::InvalidConfig),
    ] {
        let good = set("log.retention.hours", "1");
        assert_eq!(rig.alter(one.clone(), &[good, change]).unwrap_err().code, code);
        assert!(rig.image().config(&one).is_empty(), "a resource is altered whole or not at all");
    }
}
