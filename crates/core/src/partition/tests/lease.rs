//! Leases: what lets a leader acknowledge by itself.

use super::*;

fn produce(rig: &mut Rig, acks: Acks, lease_until_ms: u64) -> Result<(), ErrorCode> {
    let request = ProduceRequest { lease_until_ms, ..rig.request(acks) };
    let outcome = rig.replica.handle_produce(rig.now_ms, TimestampMs::new(0), &request, &mut [0]);
    outcome.map(drop).map_err(|refused| refused.code)
}

#[test]
fn the_controllers_answer_covers_a_leader_until_it_is_old() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2], 1);
    rig.now_ms = 999;
    assert_eq!(produce(&mut rig, Acks::Leader, 1_000), Ok(()));
    rig.now_ms = 1_000;
    for acks in [Acks::Leader, Acks::None] {
        assert_eq!(produce(&mut rig, acks, 1_000), Err(ErrorCode::NotLeaderOrFollower));
    }
    assert_eq!(produce(&mut rig, Acks::All, 1_000), Ok(()), "the followers answer for acks=all");
}

#[test]
fn so_do_all_followers_in_the_isr() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2, 3], 1);
    rig.follower(2, 0, 0).unwrap();
    assert_eq!(produce(&mut rig, Acks::Leader, 0), Err(ErrorCode::NotLeaderOrFollower), "3 is missing");
    rig.follower(3, 0, 0).unwrap();
    assert_eq!(produce(&mut rig, Acks::Leader, 0), Ok(()));
    rig.now_ms = LEASE_MS - 1;
    assert_eq!(produce(&mut rig, Acks::Leader, 0), Ok(()));
    rig.now_ms = LEASE_MS;
    assert_eq!(produce(&mut rig, Acks::Leader, 0), Err(ErrorCode::NotLeaderOrFollower));
}

#[test]
fn what_a_follower_sent_long_ago_covers_nobody() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2], 1);
    rig.now_ms = 5_000;
    // It lay in a buffer while this process was stopped.
    rig.sent_after_ms = Some(5_000 - LEASE_MS);
    rig.follower(2, 0, 0).unwrap();
    assert_eq!(produce(&mut rig, Acks::Leader, 0), Err(ErrorCode::NotLeaderOrFollower));
    rig.sent_after_ms = Some(5_001 - LEASE_MS);
    rig.follower(2, 0, 0).unwrap();
    assert_eq!(produce(&mut rig, Acks::Leader, 0), Ok(()));
    rig.now_ms = 5_001;
    assert_eq!(produce(&mut rig, Acks::Leader, 0), Err(ErrorCode::NotLeaderOrFollower), "and only as long");
}

#[test]
fn and_being_the_only_one_who_may_lead() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2], 2);
    rig.isr(&[1]);
    assert_eq!(produce(&mut rig, Acks::Leader, 0), Ok(()));
    rig.change(|record| record.eligible_leader_replicas = ids(&[2]));
    assert_eq!(produce(&mut rig, Acks::Leader, 0), Err(ErrorCode::NotLeaderOrFollower), "2 may be elected");
}

#[test]
fn whoever_is_proposed_may_be_in_the_isr_already_and_lead() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2], 1);
    rig.isr(&[1]);
    assert_eq!(produce(&mut rig, Acks::Leader, 0), Ok(()));
    let end = rig.replica.log().end().get();
    rig.follower(2, end, end).unwrap();
    assert_eq!(rig.proposals().len(), 1);
    assert_eq!(
        produce(&mut rig, Acks::Leader, 0),
        Err(ErrorCode::NotLeaderOrFollower),
        "the outcome is not known"
    );
}
