//! Proposals of leaders: compared with what is, member by member; and replicas on their way to becoming one.

use yak_model::api::{AlterIsr, IsrProposal};
use yak_model::metadata::RecoveryState;

use super::*;
use crate::controller::RebalanceLeaders;

/// Topic `t` on brokers 1, 2, 3; minimum ISR 2; 3 has died and come back.
fn one_came_back() -> Rig {
    let mut rig = Rig::cluster(3);
    rig.create(configured("t", 3, &[("min.insync.replicas", "2")])).unwrap();
    rig.fence(3);
    rig.join(3);
    assert_eq!(rig.isr("t"), [1, 2]);
    rig
}

/// What the leader of `t` would propose now.
fn proposal(rig: &Rig, followers: &[i32]) -> IsrProposal {
    let partition = rig.partition("t", 0);
    IsrProposal {
        topic_id: partition.topic_id,
        partition: partition.partition,
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
        followers: followers.iter().map(|id| (BrokerId::new(*id), rig.epoch(*id))).collect(),
    }
}

fn alter(rig: &mut Rig, leader: i32, proposal: IsrProposal) -> Result<i32, ErrorCode> {
    let request = AlterIsr {
        broker_id: BrokerId::new(leader),
        broker_epoch: rig.epoch(leader),
        proposals: vec![proposal],
    };
    let reply = rig.submit(request).map_err(|refused| refused.code)?;
    reply.results.into_iter().next().unwrap().map(|epoch| epoch.get()).map_err(|refused| refused.code)
}

#[test]
fn inv_35_who_joins_joins_at_the_end_of_the_queue() {
    let mut rig = one_came_back();
    rig.fence(1);
    rig.join(1);
    assert_eq!((rig.leader("t"), rig.isr("t")), (Some(2), vec![2]));
    let wanted = proposal(&rig, &[3, 1]);
    let epoch = rig.partition("t", 0).partition_epoch.get();
    assert_eq!(alter(&mut rig, 2, wanted), Ok(epoch + 1));
    assert_eq!(rig.isr("t"), [2, 3, 1]);
    assert_eq!(rig.last_line().cause, "t-0: 3,1 caught up");
    assert_eq!(rig.leader("t"), Some(2), "leadership is never taken from a live leader");
    let wanted = proposal(&rig, &[1]);
    alter(&mut rig, 2, wanted).unwrap();
    assert_eq!((rig.isr("t"), rig.last_line().cause.as_str()), (vec![2, 1], "t-0: 3 fell behind"));
}

#[test]
fn a_proposal_about_a_state_of_before_is_refused() {
    let mut rig = one_came_back();
    let fine = proposal(&rig, &[2, 3]);
    let stale = IsrProposal { partition_epoch: PartitionEpoch::new(0), ..fine.clone() };
    assert_eq!(alter(&mut rig, 1, stale), Err(ErrorCode::InvalidUpdateVersion));
    let earlier = IsrProposal { leader_epoch: LeaderEpoch::new(-1), ..fine.clone() };
    assert_eq!(alter(&mut rig, 1, earlier), Err(ErrorCode::FencedLeaderEpoch));
    assert_eq!(alter(&mut rig, 2, fine.clone()), Err(ErrorCode::FencedLeaderEpoch), "2 does not lead");
    let other = IsrProposal { topic_id: TopicId::from_random([9; 16]), ..fine.clone() };
    assert_eq!(alter(&mut rig, 1, other), Err(ErrorCode::UnknownTopicId));
    let none = IsrProposal { partition: PartitionIndex::new(7), ..fine.clone() };
    assert_eq!(alter(&mut rig, 1, none), Err(ErrorCode::UnknownTopicOrPartition));
    assert!(alter(&mut rig, 1, fine.clone()).is_ok());
    assert_eq!(alter(&mut rig, 1, fine), Err(ErrorCode::InvalidUpdateVersion), "accepted once");
}

