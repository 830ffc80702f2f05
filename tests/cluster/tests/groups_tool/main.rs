//! `yak-groups` against real programs: what it shows, moves, deletes and explains.

mod broken;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use yak_testkit::{Broker, BrokerBuilder, Finished, Running, Socket, run, run_with_input, wait_for};

/// A broker with a topic `orders` of three partitions, each with ten records.
struct Setting {
    broker: Broker,
    directory: TempDir,
}

impl Setting {
    fn new() -> Self {
        Self::with(&[])
    }

    /// With settings of the broker.
    fn with(settings: &[(&str, &str)]) -> Self {
        let directory = tempdir().expect("a temporary directory");
        let builder = BrokerBuilder::new(&directory.path().join("broker-1"));
        let broker = settings.iter().fold(builder, |builder, (key, value)| builder.set(key, value)).start();
        let setting = Self { broker, directory };
        setting.ok(&json!({"op": "create_topics", "topics": [{"name": "orders", "partitions": 3}]}));
        setting.produce(30);
        setting
    }

    /// Appends so many records without keys: strictly in turn.
    fn produce(&self, count: u32) {
        let lines: String = (0..count).map(|number| format!("{number}\n")).collect();
        let args = ["--bootstrap-server", self.broker.bootstrap(), "--topic", "orders", "-q"];
        let _done = run_with_input("yak-producer", &args, lines.as_bytes()).ok();
    }

    fn ok(&self, request: &Value) -> Value {
        self.broker.connect().ok(&request.to_string())
    }

    fn groups(&self, line: &str) -> Finished {
        let mut args: Vec<&str> = line.split_whitespace().collect();
        args.extend(["--bootstrap-server", self.broker.bootstrap()]);
        run("yak-groups", &args)
    }

    /// Commits offsets of partitions 0, 1 and 2 for a group without members.
    fn commit(&self, group: &str, offsets: [i64; 3]) {
        let offsets: Vec<Value> = offsets
            .iter()
            .enumerate()
            .map(|(partition, offset)| json!({"topic": "orders", "partition": partition, "offset": offset}))
            .collect();
        commit(
            &mut self.broker.connect(),
            &json!({"op": "offset_commit", "group": group, "offsets": offsets}),
        );
    }

    /// By partition. A coordinator that has just begun reads what is committed first.
    fn committed(&self, group: &str) -> Vec<i64> {
        let request = json!({"op": "offset_fetch", "group": group}).to_string();
        let reply = wait_for("a coordinator that answers", || {
            let reply = self.broker.connect().ask(&request);
            reply["ok"].is_object().then(|| reply["ok"].clone())
        });
        let offsets = reply["offsets"].as_array().expect("a list").iter();
        let by_partition: BTreeMap<i64, i64> =
            offsets.filter_map(|at| Some((at["partition"].as_i64()?, at["offset"].as_i64()?))).collect();
        by_partition.into_values().collect()
    }

    /// A member that reads from the beginning on until it is ended.
    fn member(&self, group: &str) -> Running {
        Running::start(
            "yak-consumer",
            &self.consumer(&format!("--topic orders --group {group} --from-beginning")),
        )
    }

    fn consumer<'a>(&'a self, line: &'a str) -> Vec<&'a str> {
        let bootstrap = ["--bootstrap-server", self.broker.bootstrap()];
        bootstrap.into_iter().chain(line.split_whitespace()).collect()
    }

    /// What is said of a group when it is as `accept` wants it.
    fn described(&self, group: &str, accept: impl Fn(&Value) -> bool) -> Value {
        wait_for("the group is as it should be", || {
            let finished = self.groups(&format!("--describe --json --group {group}"));
            serde_json::from_str(&finished.text()).ok().filter(&accept)
        })
    }

    /// The sentences, when the first says this.
    fn explained(&self, group: &str, accept: &str) -> String {
        wait_for("the sentence", || {
            let text = self.groups(&format!("--explain --group {group}")).text();
            text.contains(accept).then_some(text)
        })
    }
}

/// Commits, as soon as the coordinator is ready to.
fn commit(socket: &mut Socket, request: &Value) {
    wait_for("a coordinator that stores it", || {
        let reply = socket.ask(&request.to_string());
        reply["ok"]["results"]
            .as_array()
            .filter(|results| results.iter().all(|one| *one == json!({})))
            .map(|_| ())
    });
}

fn members(view: &Value) -> usize {
    view["members"].as_array().map_or(0, Vec::len)
}

