//! Coming and going of brokers: registration, fencing, unfencing.

use yak_model::limits::MAX_BROKERS;

use super::*;

#[test]
fn inv_07_broker_epochs_are_the_index_of_the_registration_and_rise() {
    let mut rig = Rig::new();
    let mut last = BrokerEpoch::new(0);
    for id in [2, 1, 2, 2, 1] {
        let epoch = rig.register(id);
        assert!(epoch > last);
        assert_eq!(u64::try_from(epoch.get()).unwrap(), rig.last_line().index.get());
        assert!(rig.image().broker(BrokerId::new(id)).unwrap().fenced, "fenced until its logs are recovered");
        last = epoch;
    }
}

#[test]
fn the_same_process_asking_again_keeps_its_registration() {
    let mut rig = Rig::new();
    let registration = rig.registration(1);
    let first = rig.submit(registration.clone()).unwrap();
    rig.unfence(1);
    let lines = rig.lines.len();
    assert_eq!(rig.submit(registration).unwrap(), first);
    assert_eq!(rig.lines.len(), lines, "nothing changed");
    assert!(rig.image().is_live(BrokerId::new(1)));
}

#[test]
fn a_flood_of_registrations_ends_at_a_limit_and_those_who_are_there_go_on() {
    let mut rig = Rig::new();
    let most = i32::try_from(MAX_BROKERS).unwrap();
    (1..=most).for_each(|id| _ = rig.register(id));
    let registration = rig.registration(i32::MAX);
    let refused = rig.submit(registration).unwrap_err();
    assert_eq!(refused.code, ErrorCode::PolicyViolation);
    assert!(refused.message.contains("at most 1000 brokers"), "{refused}");
    rig.register(1);
    rig.unfence(1);
    assert!(rig.image().is_live(BrokerId::new(1)));
}

#[test]
fn a_cause_says_what_happened_to_whom() {
    let mut rig = Rig::new();
    rig.register(1);
    assert_eq!(rig.last_line().cause, "broker 1 registered (first time) at localhost:9092");
    rig.register(1);
    assert_eq!(rig.last_line().cause, "broker 1 registered (new incarnation) at localhost:9092");
    rig.unfence(1);
    assert_eq!(rig.last_line().cause, "broker 1 is ready");
    rig.fence(1);
    assert_eq!(rig.last_line().cause, "broker 1 fenced: no heartbeat for 1000 ms");
}

#[test]
fn an_earlier_registration_is_stale() {
    let mut rig = Rig::new();
    let (broker_id, old) = (BrokerId::new(1), rig.register(1));
    rig.register(1);
    let stale =
        |result: Result<(), Rejection>| assert_eq!(result.unwrap_err().code, ErrorCode::StaleBrokerEpoch);
    stale(rig.submit(UnfenceBroker { broker_id, broker_epoch: old }));
    stale(rig.submit(FenceBroker { broker_id, broker_epoch: old, reason: String::new() }));
    stale(rig.submit(ShutdownBroker { broker_id, broker_epoch: old }));
}

#[test]
fn a_broker_that_never_registered_is_unknown() {
    let mut rig = Rig::new();
    let (broker_id, broker_epoch) = (BrokerId::new(7), BrokerEpoch::new(1));
    let refused = rig.submit(UnfenceBroker { broker_id, broker_epoch }).unwrap_err();
    assert_eq!(refused.code, ErrorCode::BrokerIdNotRegistered);
}

#[test]
fn a_broker_of_another_cluster_is_refused() {
    let mut rig = Rig::new();
    let other = ClusterId::from_random([9; 16]);
    let registration = RegisterBroker { cluster_id: Some(other), ..rig.registration(1) };
    assert_eq!(rig.submit(registration).unwrap_err().code, ErrorCode::InconsistentClusterId);
    let same = rig.image().cluster_id();
    let registration = RegisterBroker { cluster_id: Some(same), ..rig.registration(1) };
    assert_eq!(rig.submit(registration).unwrap().cluster_id, same);
}

#[test]
fn fencing_and_unfencing_twice_is_once() {
    let mut rig = Rig::cluster(1);
    rig.create(topic("t")).unwrap();
    rig.fence(1);
    let lines = rig.lines.len();
    rig.fence(1);
    assert_eq!(rig.lines.len(), lines);
    rig.unfence(1);
    rig.unfence(1);
    assert_eq!(rig.lines.len(), lines + 1);
}

#[test]
fn a_registration_that_cannot_be_is_refused() {
    let mut rig = Rig::new();
    let good = rig.registration(1);
    let bad = [
        RegisterBroker { broker_id: BrokerId::new(-1), ..good.clone() },
        RegisterBroker { host: "x".repeat(256), ..good.clone() },
        RegisterBroker { rack: Some("x".repeat(256)), ..good.clone() },
        RegisterBroker { directory_ids: vec![home(1); 257], ..good.clone() },
    ];
    for registration in bad {
        assert_eq!(rig.submit(registration).unwrap_err().code, ErrorCode::InvalidRequest);
    }
    rig.submit(good).unwrap();
}

#[test]
fn a_cluster_is_named_once() {
    let mut rig = Rig::new();
    let refused = rig.submit(CreateCluster { cluster_id: ClusterId::from_random([1; 16]) }).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InconsistentClusterId);
}

#[test]
#[should_panic(expected = "the monotonic clock went back")]
fn time_never_goes_back() {
    let mut rig = Rig::new();
    rig.now_ms = 0;
    rig.controller.handle(0, TimestampMs::new(0), CreateCluster { cluster_id: ClusterId::default() }.into());
}