#[test]
fn inv_06_a_member_must_be_alive_and_the_registration_that_caught_up() {
    let mut rig = one_came_back();
    let before = proposal(&rig, &[2, 3]);
    rig.join(3);
    assert_eq!(alter(&mut rig, 1, before), Err(ErrorCode::IneligibleReplica), "3 registered anew");
    rig.fence(3);
    let fenced = proposal(&rig, &[2, 3]);
    assert_eq!(alter(&mut rig, 1, fenced), Err(ErrorCode::IneligibleReplica), "3 is fenced");
    rig.join(4);
    let stranger = proposal(&rig, &[2, 4]);
    assert_eq!(alter(&mut rig, 1, stranger), Err(ErrorCode::IneligibleReplica), "4 is no replica");
    rig.unfence(3);
    let mut unheard = proposal(&rig, &[2, 3]);
    unheard.followers[0].1 = IsrProposal::UNKNOWN_EPOCH;
    let mut unproven = unheard.clone();
    unproven.followers[1].1 = IsrProposal::UNKNOWN_EPOCH;
    assert_eq!(alter(&mut rig, 1, unproven), Err(ErrorCode::IneligibleReplica), "3 has proven nothing");
    assert!(alter(&mut rig, 1, unheard).is_ok(), "2 is in the ISR by the controller's own word");
}

#[test]
fn inv_07_a_leader_of_an_earlier_registration_proposes_nothing() {
    let mut rig = one_came_back();
    let request = AlterIsr {
        broker_id: BrokerId::new(1),
        broker_epoch: BrokerEpoch::new(rig.epoch(1).get() - 1),
        proposals: vec![proposal(&rig, &[2, 3])],
    };
    assert_eq!(rig.submit(request).unwrap_err().code, ErrorCode::StaleBrokerEpoch);
}

#[test]
fn who_leaves_an_isr_that_is_then_too_small_stays_eligible() {
    let mut rig = one_came_back();
    let alone = proposal(&rig, &[]);
    alter(&mut rig, 1, alone).unwrap();
    assert_eq!((rig.isr("t"), rig.eligible("t")), (vec![1], vec![2]));
    rig.fence(1);
    assert_eq!((rig.leader("t"), rig.isr("t"), rig.eligible("t")), (Some(2), vec![2], vec![1]));
    rig.unfence(1);
    let both = proposal(&rig, &[1]);
    alter(&mut rig, 2, both).unwrap();
    assert_eq!((rig.isr("t"), rig.eligible("t")), (vec![2, 1], vec![]));
}

#[test]
fn a_topic_that_wanted_more_replicas_gets_them_as_brokers_come() {
    let mut rig = Rig::cluster(1);
    rig.defaults = TopicDefaults { partitions: 1, replication_factor: 3, min_insync_replicas: 2 };
    rig.create(topic("t")).unwrap();
    assert_eq!((rig.replicas("t"), rig.partition("t", 0).wanted), ("1".to_owned(), 3));
    rig.join(2);
    assert!(rig.last_line().cause.contains("1 partition(s) with fewer replicas than wanted get one on 2"));
    assert_eq!(numbers(&rig.partition("t", 0).adding_replicas), [2]);
    let caught_up = proposal(&rig, &[2]);
    alter(&mut rig, 1, caught_up).unwrap();
    let partition = rig.partition("t", 0);
    assert_eq!((rig.replicas("t"), rig.isr("t")), ("1,2".to_owned(), vec![1, 2]));
    assert_eq!((partition.adding_replicas.len(), partition.directory_ids[1]), (0, home(2)));
    rig.join(3);
    rig.join(4);
    assert_eq!(numbers(&rig.partition("t", 0).adding_replicas), [3], "three are enough");
    rig.fence(3);
    rig.fence(4);
    rig.unfence(4);
    assert_eq!(numbers(&rig.partition("t", 0).adding_replicas), [4], "who dies on the way gives way");
}

#[test]
fn the_preferred_leader_gets_it_back_on_request_without_a_loss() {
    let mut rig = one_came_back();
    assert_eq!(elect(&mut rig, ElectionKind::Preferred), Err(ErrorCode::ElectionNotNeeded));
    rig.fence(1);
    assert_eq!(elect(&mut rig, ElectionKind::Preferred), Err(ErrorCode::PreferredLeaderNotAvailable));
    rig.unfence(1);
    assert_eq!(elect(&mut rig, ElectionKind::Preferred), Err(ErrorCode::PreferredLeaderNotAvailable));
    let caught_up = proposal(&rig, &[1]);
    alter(&mut rig, 2, caught_up).unwrap();
    let epoch = rig.leader_epoch("t");
    assert_eq!(elect(&mut rig, ElectionKind::Preferred), Ok(1));
    assert_eq!((rig.leader("t"), rig.isr("t"), rig.leader_epoch("t")), (Some(1), vec![1, 2], epoch + 1));
}

