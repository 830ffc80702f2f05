//! Who leads when brokers come and go: first come, first served, among those in sync.

use super::*;

/// Topic `t` on brokers 1, 2, 3 with a minimum ISR.
fn three(min_insync_replicas: &str) -> Rig {
    let mut rig = Rig::cluster(3);
    rig.create(configured("t", 3, &[("min.insync.replicas", min_insync_replicas)])).unwrap();
    assert_eq!((rig.leader("t"), rig.isr("t")), (Some(1), vec![1, 2, 3]));
    rig
}

#[test]
fn inv_35_the_next_in_the_queue_leads_when_the_leader_dies() {
    let mut rig = three("1");
    rig.fence(1);
    assert_eq!((rig.leader("t"), rig.isr("t"), rig.leader_epoch("t")), (Some(2), vec![2, 3], 1));
    rig.fence(2);
    assert_eq!((rig.leader("t"), rig.isr("t"), rig.leader_epoch("t")), (Some(3), vec![3], 2));
    assert_eq!(rig.replicas("t"), "1,2,3", "the placement never reorders itself");
}

#[test]
fn a_follower_that_dies_leaves_the_queue_and_the_leader_alone() {
    let mut rig = three("1");
    rig.fence(2);
    assert_eq!((rig.leader("t"), rig.isr("t"), rig.leader_epoch("t")), (Some(1), vec![1, 3], 0));
    assert_eq!(rig.partition("t", 0).partition_epoch.get(), 1);
}

#[test]
fn inv_35_a_leader_is_never_taken_from_a_live_leader() {
    let mut rig = three("1");
    rig.fence(1);
    rig.unfence(1);
    rig.join(1);
    assert_eq!((rig.leader("t"), rig.isr("t")), (Some(2), vec![2, 3]), "1 has to catch up first");
}

#[test]
fn a_new_process_of_the_leader_raises_the_leader_epoch() {
    let mut rig = three("1");
    rig.register(1);
    assert_eq!((rig.leader("t"), rig.isr("t"), rig.leader_epoch("t")), (Some(2), vec![2, 3], 1));
    let line = rig.last_line();
    assert_eq!(line.records.len(), 2, "the registration and the partition in one line: {line:?}");
}

#[test]
fn the_last_of_an_isr_stays_in_it_and_leads_when_it_resumes() {
    let mut rig = three("1");
    for id in [1, 2, 3] {
        rig.fence(id);
    }
    assert_eq!((rig.leader("t"), rig.isr("t"), rig.leader_epoch("t")), (None, vec![3], 3));
    rig.unfence(1);
    assert_eq!(rig.leader("t"), None, "INV-14: 1 was not in sync at the end");
    rig.unfence(3);
    assert_eq!((rig.leader("t"), rig.isr("t"), rig.leader_epoch("t")), (Some(3), vec![3], 4));
}

#[test]
fn inv_14_who_left_below_the_minimum_is_eligible_to_lead() {
    let mut rig = three("2");
    rig.fence(1);
    assert!(rig.eligible("t").is_empty(), "2 and 3 suffice and may go on without 1");
    rig.fence(2);
    assert_eq!((rig.isr("t"), rig.eligible("t")), (vec![3], vec![2]));
    rig.fence(3);
    rig.unfence(1);
    assert_eq!(rig.leader("t"), None, "1 may lack what 2 and 3 acknowledged");
    rig.unfence(2);
    assert_eq!((rig.leader("t"), rig.isr("t")), (Some(2), vec![2]));
    assert_eq!(rig.eligible("t"), vec![3], "3 has everything too");
}

#[test]
fn eligibility_ends_with_an_unproven_restart() {
    let mut rig = three("2");
    rig.fence(1);
    rig.fence(2);
    rig.fence(3);
    rig.register(2);
    assert!(rig.eligible("t").is_empty());
    rig.unfence(2);
    assert_eq!(rig.leader("t"), None);
}

#[test]
fn eligibility_survives_a_proven_restart() {
    let mut rig = three("2");
    rig.fence(1);
    rig.fence(2);
    rig.fence(3);
    rig.register_proven(2, LogProof { undamaged: true, page_cache_kept: false });
    rig.unfence(2);
    assert_eq!(
        (rig.leader("t"), rig.isr("t")),
        (Some(2), vec![2]),
        "flush=sync: what it acknowledged is on disk"
    );
}

#[test]
fn a_smaller_minimum_ends_eligibility() {
    let mut rig = three("2");
    rig.fence(1);
    rig.fence(2);
    assert_eq!(rig.eligible("t"), vec![2]);
    let change = api::ConfigAlteration::set("min.insync.replicas", "1");
    let resources = vec![(yak_model::metadata::ConfigResource::Topic(name("t")), vec![change])];
    rig.submit(api::AlterConfigs { resources, ..Default::default() }).unwrap().remove(0).unwrap();
    assert!(rig.eligible("t").is_empty(), "3 alone may acknowledge now");
}

