//! Records come all the time, members come and go, and the broker that coordinates the group is killed: nobody skips a record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::json;
use yak_test_interop::samples::record;
use yak_test_interop::{Answer, Cells, Client, OFFSETS_TOPIC, Setup, Speaker, Three, unique};

use yak_testkit::wait_for;

use crate::stage::{Join, Place, Stage, places};

const PROTOCOLS: [&str; 2] = ["classic", "consumer"];
const PARTITIONS: i32 = 4;
/// As often each partition gets a record.
const PACE: Duration = Duration::from_millis(10);
const TOPIC: &str = "goes-on";
const REBALANCES: &str = "skips nothing when members come and go";
const FAILOVER: &str = "skips nothing when its coordinator is killed";

/// A client that skips records when a member goes while records come.
const FORGETS: [(Client, &str); 1] =
    [(Client::Kcat, "drops and commits the record that it is given while it is interrupted")];

/// Somebody who writes to every partition until told to stop, whoever is killed.
struct Traffic {
    stop: Arc<AtomicBool>,
    writer: JoinHandle<()>,
}

impl Traffic {
    fn start(three: &Three) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut program = three.program(Client::Confluent);
        let stopped = Arc::clone(&stop);
        let writer = thread::spawn(move || {
            let records = [record(None, Some(b"0"), &[])];
            while !stopped.load(Ordering::Relaxed) {
                thread::sleep(PACE);
                for partition in 0..PARTITIONS {
                    let written = program
                        .ask(json!({ "op": "produce", "topic": TOPIC, "partition": partition,
                        "compression": "none", "idempotent": true, "records": records }));
                    assert!(matches!(written, Answer::Done(_)), "{written:?}");
                }
            }
        });
        Self { stop, writer }
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.writer.join().expect("everything was written");
    }
}

/// A group whose members all read the topic.
struct Group {
    join: Join,
    /// Everybody who was ever in it.
    names: Vec<String>,
}

impl Group {
    fn name(&self, member: &str) -> String {
        format!("{}-{member}", self.join.protocol)
    }

    fn enter(&mut self, stage: &mut Stage, member: &str) -> Result<(), String> {
        let name = self.name(member);
        stage.join(0, &name, &self.join)?;
        self.names.push(name);
        Ok(())
    }

    /// Waits until these members share all partitions.
    fn shared(&self, stage: &mut Stage, members: &[&str]) {
        let names: Vec<_> = members.iter().map(|member| self.name(member)).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let all = places(&[TOPIC], PARTITIONS.into());
        stage.wait(&format!("{names:?} share"), |stage| stage.share(&names, &all));
    }

    /// Waits until somebody of the group has read each record before these ends.
    fn reads_up_to(&self, stage: &mut Stage, ends: &BTreeMap<Place, i64>) {
        let names: Vec<_> = self.names.iter().map(String::as_str).collect();
        let all: BTreeSet<_> =
            ends.iter().flat_map(|(place, end)| (0..*end).map(|offset| (place.clone(), offset))).collect();
        stage.wait_for_records(&names, &all);
    }
}

