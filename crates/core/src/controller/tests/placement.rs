//! Where new partitions go.

use super::*;

#[test]
fn n_partitions_on_n_brokers_are_one_each() {
    let mut rig = Rig::cluster(3);
    rig.create(sized("t", 3, 1)).unwrap();
    assert_eq!(rig.replicas("t"), "1  2  3");
}

#[test]
fn n_partitions_on_more_brokers_are_on_the_first_n() {
    let mut rig = Rig::cluster(4);
    rig.create(sized("t", 2, 1)).unwrap();
    assert_eq!(rig.replicas("t"), "1  2");
}

#[test]
fn more_partitions_than_brokers_are_shared() {
    let mut rig = Rig::cluster(2);
    rig.create(sized("t", 5, 1)).unwrap();
    assert_eq!(rig.replicas("t"), "1  2  1  2  1");
}

#[test]
fn the_order_is_that_of_registration_not_of_number() {
    let mut rig = Rig::new();
    for id in [3, 1, 2] {
        rig.join(id);
    }
    rig.create(sized("t", 3, 1)).unwrap();
    assert_eq!(rig.replicas("t"), "3  1  2");
}

#[test]
fn leaders_are_spread_and_followers_come_next_in_order() {
    let mut rig = Rig::cluster(3);
    rig.create(sized("t", 4, 3)).unwrap();
    assert_eq!(rig.replicas("t"), "1,2,3  2,3,1  3,1,2  1,2,3");
    rig.create(sized("u", 3, 2)).unwrap();
    assert_eq!(rig.replicas("u"), "2,3  3,1  1,2");
}

#[test]
fn topics_of_one_partition_go_round() {
    let mut rig = Rig::cluster(3);
    for topic in ["a", "b", "c", "d"] {
        rig.create(sized(topic, 1, 1)).unwrap();
    }
    let all = ["a", "b", "c", "d"].map(|topic| rig.replicas(topic));
    assert_eq!(all, ["1", "2", "3", "1"]);
}

#[test]
fn a_new_broker_gets_the_next_partitions() {
    let mut rig = Rig::cluster(2);
    rig.create(sized("t", 4, 1)).unwrap();
    rig.join(3);
    rig.create(sized("u", 3, 1)).unwrap();
    assert_eq!(rig.replicas("u"), "3  3  1");
}

#[test]
fn the_dead_get_nothing() {
    let mut rig = Rig::cluster(3);
    rig.fence(1);
    rig.create(sized("t", 3, 2)).unwrap();
    assert_eq!(rig.replicas("t"), "2,3  3,2  2,3");
}

#[test]
fn a_replica_is_in_its_brokers_first_directory() {
    let mut rig = Rig::cluster(2);
    rig.create(sized("t", 1, 2)).unwrap();
    assert_eq!(rig.partition("t", 0).directory_ids, vec![home(1), home(2)]);
}

#[test]
fn many_partitions_are_balanced_within_one() {
    let mut rig = Rig::cluster(3);
    rig.create(sized("t", 1_000, 2)).unwrap();
    let mut leaders = BTreeMap::new();
    let mut replicas = BTreeMap::new();
    for partition in rig.image().partitions() {
        *leaders.entry(partition.leader).or_insert(0) += 1;
        partition.replicas.iter().for_each(|replica| *replicas.entry(*replica).or_insert(0) += 1);
    }
    assert!(leaders.values().all(|count: &i32| (333..=334).contains(count)), "{leaders:?}");
    assert!(replicas.values().all(|count: &i32| (666..=667).contains(count)), "{replicas:?}");
}
