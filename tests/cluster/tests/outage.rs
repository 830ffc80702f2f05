//! What clients say on stderr, without being asked for more, while no broker answers, and when one does again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use yak_testkit::{Cluster, binary, signal, wait_for};

/// A client whose stderr is a file that can be read while it runs; killed when dropped.
struct Client {
    child: Child,
    stderr: PathBuf,
}

impl Client {
    fn start(cluster: &Cluster, name: &str, args: &[&str]) -> Self {
        let stderr = cluster.directory().join(format!("{name}.err"));
        let child = Command::new(binary(name))
            .args(["--topic", "orders", "--bootstrap-server", &cluster.bootstrap()])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(File::create(cluster.directory().join(format!("{name}.out"))).unwrap())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        Self { child, stderr }
    }

    fn write(&mut self, input: &str) {
        self.child.stdin.as_mut().unwrap().write_all(input.as_bytes()).unwrap();
    }

    fn waits_to_say(&self, words: &str) {
        wait_for(words, || self.said().contains(words).then_some(()));
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

#[test]
fn clients_say_once_that_no_broker_answers_and_once_that_it_goes_on() {
    let mut cluster = Cluster::start(1);
    cluster.create_topic(1, "orders", 1, 1);
    let consumer = Client::start(&cluster, "yak-consumer", &["--from-beginning"]);
    let mut producer = Client::start(&cluster, "yak-producer", &[]);
    producer.write("before\n");
    let read = cluster.directory().join("yak-consumer.out");
    wait_for("a record", || (fs::read_to_string(&read).unwrap() == "before\n").then_some(()));

    cluster.kill(1);
    producer.write("meanwhile\n");
    consumer.waits_to_say("reading goes on as soon as somebody answers");
    producer.waits_to_say("1 record not acknowledged yet");
    cluster.restart(1);
    consumer.waits_to_say("note: reading goes on\n");
    producer.waits_to_say("note: records are acknowledged again");
    wait_for("both records", || (fs::read_to_string(&read).unwrap() == "before\nmeanwhile\n").then_some(()));
    assert_eq!(consumer.said().lines().filter(|line| line.starts_with("warning: ")).count(), 1);
    signal(producer.child.id(), "INT");
    signal(consumer.child.id(), "INT");
}

#[test]
fn a_consumer_whose_brokers_all_hang_says_so() {
    let cluster = Cluster::start(2);
    cluster.create_topic(1, "orders", 1, 2);
    let consumer = Client::start(&cluster, "yak-consumer", &["--from-beginning"]);
    wait_for("the consumer", || {
        let listed = |id: i32| cluster.status(id)["clients"].as_array().is_some_and(|all| !all.is_empty());
        (listed(1) || listed(2)).then_some(())
    });
    cluster.pause(1);
    cluster.pause(2);
    consumer.waits_to_say("reading goes on as soon as somebody answers");
    cluster.resume(1);
    cluster.resume(2);
    consumer.waits_to_say("note: reading goes on\n");
}