pub(crate) fn run(client: Client) {
    let Some(setup) = Setup::find() else { return };
    let mut three = Three::start(&setup);
    let mut cells = Cells::of(client.title());
    three.create_topic(TOPIC, PARTITIONS);
    let mut stage = Stage::new(client, &setup, &three.bootstrap());
    let mut groups = Vec::new();
    for protocol in PROTOCOLS {
        let mut group = Group { join: Join::new(&unique(protocol), &[TOPIC], protocol), names: Vec::new() };
        match group.enter(&mut stage, "a") {
            Ok(()) => groups.push(group),
            Err(why) => [REBALANCES, FAILOVER]
                .iter()
                .for_each(|feature| cells.lacks(&format!("{feature}, {protocol}"), &why)),
        }
    }
    if groups.is_empty() {
        return;
    }
    groups.iter().for_each(|group| group.shared(&mut stage, &["a"]));
    let traffic = Traffic::start(&three);
    come_and_go(client, &mut groups, &mut stage);
    let ends = ends(&three);
    for group in &groups {
        group.reads_up_to(&mut stage, &ends);
        let feature = format!("{REBALANCES}, {}", group.join.protocol);
        match FORGETS.iter().find(|(forgets, _)| *forgets == client) {
            Some((_, why)) => cells.lacks(&feature, why),
            None => cells.passes(&feature),
        }
    }
    for group in &groups {
        let killed = three.kill_coordinator(&group.join.group);
        let ends = self::ends(&three);
        groups.iter().for_each(|group| group.reads_up_to(&mut stage, &ends));
        three.restart(killed, &[TOPIC, OFFSETS_TOPIC]);
    }
    traffic.stop();
    let ends = self::ends(&three);
    for group in &groups {
        group.reads_up_to(&mut stage, &ends);
        check_order(group, &stage);
        check_committed(group, &mut stage, &ends);
        cells.passes(&format!("{FAILOVER}, {}", group.join.protocol));
    }
}

/// Who comes, who goes, and who shares the partitions then.
type Step = (Option<&'static str>, Option<&'static str>, &'static [&'static str]);

const STEPS: [Step; 4] = [
    (Some("b"), None, &["a", "b"]),
    (Some("c"), None, &["a", "b", "c"]),
    (None, Some("a"), &["b", "c"]),
    (Some("d"), Some("b"), &["c", "d"]),
];

/// Nobody goes whose client forgets records then.
fn come_and_go(client: Client, groups: &mut [Group], stage: &mut Stage) {
    let forgets = FORGETS.iter().any(|(forgets, _)| *forgets == client);
    for (comes, goes, stay) in STEPS.iter().take_while(|step| !forgets || step.1.is_none()) {
        for group in groups.iter_mut() {
            comes.iter().for_each(|member| group.enter(stage, member).expect("as the first"));
            goes.iter().for_each(|member| stage.leave(&group.name(member)));
        }
        groups.iter().for_each(|group| group.shared(stage, stay));
    }
}

/// The ends of all partitions, as they are now.
fn ends(three: &Three) -> BTreeMap<Place, i64> {
    let mut witness = three.witness();
    let mut end = |place: Place| {
        let asked = json!({ "op": "offset", "topic": place.0, "partition": place.1, "at": "latest" });
        // A new leader first has to learn it.
        let end = wait_for("its end", || match witness.ask(asked.clone()) {
            Answer::Done(found) => found["offset"].as_i64(),
            Answer::Lacks(_) | Answer::Failed(_) => None,
        });
        (place, end)
    };
    places(&[TOPIC], PARTITIONS.into()).into_iter().map(&mut end).collect()
}

/// As long as a member holds what it holds, it reads each partition offset by offset.
fn check_order(group: &Group, stage: &Stage) {
    for name in &group.names {
        let mut last = BTreeMap::new();
        for (place, offset, tenure) in stage.member(name).read_in_tenures() {
            let before = last.insert((place, tenure), offset);
            assert!(
                before.is_none_or(|before| before + 1 == offset),
                "{name}, {place:?}: {before:?}, then {offset}"
            );
        }
    }
}

/// In the end all of it is committed, if the client can tell.
fn check_committed(group: &Group, stage: &mut Stage, ends: &BTreeMap<Place, i64>) {
    let request = json!({ "op": "group_offsets", "group": group.join.group });
    let all: Vec<_> = ends.iter().map(|((topic, partition), end)| json!([topic, partition, end])).collect();
    wait_for("everything is committed", || match stage.ask(0, &request) {
        Answer::Done(found) => (found["offsets"] == json!(all)).then_some(()),
        Answer::Lacks(_) => Some(()),
        Answer::Failed(why) => panic!("{why}"),
    });
}
