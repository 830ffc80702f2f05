//! The end of a run: everything is read again, and compared with what was promised.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde_json::Value;
use yak_test_history::{Class, History, Reader, check};
use yak_testkit::{Cluster, wait_for};

use crate::journal;
use crate::load::{Histories, consumer};
use crate::replicas::log_bytes;
use crate::run::{BROKERS, Run, Topic};
use crate::scratch::Scratch;
use crate::totals::Totals;

/// Records of each producer that must be acknowledged after all faults.
const PROGRESS: u64 = 50;

/// What came out.
#[derive(Debug)]
pub struct Outcome {
    /// Out of how much.
    pub totals: Totals,
    /// What is wrong with the history.
    pub anomalies: BTreeMap<Class, u64>,
    /// What else is wrong.
    pub faults: Vec<String>,
    /// The checker's reports.
    pub report: String,
    seed: u64,
    /// Kept if the test does not like the outcome.
    _scratch: Scratch,
}

impl Outcome {
    /// Nothing is wrong, and nothing was left open: every record was acknowledged in the end.
    pub fn assert_whole(&self) {
        assert!(self.anomalies.is_empty(), "seed {}: {}", self.seed, self.report);
        assert_eq!(self.faults, [""; 0], "seed {}", self.seed);
        let Totals { acknowledged, failed, unknown, read, .. } = self.totals;
        assert!(acknowledged > 0 && read >= acknowledged, "{}", self.report);
        assert_eq!((failed, unknown), (0, 0), "seed {}: {}", self.seed, self.report);
    }

    /// How many anomalies of a class there are.
    #[must_use]
    pub fn count(&self, class: Class) -> u64 {
        self.anomalies.get(&class).copied().unwrap_or_default()
    }
}

impl Run {
    /// Heals everything, requires progress, and checks what became of every record.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        self.heal();
        self.wait_progress(PROGRESS);
        let mut histories = self.load.end_producers();
        let bootstrap = self.cluster.bootstrap();
        for topic in &self.setup.topics {
            let history = self.scratch.file(&format!("{}-final.ndjson", topic.name));
            let last = consumer(topic, &bootstrap, &history, &["--exit"]).finish();
            histories.entry(topic.name.clone()).or_default().last = last;
        }
        self.wait_for_consumers(&histories);
        self.load.end_consumers(&mut histories);
        let mut faults: Vec<String> =
            self.setup.topics.iter().filter_map(|topic| differing_replicas(&self.cluster, topic)).collect();
        faults.extend(panics(&self.cluster));
        let mut totals = self.totals;
        totals.elections = journal::leaders(&self.cluster.zookeeper_data()).elections;
        self.note("checking");
        let Self { load, cluster, network, disks, scratch, setup, .. } = self;
        drop((load, cluster, network, disks));
        let (anomalies, report) = (BTreeMap::new(), String::new());
        let mut outcome = Outcome { totals, anomalies, faults, report, seed: setup.seed, _scratch: scratch };
        histories.iter().for_each(|(topic, histories)| outcome.take(topic, histories));
        outcome
    }

    /// A consumer that was there all the time gets all there is in the end.
    fn wait_for_consumers(&mut self, histories: &BTreeMap<String, Histories>) {
        let marker = "\"name\":\"record_data\"";
        let count = |path: &Path| std::fs::read_to_string(path).unwrap().matches(marker).count() as u64;
        let all: BTreeMap<String, u64> =
            histories.iter().map(|(topic, histories)| (topic.clone(), count(&histories.last))).collect();
        self.until("consumers that have everything", |run| {
            run.load.consumers().all(|(topic, consumer)| consumer.count() >= all[topic]).then_some(())
        });
    }
}

impl Outcome {
    /// Checks the history of one topic.
    fn take(&mut self, topic: &str, histories: &Histories) {
        let mut history = History::default();
        for path in histories.producers.iter().chain(&histories.consumers) {
            history.add_file(path, false).unwrap();
        }
        history.add_file(&histories.last, true).unwrap();
        let report = check(&history);
        writeln!(self.report, "topic {topic}: {report}").unwrap();
        self.totals.acknowledged += report.counts.acknowledged;
        self.totals.failed += report.counts.failed;
        self.totals.unknown += report.counts.unknown;
        self.totals.read += report.counts.read;
        for (class, count) in &report.anomalies {
            *self.anomalies.entry(*class).or_default() += count;
        }
        for (path, producer) in histories.producers.iter().zip(&history.producers) {
            let sent = sent(path);
            if !producer.complete || sent != Some(producer.sends.len() as u64) {
                let told = producer.sends.len();
                self.faults.push(format!("{} sent {sent:?} and told of {told}", path.display()));
            }
        }
        let last = history.readers.iter().find(|reader| reader.is_final).map(by_partition);
        for reader in history.readers.iter().filter(|reader| !reader.is_final) {
            if Some(by_partition(reader)) != last {
                self.faults.push(format!("{} got something else than is there in the end", reader.name));
            }
        }
    }
}

/// How many records a producer says it has sent.
fn sent(history: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(history).unwrap();
    let summary = text.lines().rev().find(|line| line.contains("\"name\":\"tool_data\""))?;
    serde_json::from_str::<Value>(summary).ok()?["sent"].as_u64()
}

type ByPartition<'a> = BTreeMap<i32, Vec<(i64, Option<&'a str>)>>;

fn by_partition(reader: &Reader) -> ByPartition<'_> {
    let mut partitions = ByPartition::new();
    for read in &reader.reads {
        partitions.entry(read.partition).or_default().push((read.offset, read.value.as_deref()));
    }
    partitions
}

/// Waits until the replicas hold the same; what differs, if something stays different.
fn differing_replicas(cluster: &Cluster, topic: &Topic) -> Option<String> {
    let directories = |partition: i32| {
        (1..=BROKERS).map(move |id| cluster.data(id).join(format!("{}-{partition}", topic.name)))
    };
    let is_same = |partition: i32| {
        let mut logs = directories(partition).map(|directory| log_bytes(&directory));
        let first = logs.next();
        logs.all(|log| Some(&log) == first.as_ref())
    };
    let all_same = || (0..topic.partitions).all(is_same).then_some(());
    let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait_for("replicas that are the same", all_same)
    }));
    waited.is_err().then(|| format!("the replicas of {} differ", topic.name))
}

/// No process may have panicked, not even in a corner.
fn panics(cluster: &Cluster) -> Vec<String> {
    let brokers = (1..=BROKERS).map(|id| (format!("broker {id}"), cluster.stderr(id)));
    let all = brokers.chain([("the zookeeper".to_owned(), cluster.zookeeper_stderr())]);
    let line = |(who, text): (String, String)| {
        text.lines().find(|line| line.contains("panicked at")).map(|line| format!("{who}: {line}"))
    };
    all.filter_map(line).collect()
}
