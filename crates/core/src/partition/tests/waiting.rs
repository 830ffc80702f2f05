//! Produces that wait: in order, not too many, not too long, and what they are told when they wait in vain.

use super::*;

#[test]
fn answers_come_in_order_and_only_once() {
    let mut rig = Rig::alone(FlushMode::Sync);
    let tokens: Vec<Token> = (0..5).map(|_| rig.wait(&[0; 2])).collect();
    rig.replica.log_mut().durable = 5;
    rig.replica.handle_durable(0, Offset::new(5));
    assert_eq!(rig.answers(), [(tokens[0], Ok(2)), (tokens[1], Ok(4))], "the third is half durable");
    rig.sync();
    assert_eq!(rig.answers(), [(tokens[2], Ok(6)), (tokens[3], Ok(8)), (tokens[4], Ok(10))]);
    rig.sync();
    assert_eq!(rig.effects(), []);
}

#[test]
fn inv_23_a_timeout_is_told_and_means_unknown() {
    let mut rig = Rig::alone(FlushMode::Sync);
    let first = rig.wait(&[0]);
    rig.now_ms = 400;
    let second = rig.wait(&[0]);
    assert_eq!(rig.replica.next_deadline(), Some(TIMEOUT_MS));
    rig.replica.handle_time(TIMEOUT_MS - 1);
    assert_eq!(rig.answers(), []);
    rig.replica.handle_time(TIMEOUT_MS);
    assert_eq!(rig.answers(), [(first, Err(ErrorCode::RequestTimedOut))]);
    assert_eq!(rig.replica.next_deadline(), Some(400 + TIMEOUT_MS));
    rig.now_ms = TIMEOUT_MS;
    rig.sync();
    assert_eq!(
        rig.answers(),
        [(second, Ok(2))],
        "what timed out is visible all the same, but answered only once"
    );
    assert_eq!(rig.replica.next_deadline(), None);
}

#[test]
fn a_timeout_below_the_minimum_says_so() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2], 2);
    let token = rig.wait(&[0]);
    rig.isr(&[1]);
    assert_eq!(rig.answers(), [], "it may still heal");
    rig.replica.handle_time(TIMEOUT_MS);
    assert_eq!(rig.answers(), [(token, Err(ErrorCode::NotEnoughReplicasAfterAppend))]);
}

#[test]
fn inv_05_who_stops_leading_acknowledges_nothing() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2], 1);
    let token = rig.wait(&[0]);
    rig.lead(Some(2));
    assert_eq!(rig.answers(), [(token, Err(ErrorCode::NotEnoughReplicasAfterAppend))]);
    assert_eq!(rig.follower(2, 1, 1).unwrap_err().code, ErrorCode::NotLeaderOrFollower);
    assert_eq!(rig.high_watermark(), 0);
}

#[test]
fn a_leader_that_leads_on_in_a_new_epoch_still_answers() {
    let mut rig = Rig::alone(FlushMode::Sync);
    let token = rig.wait(&[0]);
    rig.change(|record| record.leader_epoch = record.leader_epoch.next());
    rig.sync();
    assert_eq!(rig.answers(), [(token, Ok(1))]);
}

#[test]
fn too_many_waiters_are_refused_before_anything_is_appended() {
    let mut rig = Rig::alone(FlushMode::Sync);
    for _ in 0..MAX_WAITERS {
        rig.wait(&[0]);
    }
    assert_eq!(rig.refused(Acks::All), ErrorCode::ThrottlingQuotaExceeded);
    rig.done(Acks::Leader, &[0]);
    rig.sync();
    assert_eq!(rig.answers().len(), MAX_WAITERS);
    rig.wait(&[0]);
}
