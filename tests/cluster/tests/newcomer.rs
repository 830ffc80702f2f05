//! A broker that comes while producers run: they find it by themselves and send to it.

use yak_testkit::{ClusterBuilder, Running, wait_for};

#[test]
fn a_running_producer_finds_a_broker_that_came_later_and_sends_to_it() {
    let builder =
        ClusterBuilder::new(2).set("default.replication.factor", "1").set("min.insync.replicas", "1");
    let mut cluster = builder.prepare();
    cluster.start_zookeeper();
    cluster.restart(1);
    cluster.create_topic(1, "t", 1, 1);
    let mut producer = Running::start(
        "yak-producer",
        &["--bootstrap-server", &cluster.address(1), "--topic", "t", "--quiet"],
    );
    let mut sent = 0;
    let mut send = |producer: &mut Running| {
        sent += 1;
        producer.write(format!("line {sent}\n").as_bytes());
        sent
    };
    let end = |cluster: &yak_testkit::Cluster, broker: i32, partition: i32| {
        let seen = cluster.partition(broker, "t", partition)?;
        seen["log_end_offset"].as_i64()
    };
    send(&mut producer);
    wait_for("a record at broker 1", || end(&cluster, 1, 0).filter(|end| *end > 0));

    cluster.restart(2);
    cluster.connect(1).ok(r#"{"op":"create_partitions","topic":"t","total":2}"#);
    assert_eq!(cluster.wait_for_leader(2, ("t", 1), |_| true), 2, "new partitions go where there are fewest");
    wait_for("a record at broker 2", || {
        send(&mut producer);
        end(&cluster, 2, 1).filter(|end| *end > 0)
    });
    producer.close_stdin();
    _ = producer.finish().ok();
    let total = end(&cluster, 1, 0).zip(end(&cluster, 2, 1)).map(|(first, second)| first + second);
    assert_eq!(total, Some(sent), "every line is there once");
}
