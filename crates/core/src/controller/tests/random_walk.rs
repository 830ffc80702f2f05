//! Random commands, with the invariants of every partition checked after each.

use proptest::prelude::*;
use yak_model::metadata::{ConfigResource, RecoveryState};

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Register(i32, LogProof, bool),
    Unfence(i32),
    Fence(i32),
    Shutdown(i32),
    Create(u8, i32, Option<i16>),
    Grow(u8, i32),
    Delete(u8),
    MinIsr(u8, u8),
    Alter(u8, Vec<bool>, bool),
    Elect(bool),
}

const BROKERS: std::ops::RangeInclusive<i32> = 1..=4;

fn step() -> impl Strategy<Value = Step> {
    let proof = (any::<bool>(), any::<bool>())
        .prop_map(|(undamaged, page_cache_kept)| LogProof { undamaged, page_cache_kept });
    prop_oneof![
        3 => (BROKERS, proof, any::<bool>()).prop_map(|(id, proof, wiped)| Step::Register(id, proof, wiped)),
        5 => BROKERS.prop_map(Step::Unfence),
        4 => BROKERS.prop_map(Step::Fence),
        1 => BROKERS.prop_map(Step::Shutdown),
        3 => (0..4u8, 1..4i32, proptest::option::of(1..4i16)).prop_map(|(t, p, rf)| Step::Create(t, p, rf)),
        1 => (0..4u8, 1..6i32).prop_map(|(t, total)| Step::Grow(t, total)),
        1 => (0..4u8).prop_map(Step::Delete),
        1 => (0..4u8, 1..4u8).prop_map(|(t, min)| Step::MinIsr(t, min)),
        5 => (0..4u8, proptest::collection::vec(any::<bool>(), 4), proptest::bool::weighted(0.1))
            .prop_map(|(t, members, stale)| Step::Alter(t, members, stale)),
        1 => proptest::bool::weighted(0.2).prop_map(Step::Elect),
    ]
}

/// Takes a step. Refusals are as good as successes here: what matters is the image.
fn take(rig: &mut Rig, step: Step) {
    let known = |rig: &Rig, id: i32| rig.image().broker(BrokerId::new(id)).is_some();
    match step {
        Step::Register(id, proof, wiped) => {
            let fresh = rig.random();
            let directory_ids = if wiped { vec![DirectoryId::from_random(fresh)] } else { vec![home(id)] };
            let registration = RegisterBroker { proof, directory_ids, ..rig.registration(id) };
            rig.submit(registration).unwrap();
        }
        Step::Unfence(id) if known(rig, id) => rig.unfence(id),
        Step::Fence(id) if known(rig, id) => rig.fence(id),
        Step::Shutdown(id) if known(rig, id) => {
            let (broker_id, broker_epoch) = (BrokerId::new(id), rig.epoch(id));
            rig.submit(ShutdownBroker { broker_id, broker_epoch }).unwrap();
        }
        Step::Unfence(_) | Step::Fence(_) | Step::Shutdown(_) => {}
        Step::Create(number, partitions, replication_factor) => {
            let wanted = CreateTopic {
                partitions: Some(partitions),
                replication_factor,
                ..topic(&format!("t{number}"))
            };
            drop(rig.create(wanted));
        }
        Step::Grow(number, total) => drop(rig.submit(api::CreatePartitions {
            topic: name(&format!("t{number}")),
            total,
            assignment: None,
            validate_only: false,
            timeout_ms: 0,
        })),
        Step::Delete(number) => {
            let topics = vec![name(&format!("t{number}"))];
            rig.submit(api::DeleteTopics { topics, ..Default::default() }).unwrap();
        }
        Step::MinIsr(number, min) => {
            let change = api::ConfigAlteration::set("min.insync.replicas", min.to_string());
            let resources = vec![(ConfigResource::Topic(name(&format!("t{number}"))), vec![change])];
            rig.submit(api::AlterConfigs { resources, ..Default::default() }).unwrap();
        }
        Step::Alter(number, members, stale) => alter(rig, number, &members, stale),
        Step::Elect(unclean) => {
            let kind = if unclean { ElectionKind::Unclean } else { ElectionKind::Preferred };
            rig.submit(ElectLeaders { kind, partitions: None, timeout_ms: 0 }).unwrap();
        }
    }
}

