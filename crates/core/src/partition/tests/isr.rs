//! Proposals for the ISR: one at a time, of those who have caught up, without those who lag.

use super::*;

fn members(proposals: &[IsrProposal]) -> Vec<Vec<i32>> {
    let ids = |proposal: &IsrProposal| proposal.followers.iter().map(|(id, _)| id.get()).collect();
    proposals.iter().map(ids).collect()
}

/// 1 leads in an ISR of its own, with five records; 2 and 3 are out.
fn alone_of_three(min_insync_replicas: u16) -> Rig {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2, 3], min_insync_replicas);
    rig.isr(&[1]);
    rig.done(Acks::Leader, &[0; 5]);
    rig.effects();
    rig
}

#[test]
fn who_has_caught_up_is_proposed_with_the_registration_that_proved_it() {
    let mut rig = alone_of_three(1);
    rig.follower(2, 4, 0).unwrap();
    assert_eq!(rig.proposals(), [], "4 of 5 is not all");
    rig.follower(2, 5, 0).unwrap();
    let proposal = IsrProposal {
        topic_id: rig.record.topic_id,
        partition: rig.record.partition,
        leader_epoch: rig.record.leader_epoch,
        partition_epoch: rig.record.partition_epoch,
        followers: vec![(BrokerId::new(2), BrokerEpoch::new(12))],
    };
    assert_eq!(rig.proposals(), [proposal]);
}

#[test]
fn inv_09_one_proposal_at_a_time() {
    let mut rig = alone_of_three(1);
    rig.follower(2, 5, 0).unwrap();
    rig.follower(3, 5, 0).unwrap();
    assert_eq!(members(&rig.proposals()), [[2]]);
    rig.isr(&[1, 2]);
    rig.follower(3, 5, 0).unwrap();
    assert_eq!(members(&rig.proposals()), [[2, 3]]);
}

/// A broker that died had everything there is in an idle partition, for ever.
#[test]
fn who_fetches_no_more_is_not_proposed_because_others_do() {
    let mut rig = alone_of_three(1);
    rig.follower(2, 5, 0).unwrap();
    let proposal = rig.proposals().remove(0);
    rig.replica.handle_isr_reply(rig.now_ms, &proposal, Err(ErrorCode::IneligibleReplica));
    for _ in 0..10 {
        rig.now_ms += 500;
        rig.follower(3, 4, 0).unwrap();
        rig.replica.handle_time(rig.now_ms);
        assert_eq!(rig.proposals(), []);
    }
    rig.follower(3, 5, 0).unwrap();
    assert_eq!(members(&rig.proposals()), [[3]]);
    rig.isr(&[1, 3]);
    rig.follower(2, 5, 0).unwrap();
    assert_eq!(members(&rig.proposals()), [[2, 3]]);
}

#[test]
fn inv_08_who_is_proposed_counts_at_once() {
    let mut rig = alone_of_three(1);
    rig.follower(2, 5, 0).unwrap();
    rig.done(Acks::Leader, &[0; 2]);
    assert_eq!(rig.high_watermark(), 5, "2 may be in the ISR already, and has 5");
    rig.follower(2, 7, 0).unwrap();
    assert_eq!(rig.high_watermark(), 7);
}

#[test]
fn below_the_minimum_the_start_of_the_epoch_decides_who_joins() {
    // The high watermark is 0 and stands still; records of before the epoch end at 4.
    let log = MemLog { epochs: vec![LeaderEpoch::new(0); 4], ..MemLog::default() };
    let mut rig = Rig::over(log, FlushMode::Os, &[1, 2], 2);
    rig.record.in_sync_replicas = ids(&[1]);
    rig.tell();
    rig.effects();
    rig.follower(2, 3, 0).unwrap();
    assert_eq!(rig.proposals(), []);
    rig.follower(2, 4, 0).unwrap();
    assert_eq!(members(&rig.proposals()), [[2]]);
}

#[test]
fn with_sync_only_what_is_durable_counts() {
    let mut rig = Rig::leader(FlushMode::Sync, &[1, 2], 1);
    rig.isr(&[1]);
    rig.done(Acks::Leader, &[0; 5]);
    rig.sync();
    rig.effects();
    rig.follower(2, 5, 4).unwrap();
    assert_eq!(rig.proposals(), []);
    rig.follower(2, 5, 5).unwrap();
    assert_eq!(members(&rig.proposals()), [[2]]);
}

