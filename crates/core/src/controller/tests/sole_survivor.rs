//! The last replica: when its return is enough, and when it is not.

use super::*;

const WHOLE: LogProof = LogProof { undamaged: true, page_cache_kept: true };

#[test]
fn a_partition_that_wants_one_replica_waits_for_nobody() {
    let mut rig = Rig::cluster(1);
    rig.create(topic("t")).unwrap();
    rig.register(1);
    assert_eq!((rig.leader("t"), rig.isr("t"), rig.leader_epoch("t")), (None, vec![1], 1));
    rig.unfence(1);
    assert_eq!((rig.leader("t"), rig.isr("t"), rig.leader_epoch("t")), (Some(1), vec![1], 2));
}

#[test]
fn a_partition_that_wants_one_replica_leads_again_even_from_a_new_disk() {
    let mut rig = Rig::cluster(1);
    rig.create(topic("t")).unwrap();
    let fresh = DirectoryId::from_random([77; 16]);
    let registration = RegisterBroker { directory_ids: vec![fresh], ..rig.registration(1) };
    rig.submit(registration).unwrap();
    rig.unfence(1);
    assert_eq!(rig.leader("t"), Some(1));
    assert_eq!(rig.partition("t", 0).directory_ids, vec![fresh]);
}

/// Topic `t` wants three replicas; of its ISR only broker 3 is left, and it is dead.
fn last_is_three(flush: &str) -> Rig {
    let mut rig = Rig::cluster(3);
    rig.create(configured("t", 3, &[("flush", flush)])).unwrap();
    for id in [1, 2, 3] {
        rig.fence(id);
    }
    assert_eq!((rig.leader("t"), rig.isr("t")), (None, vec![3]));
    rig
}

#[test]
fn inv_06_an_unproven_sole_member_is_out() {
    let mut rig = last_is_three("sync");
    rig.register(3);
    rig.unfence(3);
    assert_eq!((rig.leader("t"), rig.isr("t")), (None, vec![]), "it waits for an operator");
}

#[test]
fn a_sole_member_that_proves_its_log_whole_leads_again() {
    let mut rig = last_is_three("sync");
    rig.register_proven(3, LogProof { undamaged: true, page_cache_kept: false });
    rig.unfence(3);
    assert_eq!((rig.leader("t"), rig.isr("t")), (Some(3), vec![3]));
}

#[test]
fn without_sync_the_page_cache_must_have_survived() {
    let mut rig = last_is_three("os");
    rig.register_proven(3, LogProof { undamaged: true, page_cache_kept: false });
    rig.unfence(3);
    assert_eq!((rig.leader("t"), rig.isr("t")), (None, vec![]));

    let mut rig = last_is_three("os");
    rig.register_proven(3, WHOLE);
    rig.unfence(3);
    assert_eq!((rig.leader("t"), rig.isr("t")), (Some(3), vec![3]));
}

#[test]
fn inv_06_a_wiped_disk_proves_nothing() {
    let mut rig = last_is_three("sync");
    let fresh = DirectoryId::from_random([77; 16]);
    let registration = RegisterBroker { directory_ids: vec![fresh], proof: WHOLE, ..rig.registration(3) };
    rig.submit(registration).unwrap();
    rig.unfence(3);
    assert_eq!((rig.leader("t"), rig.isr("t")), (None, vec![]));
}

#[test]
fn who_has_company_leaves_the_isr_however_well_proven() {
    let mut rig = Rig::cluster(2);
    rig.create(sized("t", 1, 2)).unwrap();
    rig.register_proven(1, WHOLE);
    rig.unfence(1);
    assert_eq!((rig.leader("t"), rig.isr("t")), (Some(2), vec![2]));
}