#[test]
fn inv_35_leadership_goes_back_by_itself_to_preferred_leaders_that_are_in_sync() {
    let mut rig = one_came_back();
    rig.fence(1);
    rig.join(1);
    assert_eq!(rig.submit(RebalanceLeaders), Ok(0), "1 has to catch up first");
    let caught_up = proposal(&rig, &[1]);
    alter(&mut rig, 2, caught_up).unwrap();
    let (epoch, index) = (rig.leader_epoch("t"), rig.image().index());
    assert_eq!(rig.submit(RebalanceLeaders), Ok(1));
    assert_eq!((rig.leader("t"), rig.isr("t"), rig.leader_epoch("t")), (Some(1), vec![1, 2], epoch + 1));
    let cause = "t-0: leadership back to the preferred leader (auto.leader.rebalance.enable)";
    assert_eq!(rig.last_line().cause, cause);
    assert_eq!(rig.submit(RebalanceLeaders), Ok(0));
    assert_eq!(rig.image().index(), index.next(), "nothing is written when nothing is to be done");
}

#[test]
fn no_leader_is_no_leader_to_take_back() {
    let mut rig = one_came_back();
    rig.fence(2);
    rig.fence(1);
    assert_eq!(rig.leader("t"), None);
    assert_eq!(rig.submit(RebalanceLeaders), Ok(0));
}

#[test]
fn inv_14_an_unclean_election_is_made_on_request_alone_and_said_aloud() {
    let mut rig = one_came_back();
    assert_eq!(elect(&mut rig, ElectionKind::Unclean), Err(ErrorCode::ElectionNotNeeded));
    rig.fence(1);
    rig.fence(2);
    assert_eq!(rig.leader("t"), None, "3 was not in sync");
    assert_eq!(elect(&mut rig, ElectionKind::Unclean), Ok(3));
    let partition = rig.partition("t", 0);
    assert_eq!((rig.leader("t"), rig.isr("t")), (Some(3), vec![3]));
    assert_eq!(partition.recovery_state, RecoveryState::Recovering);
    assert_eq!(rig.last_line().cause, "t-0: UNCLEAN election of 3 on request; records may be lost");
    rig.fence(3);
    assert_eq!(elect(&mut rig, ElectionKind::Unclean), Err(ErrorCode::EligibleLeadersNotAvailable));
}

#[test]
fn asked_about_all_partitions_only_those_that_need_it_are_named() {
    let mut rig = Rig::cluster(2);
    rig.create(sized("t", 4, 2)).unwrap();
    rig.fence(1);
    rig.join(1);
    let request = |partitions| ElectLeaders { kind: ElectionKind::Preferred, partitions, timeout_ms: 0 };
    let reply = rig.submit(request(None)).unwrap();
    let codes: Vec<_> =
        reply.partitions.iter().map(|(_, result)| result.as_ref().unwrap_err().code).collect();
    assert_eq!(codes, [ErrorCode::PreferredLeaderNotAvailable; 2]);
    let unknown = yak_model::TopicPartition::new(name("u"), PartitionIndex::new(0));
    let reply = rig.submit(request(Some(vec![unknown]))).unwrap();
    assert_eq!(reply.partitions[0].1.as_ref().unwrap_err().code, ErrorCode::UnknownTopicOrPartition);
}

fn elect(rig: &mut Rig, kind: ElectionKind) -> Result<i32, ErrorCode> {
    let partitions = Some(vec![yak_model::TopicPartition::new(name("t"), PartitionIndex::new(0))]);
    let reply = rig.submit(ElectLeaders { kind, partitions, timeout_ms: 0 }).unwrap();
    let (_, result) = reply.partitions.into_iter().next().unwrap();
    result.map(BrokerId::get).map_err(|refused| refused.code)
}
