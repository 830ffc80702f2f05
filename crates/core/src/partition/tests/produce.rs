//! What a produce is answered with, and when.

use super::*;

#[test]
fn a_single_replica_without_sync_answers_at_once_and_asks_for_nothing() {
    let mut rig = Rig::alone(FlushMode::Os);
    assert_eq!(rig.done(Acks::All, &[0; 3]), (0, 3));
    assert_eq!(rig.done(Acks::All, &[0; 2]), (3, 5));
    assert_eq!(
        rig.effects(),
        [Effect::HighWatermark(Offset::new(5))],
        "one wake-up for readers, nothing else"
    );
}

#[test]
fn with_sync_the_answer_waits_for_the_disk() {
    let mut rig = Rig::alone(FlushMode::Sync);
    let token = rig.wait(&[0; 3]);
    assert_eq!(rig.effects(), [Effect::Sync]);
    rig.sync();
    let effects = rig.effects();
    assert_eq!(effects[0], Effect::HighWatermark(Offset::new(3)), "readers first");
    let Effect::ProduceDone { token: answered, result } = &effects[1] else { panic!("{effects:?}") };
    let acknowledged = result.as_ref().unwrap();
    assert_eq!((*answered, acknowledged.base_offset, acknowledged.durable), (token, Offset::ZERO, true));
    assert_eq!(effects.len(), 2);
}

#[test]
fn with_sync_every_append_asks_for_one_waited_for_or_not() {
    let mut rig = Rig::alone(FlushMode::Sync);
    for acks in [Acks::None, Acks::Leader] {
        rig.done(acks, &[0]);
        assert_eq!(rig.effects(), [Effect::Sync]);
    }
}

#[test]
fn acks_0_and_1_are_answered_by_the_leaders_log() {
    for acks in [Acks::None, Acks::Leader] {
        let mut rig = Rig::leader(FlushMode::Sync, &[1, 2, 3], 2);
        assert_eq!(rig.done(acks, &[0; 2]), (0, 2));
        assert_eq!(rig.high_watermark(), 0, "INV-25: nobody may read it yet");
    }
}

#[test]
fn a_single_answer_says_whether_it_is_on_disk() {
    let mut rig = Rig::alone(FlushMode::Os);
    let Ok(ProduceOutcome::Done(done)) = rig.produce(Acks::All, &[0]) else { panic!() };
    assert!(!done.durable);
}

#[test]
fn inv_13_too_small_an_isr_refuses_acks_all_only() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2, 3], 2);
    rig.isr(&[1]);
    let refused = rig.produce(Acks::All, &[0]).unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotEnoughReplicas);
    assert_eq!(refused.message, "not enough in-sync replicas for orders-0: ISR=[1], min.insync.replicas=2");
    assert_eq!(rig.done(Acks::Leader, &[0]), (0, 1));
}

#[test]
fn the_effective_minimum_is_never_more_than_was_wanted_nor_less_than_one() {
    let mut rig = Rig::leader(FlushMode::Os, &[1], 3);
    assert_eq!(rig.done(Acks::All, &[0]), (0, 1), "one replica was wanted, one is there");
    let mut rig = Rig::leader(FlushMode::Os, &[1], 2);
    rig.change(|record| record.wanted = 3);
    assert_eq!(rig.refused(Acks::All), ErrorCode::NotEnoughReplicas);
    let mut rig = Rig::leader(FlushMode::Os, &[1], 0);
    rig.isr(&[]);
    assert_eq!(rig.refused(Acks::All), ErrorCode::NotEnoughReplicas);
}

#[test]
fn what_the_log_refuses_is_passed_on() {
    let mut rig = Rig::alone(FlushMode::Os);
    rig.replica.log_mut().refuse = Some(ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(rig.refused(Acks::All), ErrorCode::OutOfOrderSequenceNumber);
    rig.replica.log_mut().refuse = None;
    assert_eq!(rig.done(Acks::All, &[0]), (0, 1), "and does no harm");
}

#[test]
fn inv_30_a_duplicate_gets_the_original_offset() {
    let mut rig = Rig::alone(FlushMode::Os);
    rig.done(Acks::All, &[7, 0]);
    rig.done(Acks::All, &[8, 0, 0]);
    let Ok(ProduceOutcome::Done(again)) = rig.produce(Acks::All, &[7, 0]) else { panic!() };
    assert_eq!(
        (again.base_offset, again.end_offset, again.duplicate),
        (Offset::new(0), Offset::new(2), true)
    );
    assert_eq!(rig.replica.log().end(), Offset::new(5), "INV-29: nothing was appended");
}

#[test]
fn a_duplicate_waits_for_what_its_original_waits_for() {
    let mut rig = Rig::alone(FlushMode::Sync);
    let first = rig.wait(&[7]);
    let other = rig.wait(&[8]);
    let again = rig.wait(&[7]);
    assert_eq!(rig.effects(), [Effect::Sync]);
    rig.replica.log_mut().durable = 1;
    rig.replica.handle_durable(0, Offset::new(1));
    assert_eq!(rig.answers(), [(first, Ok(1)), (again, Ok(1))]);
    rig.sync();
    assert_eq!(rig.answers(), [(other, Ok(2))]);
    assert_eq!(rig.done(Acks::All, &[7]), (0, 1), "an acknowledged one is answered at once");
    assert_eq!(rig.effects(), [], "and asks for nothing");
}

#[test]
fn who_holds_the_records_can_be_told() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2, 3], 1);
    rig.done(Acks::Leader, &[0; 4]);
    rig.follower(3, 4, 0).unwrap();
    rig.follower(2, 2, 0).unwrap();
    let holders = |end: i64| rig.replica.holders(Offset::new(end)).map(BrokerId::get).collect::<Vec<_>>();
    assert_eq!((holders(2), holders(4)), (vec![1, 2, 3], vec![1, 3]));
}