/// The leader of partition 0 proposes some of the replicas.
fn alter(rig: &mut Rig, number: u8, members: &[bool], stale: bool) {
    let partition = rig.image().partition(&name(&format!("t{number}")), PartitionIndex::new(0)).cloned();
    let Some(partition) = partition else { return };
    let Some(leader) = partition.leader else { return };
    let all = partition.replicas.iter().chain(&partition.adding_replicas).filter(|id| **id != leader);
    let chosen = all.zip(members).filter(|(_, chosen)| **chosen).map(|(id, _)| (*id, rig.epoch(id.get())));
    let proposal = api::IsrProposal {
        topic_id: partition.topic_id,
        partition: partition.partition,
        leader_epoch: partition.leader_epoch,
        partition_epoch: if stale { PartitionEpoch::new(-1) } else { partition.partition_epoch },
        followers: chosen.collect(),
    };
    let broker_epoch = rig.epoch(leader.get());
    let reply = rig.submit(api::AlterIsr { broker_id: leader, broker_epoch, proposals: vec![proposal] });
    let result = reply.unwrap().results.remove(0);
    assert!(!stale || result.is_err_and(|refused| refused.code == ErrorCode::InvalidUpdateVersion), "INV-9");
}

/// What must hold of every partition, and between a partition and what it was before.
fn check(before: &Image, after: &Image) {
    for partition in after.partitions() {
        let live = |broker: &BrokerId| after.is_live(*broker);
        partition_change::check(partition);
        let electable =
            partition.in_sync_replicas.iter().chain(&partition.eligible_leader_replicas).any(live);
        assert_eq!(partition.leader.is_some(), electable, "who can lead leads: {partition:?}");
        assert!(partition.leader.is_none_or(|leader| live(&leader)), "a leader is alive: {partition:?}");
        let dead = partition.in_sync_replicas.iter().filter(|broker| !live(broker)).count();
        assert!(dead == 0 || partition.in_sync_replicas.len() == 1, "only a sole member may be dead");
        let Some(old) = before.topic_by_id(partition.topic_id).and_then(|t| t.partition(partition.partition))
        else {
            continue;
        };
        assert_eq!(old == partition, old.partition_epoch == partition.partition_epoch, "each change counts");
        assert!(old.partition_epoch <= partition.partition_epoch);
        assert!(old.leader_epoch <= partition.leader_epoch, "INV-4");
        assert!(old.leader == partition.leader || old.leader_epoch < partition.leader_epoch, "INV-4");
        assert!(partition.replicas.starts_with(&old.replicas), "the placement never reorders itself");
        assert!(partition.replicas.len() <= usize::from(partition.wanted), "no more than were wanted");
        if let Some(leader) = partition.leader.filter(|leader| old.leader != Some(*leader)) {
            let could =
                old.in_sync_replicas.contains(&leader) || old.eligible_leader_replicas.contains(&leader);
            let unclean = partition.recovery_state == RecoveryState::Recovering;
            assert!(could || unclean, "INV-14: {old:?} then {partition:?}");
        }
        let new_process = old
            .leader
            .is_some_and(|id| before.broker(id).map(|b| b.epoch()) != after.broker(id).map(|b| b.epoch()));
        assert!(!new_process || old.leader_epoch < partition.leader_epoch, "INV-2");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn inv_04_inv_14_inv_35_hold_on_a_random_walk(steps in proptest::collection::vec(step(), 1..40)) {
        let mut rig = Rig::new();
        rig.defaults.replication_factor = 3;
        for id in 1..=3 {
            rig.join(id);
        }
        for step in steps {
            let before = rig.image().clone();
            take(&mut rig, step);
            check(&before, rig.image());
        }
    }
}
