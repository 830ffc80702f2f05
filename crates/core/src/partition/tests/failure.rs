//! A log that failed has failed for ever.

use super::*;

#[test]
fn inv_17_nothing_is_acknowledged_after_a_failed_sync() {
    let mut rig = Rig::alone(FlushMode::Sync);
    let token = rig.wait(&[0; 3]);
    rig.replica.handle_log_failed("cannot sync orders-0: it burns");
    assert_eq!(rig.answers(), [(token, Err(ErrorCode::KafkaStorageError))]);
    rig.sync();
    assert_eq!((rig.effects(), rig.high_watermark()), (vec![], 0), "a later sync proves nothing");
    for acks in [Acks::None, Acks::Leader, Acks::All] {
        assert_eq!(rig.refused(acks), ErrorCode::KafkaStorageError);
    }
    assert_eq!(rig.replica.failure(), Some("cannot sync orders-0: it burns"));
    assert_eq!(rig.replica.check_fetch(None, Offset::ZERO).unwrap_err().code, ErrorCode::KafkaStorageError);
}

#[test]
fn inv_17_a_failed_append_fails_what_waits_and_itself() {
    let mut rig = Rig::alone(FlushMode::Sync);
    let token = rig.wait(&[0]);
    rig.replica.log_mut().fail = true;
    let failed = rig.produce(Acks::Leader, &[0]).unwrap_err();
    assert_eq!(failed.code, ErrorCode::KafkaStorageError);
    assert_eq!(rig.answers(), [(token, Err(ErrorCode::KafkaStorageError))]);
    rig.replica.log_mut().fail = false;
    assert_eq!(rig.refused(Acks::Leader), ErrorCode::KafkaStorageError);
}

#[test]
fn the_first_reason_is_the_one_that_is_told() {
    let mut rig = Rig::alone(FlushMode::Os);
    rig.replica.handle_log_failed("first");
    rig.replica.handle_log_failed("second");
    assert_eq!(rig.replica.failure(), Some("first"));
}

#[test]
fn a_failed_replica_may_be_given_any_role_and_does_nothing() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2], 1);
    rig.done(Acks::Leader, &[0]);
    rig.replica.handle_log_failed("it burns");
    rig.lead(Some(2));
    rig.lead(Some(1));
    rig.isr(&[1]);
    assert_eq!((rig.high_watermark(), rig.refused(Acks::Leader)), (0, ErrorCode::KafkaStorageError));
}
