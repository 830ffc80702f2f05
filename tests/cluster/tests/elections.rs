//! Elections on request and by configuration, with real programs: back to the preferred leader, and at the price of records.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use yak_testkit::{Cluster, ClusterBuilder, Finished, run, run_with_input, wait_for};

fn topics(cluster: &Cluster, args: &[&str]) -> Finished {
    run("yak-topics", &[&["--bootstrap-server", &cluster.bootstrap()], args].concat())
}

fn produce(cluster: &Cluster, lines: &str) {
    let bootstrap = cluster.bootstrap();
    let args = ["--topic", "orders", "--bootstrap-server", &bootstrap];
    _ = run_with_input("yak-producer", &args, lines.as_bytes()).ok();
}

/// Everything the zookeeper's journal says.
fn journal(cluster: &Cluster) -> String {
    let files = fs::read_dir(cluster.zookeeper_data()).unwrap().filter_map(Result::ok);
    let texts = files.filter(|file| file.path().extension().is_some_and(|found| found == "ndjson"));
    texts.map(|file| fs::read_to_string(file.path()).unwrap()).collect()
}

#[test]
fn the_preferred_leader_leads_again_on_request_once_it_is_back_in_sync() {
    let mut cluster = Cluster::start(3);
    cluster.create_topic(1, "orders", 1, 3);
    let preferred = cluster.wait_for_leader(1, ("orders", 0), |_| true);
    let not_needed = topics(&cluster, &["--elect-preferred", "--topic", "orders"]).ok();
    assert!(not_needed.stderr.contains("leads already"), "{}", not_needed.stderr);

    cluster.kill(preferred);
    let other = if preferred == 1 { 2 } else { 1 };
    cluster.wait_for_leader(other, ("orders", 0), |leader| leader != preferred);
    let refused = topics(&cluster, &["--elect-preferred", "--topic", "orders", "--partition", "0"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.first_error().contains("(PREFERRED_LEADER_NOT_AVAILABLE)"), "{}", refused.stderr);

    cluster.restart(preferred);
    cluster.wait_for_isr(other, ("orders", 0), &[1, 2, 3]);
    assert_ne!(cluster.leader_of(other, "orders", 0), Some(preferred), "nobody asked yet");
    let elected = topics(&cluster, &["--elect-preferred"]).ok();
    assert_eq!(elected.text(), format!("orders-0: leader {preferred} (preferred election)\n"));
    cluster.wait_for_leader(other, ("orders", 0), |leader| leader == preferred);
    let said = format!("orders-0: preferred leader {preferred} elected on request");
    assert!(journal(&cluster).contains(&said), "{}", journal(&cluster));
    assert!(
        topics(&cluster, &["--elect-preferred"]).ok().stderr.contains("led by its preferred leader already")
    );
}

/// A cluster in which 1 lacks what 2 acknowledged alone, and 2 is gone for good.
fn without_its_last_member(config: &[&str]) -> Cluster {
    let mut cluster = ClusterBuilder::new(2).set("min.insync.replicas", "1").start();
    let create = ["--create", "--topic", "orders", "--replica-assignment", "1:2"];
    _ = topics(&cluster, &[&create[..], config].concat()).ok();
    produce(&cluster, "both\n");
    cluster.wait_for_isr(2, ("orders", 0), &[1, 2]);
    cluster.kill(1);
    cluster.wait_for_leader(2, ("orders", 0), |leader| leader == 2);
    cluster.wait_for_isr(2, ("orders", 0), &[2]);
    produce(&cluster, "lost\n");
    cluster.kill(2);
    cluster.start_broker(1);
    cluster
}

fn read_all(cluster: &Cluster) -> String {
    let bootstrap = cluster.bootstrap();
    let args = ["--topic", "orders", "--from-beginning", "--exit", "--bootstrap-server", &bootstrap];
    run("yak-consumer", &args).ok().text()
}

#[test]
fn inv_14_an_unclean_election_is_made_on_request_alone_and_says_what_it_costs() {
    let mut cluster = without_its_last_member(&[]);
    cluster.wait_ready(1);
    wait_for("2 to be missed", || cluster.leader_of(1, "orders", 0).is_none().then_some(()));
    // Whoever is alive now, and may lack records, does not lead by itself.
    let preferred = topics(&cluster, &["--elect-preferred", "--topic", "orders"]);
    assert_eq!(preferred.code, Some(1), "{}", preferred.stderr);

    let elected = topics(&cluster, &["--elect-unclean", "--topic", "orders", "-y"]).ok();
    assert_eq!(elected.text(), "orders-0: leader 1 (unclean election)\n");
    assert!(elected.stderr.contains("records that broker 1 did not have are lost"), "{}", elected.stderr);
    let said = "orders-0: UNCLEAN election of 1 on request; records may be lost";
    assert!(journal(&cluster).contains(said), "{}", journal(&cluster));
    cluster.wait_for_leader(1, ("orders", 0), |leader| leader == 1);
    assert_eq!(read_all(&cluster), "both\n");
    let again = topics(&cluster, &["--elect-unclean"]).ok();
    assert!(again.stderr.contains("every partition that was asked for has a leader"), "{}", again.stderr);
    let unknown = topics(&cluster, &["--elect-unclean", "--topic", "orders", "--partition", "7"]);
    assert!(unknown.first_error().contains("no partition 7"), "{}", unknown.stderr);
    assert_eq!(unknown.code, Some(1));
}

#[test]
fn inv_14_a_topic_that_would_rather_lose_records_elects_by_itself_and_the_journal_says_so() {
    let mut cluster = without_its_last_member(&["--config", "unclean.leader.election.enable=true"]);
    cluster.wait_ready(1);
    cluster.wait_for_leader(1, ("orders", 0), |leader| leader == 1);
    let said = "orders-0: UNCLEAN election of 1 by unclean.leader.election.enable; records may be lost";
    assert!(journal(&cluster).contains(said), "{}", journal(&cluster));
    assert_eq!(read_all(&cluster), "both\n");
}

#[test]
fn leadership_goes_back_by_itself_if_the_zookeeper_is_told_so() {
    let mut cluster = ClusterBuilder::new(3)
        .set_zookeeper("auto.leader.rebalance.enable", "true")
        .set_zookeeper("leader.imbalance.check.interval.seconds", "1")
        .start();
    cluster.create_topic(1, "orders", 1, 3);
    let preferred = cluster.wait_for_leader(1, ("orders", 0), |_| true);
    cluster.kill(preferred);
    let other = if preferred == 1 { 2 } else { 1 };
    cluster.wait_for_leader(other, ("orders", 0), |leader| leader != preferred);
    cluster.restart(preferred);
    cluster.wait_for_leader(other, ("orders", 0), |leader| leader == preferred);
    cluster.wait_for_isr(other, ("orders", 0), &[1, 2, 3]);
    let said = "orders-0: leadership back to the preferred leader (auto.leader.rebalance.enable)";
    wait_for("the journal to say so", || journal(&cluster).contains(said).then_some(()));
}
