//! A run: a cluster, its load, and what is done to both.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use yak_testkit::{Cluster, ClusterBuilder, DEADLINE, Random, wait_for};

use crate::disk::Disk;
use crate::faults::End;
use crate::load::{Acks, Load};
use crate::network::Network;
use crate::scratch::Scratch;
use crate::totals::Totals;
use crate::view::{self, PartitionView, ask};

/// How many brokers there are; every partition has a replica on each.
pub(crate) const BROKERS: i32 = 3;

/// A topic of a run.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: i32,
    /// When an acknowledged record is kept.
    pub flush: Flush,
}

/// What an acknowledgement means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// On the disks of the replicas in sync.
    Sync,
    /// In their page caches, which outlive processes, not machines.
    Os,
}

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What the run is called.
    pub name: &'static str,
    /// From which all chance is drawn.
    pub seed: u64,
    /// What is written to.
    pub topics: Vec<Topic>,
    /// Producers of each topic.
    pub producers: u32,
    /// Consumers of each topic, from the beginning on.
    pub consumers: u32,
    /// Records a second of each producer.
    pub rate: u64,
    /// What producers wait for.
    pub acks: Acks,
}

impl Setup {
    /// A topic of one partition and one of three, two producers and a consumer each, 800 records a second in all.
    #[must_use]
    pub fn new(name: &'static str, seed: u64) -> Self {
        let topic = |name: &str, partitions| Topic { name: name.to_owned(), partitions, flush: Flush::Sync };
        Self {
            name,
            seed,
            topics: vec![topic("one", 1), topic("three", 3)],
            producers: 2,
            consumers: 1,
            rate: 200,
            acks: Acks::All,
        }
    }

    /// One of the topics is acknowledged from the page cache. It must keep as much, as long as no machine loses its power.
    #[must_use]
    pub fn one_from_the_page_cache(mut self) -> Self {
        self.topics[1].flush = Flush::Os;
        self
    }

    /// Another rate of each producer.
    #[must_use]
    pub const fn rate(mut self, rate: u64) -> Self {
        self.rate = rate;
        self
    }
}

/// A cluster under load. Clients end first, then the cluster, then what it ran on.
#[derive(Debug)]
pub struct Run {
    pub(crate) load: Load,
    pub(crate) cluster: Cluster,
    pub(crate) network: Option<Network>,
    /// None, one with all data, or one for the zookeeper and one for each broker.
    pub(crate) disks: Vec<Disk>,
    pub(crate) scratch: Scratch,
    pub(crate) setup: Setup,
    pub(crate) totals: Totals,
    pub(crate) random: Random,
    /// What is to happen, and when.
    pub(crate) ends: Vec<(Instant, End)>,
    pub(crate) stopped: BTreeSet<i32>,
    /// When brokers that do not run were killed.
    pub(crate) killed: BTreeMap<i32, Instant>,
    pub(crate) zookeeper: Zookeeper,
    /// The broker that was started last, if nobody was killed since.
    pub(crate) newcomer: Option<i32>,
}

/// How the zookeeper is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zookeeper {
    Runs,
    Stopped,
    Gone,
}

impl Run {
    /// A cluster on loopback.
    #[must_use]
    pub fn start(setup: Setup) -> Self {
        let scratch = Scratch::new(setup.name);
        Self::begin(setup, scratch, None, Vec::new())
    }

    /// A cluster whose processes are connected by a network. The calling thread is among its clients
    /// ([`Network::with`]).
    #[must_use]
    pub fn in_network(setup: Setup, network: Network) -> Self {
        let scratch = Scratch::new(setup.name);
        Self::begin(setup, scratch, Some(network), Vec::new())
    }

    /// A cluster all of whose data lie on one disk, whose power can be cut.
    ///
    /// # Errors
    /// Why this machine cannot.
    pub fn on_a_disk(setup: Setup) -> Result<Self, String> {
        let scratch = Scratch::new(setup.name);
        let disk = Disk::create(scratch.path(), "disk")?;
        Ok(Self::begin(setup, scratch, None, vec![disk]))
    }

    /// A cluster each of whose processes has a disk, whose power can be cut.
    ///
    /// # Errors
    /// Why this machine cannot.
    pub fn on_disks(setup: Setup) -> Result<Self, String> {
        let scratch = Scratch::new(setup.name);
        let disks = (0..=BROKERS).map(|id| Disk::create(scratch.path(), &format!("disk-{id}")));
        let disks = disks.collect::<Result<_, _>>()?;
        Ok(Self::begin(setup, scratch, None, disks))
    }