#[test]
fn a_shutdown_hands_over_before_the_broker_goes() {
    let mut rig = three("1");
    let (broker_id, broker_epoch) = (BrokerId::new(1), rig.epoch(1));
    rig.submit(ShutdownBroker { broker_id, broker_epoch }).unwrap();
    assert_eq!((rig.leader("t"), rig.isr("t")), (Some(2), vec![2, 3]));
    assert!(!rig.image().is_live(broker_id));
    assert_eq!(rig.last_line().cause, "broker 1 shut down");
}

#[test]
fn every_partition_that_a_broker_led_moves_in_one_line() {
    let mut rig = Rig::cluster(3);
    rig.create(sized("t", 30, 3)).unwrap();
    rig.fence(1);
    let partitions = rig.image().topic(&name("t")).unwrap().partitions();
    assert!(partitions.iter().all(|partition| partition.leader.is_some_and(|leader| leader.get() != 1)));
    assert_eq!(rig.last_line().records.len(), 31);
}

#[test]
fn elections_can_be_read_off_the_lines() {
    let mut rig = three("1");
    rig.fence(1);
    let mut elections = crate::image::Elections::default();
    let mut image = Image::default();
    for line in &rig.lines {
        elections.observe(&image, line);
        image.apply_line(line).unwrap();
    }
    let found: Vec<_> = elections.iter().collect();
    assert_eq!(found.len(), 1, "a first leader is no election");
    assert_eq!((found[0].from, found[0].to), (Some(BrokerId::new(1)), Some(BrokerId::new(2))));
    assert_eq!(found[0].cause, "broker 1 fenced: no heartbeat for 1000 ms");
}

/// What an altered configuration of topic `t` comes to.
fn set(rig: &mut Rig, key: &str, value: &str) {
    let change = api::ConfigAlteration::set(key, value);
    let resources = vec![(yak_model::metadata::ConfigResource::Topic(name("t")), vec![change])];
    rig.submit(api::AlterConfigs { resources, ..Default::default() }).unwrap().remove(0).unwrap();
}

const UNCLEAN: &str = "unclean.leader.election.enable";

#[test]
fn inv_14_a_topic_that_would_rather_lose_records_does_not_wait() {
    let mut rig = Rig::cluster(3);
    rig.create(configured("t", 3, &[(UNCLEAN, "true")])).unwrap();
    rig.fence(1);
    rig.unfence(1);
    rig.fence(2);
    assert_eq!((rig.leader("t"), rig.isr("t")), (Some(3), vec![3]), "while one is in sync it is clean");
    assert!(!rig.last_line().cause.contains("UNCLEAN"), "{}", rig.last_line().cause);
    rig.fence(3);
    assert_eq!((rig.leader("t"), rig.isr("t")), (Some(1), vec![1]));
    assert!(rig.eligible("t").is_empty());
    assert_eq!(rig.partition("t", 0).recovery_state, yak_model::metadata::RecoveryState::Recovering);
    let cause = "UNCLEAN election of 1 by unclean.leader.election.enable; records may be lost";
    assert!(rig.last_line().cause.ends_with(&format!("t-0: {cause}")), "{}", rig.last_line().cause);
}

#[test]
fn inv_14_it_is_set_afterwards_and_elects_at_once() {
    let mut rig = three("1");
    rig.fence(1);
    rig.unfence(1);
    rig.fence(2);
    rig.fence(3);
    assert_eq!(rig.leader("t"), None, "1 may lack records");
    set(&mut rig, UNCLEAN, "false");
    assert_eq!(rig.leader("t"), None);
    set(&mut rig, UNCLEAN, "true");
    assert_eq!(rig.leader("t"), Some(1));
    assert!(rig.last_line().cause.contains("UNCLEAN election of 1"), "{}", rig.last_line().cause);
}

#[test]
fn inv_14_who_comes_back_without_its_log_leads_only_where_that_was_asked_for() {
    for (value, leader) in [("false", None), ("true", Some(1))] {
        let mut rig = Rig::cluster(2);
        rig.create(configured("t", 2, &[(UNCLEAN, value)])).unwrap();
        rig.fence(2);
        rig.register(1);
        assert_eq!((rig.leader("t"), rig.isr("t")), (None, vec![]), "unproven, and nobody else");
        rig.unfence(1);
        assert_eq!(rig.leader("t"), leader, "{value}");
        assert_eq!(rig.last_line().cause.contains("UNCLEAN"), leader.is_some(), "{}", rig.last_line().cause);
    }
}
