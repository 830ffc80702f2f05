//! Who and what is not let in: brokers without the secret, second brokers, other clusters, journals that are older or
//! damaged, more replicas than brokers. Each is told why, and harms nobody.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use yak_testkit::{Cluster, ClusterBuilder, binary, free_ports, run, wait_for};

/// What a process wrote to stderr.
fn stderr(cluster: &Cluster, name: &str) -> String {
    fs::read_to_string(cluster.directory().join(format!("{name}.stderr"))).unwrap_or_default()
}

fn wait_until_says(cluster: &Cluster, name: &str, what: &str) {
    wait_for(&format!("{name} to say {what}"), || stderr(cluster, name).contains(what).then_some(()));
}

/// Produces to broker 1, which must succeed.
fn produce(cluster: &Cluster, topic: &str) {
    let reply = cluster
        .connect(1)
        .ask(&format!(r#"{{"op":"produce","topic":"{topic}","records":[{{"value":"v"}}]}}"#));
    assert!(reply.get("ok").is_some(), "{reply}");
}

fn create(cluster: &Cluster, topic: &str) -> Value {
    cluster
        .connect(1)
        .ask(&format!(r#"{{"op":"create_topics","topics":[{{"name":"{topic}"}}],"timeout_ms":2000}}"#))
}

/// A broker that is none of the cluster's own; killed when dropped.
struct Stranger(Child);

impl Stranger {
    /// Starts it as broker 2, with a directory and files of this name.
    fn start(cluster: &Cluster, name: &str, overrides: &[&str]) -> Self {
        let data = cluster.directory().join(name);
        let mut command = Command::new(binary("yak-broker"));
        command
            .args(["--id", "2", "--port", "0", "--zookeeper", &cluster.zookeeper_address(), "--data"])
            .arg(&data);
        for pair in overrides {
            command.args(["--override", pair]);
        }
        let stdout = File::create(data.with_extension("stdout")).unwrap();
        let stderr = File::create(data.with_extension("stderr")).unwrap();
        Self(command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().unwrap())
    }

    fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A cluster of one broker whose topics have one replica.
fn alone() -> Cluster {
    ClusterBuilder::new(1).set("default.replication.factor", "1").set("min.insync.replicas", "1").start()
}

#[test]
fn only_brokers_with_the_secret_of_the_cluster_are_let_in() {
    let builder = ClusterBuilder::new(1).set_zookeeper("cluster.secret", "open sesame");
    let mut cluster = builder.set("cluster.secret", "open sesame").start();
    let others: [(&str, &[&str], &str); 2] = [
        ("without", &[], "this cluster has a cluster.secret: set the same one for the broker"),
        ("wrong", &["cluster.secret=shut sesame"], "cluster.secret is not the one of this cluster"),
    ];
    for (name, overrides, says) in others {
        let mut stranger = Stranger::start(&cluster, name, overrides);
        wait_until_says(&cluster, name, says);
        assert!(stranger.is_running(), "it keeps trying");
        let said = fs::read_to_string(cluster.directory().join(format!("{name}.stdout"))).unwrap();
        assert_eq!(said, "", "it is not ready");
    }
    let forged = r#"{"op":"register_broker","broker_id":3,"incarnation_id":"AAAAAAAAAAAAAAAAAAAAAQ","directory_ids":["AAAAAAAAAAAAAAAAAAAAAQ"],"host":"localhost","port":1,"secret":"sesame"}"#;
    let (code, message) = cluster.connect_zookeeper().error(forged);
    assert_eq!(code, "CLUSTER_AUTHORIZATION_FAILED", "{message}");
    let status = cluster.connect_zookeeper().ok(r#"{"op":"status"}"#);
    assert_eq!(status["brokers"].as_array().map(Vec::len), Some(1), "{status}");
    for name in ["broker-1", "without", "wrong", "zookeeper"] {
        assert!(!stderr(&cluster, name).contains("sesame"), "{name} shows the secret");
    }
    let printed = run("yak-broker", &["--print-config", "--override", "cluster.secret=open sesame"]).ok();
    assert!(
        printed.text().contains("cluster.secret") && !printed.text().contains("sesame"),
        "{}",
        printed.text()
    );
    // The zookeeper asks for it again after its restart.
    cluster.kill_zookeeper();
    cluster.start_zookeeper();
    wait_for("the session", || {
        let status = cluster.connect_zookeeper().ok(r#"{"op":"status"}"#);
        (status["brokers"][0]["connected"] == true).then_some(())
    });
}

#[test]
fn a_second_broker_of_a_number_waits_until_the_first_is_dead() {
    let mut cluster = alone();
    let data = cluster.directory().join("newcomer");
    let mut newcomer = cluster.spawn_broker(1, &data, free_ports(1)[0]);
    wait_until_says(&cluster, "newcomer", "another process of broker 1");
    assert!(newcomer.is_running() && newcomer.ready().is_none());
    produce(&cluster, "t");
    cluster.kill(1);
    let ready = newcomer.wait_ready(&data.with_extension("stderr"));
    assert_eq!(ready["broker_id"], 1, "{ready}");
}

#[test]
fn a_directory_of_another_cluster_is_refused() {
    let mut other = alone();
    assert_eq!(other.shut_down(1), Some(0));
    let cluster = alone();
    let data = cluster.directory().join("stranger");
    fs::rename(other.data(1), &data).unwrap();
    let mut stranger = cluster.spawn_broker(1, &data, free_ports(1)[0]);
    assert_eq!(stranger.wait_end(), Some(1));
    let said = stderr(&cluster, "stranger");
    assert!(said.contains("error: ") && said.contains("broker 1 belongs to cluster"), "{said}");
    produce(&cluster, "t");
}

/// The journal's newest file.
fn journal(cluster: &Cluster) -> PathBuf {
    let mut found = Vec::new();
    let mut folders = vec![cluster.zookeeper_data()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.starts_with("journal-") && name.ends_with(".ndjson") {
                found.push(path);
            }
        }
    }
    found.into_iter().max().unwrap()
}

#[test]
fn an_older_journal_is_refused_by_brokers_that_saw_more() {
    let mut cluster = alone();
    assert!(create(&cluster, "t").get("ok").is_some());
    cluster.kill_zookeeper();
    let path = journal(&cluster);
    let older = fs::read(&path).unwrap();
    cluster.start_zookeeper();
    wait_for("a topic in the newer journal", || create(&cluster, "u").get("ok").map(drop));
    cluster.kill_zookeeper();
    let newer = fs::read(&path).unwrap();
    assert!(newer.len() > older.len());

    fs::write(&path, older).unwrap();
    cluster.start_zookeeper();
    wait_until_says(&cluster, "broker-1", "has an older journal: it ends at");
    wait_until_says(
        &cluster,
        "zookeeper",
        "it is an older one; stop this zookeeper and start it with the newer journal",
    );
    let (code, _) = cluster.connect_zookeeper().error(r#"{"op":"metadata"}"#);
    assert_eq!(code, "INVALID_REGISTRATION", "it serves nobody");
    for topic in ["t", "u"] {
        produce(&cluster, topic);
    }

    cluster.kill_zookeeper();
    fs::write(&path, newer).unwrap();
    cluster.start_zookeeper();
    wait_for("the cluster to go on", || create(&cluster, "v").get("ok").map(drop));
}

#[test]
fn a_damaged_journal_is_not_started_with() {
    let mut cluster = alone();
    assert!(create(&cluster, "t").get("ok").is_some());
    cluster.kill_zookeeper();
    let path = journal(&cluster);
    let whole = fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    let second_line = damaged.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    damaged[second_line + 20] ^= 1;
    fs::write(&path, &damaged).unwrap();
    let data = cluster.zookeeper_data();
    let finished = run("yak-zookeeper", &["--port", "0", "--data", data.to_str().unwrap()]);
    assert_eq!((finished.code, finished.text().as_str()), (Some(1), ""), "{}", finished.stderr);
    let place = format!("{}:2: ", path.file_name().unwrap().to_str().unwrap());
    assert!(
        finished.first_error().starts_with("error: ") && finished.stderr.contains(&place),
        "{}",
        finished.stderr
    );
    assert_eq!(fs::read(&path).unwrap(), damaged, "nothing is touched");
    produce(&cluster, "t");
    fs::write(&path, &whole).unwrap();
    cluster.start_zookeeper();
    wait_for("the cluster to go on", || create(&cluster, "u").get("ok").map(drop));
}

#[test]
fn more_replicas_than_brokers_are_refused() {
    let cluster = alone();
    let address = cluster.address(1);
    let words = ["--bootstrap-server", &address, "--create", "--topic", "t", "--replication-factor", "3"];
    let finished = run("yak-topics", &words);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    let says = "replication factor 3 is larger than the 1 live broker(s)";
    assert!(finished.first_error().contains(says), "{}", finished.stderr);
    let (code, _) = cluster
        .connect(1)
        .error(r#"{"op":"create_topics","topics":[{"name":"t","replication_factor":3}],"timeout_ms":2000}"#);
    assert_eq!(code, "INVALID_REPLICATION_FACTOR");
    let metadata = cluster.connect(1).ok(r#"{"op":"metadata"}"#);
    assert_eq!(metadata["topics"].as_array().map(Vec::len), Some(0), "nothing was made: {metadata}");
}
