//! How the view looks.

use yak_cli::table::Style;

use super::rig::{answers, overview, reply};
use crate::status::overview::{Answers, Overview};
use crate::status::screen::render;

#[test]
fn the_whole_cluster_fits_eighty_columns() {
    let shown = render(&overview(), Style { width: Some(80), color: false });
    assert_eq!(shown, include_str!("screen.golden.txt"));
    assert!(shown.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn an_absent_zookeeper_is_told_in_words() {
    let absent =
        Answers { zookeeper: Some(Err("connection refused (127.0.0.1:2181)".to_owned())), ..answers() };
    let shown = render(&Overview::new(absent), Style { width: Some(80), color: false });
    let words = "the zookeeper does not answer: connection refused (127.0.0.1:2181)\n\
                 leaders are as the brokers heard last; none is elected meanwhile\n\
                 broker 3 does not answer: connection refused (127.0.0.1:9094)\n";
    assert!(shown.contains(words), "{shown}");
    assert!(shown.contains("0.14 s ago"), "the brokers know when they were answered last: {shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
}

#[test]
fn an_empty_cluster_says_what_to_do() {
    let mut first = reply(1, 1);
    (first.partitions, first.elections) = (vec![], vec![]);
    first.brokers.truncate(1);
    first.zookeeper.address = "embedded".to_owned();
    let empty = Answers { first, others: std::collections::BTreeMap::default(), zookeeper: None };
    let shown = render(&Overview::new(empty), Style::default());
    assert!(
        shown.ends_with("no topics yet; `yak-topics --create --topic t` makes one, or just produce to it\n")
    );
    assert!(shown.contains("\nanswered by broker 1\n"), "{shown}");
    assert!(!shown.contains("does not answer"), "{shown}");
}

#[test]
fn an_offline_partition_says_why() {
    let mut offline = answers();
    offline.first.partitions[0].offline = Some("segment 0 is damaged\x1b[2J".to_owned());
    let shown = render(&Overview::new(offline), Style::default());
    assert!(shown.contains("  offline on 1: segment 0 is damaged\\x1b[2J\n"), "{shown}");
}

#[test]
fn numbers_that_nobody_tells_are_question_marks() {
    let mut nobody = answers();
    for id in [1, 2] {
        let status = if id == 1 {
            Some(&mut nobody.first)
        } else {
            nobody.others.get_mut(&id.into()).and_then(|answer| answer.as_mut().ok())
        };
        status.unwrap().partitions[0].offline = Some("gone".to_owned());
    }
    let shown = render(&Overview::new(nobody), Style::default());
    let line = shown.lines().find(|line| line.starts_with("orders-0")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[5..11], ["?", "?", "?", "1:?", "2:?", "3:?"], "{line}");
}

#[test]
fn groups_are_a_line_each() {
    use yak_model::api::{GroupKind, GroupState};
    let mut overview = overview();
    overview.groups = vec![crate::status::overview::GroupSummary {
        group: "billing".to_owned(),
        kind: GroupKind::Consumer,
        state: GroupState::Stable,
        members: 3,
        coordinator: Some(2.into()),
        lag: 1_204,
    }];
    let shown = render(&overview, Style { width: Some(80), color: false });
    let table = "GROUP    TYPE      STATE   ON  MEMBERS    LAG\n\
                 billing  consumer  Stable   2        3  1,204\n";
    assert!(shown.contains(table), "{shown}");
}
