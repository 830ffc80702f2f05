//! What clients do all the time: producers that number their records, consumers that write down what they get.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::client::Client;
use crate::run::{Setup, Topic};

const ACKNOWLEDGED: &str = "\"name\":\"producer_send_success\"";
const READ: &str = "\"name\":\"record_data\"";

/// What a producer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// Idempotent, acknowledged by every replica in sync.
    All,
    /// Acknowledged by the leader alone, which promises little.
    One,
}

/// Producers and consumers, each a process.
#[derive(Debug)]
pub struct Load {
    producers: Vec<(String, Client)>,
    consumers: Vec<(String, Client)>,
}

/// Where the histories of one topic are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histories {
    pub(crate) producers: Vec<PathBuf>,
    pub(crate) consumers: Vec<PathBuf>,
    pub(crate) last: PathBuf,
}

impl Load {
    pub(crate) fn start(setup: &Setup, bootstrap: &str, directory: &Path) -> Self {
        let (mut producers, mut consumers) = (Vec::new(), Vec::new());
        for topic in &setup.topics {
            for at in 0..setup.consumers {
                let history = directory.join(format!("{}-consumer-{at}.ndjson", topic.name));
                consumers.push((topic.name.clone(), consumer(topic, bootstrap, &history, &[])));
            }
            for at in 0..setup.producers {
                let name = format!("{}-producer-{at}", topic.name);
                let acks = if setup.acks == Acks::All { "all" } else { "1" };
                let (rate, prefix) = (setup.rate.to_string(), format!("p{at}"));
                let args = ["-b", bootstrap, "--topic", &topic.name, "--throughput", &rate, "--acks", acks];
                let args = args.into_iter().chain(["--value-prefix", &prefix]).map(str::to_owned);
                let history = directory.join(format!("{name}.ndjson"));
                let args: Vec<String> = args.collect();
                let client = Client::start("yak-verifiable-producer", &args, &history, ACKNOWLEDGED);
                producers.push((topic.name.clone(), client));
            }
        }
        Self { producers, consumers }
    }

    /// How many records of each producer were acknowledged so far.
    pub fn acknowledged(&mut self) -> Vec<u64> {
        self.producers.iter_mut().map(|(_, producer)| producer.count()).collect()
    }

    /// How many records each consumer has got so far.
    pub fn read(&mut self) -> Vec<u64> {
        self.consumers.iter_mut().map(|(_, consumer)| consumer.count()).collect()
    }

    /// Ends the producers; where their histories are, by topic.
    pub(crate) fn end_producers(&mut self) -> BTreeMap<String, Histories> {
        let mut histories: BTreeMap<String, Histories> = BTreeMap::new();
        for (topic, producer) in self.producers.drain(..) {
            histories.entry(topic).or_default().producers.push(producer.stop());
        }
        histories
    }

    /// Every consumer, with its topic.
    pub(crate) fn consumers(&mut self) -> impl Iterator<Item = (&str, &mut Client)> {
        self.consumers.iter_mut().map(|(topic, consumer)| (topic.as_str(), consumer))
    }

    /// Ends the consumers.
    pub(crate) fn end_consumers(&mut self, histories: &mut BTreeMap<String, Histories>) {
        for (topic, consumer) in self.consumers.drain(..) {
            histories.entry(topic).or_default().consumers.push(consumer.stop());
        }
    }
}

/// Reads a topic from its beginning; with `--exit` up to its end.
pub(crate) fn consumer(topic: &Topic, bootstrap: &str, history: &Path, more: &[&str]) -> Client {
    let args = ["-b", bootstrap, "--topic", &topic.name, "--verbose"];
    let args: Vec<String> = args.iter().chain(more).map(|arg| (*arg).to_owned()).collect();
    Client::start("yak-verifiable-consumer", &args, history, READ)
}
