//! Roles and epochs: who may be asked, and in which epoch.

use super::*;

#[test]
fn only_a_leader_serves() {
    let mut rig = Rig::over(MemLog::default(), FlushMode::Os, &[1, 2], 1);
    assert_eq!(rig.replica.role(), Role::Offline);
    assert_eq!(rig.refused(Acks::Leader), ErrorCode::NotLeaderOrFollower);
    rig.tell();
    assert_eq!(rig.replica.role(), Role::Leader(LeaderEpoch::new(0)));
    rig.done(Acks::Leader, &[0]);
    rig.lead(Some(2));
    assert_eq!(rig.replica.role(), Role::Follower(LeaderEpoch::new(1), BrokerId::new(2)));
    assert_eq!(rig.refused(Acks::Leader), ErrorCode::NotLeaderOrFollower);
    rig.lead(None);
    assert_eq!(rig.replica.role(), Role::Offline);
    assert_eq!(rig.replica.check_fetch(None, Offset::ZERO).unwrap_err().code, ErrorCode::NotLeaderOrFollower);
}

#[test]
fn who_is_no_replica_any_more_is_offline() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2], 1);
    rig.change(|record| {
        record.leader = Some(BrokerId::new(2));
        record.replicas = ids(&[2]);
        record.in_sync_replicas = ids(&[2]);
    });
    assert_eq!(rig.replica.role(), Role::Offline);
}

#[test]
fn inv_04_a_produce_for_another_epoch_is_refused() {
    let mut rig = Rig::alone(FlushMode::Os);
    rig.lead(None);
    rig.lead(Some(1));
    let mut with_epoch = |epoch: i32| {
        let request =
            ProduceRequest { leader_epoch: Some(LeaderEpoch::new(epoch)), ..rig.request(Acks::All) };
        rig.replica.handle_produce(0, TimestampMs::new(0), &request, &mut [0])
    };
    assert_eq!(with_epoch(1).unwrap_err().code, ErrorCode::FencedLeaderEpoch);
    assert_eq!(with_epoch(3).unwrap_err().code, ErrorCode::UnknownLeaderEpoch);
    assert!(with_epoch(2).is_ok());
}

#[test]
fn older_news_is_no_news() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2], 1);
    let old = rig.record.clone();
    rig.lead(Some(2));
    rig.replica.handle_partition_record(0, &old);
    assert_eq!(rig.replica.role(), Role::Follower(LeaderEpoch::new(1), BrokerId::new(2)));
}

#[test]
fn records_carry_the_epoch_in_which_they_were_appended() {
    let mut rig = Rig::alone(FlushMode::Os);
    rig.done(Acks::All, &[0; 2]);
    rig.lead(None);
    rig.lead(Some(1));
    rig.done(Acks::All, &[0; 3]);
    let end = |epoch: i32| {
        let found = rig.replica.epoch_end(None, LeaderEpoch::new(epoch)).unwrap();
        found.map(|(epoch, end)| (epoch.get(), end.get()))
    };
    assert_eq!((end(0), end(1), end(2)), (Some((0, 2)), Some((0, 2)), Some((2, 5))));
}

#[test]
#[should_panic(expected = "INV-27")]
fn inv_27_a_record_of_another_topic_is_a_bug() {
    let mut rig = Rig::alone(FlushMode::Os);
    rig.change(|record| record.topic_id = TopicId::from_random([2; 16]));
}

#[test]
#[should_panic(expected = "a leader epoch never falls")]
fn a_leader_epoch_that_falls_is_a_bug() {
    let mut rig = Rig::alone(FlushMode::Os);
    rig.lead(None);
    rig.change(|record| record.leader_epoch = LeaderEpoch::new(0));
}

#[test]
#[should_panic(expected = "the monotonic clock went back")]
fn time_never_goes_back() {
    let mut rig = Rig::alone(FlushMode::Os);
    rig.replica.handle_time(5);
    rig.replica.handle_time(4);
}
