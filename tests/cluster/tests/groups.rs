//! `yak-consumer --group`: who gets which records, and where a group goes on.

use std::collections::BTreeMap;
use std::fs::{File, read_to_string};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use yak_testkit::{Broker, BrokerBuilder, Cluster, Running, binary, run_with_input, signal, wait_for};

/// A broker, and a directory for what members print.
struct Setting {
    broker: Broker,
    directory: TempDir,
}

impl Setting {
    /// With a topic `t` of so many partitions.
    fn new(partitions: i32) -> Self {
        Self::with(partitions, &[])
    }

    /// The same with settings of the broker.
    fn with(partitions: i32, settings: &[(&str, &str)]) -> Self {
        let directory = tempdir().expect("a temporary directory");
        let builder = BrokerBuilder::new(&directory.path().join("broker-1"));
        let broker = settings.iter().fold(builder, |builder, (key, value)| builder.set(key, value)).start();
        let topic = json!({"name": "t", "partitions": partitions});
        broker.connect().ok(&json!({"op": "create_topics", "topics": [topic]}).to_string());
        Self { broker, directory }
    }

    /// Appends the numbers to `t`, each with itself as its key.
    fn produce(&self, numbers: std::ops::Range<u32>) {
        produce(self.broker.bootstrap(), numbers);
    }

    fn member(&self, name: &str, group: &str, more: &[&str]) -> Member {
        Member::start(self.broker.bootstrap(), self.directory.path(), (name, group), more)
    }

    /// What a group has committed, by partition.
    fn committed(&self, group: &str) -> BTreeMap<i64, i64> {
        committed(&mut self.broker.connect(), group)
    }
}

fn produce(bootstrap: &str, numbers: std::ops::Range<u32>) {
    let lines: String = numbers.map(|number| format!("{number}:{number}\n")).collect();
    let args = ["--bootstrap-server", bootstrap, "--topic", "t", "--key-separator", ":", "-q"];
    let _done = run_with_input("yak-producer", &args, lines.as_bytes()).ok();
}

fn committed(socket: &mut yak_testkit::Socket, group: &str) -> BTreeMap<i64, i64> {
    let reply = socket.ask(&json!({"op": "offset_fetch", "group": group}).to_string());
    let offsets = reply["ok"]["offsets"].as_array().into_iter().flatten();
    offsets.filter_map(|one| Some((one["partition"].as_i64()?, one["offset"].as_i64()?))).collect()
}

/// A `yak-consumer` that prints into files. Killed when dropped.
struct Member {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Member {
    fn start(bootstrap: &str, directory: &Path, (name, group): (&str, &str), more: &[&str]) -> Self {
        let stdout = directory.join(format!("{name}.out"));
        let stderr = directory.join(format!("{name}.err"));
        let into = [&stdout, &stderr].map(|path| File::create(path).expect("a file").into());
        Self { child: Self::spawn((bootstrap, group), more, into), stdout, stderr }
    }

    fn spawn((bootstrap, group): (&str, &str), more: &[&str], [stdout, stderr]: [Stdio; 2]) -> Child {
        Command::new(binary("yak-consumer"))
            .env_remove("YAK_BOOTSTRAP_SERVERS")
            .args(["--bootstrap-server", bootstrap, "--group", group, "--show-rebalances", "--json"])
            .args(if more.contains(&"--include") { &[][..] } else { &["--topic", "t"] })
            .args(more)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .expect("it starts")
    }

    /// The records it has printed, by their values.
    fn printed(&self) -> Vec<u32> {
        let text = read_to_string(&self.stdout).expect("text");
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let value = |line: &str| serde_json::from_str::<Value>(line).ok()?["value"].as_str()?.parse().ok();
        whole.lines().map(|line| value(line).expect("a record")).collect()
    }

