//! What a reader may have.

use super::*;

fn bound(rig: &Rig, offset: i64) -> Result<(i64, i64), ErrorCode> {
    let found = rig.replica.check_fetch(None, Offset::new(offset));
    found.map(|b| (b.log_start_offset.get(), b.high_watermark.get())).map_err(|refused| refused.code)
}

#[test]
fn inv_25_nothing_at_or_above_the_high_watermark() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2], 1);
    rig.wait(&[0; 5]);
    rig.follower(2, 3, 0).unwrap();
    for offset in 0..=5 {
        assert_eq!(bound(&rig, offset), Ok((0, 3)), "beyond it there is nothing yet, which is no error");
    }
}

#[test]
fn an_offset_that_is_not_there_is_out_of_range() {
    let mut rig = Rig::alone(FlushMode::Os);
    rig.done(Acks::All, &[0; 5]);
    rig.replica.log_mut().start = 2;
    for offset in [-1, 1, 6] {
        assert_eq!(bound(&rig, offset), Err(ErrorCode::OffsetOutOfRange), "{offset}");
    }
    assert_eq!((bound(&rig, 2), bound(&rig, 5)), (Ok((2, 5)), Ok((2, 5))));
    let refused = rig.replica.check_fetch(None, Offset::new(6)).unwrap_err();
    assert_eq!(refused.message, "orders-0: offset 6 is not there, the log has 2 to 5");
}

#[test]
fn inv_11_a_new_leader_says_latest_only_when_it_knows() {
    let log = MemLog { epochs: vec![LeaderEpoch::new(0); 5], durable: 5, ..MemLog::default() };
    let mut rig = Rig::over(log, FlushMode::Os, &[1, 2], 1);
    rig.tell();
    assert_eq!(rig.replica.latest_offset(None).unwrap_err().code, ErrorCode::OffsetNotAvailable);
    rig.follower(2, 5, 0).unwrap();
    assert_eq!(rig.replica.latest_offset(None).unwrap(), Offset::new(5));
    rig.wait(&[0; 2]);
    assert_eq!(rig.replica.latest_offset(None).unwrap(), Offset::new(5));
}

#[test]
fn records_can_be_deleted_up_to_the_high_watermark() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2], 1);
    rig.wait(&[0; 5]);
    rig.follower(2, 3, 0).unwrap();
    let before = |offset: Option<i64>| {
        let checked = rig.replica.check_delete_before(None, offset.map(Offset::new));
        checked.map(Offset::get).map_err(|refused| refused.code)
    };
    assert_eq!((before(None), before(Some(0)), before(Some(3))), (Ok(3), Ok(0), Ok(3)));
    assert_eq!(before(Some(4)), Err(ErrorCode::OffsetOutOfRange));
    assert_eq!(before(Some(-2)), Err(ErrorCode::OffsetOutOfRange));
}
