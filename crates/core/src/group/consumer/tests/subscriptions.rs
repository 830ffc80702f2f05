//! Which topics members want: by name, by expression, now and after topics have changed.

use super::*;

fn by_regex(id: &str, regex: &str) -> ConsumerGroupHeartbeat {
    ConsumerGroupHeartbeat {
        subscribed_topics: None,
        subscribed_regex: Some(regex.to_owned()),
        ..join(id, &[])
    }
}

/// What the only member has after its next heartbeats, by topic.
fn counts(rig: &mut Rig) -> Vec<(TopicId, usize)> {
    rig.settle();
    by_topic(rig.owned("a")).into_iter().map(|topic| (topic.topic_id, topic.partitions.len())).collect()
}

#[test]
fn an_expression_wants_whole_names_and_no_internal_topic() {
    let all = &[("orders", 1), ("orders-eu", 2), ("reorders", 1), ("__consumer_offsets", 4), ("__own", 1)];
    for (regex, matching) in [
        ("orders", vec!["orders"]),
        ("orders.*", vec!["orders", "orders-eu"]),
        ("orders|reorders", vec!["orders", "reorders"]),
        ("(?i)ORDERS", vec!["orders"]),
        ("__.*", vec!["__own"]),
        ("none", vec![]),
    ] {
        let mut rig = Rig::new(all);
        let owned = rig.grow_by(&by_regex("a", regex));
        let found: BTreeSet<TopicId> = owned.iter().map(|(topic_id, _)| *topic_id).collect();
        assert_eq!(found, matching.into_iter().map(topic_id).collect(), "{regex}");
    }
    // By its name one can have it.
    let mut rig = Rig::new(all);
    assert_eq!(rig.grow("a", &["__consumer_offsets"]).len(), 4);
}

#[test]
fn what_is_no_expression_is_refused_and_changes_nothing() {
    let mut rig = Rig::new(&[("t", 1)]);
    for bad in ["(", "a)(b", "*", "[z-a]", r"\p{Nothing}", "(?=a)", r"(a)\1", "((a{500}){500}){500}"] {
        assert_eq!(rig.send(&by_regex("a", bad)), Err(ErrorCode::InvalidRegularExpression), "{bad}");
    }
    let long = "a".repeat(MAX_PATTERN_BYTES + 1);
    assert_eq!(rig.send(&by_regex("a", &long)), Err(ErrorCode::InvalidRegularExpression));
    assert!(rig.group.is_empty() && rig.stored.is_nothing());
    rig.grow_by(&by_regex("a", "t"));
    let change = ConsumerGroupHeartbeat { subscribed_regex: Some("(".to_owned()), ..heartbeat("a", 1) };
    assert_eq!(rig.send(&change), Err(ErrorCode::InvalidRegularExpression));
    assert_eq!(rig.stored.members[&member_id("a")].topic_regex.as_deref(), Some("t"));
}

#[test]
fn names_and_expressions_add_up_and_can_be_taken_back() {
    let mut rig = Rig::at_once(&[("t", 1), ("u", 1), ("v", 1)]);
    rig.grow_by(&ConsumerGroupHeartbeat {
        subscribed_regex: Some("[uv]".to_owned()),
        ..join("a", &["t", "u"])
    });
    assert_eq!(rig.owned("a").len(), 3);
    let epoch = rig.clients["a"].epoch;
    let less = ConsumerGroupHeartbeat { subscribed_regex: Some(String::new()), ..heartbeat("a", epoch) };
    let reply = rig.send(&less).unwrap();
    assert_eq!(rig.hear("a", &reply).len(), 2, "t and u by name");
    assert_eq!(counts(&mut rig), [(topic_id("t"), 1), (topic_id("u"), 1)]);
    assert_eq!(rig.stored.members[&member_id("a")].topic_regex, None);
    assert!(rig.group.is_subscribed(&name("t")) && !rig.group.is_subscribed(&name("v")));
    let none = ConsumerGroupHeartbeat {
        subscribed_topics: Some(Vec::new()),
        ..heartbeat("a", rig.clients["a"].epoch)
    };
    let reply = rig.send(&none).unwrap();
    rig.hear("a", &reply);
    assert_eq!(counts(&mut rig), []);
    assert!(rig.rebalances.iter().any(|rebalance| rebalance.cause.contains("a wants other topics")));
}

#[test]
fn a_group_is_subscribed_to_what_its_members_want_by_either_way() {
    let mut rig = Rig::new(&[("t", 1), ("orders", 1)]);
    rig.grow_by(&by_regex("a", "o.*"));
    rig.grow("b", &["t", "missing"]);
    for (topic, is_wanted) in [("t", true), ("missing", true), ("orders", true), ("other", false)] {
        assert_eq!(rig.group.is_subscribed(&name(topic)), is_wanted, "{topic}");
    }
    rig.leave("a").unwrap();
    assert!(!rig.group.is_subscribed(&name("orders")));
}

#[test]
fn topics_that_come_grow_and_go_are_noticed() {
    let mut rig = Rig::at_once(&[("t1", 1)]);
    rig.grow_by(&by_regex("a", "t."));
    for (change, counted) in [
        (topics(&[("t1", 1), ("t2", 2)]), vec![("t1", 1), ("t2", 2)]),
        (topics(&[("t1", 3), ("t2", 2)]), vec![("t1", 3), ("t2", 2)]),
        (topics(&[("t2", 2), ("u", 9)]), vec![("t2", 2)]),
    ] {
        rig.changed.clear();
        rig.group.handle_metadata(rig.now_ms, &change);
        rig.topics = change;
        rig.drain();
        assert!(rig.changed.contains(&member_id("a")), "it can be told at once");
        let counted: Vec<_> = counted.into_iter().map(|(topic, count)| (topic_id(topic), count)).collect();
        assert_eq!(counts(&mut rig), counted);
    }
    assert!(rig.rebalances.last().unwrap().cause.contains("topics"), "{:?}", rig.rebalances);
    // What nobody wants makes no difference.
    let (epoch, stores) = (rig.group.epoch(), rig.stores);
    rig.group.handle_metadata(rig.now_ms, &topics(&[("t2", 2), ("u", 10)]));
    rig.drain();
    assert_eq!((rig.group.epoch(), rig.stores), (epoch, stores));
}

#[test]
fn a_topic_made_again_is_another_one() {
    let mut rig = Rig::at_once(&[("t", 2)]);
    rig.grow("a", &["t"]);
    let again = Topic { topic_id: id_of("t", 1), partitions: 2 };
    rig.topics = [(name("t"), again)].into_iter().collect();
    // A heartbeat brings what the broker knows by then.
    assert!(rig.beat("a"));
    rig.settle();
    assert!(rig.owned("a").iter().all(|(topic_id, _)| *topic_id == again.topic_id));
    assert_eq!(rig.owned("a").len(), 2);
}

#[test]
fn a_group_has_a_bounded_number_of_expressions_however_many_members_share_them() {
    let mut rig = Rig::new(&[("t", 1)]);
    for number in 0..MAX_PATTERNS {
        rig.send(&by_regex(&format!("m{number}"), &format!("t|u{number}"))).unwrap();
    }
    assert_eq!(rig.send(&by_regex("more", "t|v")), Err(ErrorCode::InvalidRegularExpression));
    rig.send(&by_regex("as-another", "t|u0")).unwrap();
    rig.send(&heartbeat("m1", -1)).unwrap();
    rig.send(&by_regex("more", "t|v")).unwrap();
}
