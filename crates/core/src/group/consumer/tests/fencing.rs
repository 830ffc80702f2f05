//! Members of the past, and members that there are not.

use super::*;

fn owning(id: &str, epoch: i32, partitions: &[i32]) -> ConsumerGroupHeartbeat {
    let owned = if partitions.is_empty() { Vec::new() } else { vec![of("t", partitions)] };
    ConsumerGroupHeartbeat { owned: Some(owned), ..heartbeat(id, epoch) }
}

/// `a` was told to give up partition 1 of two, in epoch 2.
fn revoking() -> Rig {
    let mut rig = Rig::at_once(&[("t", 2)]);
    rig.grow("a", &["t"]);
    rig.grow("b", &["t"]);
    assert_eq!(rig.send(&heartbeat("a", 1)).unwrap().member_epoch.get(), 2);
    rig
}

#[test]
fn who_is_no_member_is_told_so() {
    let mut rig = Rig::new(&[("t", 3)]);
    assert_eq!(rig.send(&heartbeat("a", 1)), Err(ErrorCode::UnknownMemberId));
    assert_eq!(rig.leave("a"), Err(ErrorCode::UnknownMemberId));
    assert_eq!(rig.check("a", 1), Err(ErrorCode::UnknownMemberId));
    rig.grow("a", &["t"]);
    assert_eq!(rig.leave("a").unwrap().member_epoch, MemberEpoch::LEAVE);
    assert_eq!(rig.send(&heartbeat("a", 1)), Err(ErrorCode::UnknownMemberId));
    assert_eq!((rig.group.state(), rig.stored.members.len()), (GroupState::Empty, 0));
    assert_eq!((rig.stored.target.len(), rig.stored.current.len()), (0, 0));
}

#[test]
fn a_wrong_epoch_is_fenced() {
    let mut rig = Rig::new(&[("t", 3)]);
    rig.grow("a", &["t"]);
    for epoch in [2, 100] {
        assert_eq!(rig.send(&owning("a", epoch, &[])), Err(ErrorCode::FencedMemberEpoch));
    }
    assert_eq!(rig.send(&heartbeat("a", 1)).unwrap().assignment, None, "nothing has come of it");
}

#[test]
fn a_member_whose_answer_was_lost_goes_on() {
    let mut rig = revoking();
    // It was told in epoch 2 and does not know it.
    let again = rig.send(&owning("a", 1, &[0, 1])).unwrap();
    assert_eq!((again.member_epoch.get(), again.assignment), (2, Some(vec![of("t", &[0])])));
    // What it says in the epoch of before gives nothing up, however late it comes.
    rig.send(&owning("a", 1, &[])).unwrap();
    assert_eq!(rig.stored.current[&member_id("a")].state, MemberState::Revoking);
    assert!(!rig.beat("b"));
    // But it must not believe to own what it was never given, and must say what it owns.
    assert_eq!(rig.send(&owning("a", 1, &[2])), Err(ErrorCode::FencedMemberEpoch));
    assert_eq!(rig.send(&heartbeat("a", 1)), Err(ErrorCode::FencedMemberEpoch));
    // Once it has said the new epoch, the old one is over.
    rig.send(&heartbeat("a", 2)).unwrap();
    assert_eq!(rig.send(&owning("a", 1, &[0, 1])), Err(ErrorCode::FencedMemberEpoch));
}

#[test]
fn only_the_present_epoch_commits() {
    let mut rig = Rig::at_once(&[("t", 2)]);
    rig.grow("a", &["t"]);
    assert_eq!(rig.check("a", 1), Ok(()));
    assert_eq!(rig.check("a", 0), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(rig.check("a", 2), Err(ErrorCode::StaleMemberEpoch));
    rig.grow("b", &["t"]);
    assert_eq!(rig.check("a", 1), Ok(()), "it has not been told anything yet");
    rig.beat("a");
    assert_eq!((rig.check("a", 1), rig.check("a", 2)), (Err(ErrorCode::StaleMemberEpoch), Ok(())));
    // It may commit what it gives up, until it says that it has.
    rig.beat("a");
    assert_eq!((rig.check("a", 2), rig.check("a", 3)), (Err(ErrorCode::StaleMemberEpoch), Ok(())));
    let nobody = |rig: &Rig| rig.group.check_commit(None).map_err(|rejection| rejection.code);
    assert_eq!(nobody(&rig), Err(ErrorCode::UnknownMemberId));
    rig.leave("a").unwrap();
    rig.leave("b").unwrap();
    assert_eq!(nobody(&rig), Ok(()));
}

#[test]
fn who_joins_again_under_its_name_has_an_epoch_that_it_never_had() {
    let mut rig = Rig::new(&[("t", 2)]);
    rig.grow("a", &["t"]);
    rig.grow("b", &["t"]);
    let before = rig.clients["a"].epoch;
    rig.leave("a").unwrap();
    rig.grow("a", &["t"]);
    assert!(rig.clients["a"].epoch > before);
    assert_eq!(rig.check("a", before), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(rig.send(&owning("a", before, &[])), Err(ErrorCode::FencedMemberEpoch));
}