#[test]
fn groups_are_listed_and_described_in_kafkas_columns() {
    let setting = Setting::new();
    setting.commit("a", [10, 4, 0]);
    setting.commit("b", [10, 10, 10]);
    assert_eq!(setting.groups("--list").ok().text(), "a\nb\n");
    let states = setting.groups("--list --state --type").ok().text();
    let rows: Vec<Vec<&str>> = states.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["GROUP", "TYPE", "STATE"]);
    assert_eq!((rows[1][0], rows[1][2], rows.len()), ("a", "Empty", 3));
    assert_eq!(setting.groups("--list --state Stable").ok().text().lines().count(), 1, "headings alone");

    let described = setting.groups("--describe --group a").ok();
    assert!(described.stderr.contains("Consumer group 'a' has no active members."), "{}", described.stderr);
    let shown = described.text();
    let rows: Vec<Vec<&str>> = shown.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        rows[0],
        [
            "GROUP",
            "TOPIC",
            "PARTITION",
            "CURRENT-OFFSET",
            "LOG-END-OFFSET",
            "LAG",
            "CONSUMER-ID",
            "HOST",
            "CLIENT-ID"
        ]
    );
    assert_eq!(rows[2], ["a", "orders", "1", "4", "10", "6", "-", "-", "-"]);
    let view = setting.described("a", |view| view["lag"] == 16);
    assert!(
        view["partitions"][1]["lag_ms"].as_u64().expect("an age") > 0,
        "the first unread record has an age"
    );
    assert_eq!(view["partitions"][0]["lag_ms"], 0);

    let both = setting.groups("--describe --all-groups --json").ok().text();
    assert_eq!(both.lines().count(), 2);
    let status = run("yak-status", &["--json", "--bootstrap-server", setting.broker.bootstrap()]).ok().text();
    let status: Value = serde_json::from_str(&status).expect("JSON");
    let lags: Vec<_> =
        status["groups"].as_array().expect("groups").iter().map(|group| &group["lag"]).collect();
    assert_eq!(lags, [16, 0]);
}

#[test]
fn members_are_shown_with_what_they_have_and_where_they_are() {
    let setting = Setting::new();
    let (first, second) = (setting.member("g"), setting.member("g"));
    let view = setting.described("g", |view| {
        let have = |member: &Value| !member["assignment"].as_array().is_none_or(Vec::is_empty);
        let all =
            view["members"].as_array().is_some_and(|members| members.len() == 2 && members.iter().all(have));
        all && view["state"] == "Stable" && view["lag"] == 0
    });
    for partition in view["partitions"].as_array().expect("partitions") {
        assert_eq!(partition["position"], 10, "what was sent to its owner: {partition}");
        assert!(partition["member_id"].is_string(), "{partition}");
    }
    assert!(view["rebalances"].as_array().expect("a list").len() >= 2, "each rebalance is told");
    let shown = setting.groups("--describe --group g --members --verbose").ok().text();
    assert!(shown.contains("CURRENT-ASSIGNMENT") && shown.contains("orders:"), "{shown}");
    let shown = setting.groups("--describe --group g --state --verbose").ok().text();
    assert!(shown.contains("Stable") && shown.contains("REBALANCED"), "{shown}");
    let refused = setting.groups("--delete --group g");
    assert_eq!((refused.code, refused.text().as_str()), (Some(1), ""));
    assert!(refused.first_error().contains("NON_EMPTY_GROUP"), "{}", refused.stderr);
    let refused = setting.groups("--delete-offsets --group g --topic orders");
    assert!(refused.stderr.contains("GROUP_SUBSCRIBED_TO_TOPIC"), "{}", refused.stderr);
    for member in [first, second] {
        member.signal("INT");
        let _ended = member.finish().ok();
    }
    let _empty = setting.described("g", |view| members(view) == 0);
    let forgotten = setting.groups("--delete-offsets --group g --topic orders:0").ok().text();
    assert!(forgotten.contains("Successful"), "{forgotten}");
    assert_eq!(setting.committed("g").len(), 2);
    let deleted = setting.groups("--delete --group g").ok().text();
    assert_eq!(deleted, "Deletion of requested consumer groups ('g') was successful.\n");
    assert_eq!(setting.groups("--list").ok().text(), "");
}

