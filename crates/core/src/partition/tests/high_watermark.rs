//! What is visible: the least end that counts, of the whole ISR.

use super::*;

#[test]
fn the_slowest_of_the_isr_counts() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2, 3], 2);
    let token = rig.wait(&[0; 5]);
    rig.follower(2, 5, 0).unwrap();
    assert_eq!(rig.high_watermark(), 0);
    rig.follower(3, 3, 0).unwrap();
    assert_eq!((rig.high_watermark(), rig.answers()), (3, vec![]));
    rig.follower(3, 5, 0).unwrap();
    assert_eq!((rig.high_watermark(), rig.answers()), (5, vec![(token, Ok(5))]));
}

#[test]
fn inv_15_with_sync_durable_ends_count_on_every_member() {
    let mut rig = Rig::leader(FlushMode::Sync, &[1, 2], 2);
    let token = rig.wait(&[0; 4]);
    rig.follower(2, 4, 4).unwrap();
    assert_eq!(rig.high_watermark(), 0, "the leader's own disk counts too");
    rig.sync();
    assert_eq!(rig.answers(), [(token, Ok(4))]);
    rig.wait(&[0; 2]);
    rig.sync();
    rig.follower(2, 6, 5).unwrap();
    assert_eq!(rig.high_watermark(), 5, "fetched is not durable");
}

#[test]
fn who_leaves_the_isr_is_not_waited_for() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2, 3], 2);
    let token = rig.wait(&[0; 5]);
    rig.follower(2, 5, 0).unwrap();
    rig.isr(&[1, 2]);
    assert_eq!(rig.answers(), [(token, Ok(5))]);
}

#[test]
fn inv_13_below_the_minimum_it_stands_still() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2], 2);
    rig.isr(&[1]);
    rig.done(Acks::Leader, &[0; 5]);
    assert_eq!(rig.high_watermark(), 0);
    rig.follower(2, 5, 0).unwrap();
    rig.isr(&[1, 2]);
    assert_eq!(rig.high_watermark(), 5);
}

#[test]
fn a_smaller_minimum_lets_it_go_on() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2], 2);
    rig.isr(&[1]);
    rig.done(Acks::Leader, &[0; 5]);
    rig.replica.handle_min_insync_replicas(0, 1);
    assert_eq!(rig.high_watermark(), 5);
}

#[test]
fn inv_10_high_watermark_never_falls() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2], 1);
    rig.wait(&[0; 5]);
    rig.follower(2, 5, 0).unwrap();
    assert_eq!(rig.high_watermark(), 5);
    rig.follower(2, 2, 0).unwrap();
    assert_eq!(rig.high_watermark(), 5, "a follower that lost its tail takes nothing back");
    rig.lead(Some(2));
    rig.lead(Some(1));
    assert_eq!(rig.high_watermark(), 5, "nor does a new epoch, in which 2 was not heard of");
}

#[test]
fn a_recovered_log_starts_from_its_checkpoint() {
    let log = MemLog { epochs: vec![LeaderEpoch::new(0); 10], durable: 10, ..MemLog::default() };
    let Rig { replica, .. } = Rig::over(log.clone(), FlushMode::Sync, &[1], 1);
    let at = |high_watermark: i64| {
        Replica::new(replica.identity().clone(), log.clone(), Offset::new(high_watermark), 1)
            .high_watermark()
            .get()
    };
    assert_eq!((at(7), at(12), at(0)), (7, 10, 0), "never above what is there");
}

#[test]
fn a_single_replica_sees_all_that_was_recovered_when_it_leads() {
    let log = MemLog { epochs: vec![LeaderEpoch::new(0); 10], durable: 10, ..MemLog::default() };
    let mut rig = Rig::over(log, FlushMode::Sync, &[1], 1);
    assert_eq!(rig.high_watermark(), 0);
    rig.tell();
    assert_eq!(rig.high_watermark(), 10);
    assert_eq!(rig.effects(), [Effect::HighWatermark(Offset::new(10))]);
}

#[test]
fn a_leader_has_an_unsynced_tail_synced() {
    let log = MemLog { epochs: vec![LeaderEpoch::new(0); 10], durable: 4, ..MemLog::default() };
    let mut rig = Rig::over(log, FlushMode::Sync, &[1], 1);
    rig.tell();
    assert_eq!(rig.effects(), [Effect::Sync, Effect::HighWatermark(Offset::new(4))]);
    rig.sync();
    assert_eq!(rig.high_watermark(), 10);
}

#[test]
fn a_report_of_more_than_the_log_has_durable_counts_only_that_far() {
    let mut rig = Rig::alone(FlushMode::Sync);
    rig.wait(&[0; 5]);
    rig.replica.log_mut().durable = 2;
    rig.replica.handle_durable(0, Offset::new(5));
    assert_eq!(rig.high_watermark(), 2);
}

#[test]
fn a_stranger_and_a_liar_do_not_count() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2], 1);
    rig.wait(&[0; 5]);
    assert_eq!(rig.follower(9, 5, 5).unwrap_err().code, ErrorCode::ReplicaNotAvailable);
    assert!(matches!(rig.follower(2, 6, 0), Ok(FollowerAnswer::Diverging(..))));
    assert_eq!(rig.follower(2, 3, 4).unwrap_err().code, ErrorCode::InvalidRequest);
    assert_eq!(rig.high_watermark(), 0);
}
