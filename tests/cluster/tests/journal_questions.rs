//! The questions of `tests/journal-questions.md`: their answers follow from the journal that is checked in, and the
//! scenario by which it was recorded gives such a journal again.
//!
//! With `YAK_RECORD_JOURNAL=1` the scenario's journal and its answers replace those that are checked in.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use yak_core::image::Image;
use yak_model::metadata::{JournalLine, MetadataRecord, PartitionRecord};
use yak_model::{BrokerId, PartitionIndex};
use yak_protocol::journal::{decode_header, decode_line};
use yak_testkit::ClusterBuilder;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// A line, its time as it stands there, and `t-0` before and after it.
struct Step {
    line: JournalLine,
    time: String,
    before: Option<PartitionRecord>,
    after: Option<PartitionRecord>,
}

/// Reads a journal as a zookeeper does at its start: every checksum, every index, every record.
fn replay(text: &str) -> Vec<Step> {
    let mut lines = text.lines();
    let header = decode_header(lines.next().unwrap().as_bytes()).unwrap();
    assert!(header.image.is_none(), "it is a cluster's first file");
    let mut image = Image::default();
    let of_t = |image: &Image| {
        let partition = image.topic(&"t".parse().unwrap())?.partition(PartitionIndex::new(0))?;
        Some(PartitionRecord::clone(partition))
    };
    let mut steps = Vec::new();
    for text in lines {
        let line = decode_line(text.as_bytes()).unwrap();
        let before = of_t(&image);
        image.apply_line(&line).unwrap();
        let shown: Value = serde_json::from_str(text).unwrap();
        let time = shown["time"].as_str().unwrap().to_owned();
        steps.push(Step { line, time, before, after: of_t(&image) });
    }
    steps
}

impl Step {
    fn leader_before(&self) -> Option<BrokerId> {
        self.before.as_ref().and_then(|partition| partition.leader)
    }

    fn leader_after(&self) -> Option<BrokerId> {
        self.after.as_ref().and_then(|partition| partition.leader)
    }

    fn changes_leader(&self) -> bool {
        self.before.is_some() && self.leader_before() != self.leader_after()
    }

    fn isr_has(&self, broker: BrokerId) -> (bool, bool) {
        let has = |partition: &Option<PartitionRecord>| {
            partition.as_ref().is_some_and(|partition| partition.in_sync_replicas.contains(&broker))
        };
        (has(&self.before), has(&self.after))
    }

    fn is_ready(&self, broker: BrokerId) -> bool {
        let ready = |record: &MetadataRecord| matches!(record, MetadataRecord::BrokerUnfenced { broker_id, .. } if *broker_id == broker);
        self.line.records.iter().any(ready)
    }
}

fn list<T: ToString>(things: impl IntoIterator<Item = T>) -> String {
    things.into_iter().map(|thing| thing.to_string()).collect::<Vec<_>>().join(", ")
}

fn queue(partition: &Option<PartitionRecord>) -> String {
    list(partition.as_ref().unwrap().in_sync_replicas.iter())
}

fn epochs(steps: &[Step], broker: i32) -> String {
    let records = steps.iter().flat_map(|step| &step.line.records);
    list(records.filter_map(|record| match record {
        MetadataRecord::BrokerRegistered(registration) if registration.broker_id.get() == broker => {
            Some(registration.broker_epoch)
        }
        _ => None,
    }))
}

/// The number before ` ms` at the end of a cause.
fn milliseconds(cause: &str) -> u64 {
    cause.strip_suffix(" ms").and_then(|head| head.rsplit(' ').next()).unwrap().parse().unwrap()
}

/// The eight answers, as they stand on the page.
fn answers(steps: &[Step]) -> Vec<String> {
    let changes: Vec<&Step> = steps.iter().filter(|step| step.changes_leader()).collect();
    let (first, former) = (changes[0], changes[0].leader_before().unwrap());
    let fenced_at = steps.iter().position(|step| step.line.index == first.line.index).unwrap();
    let away = &steps[fenced_at + 1..];
    let ready_at = away.iter().position(|step| step.is_ready(former)).unwrap();
    let back = away.iter().find(|step| step.isr_has(former) == (false, true)).unwrap();
    let leaders = [former].into_iter().chain(changes.iter().filter_map(|step| step.leader_after()));
    let epoch = |partition: &Option<PartitionRecord>| partition.as_ref().unwrap().leader_epoch;
    let leaderless =
        steps.iter().filter(|step| step.after.is_some() && step.leader_after().is_none()).count();
    let place = back.after.as_ref().unwrap().in_sync_replicas.iter().position(|id| *id == former).unwrap();
    let mut meanwhile = String::new();
    for step in &away[..ready_at] {
        write!(meanwhile, "\n   - {}: `{}`", step.line.index, step.line.cause).unwrap();
    }
    let causes: String = changes.iter().map(|step| format!("\n   - `{}`", step.line.cause)).collect();
    vec![
        list(leaders),
        format!(
            "index {}, at {}, from leader epoch {} to {}",
            first.line.index,
            first.time,
            epoch(&first.before),
            epoch(&first.after)
        ),
        format!("by index:{causes}"),
        format!(
            "{} ms, says the cause; lines by which nobody leads it: {leaderless}",
            milliseconds(&first.line.cause)
        ),
        format!(
            "index {}, at {}, place {} of the queue {}",
            back.line.index,
            back.time,
            place + 1,
            queue(&back.after)
        ),
        format!("before: {}; after: {}", queue(&first.before), queue(&first.after)),
        format!("broker 1: {}; broker 2: {}", epochs(steps, 1), epochs(steps, 2)),
        format!("in {ready_at} lines:{meanwhile}"),
    ]
}