    /// How many partitions it was given last, less what it gave up since.
    fn owns(&self) -> Option<usize> {
        let text = read_to_string(&self.stderr).expect("text");
        let mut owned = None::<std::collections::BTreeSet<i64>>;
        for line in text.lines() {
            let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
            let partitions = event["partitions"].as_array().into_iter().flatten();
            let partitions: Vec<i64> = partitions.filter_map(|place| place["partition"].as_i64()).collect();
            match event["event"].as_str() {
                Some("assigned") => owned.get_or_insert_default().extend(partitions),
                Some("revoked" | "lost") => {
                    let owned = owned.get_or_insert_default();
                    partitions.iter().for_each(|partition| _ = owned.remove(partition));
                }
                _ => {}
            }
        }
        owned.map(|owned| owned.len())
    }

    fn wait_owns(&self, count: usize) {
        wait_for("it owns its part", || (self.owns() == Some(count)).then_some(()));
    }

    /// Ends it by a signal, in order; it must succeed.
    fn end(mut self, name: &str) -> Vec<u32> {
        signal(self.child.id(), name);
        let status = wait_for("its end", || self.child.try_wait().expect("a child"));
        assert_eq!(status.code(), Some(0), "{}", read_to_string(&self.stderr).expect("text"));
        self.printed()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

fn sorted(mut numbers: Vec<u32>) -> Vec<u32> {
    numbers.sort_unstable();
    numbers
}

fn all(to: u32) -> Vec<u32> {
    (0..to).collect()
}

#[test]
fn every_group_gets_everything_and_within_a_group_each_record_goes_to_one() {
    let setting = Setting::new(4);
    let first = setting.member("queue-1", "queue", &["--from-beginning"]);
    first.wait_owns(4);
    let second = setting.member("queue-2", "queue", &["--from-beginning"]);
    second.wait_owns(2);
    first.wait_owns(2);
    let alone = setting.member("alone", "other", &["--from-beginning"]);
    setting.produce(0..400);
    wait_for("both groups have everything", || {
        let queue = first.printed().len() + second.printed().len();
        (queue >= 400 && alone.printed().len() >= 400).then_some(())
    });
    assert_eq!(sorted(alone.printed()), all(400));
    let (first, second) = (first.end("INT"), second.end("TERM"));
    assert!(!first.is_empty() && !second.is_empty(), "both had their part");
    assert_eq!(sorted([first, second].concat()), all(400), "each record once");
}

#[test]
fn a_group_goes_on_behind_what_it_printed_last() {
    let setting = Setting::new(3);
    setting.produce(0..100);
    let member = setting.member("first", "g", &["--from-beginning"]);
    wait_for("it has all", || (member.printed().len() == 100).then_some(()));
    let mut printed = member.end("INT");
    assert_eq!(setting.committed("g").values().sum::<i64>(), 100, "what was printed is committed");
    setting.produce(100..200);

    let args = ["--bootstrap-server", setting.broker.bootstrap(), "--topic", "t", "--group", "g"];
    let some = Running::start("yak-consumer", &[&args[..], &["--max-messages", "30"]].concat()).finish().ok();
    let some: Vec<u32> = some.text().lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(some.len(), 30);
    assert_eq!(setting.committed("g").values().sum::<i64>(), 130, "no more than was printed");
    printed.extend(some);

    let rest = Running::start("yak-consumer", &[&args[..], &["--exit"]].concat()).finish().ok();
    printed.extend(rest.text().lines().map(|line| line.parse::<u32>().unwrap()));
    assert_eq!(sorted(printed), all(200), "nothing is missed, nothing comes twice");
    // The partitions' beginnings are the group's, though nothing was printed of them.
    let nothing = Running::start("yak-consumer", &[&args[..], &["--exit", "--from-beginning"]].concat());
    assert_eq!(nothing.finish().ok().text(), "");
}

#[test]
fn a_closed_pipe_commits_what_went_through_it() {
    let setting = Setting::new(1);
    setting.produce(0..5_000);
    let consumer = binary("yak-consumer");
    let script = format!(
        "'{}' --bootstrap-server {} --topic t --group g --from-beginning | head -n 10",
        consumer.display(),
        setting.broker.bootstrap()
    );
    let finished = Running::spawn(Command::new("bash").args(["-o", "pipefail", "-c", &script])).finish();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(finished.text().lines().count(), 10);
    let committed = setting.committed("g").get(&0).copied().unwrap_or(0);
    assert!(committed <= 5_000, "{committed}");
    let next = setting.member("next", "g", &[]);
    wait_for("the next goes on", || (!next.printed().is_empty() || committed == 5_000).then_some(()));
    if let Some(first) = next.printed().first() {
        assert_eq!(i64::from(*first), committed, "at what was committed");
    }
}

#[test]
fn a_killed_members_partitions_are_read_by_the_others() {
    let setting = Setting::new(4);
    let victim = setting.member("victim", "g", &["--from-beginning"]);
    victim.wait_owns(4);
    let other = setting.member("other", "g", &["--from-beginning"]);
    other.wait_owns(2);
    setting.produce(0..100);
    wait_for("both have read", || (victim.printed().len() + other.printed().len() == 100).then_some(()));
    drop(victim);
    other.wait_owns(4);
    setting.produce(100..200);
    wait_for("the other has the rest", || {
        let printed = other.printed();
        (100..200).all(|number| printed.contains(&number)).then_some(())
    });
}

#[test]
fn a_hung_members_partitions_are_read_by_the_others_until_it_goes_on() {
    let settings =
        [("group.consumer.session.timeout.ms", "1500"), ("group.consumer.heartbeat.interval.ms", "200")];
    let setting = Setting::with(4, &settings);
    let hangs = setting.member("hangs", "g", &["--from-beginning"]);
    hangs.wait_owns(4);
    let other = setting.member("other", "g", &["--from-beginning"]);
    other.wait_owns(2);
    hangs.wait_owns(2);
    // Its connections stay, and say nothing of it.
    signal(hangs.child.id(), "STOP");
    other.wait_owns(4);
    setting.produce(0..100);
    wait_for("the other has everything", || (sorted(other.printed()) == all(100)).then_some(()));
    signal(hangs.child.id(), "CONT");
    wait_for("it hears that it was given up", || {
        read_to_string(&hangs.stderr).expect("text").contains(r#""event":"lost""#).then_some(())
    });
    other.wait_owns(2);
    hangs.wait_owns(2);
    setting.produce(100..200);
    wait_for("both read", || (hangs.printed().len() + other.printed().len() == 200).then_some(()));
    assert_eq!(sorted([hangs.end("TERM"), other.end("TERM")].concat()), all(200), "each record once");
}

#[test]
fn a_first_position_is_kept_though_nothing_was_read() {
    let setting = Setting::new(2);
    setting.produce(0..50);
    // It wants what comes from now on, sees nothing, and goes.
    let member = setting.member("early", "g", &[]);
    wait_for("its position is committed", || {
        (setting.committed("g").values().sum::<i64>() == 50).then_some(())
    });
    assert_eq!(member.end("INT"), Vec::<u32>::new());
    setting.produce(50..60);
    let member = setting.member("late", "g", &[]);
    wait_for("what came meanwhile", || (member.printed().len() == 10).then_some(()));
    assert_eq!(sorted(member.end("INT")), (50..60).collect::<Vec<u32>>());
}

#[test]
fn topics_of_a_regular_expression_are_read_as_they_come() {
    let setting = Setting::new(1);
    let member = setting.member("m", "g", &["--include", "t|later-.*", "--from-beginning"]);
    member.wait_owns(1);
    let create = json!({"op": "create_topics", "topics": [{"name": "later-1", "partitions": 2}]});
    setting.broker.connect().ok(&create.to_string());
    wait_for("it owns the new topic's partitions", || {
        let text = read_to_string(&member.stderr).unwrap();
        (text.contains(r#"{"topic":"later-1","partition":0"#)
            && text.contains(r#"{"topic":"later-1","partition":1"#))
        .then_some(())
    });
    let record = json!({"op": "produce", "topic": "later-1", "partition": 1, "records": [{"value": "7"}]});
    setting.broker.connect().ok(&record.to_string());
    wait_for("the record", || (member.printed() == [7]).then_some(()));
    // Internal topics match no expression.
    assert!(!read_to_string(&member.stderr).unwrap().contains("__consumer_offsets"));
}

#[test]
fn a_group_lives_on_when_its_coordinators_broker_is_killed() {
    let mut cluster = Cluster::start(3);
    cluster.create_topic(1, "t", 3, 3);
    let directory = tempdir().unwrap();
    let bootstrap = cluster.bootstrap();
    let start = |name| Member::start(&bootstrap, directory.path(), (name, "g"), &["--from-beginning"]);
    let (first, second) = (start("first"), start("second"));
    wait_for("both have a part", || (first.owns()? + second.owns()? == 3).then_some(()));
    produce(&bootstrap, 0..300);
    let read = |to: u32| {
        let printed = sorted([first.printed(), second.printed()].concat());
        all(to).iter().all(|number| printed.binary_search(number).is_ok()).then_some(())
    };
    wait_for("all of it is read", || read(300));
    let coordinator = |cluster: &Cluster, through: i32| {
        let found = cluster.connect(through).ask(r#"{"op":"find_coordinator","group":"g"}"#);
        found["ok"]["coordinator"]["broker_id"].as_i64().and_then(|id| i32::try_from(id).ok())
    };
    let dies = coordinator(&cluster, 1).expect("a coordinator");
    let alive = if dies == 1 { 2 } else { 1 };
    cluster.kill(dies);
    produce(&cluster.bootstrap(), 300..600);
    wait_for("what came after the kill is read", || read(600));
    wait_for("and committed at the new coordinator", || {
        let next = coordinator(&cluster, alive).filter(|next| *next != dies)?;
        (committed(&mut cluster.connect(next), "g").values().sum::<i64>() == 600).then_some(())
    });
    first.end("INT");
    second.end("INT");
}

#[test]
fn what_a_member_gives_up_is_printed_before_it_says_so() {
    let setting = Setting::new(4);
    setting.produce(0..40_000);
    let (printed, into) = std::io::pipe().expect("a pipe");
    let into = [into.try_clone().expect("a pipe").into(), into.into()];
    let mut first = Member::spawn((setting.broker.bootstrap(), "g"), &["--from-beginning"], into);
    // When nobody reads on, it stands still in the middle of what it has of partition 2, which it is about to give up.
    let (mut printed, mut text) = (BufReader::new(printed), String::new());
    let mut line = 0;
    while !text[line..].contains(r#""partition":2,"offset":1,"#) {
        line = text.len();
        assert_ne!(printed.read_line(&mut text).expect("text"), 0, "it goes on");
    }
    let second = setting.member("second", "g", &["--from-beginning"]);
    wait_for("a part for the second member", || {
        let asked = json!({"op": "describe_groups", "groups": ["g"]}).to_string();
        let reply = setting.broker.connect().ask(&asked);
        (reply["ok"]["groups"][0]["state"] == "Reconciling").then_some(())
    });
    let reader = std::thread::spawn(move || printed.read_to_string(&mut text).map(|_| text));
    wait_for("everything is committed", || {
        (setting.committed("g").values().sum::<i64>() == 40_000).then_some(())
    });
    let second = second.end("TERM");
    signal(first.id(), "TERM");
    assert!(first.wait().expect("a child").success());
    let text = reader.join().expect("it reads").expect("text");

    let (mut owned, mut read, mut revoked) = (BTreeMap::<Option<i64>, Option<i64>>::new(), 0, 0);
    for line in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let places = line["partitions"].as_array().into_iter().flatten();
        let places = places.map(|place| (place["partition"].as_i64(), place["offset"].as_i64()));
        match line["event"].as_str() {
            Some("assigned") => owned.extend(places),
            Some("revoked" | "lost") => places.for_each(|(partition, offset)| {
                assert_eq!(owned.remove(&partition), Some(offset), "given up where it was: {line}");
                revoked += 1;
            }),
            _ if line["offset"].is_i64() => {
                let at = owned.get_mut(&line["partition"].as_i64()).expect("it is this member's");
                assert_eq!(
                    at.replace(line["offset"].as_i64().unwrap_or(-1) + 1),
                    line["offset"].as_i64(),
                    "{line}"
                );
                read += 1;
            }
            _ => {}
        }
    }
    assert_eq!(revoked, 2, "two of four are the second's");
    assert_eq!(read + second.len(), 40_000, "each record went to one");
}