#[test]
fn offsets_are_reset_in_every_form() {
    let setting = Setting::new();
    let reset = |form: &str| {
        setting.commit("g", [10, 4, 0]);
        let dry = setting.groups(&format!("--reset-offsets --group g {form}")).ok();
        assert_eq!(setting.committed("g"), [10, 4, 0], "nothing is done without --execute");
        assert!(dry.stderr.contains("--execute"), "{}", dry.stderr);
        let done = setting.groups(&format!("--reset-offsets --group g {form} --execute")).ok();
        assert_eq!(done.text(), dry.text(), "it is done as it was shown");
        setting.committed("g")
    };
    for (form, expected) in [
        ("--all-topics --to-earliest", [0, 0, 0]),
        ("--all-topics --to-latest", [10, 10, 10]),
        ("--all-topics --to-current", [10, 4, 0]),
        ("--topic orders:0,2 --to-offset 5", [5, 4, 5]),
        ("--topic orders --to-offset 500", [10, 10, 10]),
        ("--all-topics --shift-by -3", [7, 1, 0]),
        ("--all-topics --shift-by 3", [10, 7, 3]),
        ("--all-topics --by-duration PT1H", [0, 0, 0]),
        ("--topic orders:1 --by-duration 1h", [10, 0, 0]),
        ("--all-topics --to-datetime 2020-01-01T00:00:00Z", [0, 0, 0]),
        ("--all-topics --to-datetime 2099-01-01", [10, 10, 10]),
    ] {
        assert_eq!(reset(form), expected, "{form}");
    }
    setting.commit("g", [10, 4, 0]);
    let exported =
        setting.groups("--reset-offsets --group g --all-topics --shift-by -1 --export").ok().text();
    assert_eq!(exported, "\"orders\",0,9\n\"orders\",1,3\n\"orders\",2,0\n");
    let file = setting.directory.path().join("offsets.csv");
    std::fs::write(&file, exported).expect("a file");
    let from = format!("--reset-offsets --from-file {} --execute", file.display());
    let _done = setting.groups(&format!("{from} --group g")).ok();
    assert_eq!(setting.committed("g"), [9, 3, 0]);
    // A group that nobody has joined yet begins where it is told to.
    let _done = setting.groups(&format!("{from} --group new")).ok();
    assert_eq!(setting.committed("new"), [9, 3, 0]);
    let next =
        ["--bootstrap-server", setting.broker.bootstrap(), "--topic", "orders", "--group", "new", "--exit"];
    let read = run("yak-consumer", &next).ok().text();
    assert_eq!(read.lines().count(), 18, "the group goes on there");
}

#[test]
fn what_cannot_be_reset_or_is_not_there_is_said() {
    let setting = Setting::new();
    let first = |line: &str| {
        let finished = setting.groups(line);
        (finished.first_error().to_owned(), finished.code)
    };
    setting.commit("billing", [1, 1, 1]);
    for action in ["--describe", "--delete", "--explain"] {
        let finished = setting.groups(&format!("{action} --group biling"));
        assert_eq!(finished.code, Some(1), "{action}");
        assert!(finished.first_error().contains("group 'biling' does not exist"), "{}", finished.stderr);
        assert!(finished.stderr.contains("did you mean 'billing'?"), "{}", finished.stderr);
    }
    for (line, error) in [
        ("--reset-offsets --group billing --topic oders --to-latest", "error: topic 'oders' does not exist"),
        (
            "--reset-offsets --group billing --topic orders:7 --to-latest",
            "error: topic 'orders' has no partition 7; it has 3",
        ),
        (
            "--reset-offsets --group other --topic orders --shift-by 1",
            "error: group 'other': orders-0 cannot be shifted: nothing is committed of it",
        ),
        (
            "--reset-offsets --group other --all-topics --to-latest",
            "error: group 'other' has committed nothing; name the topics with --topic",
        ),
        (
            "--delete-offsets --group billing --topic clicks",
            "error: group 'billing' has committed nothing there",
        ),
    ] {
        assert_eq!(first(line), (error.to_owned(), Some(1)), "{line}");
    }
    let member = setting.member("billing");
    let _joined = setting.described("billing", |view| members(view) == 1);
    let refused = setting.groups("--reset-offsets --group billing --all-topics --to-latest --execute");
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.first_error().contains("Assignments can only be reset if the group 'billing' is inactive")
    );
    drop(member);
}

#[test]
fn what_is_committed_outlives_everything() {
    let setting = Setting::new();
    setting.commit("g", [10, 4, 0]);
    let Setting { broker, directory } = setting;
    broker.kill();
    let broker = BrokerBuilder::new(&directory.path().join("broker-1")).start();
    let setting = Setting { broker, directory };
    assert_eq!(setting.committed("g"), [10, 4, 0]);
}
