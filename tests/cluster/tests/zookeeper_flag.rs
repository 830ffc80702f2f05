//! `yak-topics --zookeeper`: the zookeeper says where the brokers are.

use yak_testkit::{Cluster, ClusterBuilder, Finished, free_ports, run};

fn topics(zookeeper: &str, args: &[&str]) -> Finished {
    run("yak-topics", &[&["--zookeeper", zookeeper], args].concat())
}

#[test]
fn topics_are_created_and_listed_by_way_of_the_zookeeper() {
    // Every port is a free one: nothing can be guessed.
    let cluster = Cluster::start(3);
    let zookeeper = cluster.zookeeper_address();
    let classic = ["--create", "--replication-factor", "1", "--partitions", "1", "--topic", "test"];
    let created = topics(&zookeeper, &classic).ok();
    assert_eq!(created.text(), "Created topic test.\n");
    assert!(created.stderr.contains("--zookeeper: its brokers are asked"), "{}", created.stderr);
    let three = ["--create", "--replication-factor", "3", "--partitions", "1", "--topic", "replicated"];
    assert_eq!(topics(&zookeeper, &three).ok().text(), "Created topic replicated.\n");
    assert_eq!(topics(&zookeeper, &["--list"]).ok().text(), "replicated\ntest\n");
    let path = format!("{zookeeper}/kafka");
    let described = topics(&path, &["--describe", "--topic", "replicated"]).ok().text();
    let replicas = described.split("Replicas: ").nth(1).and_then(|rest| rest.split('\t').next()).unwrap();
    let mut replicas: Vec<&str> = replicas.split(',').collect();
    replicas.sort_unstable();
    assert_eq!(replicas, ["1", "2", "3"], "{described}");
}

#[test]
fn a_dead_broker_is_not_asked() {
    let mut cluster = Cluster::start(3);
    cluster.create_topic(1, "test", 1, 3);
    cluster.kill(1);
    cluster.wait_for_isr(2, ("test", 0), &[2, 3]);
    let listed = topics(&cluster.zookeeper_address(), &["--list"]).ok();
    assert_eq!(listed.text(), "test\n");
    assert!(!listed.stderr.contains(&cluster.address(1)), "{}", listed.stderr);
    assert!(listed.stderr.contains(&cluster.address(3)), "{}", listed.stderr);
}

#[test]
fn whatever_is_wrong_is_said_with_a_way_out() {
    let nobody = format!("127.0.0.1:{}", free_ports(1)[0]);
    let failed = topics(&nobody, &["--list", "--request-timeout-ms", "300"]);
    let expected = format!("error: no zookeeper answered at {nobody}: connection refused");
    assert_eq!((failed.code, failed.first_error()), (Some(1), expected.as_str()), "{}", failed.stderr);
    assert!(failed.stderr.contains("  hint: start one with `yak-zookeeper`"), "{}", failed.stderr);

    let mut cluster = ClusterBuilder::new(1).prepare();
    cluster.start_zookeeper();
    let zookeeper = cluster.zookeeper_address();
    let failed = topics(&zookeeper, &["--list"]);
    let expected = format!("error: no broker has registered with the zookeeper at {zookeeper} yet");
    assert!(failed.first_error().starts_with(&expected), "{}", failed.stderr);
    let hint = format!("  hint: start one with `yak-broker --id 1 --zookeeper {zookeeper}`");
    assert!(failed.stderr.contains(&hint), "{}", failed.stderr);

    cluster.restart(1);
    let failed = topics(&cluster.address(1), &["--list"]);
    let expected = format!("error: broker 1 listens at {}, not a zookeeper", cluster.address(1));
    assert!(failed.first_error().starts_with(&expected), "{}", failed.stderr);
    assert!(failed.stderr.contains("  hint: pass that address as --bootstrap-server"), "{}", failed.stderr);
    assert_eq!(failed.code, Some(1));

    cluster.kill(1);
    yak_testkit::wait_for("the broker to be missed", || {
        let failed = topics(&zookeeper, &["--list"]);
        let said = format!("error: none of the 1 brokers of the zookeeper at {zookeeper} is alive");
        failed.first_error().starts_with(&said).then_some(())
    });
}