/// The page of the answers.
fn page(answers: &[String]) -> String {
    let mut page = "# Answers\n\nTo the questions of [journal-questions.md](journal-questions.md), as a test derives them from \
                    the journal.\n\n"
        .to_owned();
    for (number, answer) in (1..).zip(answers) {
        writeln!(page, "{number}. {answer}").unwrap();
    }
    page
}

#[test]
fn the_answers_follow_from_the_journal_that_is_checked_in() {
    let steps = replay(&std::fs::read_to_string(path("journal-questions.ndjson")).unwrap());
    let expected = std::fs::read_to_string(path("journal-questions-answers.md")).unwrap();
    assert_eq!(page(&answers(&steps)), expected);
    let questions = std::fs::read_to_string(path("journal-questions.md")).unwrap();
    assert_eq!(questions.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).count(), 8);
}

/// Kills the leader, lets others change things, brings it back, stops the next leader for a while, and ends the third.
fn scenario() -> String {
    let mut cluster = ClusterBuilder::new(3).prepare();
    cluster.start_zookeeper();
    // One after the other, so that they stand in the queue in their order.
    (1..=3).for_each(|id| cluster.restart(id));
    cluster.create_topic(1, "t", 1, 3);
    let t = ("t", 0);
    cluster.wait_for_isr(1, t, &[1, 2, 3]);
    assert_eq!(cluster.leader_of(1, "t", 0), Some(1), "first come, first served");
    cluster.connect(1).ok(r#"{"op":"produce","topic":"t","records":[{"value":"before"}]}"#);

    cluster.kill(1);
    assert_eq!(cluster.wait_for_leader(2, t, |leader| leader != 1), 2);
    cluster.create_topic(2, "u", 2, 2);
    cluster.connect(2).ok(r#"{"op":"alter_configs","topic":"t","configs":{"retention.ms":"86400000"}}"#);
    cluster.restart(1);
    cluster.wait_for_isr(2, t, &[1, 2, 3]);

    cluster.pause(2);
    assert_eq!(cluster.wait_for_leader(3, t, |leader| leader != 2), 3);
    cluster.resume(2);
    cluster.wait_for_isr(3, t, &[1, 2, 3]);

    assert_eq!(cluster.shut_down(3), Some(0));
    assert_eq!(cluster.wait_for_leader(1, t, |leader| leader != 3), 1);
    let file = cluster.zookeeper_data().join("journal-00000000000000000001.ndjson");
    std::fs::read_to_string(file).unwrap()
}

#[test]
fn the_scenario_played_with_real_programs_answers_the_questions_too() {
    let text = scenario();
    let answers = answers(&replay(&text));
    if std::env::var_os("YAK_RECORD_JOURNAL").is_some() {
        std::fs::write(path("journal-questions.ndjson"), &text).unwrap();
        std::fs::write(path("journal-questions-answers.md"), page(&answers)).unwrap();
    }
    assert_eq!(answers[0], "1, 2, 3, 1");
    let causes: Vec<&str> = answers[2].lines().skip(1).collect();
    for (cause, says) in causes.iter().zip([
        "broker 1 fenced: connection closed and not resumed within ",
        "broker 2 fenced: no heartbeat for ",
        "broker 3 shut down",
    ]) {
        assert!(cause.contains(says), "{says}: {cause}");
    }
    assert!(answers[3].ends_with("nobody leads it: 0"), "{}", answers[3]);
    assert!(answers[4].ends_with("place 3 of the queue 2, 3, 1"), "{}", answers[4]);
    assert_eq!(answers[5], "before: 1, 2, 3; after: 2, 3");
    let (of_1, of_2) = answers[6].split_once("; ").unwrap();
    assert_eq!((of_1.split(", ").count(), of_2.split(", ").count()), (2, 1), "{}", answers[6]);
    for says in
        ["topic u created", "configuration of topic t altered", "broker 1 registered (new incarnation)"]
    {
        assert!(answers[7].contains(says), "{says}: {}", answers[7]);
    }
}