    fn begin(setup: Setup, scratch: Scratch, network: Option<Network>, disks: Vec<Disk>) -> Self {
        // Small segments, so that faults also fall into rolling.
        let mut builder =
            ClusterBuilder::new(BROKERS).set("log.segment.bytes", "256KiB").within(scratch.path());
        if let Some(network) = &network {
            builder = builder.sites(network.sites());
        }
        if let Some(last) = disks.last() {
            let paths = disks.iter().chain(std::iter::repeat(last)).map(|disk| disk.path().to_owned());
            builder = builder.data_within(paths.take(disks.len().max(4)).collect());
        }
        let cluster = builder.start();
        for topic in &setup.topics {
            create(&cluster, topic);
        }
        let load = Load::start(&setup, &cluster.bootstrap(), scratch.path());
        let mut run = Self {
            load,
            cluster,
            network,
            disks,
            scratch,
            totals: Totals { runs: 1, ..Totals::default() },
            random: Random::new(setup.seed),
            setup,
            ends: Vec::new(),
            stopped: BTreeSet::new(),
            killed: BTreeMap::new(),
            zookeeper: Zookeeper::Runs,
            newcomer: None,
        };
        run.note(&format!("seed {}", run.setup.seed));
        run.wait_in_sync();
        run.wait_progress(20);
        run
    }

    /// The processes, to look at.
    #[must_use]
    pub const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Writes down what happens.
    pub(crate) fn note(&self, what: &str) {
        self.scratch.note(what);
    }

    /// Waits for a condition, while what was begun goes on to its end.
    pub fn until<T>(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            self.end_what_is_due();
            if let Some(value) = condition(self) {
                return value;
            }
            if Instant::now() >= deadline {
                self.note(&format!("waited {DEADLINE:?} in vain for {what}"));
                panic!("seed {}: waited {DEADLINE:?} in vain for {what}", self.setup.seed);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// All partitions, as the zookeeper sees them, or as one of the brokers does if it does not answer.
    pub fn view(&self) -> Option<Vec<PartitionView>> {
        let zookeeper = (self.zookeeper == Zookeeper::Runs).then(|| self.cluster.zookeeper_address());
        let answering = self.cluster.running().into_iter().filter(|id| !self.stopped.contains(id));
        let mut addresses = zookeeper.into_iter().chain(answering.map(|id| self.cluster.address(id)));
        let expected: i32 = self.setup.topics.iter().map(|topic| topic.partitions).sum();
        let all = |view: &Vec<PartitionView>| view.len() == usize::try_from(expected).unwrap();
        addresses.find_map(|address| view::partitions(&address).filter(all))
    }

    /// The brokers that live, in the order in which they registered, as the zookeeper sees them.
    #[must_use]
    pub fn alive(&self) -> Option<Vec<i32>> {
        let metadata = ask(&self.cluster.zookeeper_address(), r#"{"op":"metadata"}"#)?;
        let brokers = metadata["brokers"].as_array()?.iter();
        brokers.map(|broker| broker["broker_id"].as_i64()?.try_into().ok()).collect()
    }

    /// One partition, as the zookeeper sees it.
    #[must_use]
    pub fn partition(&self, topic: &str, partition: i64) -> Option<PartitionView> {
        self.view()?.into_iter().find(|view| view.topic == topic && view.partition == partition)
    }

    /// Waits until every partition has a leader and all its replicas.
    pub fn wait_in_sync(&mut self) {
        self.until("every replica in sync", |run| run.is_in_sync().then_some(()));
    }

    pub(crate) fn is_in_sync(&self) -> bool {
        let whole = |view: &PartitionView| view.leader.is_some() && view.in_sync_replicas.len() == 3;
        self.view().is_some_and(|view| view.iter().all(whole))
    }

    /// Waits until every producer has so many more records acknowledged.
    pub fn wait_progress(&mut self, records: u64) {
        let before = self.load.acknowledged();
        self.until("records acknowledged to every producer", |run| {
            // Consumers that have ended are noticed here, too.
            run.load.read();
            let now = run.load.acknowledged();
            before.iter().zip(now).all(|(before, now)| now >= before + records).then_some(())
        });
    }

    /// Waits until the producers together have more records acknowledged.
    pub fn wait_acknowledged(&mut self, records: u64) {
        let before = self.acknowledged();
        self.until("acknowledged records", |run| (run.acknowledged() >= before + records).then_some(()));
    }

    /// How many records were acknowledged so far.
    pub fn acknowledged(&mut self) -> u64 {
        self.load.acknowledged().iter().sum()
    }
}

fn create(cluster: &Cluster, Topic { name, partitions, flush }: &Topic) {
    let flush = if *flush == Flush::Sync { "sync" } else { "os" };
    let request = format!(
        r#"{{"op":"create_topics","topics":[{{"name":"{name}","partitions":{partitions},"replication_factor":3,"configs":{{"flush":"{flush}","min.insync.replicas":"2"}}}}],"timeout_ms":30000}}"#
    );
    wait_for("a topic", || ask(&cluster.address(1), &request));
}