#[test]
fn a_refusal_as_ineligible_takes_the_proposal_back_and_others_do_not() {
    let mut rig = alone_of_three(1);
    rig.follower(2, 5, 0).unwrap();
    let proposal = rig.proposals().remove(0);
    for code in [ErrorCode::InvalidUpdateVersion, ErrorCode::FencedLeaderEpoch, ErrorCode::RequestTimedOut] {
        rig.replica.handle_isr_reply(rig.now_ms, &proposal, Err(code));
        rig.done(Acks::Leader, &[0]);
        assert_eq!(rig.high_watermark(), 5, "{code}: whether 2 is in is not known");
    }
    let another = IsrProposal { partition_epoch: PartitionEpoch::new(90), ..proposal.clone() };
    rig.replica.handle_isr_reply(rig.now_ms, &another, Err(ErrorCode::IneligibleReplica));
    assert_eq!(rig.high_watermark(), 5, "not an answer to this proposal");
    rig.replica.handle_isr_reply(rig.now_ms, &proposal, Err(ErrorCode::IneligibleReplica));
    assert_eq!(rig.high_watermark(), 8);
    rig.effects();
    rig.follower(2, 8, 0).unwrap();
    assert_eq!(rig.proposals(), [], "not again at once");
    rig.now_ms += 200;
    rig.follower(2, 8, 0).unwrap();
    assert_eq!(members(&rig.proposals()), [[2]]);
}

#[test]
fn a_proposal_whose_outcome_is_unknown_is_made_again() {
    let mut rig = alone_of_three(1);
    rig.follower(2, 5, 0).unwrap();
    let proposal = rig.proposals().remove(0);
    rig.replica.handle_time(rig.now_ms);
    assert_eq!(rig.proposals(), [], "it is under way");
    rig.replica.handle_isr_reply(rig.now_ms, &proposal, Err(ErrorCode::RequestTimedOut));
    rig.replica.handle_time(rig.now_ms);
    assert_eq!(rig.proposals(), [proposal]);
    rig.replica.handle_time(rig.now_ms);
    assert_eq!(rig.proposals(), []);
}

#[test]
fn who_was_not_caught_up_for_the_lag_time_leaves() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2, 3], 2);
    rig.wait(&[0; 5]);
    for step in 1..=7 {
        rig.now_ms = step * 500;
        rig.follower(2, 5, 0).unwrap();
        rig.replica.handle_time(rig.now_ms);
        if rig.now_ms <= 3_000 {
            assert_eq!(rig.proposals(), [], "at {} ms", rig.now_ms);
        }
    }
    rig.replica.handle_time(rig.now_ms);
    assert_eq!(members(&rig.proposals()), [[2]], "3 was never heard of; proposed once");
    rig.isr(&[1, 2]);
    assert_eq!(rig.high_watermark(), 5);
}

#[test]
fn always_a_little_behind_is_not_lagging() {
    let mut rig = Rig::leader(FlushMode::Os, &[1, 2], 1);
    let mut end = 0;
    for step in 1..200 {
        rig.now_ms = step * 50;
        rig.done(Acks::Leader, &[0; 3]);
        end += 3;
        // It has what the leader had 200 ms ago.
        rig.follower(2, (end - 12).max(0), 0).unwrap();
        rig.replica.handle_time(rig.now_ms);
        assert_eq!(rig.proposals(), []);
    }
}

#[test]
fn an_earlier_registration_does_not_count_after_a_later_one() {
    let mut rig = alone_of_three(1);
    rig.follower(2, 3, 0).unwrap();
    let stale = FollowerFetch {
        broker_id: BrokerId::new(2),
        broker_epoch: BrokerEpoch::new(11),
        leader_epoch: rig.record.leader_epoch,
        fetch_offset: Offset::new(5),
        last_fetched_epoch: rig.replica.log().epochs.last().copied(),
        durable_offset: Offset::ZERO,
        sent_after_ms: None,
    };
    let refused = rig.replica.handle_follower_fetch(rig.now_ms, &stale).unwrap_err();
    assert_eq!((refused.code, rig.proposals()), (ErrorCode::StaleBrokerEpoch, vec![]));
}
