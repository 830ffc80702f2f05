//! Several answers become one view.

use yak_model::{BrokerId, MetadataIndex, Offset};

use super::rig::{answers, election, overview, reply};
use crate::status::json;
use crate::status::overview::{Follower, Overview};

const ONE: BrokerId = BrokerId::new(1);
const TWO: BrokerId = BrokerId::new(2);
const THREE: BrokerId = BrokerId::new(3);

#[test]
fn each_broker_speaks_for_itself() {
    let overview = overview();
    let directories: Vec<_> = overview
        .brokers
        .iter()
        .map(|broker| broker.answer.as_ref().ok().and_then(|own| own.directory.as_deref()))
        .collect();
    assert_eq!(directories, [Some("data/broker-1"), Some("data/broker-2"), None]);
    let ages: Vec<_> = overview.brokers.iter().map(|broker| broker.heartbeat_age_ms).collect();
    assert_eq!(ages, [Some(210), Some(210), Some(3_200)], "the zookeeper's, which hears them all");
}

#[test]
fn followers_lag_behind_the_leader_by_what_they_say_themselves() {
    let overview = overview();
    let led = &overview.partitions[0];
    assert_eq!((led.measured_by, led.status.log_end_offset), (Some(ONE), Offset::new(1_041)));
    let behind = Follower { broker_id: TWO, end_and_lag: Some((Offset::new(1_024), 17)) };
    assert_eq!(led.followers, [behind, Follower { broker_id: THREE, end_and_lag: None }]);

    let mut ahead = answers();
    ahead.others.insert(TWO, Ok(reply(2, 1_050)));
    let overview = Overview::new(ahead);
    assert_eq!(overview.partitions[0].followers[0].end_and_lag, Some((Offset::new(1_050), 0)), "asked later");
    assert_eq!(overview.partitions[1].measured_by, Some(TWO), "without a leader the longest log counts");
}

#[test]
fn a_silent_leader_leaves_the_numbers_to_the_longest_replica() {
    let mut answers = answers();
    answers.first = reply(2, 1_024);
    answers.others.insert(ONE, Err("nothing within 2000 ms".to_owned()));
    answers.others.remove(&TWO);
    let overview = Overview::new(answers);
    let led = &overview.partitions[0];
    assert_eq!((led.status.leader, led.measured_by), (Some(ONE), Some(TWO)));
    assert_eq!(led.status.log_end_offset, Offset::new(1_024));
    assert_eq!(led.followers[0], Follower { broker_id: ONE, end_and_lag: None });
}

#[test]
fn a_log_that_is_offline_counts_nothing() {
    let mut answers = answers();
    answers.first.partitions[0].offline = Some("segment 0 is damaged".to_owned());
    let overview = Overview::new(answers);
    let led = &overview.partitions[0];
    assert_eq!((led.measured_by, led.status.log_end_offset), (Some(TWO), Offset::new(1_024)));
    assert_eq!(led.offline, [(ONE, "segment 0 is damaged".to_owned())]);
}

#[test]
fn the_newest_image_is_believed() {
    let mut answers = answers();
    let mut newer = reply(2, 1_024);
    newer.zookeeper.index = MetadataIndex::new(43);
    newer.partitions[0].leader = Some(TWO);
    answers.others.insert(TWO, Ok(newer));
    let overview = Overview::new(answers);
    assert_eq!(overview.zookeeper.index, MetadataIndex::new(43));
    assert_eq!(overview.partitions[0].measured_by, Some(TWO));
}

#[test]
fn the_zookeeper_judges_who_is_fenced_unless_its_answer_is_older() {
    let with = |index: u64| {
        let mut answers = answers();
        if let Some(Ok(report)) = &mut answers.zookeeper {
            report.index = MetadataIndex::new(index);
            report.brokers[1].fenced = true;
        }
        Overview::new(answers).brokers[1].fenced
    };
    assert_eq!((with(43), with(42), with(41)), (true, true, false));
}

#[test]
fn a_broker_of_which_only_the_zookeeper_knows_is_shown() {
    let mut answers = answers();
    answers.first.brokers.truncate(1);
    if let Some(Ok(second)) = answers.others.get_mut(&TWO) {
        second.brokers.truncate(2);
        second.zookeeper.index = MetadataIndex::new(41);
    }
    let ids: Vec<_> = Overview::new(answers).brokers.iter().map(|view| view.broker.broker_id).collect();
    assert_eq!(ids, [ONE, TWO, THREE]);
}

#[test]
fn clients_of_a_silent_broker_are_what_the_zookeeper_heard_last() {
    let overview = overview();
    let listed: Vec<_> = overview
        .clients
        .iter()
        .map(|client| (client.broker_id, client.status.client_id.as_str(), client.is_hearsay))
        .collect();
    let expected = [(ONE, "yak-producer", false), (ONE, "yak-consumer", false), (THREE, "last-heard", true)];
    assert_eq!(listed, expected);
}

#[test]
fn an_election_that_several_know_is_one() {
    let mut answers = answers();
    answers.first.elections = vec![election(1_700_000_000_200, 5)];
    if let Some(Ok(report)) = &mut answers.zookeeper {
        report.elections.insert(0, election(1_600_000_000_000, 2));
    }
    let epochs: Vec<_> =
        Overview::new(answers).elections.iter().map(|election| election.leader_epoch.get()).collect();
    assert_eq!(epochs, [2, 4, 5]);
}

#[test]
fn json_says_the_same() {
    let mut answers = answers();
    answers.zookeeper = Some(Err("connection refused".to_owned()));
    let line = json::line(&Overview::new(answers));
    assert_eq!(line.matches('\n').count(), 1);
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(json["zookeeper"]["silent"], "connection refused");
    assert_eq!(json["brokers"][1]["directory"], "data/broker-2");
    assert_eq!(json["brokers"][2]["silent"], "connection refused (127.0.0.1:9094)");
    assert_eq!(json["partitions"][0]["log_end_offset"], 1_041);
    assert_eq!(json["partitions"][0]["followers"][0]["lag"], 17);
    assert_eq!(json["partitions"][0]["followers"][1]["lag"], serde_json::Value::Null);
    assert_eq!(json["clients"][1]["positions"][0]["received"], 1_000);
    assert_eq!(json["elections"][0]["cause"], "broker 3 fenced: no heartbeat for 1000 ms");
}
