//! Faults by seed, each with its end.

use std::collections::BTreeMap;

use yak_core::controller::{Command, CreateTopics};
use yak_log::dir::{Fault, FaultKind};
use yak_model::api::{
    self, AlterConfigs, ConfigAlteration, CreatePartitions, CreateTopic, DeleteTopics, ElectLeaders,
    ElectionKind, TopicDefaults,
};
use yak_model::metadata::ConfigResource;
use yak_model::{BrokerId, TopicId, TopicName};

use crate::message::Message;
use crate::net::{Event, Node, World};
use crate::sim::Sim;

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `kill -9`, and another process soon.
    KillSoon,
    /// `kill -9`, and another process later.
    Kill,
    /// A machine loses its power.
    PowerCut,
    /// All machines of brokers do.
    PowerCutAll,
    /// `SIGSTOP` of a broker.
    Pause,
    /// `SIGSTOP` of the zookeeper.
    PauseZookeeper,
    /// The zookeeper is killed.
    KillZookeeper,
    /// Its machine loses its power.
    PowerCutZookeeper,
    /// Messages between two brokers are held, one way or both.
    CutBrokers,
    /// Messages between a broker and the zookeeper are held, one way or both.
    CutZookeeper,
    /// A broker is cut off from everyone but clients.
    Isolate,
    /// Connections of a broker are reset.
    Reset,
    /// Its syncs are slow.
    SlowSync,
    /// One fails.
    FailedSync,
    /// Its disk is replaced.
    Wipe,
    /// A clean shutdown.
    ShutDown,
    /// The network is slow.
    SlowNetwork,
    /// A topic is created.
    CreateTopic,
    /// A topic is deleted.
    DeleteTopic,
    /// A topic grows.
    AddPartitions,
    /// `min.insync.replicas` changes.
    MinIsr,
    /// Leadership is handed to the preferred replica.
    Preferred,
    /// The newest segment of a log loses its end while its broker is down.
    Damage,
}

const ALL: [Kind; 23] = [
    Kind::KillSoon,
    Kind::Kill,
    Kind::PowerCut,
    Kind::PowerCutAll,
    Kind::Pause,
    Kind::PauseZookeeper,
    Kind::KillZookeeper,
    Kind::PowerCutZookeeper,
    Kind::CutBrokers,
    Kind::CutZookeeper,
    Kind::Isolate,
    Kind::Reset,
    Kind::SlowSync,
    Kind::FailedSync,
    Kind::Wipe,
    Kind::ShutDown,
    Kind::SlowNetwork,
    Kind::CreateTopic,
    Kind::DeleteTopic,
    Kind::AddPartitions,
    Kind::MinIsr,
    Kind::Preferred,
    Kind::Damage,
];

/// How a fault ends.
#[derive(Clone, Debug)]
enum End {
    Start(usize),
    StartAll,
    StartZookeeper,
    GoOn(Node),
    Heal(Vec<(Node, Node)>),
    FastSync(usize),
    FastNetwork,
    Next,
}

/// The nemesis.
#[derive(Debug, Default)]
pub struct Nemesis {
    kinds: Vec<Kind>,
    ends: BTreeMap<u64, End>,
    /// Until when a broker has a reason to be taken for dead.
    excused_us: [u64; 3],
    /// Faults go on.
    pub active: bool,
    wiped: u32,
    topics: u32,
}

/// A broker whose fault ended needs so long to be heard again.
const EXCUSE_US: u64 = 1_300_000;

impl Nemesis {
    /// Draws what this seed is about.
    pub fn begin(&mut self, world: &mut World) {
        let count = world.random.within(4, 12);
        for _ in 0..count {
            let kind = *world.random.pick(&ALL).unwrap_or(&Kind::Kill);
            self.kinds.push(kind);
        }
        self.kinds.extend([Kind::Kill, Kind::KillSoon, Kind::Reset]);
        self.active = true;
        self.plan(world, 800_000, End::Next);
    }

    fn plan(&mut self, world: &mut World, delay_us: u64, end: End) {
        let number = world.number();
        self.ends.insert(number, end);
        world.after(delay_us, Event::Nemesis(number));
    }

    /// Whether something is still broken.
    #[must_use]
    pub fn has_open_faults(&self) -> bool {
        self.ends.values().any(|end| !matches!(end, End::Next))
    }

    /// Which brokers have no reason to be taken for dead.
    pub fn well(&self, sim_now_us: u64) -> BTreeMap<usize, bool> {
        (0..3).map(|broker| (broker, sim_now_us > self.excused_us[broker])).collect()
    }

    /// A broker has reason to be silent for a while.
    pub fn excuse(&mut self, broker: usize, until_us: u64) {
        self.excused_us[broker] = self.excused_us[broker].max(until_us);
    }
}

impl Sim {
    /// A fault begins or ends.
    pub fn nemesis_event(&mut self, number: u64) {
        let Some(end) = self.nemesis.ends.remove(&number) else { return };
        let excuse = self.world.now_us + EXCUSE_US;
        match end {
            End::Next => {
                if self.nemesis.active {
                    self.strike();
                    let delay = self.world.random.within(100_000, 1_100_000);
                    self.nemesis.plan(&mut self.world, delay, End::Next);
                }
            }
            End::Start(broker) => {
                self.brokers[broker].start(&mut self.world);
                self.nemesis.excuse(broker, excuse);
            }
            End::StartAll => {
                for broker in 0..3 {
                    self.brokers[broker].start(&mut self.world);
                    self.nemesis.excuse(broker, excuse);
                }
            }
            End::StartZookeeper => {
                self.zookeeper.start(&mut self.world);
                self.world.oracle.borrow_mut().inv_34_absence();
            }
            End::GoOn(node) => {
                self.world.note(|| format!("{node:?} goes on"));
                self.world.go_on(node);
                match node {
                    Node::Broker(broker) => self.nemesis.excuse(broker, excuse),
                    _ => self.world.oracle.borrow_mut().inv_34_absence(),
                }
            }
            End::Heal(cuts) => {
                self.world.note(|| format!("healed {cuts:?}"));
                for (from, to) in cuts {
                    self.world.heal(from, to);
                    for node in [from, to] {
                        if let (Node::Broker(broker), true) = (node, [from, to].contains(&Node::Zookeeper)) {
                            self.nemesis.excuse(broker, excuse);
                        }
                    }
                }
            }
            End::FastSync(broker) => self.brokers[broker].sync_us = 2_000,
            End::FastNetwork => {
                self.world.delay_us = 2_000;
                (0..3).for_each(|broker| self.nemesis.excuse(broker, excuse));
            }
        }
    }

    /// Ends what is still broken, at once.
    pub fn make_peace(&mut self) {
        self.nemesis.active = false;
        let open: Vec<u64> = self.nemesis.ends.keys().copied().collect();
        for number in open {
            self.nemesis_event(number);
        }
        for broker in 0..3 {
            self.brokers[broker].disk().heal();
            if !self.brokers[broker].runs() {
                self.nemesis.excuse(broker, self.world.now_us + EXCUSE_US);
                self.brokers[broker].start(&mut self.world);
            }
        }
    }

    fn strike(&mut self) {
        let kind = *self.world.random.pick(&self.nemesis.kinds.clone()).unwrap_or(&Kind::Kill);
        let broker = self.world.random.below(3);
        self.inflict(kind, broker);
    }

    /// A fault happens, as far as it can.
    /// A fault happens, as far as it can.
    #[expect(clippy::too_many_lines, reason = "one row for each kind of fault")]
    pub fn inflict(&mut self, kind: Kind, broker: usize) {
        let world = &mut self.world;
        let short = world.random.within(20_000, 60_000);
        let long = world.random.within(200_000, 2_800_000);
        let runs = self.brokers[broker].runs();
        let node = Node::Broker(broker);
        world.note(|| format!("nemesis: {kind:?} of broker {}", broker + 1));
        let done: Option<&'static str> = match kind {
            Kind::KillSoon | Kind::Kill if runs => {
                self.brokers[broker].kill(world);
                let delay = if kind == Kind::Kill { long } else { short };
                self.nemesis.excuse(broker, world.now_us + delay + EXCUSE_US);
                self.nemesis.plan(world, delay, End::Start(broker));
                Some(if kind == Kind::Kill { "kill" } else { "kill, restarted soon" })
            }
            Kind::PowerCut => {
                self.brokers[broker].power_cut(world);
                self.nemesis.excuse(broker, world.now_us + long + EXCUSE_US);
                self.nemesis.plan(world, long, End::Start(broker));
                Some("power cut")
            }
            Kind::PowerCutAll => {
                world.oracle.borrow_mut().all_cut();
                for broker in 0..3 {
                    self.brokers[broker].power_cut(world);
                    self.nemesis.excuse(broker, world.now_us + long + EXCUSE_US);
                }
                if world.random.chance(50) {
                    self.nemesis.plan(world, long, End::StartAll);
                } else {
                    for broker in 0..3 {
                        let later = world.random.within(0, 1_500_000);
                        self.nemesis.excuse(broker, world.now_us + long + later + EXCUSE_US);
                        self.nemesis.plan(world, long + later, End::Start(broker));
                    }
                }
                Some("power cut of all")
            }
            Kind::Pause if runs => {
                world.pause(node);
                self.nemesis.excuse(broker, world.now_us + long + EXCUSE_US);
                self.nemesis.plan(world, long, End::GoOn(node));
                Some("pause")
            }
            Kind::PauseZookeeper => {
                world.pause(Node::Zookeeper);
                self.nemesis.plan(world, long, End::GoOn(Node::Zookeeper));
                Some("zookeeper paused")
            }
            Kind::KillZookeeper | Kind::PowerCutZookeeper if self.zookeeper.image().is_some() => {
                let power = kind == Kind::PowerCutZookeeper;
                self.zookeeper.kill(world, power);
                let delay = if world.random.chance(50) { short } else { long };
                self.nemesis.plan(world, delay, End::StartZookeeper);
                Some(if power { "zookeeper's power cut" } else { "zookeeper killed" })
            }
            Kind::CutBrokers => {
                let other = Node::Broker((broker + 1 + world.random.below(2)) % 3);
                Some(self.cut(vec![(node, other), (other, node)], long, "brokers cut"))
            }
            Kind::CutZookeeper => {
                self.nemesis.excuse(broker, world.now_us + long + EXCUSE_US);
                let ways = vec![(node, Node::Zookeeper), (Node::Zookeeper, node)];
                Some(self.cut(ways, long, "broker and zookeeper cut"))
            }
            Kind::Isolate => {
                self.nemesis.excuse(broker, world.now_us + long + 1_500_000 + EXCUSE_US);
                let others =
                    [Node::Zookeeper, Node::Broker((broker + 1) % 3), Node::Broker((broker + 2) % 3)];
                let ways: Vec<_> =
                    others.into_iter().flat_map(|other| [(node, other), (other, node)]).collect();
                world.cuts.extend(ways.iter().copied());
                self.nemesis.plan(world, long + 1_500_000, End::Heal(ways));
                Some("broker isolated")
            }
            Kind::Reset if runs => {
                let reset = world.reset(node, 60);
                if reset.iter().any(|(a, b)| [*a, *b].contains(&Node::Zookeeper)) {
                    world.oracle.borrow_mut().inv_34_absence();
                }
                (!reset.is_empty()).then_some("connections reset")
            }
            Kind::SlowSync => {
                self.brokers[broker].sync_us = world.random.within(50_000, 900_000);
                self.nemesis.plan(world, long, End::FastSync(broker));
                Some("slow sync")
            }
            Kind::FailedSync if runs => {
                let fault = Fault {
                    kind: FaultKind::SyncFile,
                    after: world.random.within(0, 4),
                    error: std::io::ErrorKind::Other,
                    written: 0,
                    sticky: false,
                };
                self.brokers[broker].disk().inject(fault);
                self.nemesis.excuse(broker, world.now_us + 8_000_000);
                Some("failed sync")
            }
            Kind::Wipe if self.nemesis.wiped < 2 => {
                self.nemesis.wiped += 1;
                self.brokers[broker].kill(world);
                self.brokers[broker].wipe(world);
                self.nemesis.excuse(broker, world.now_us + long + EXCUSE_US);
                self.nemesis.plan(world, long, End::Start(broker));
                Some("disk wiped")
            }
            Kind::Damage if self.nemesis.wiped < 2 && runs => self.damage(broker, long),
            Kind::ShutDown if runs => {
                self.brokers[broker].shut_down(world);
                let later = 1_600_000 + long;
                self.nemesis.excuse(broker, world.now_us + later + EXCUSE_US);
                self.nemesis.plan(world, later, End::Start(broker));
                Some("clean shutdown")
            }
            Kind::SlowNetwork => {
                world.delay_us = world.random.within(10_000, 150_000);
                self.nemesis.plan(world, long, End::FastNetwork);
                (0..3).for_each(|broker| self.nemesis.excuse(broker, world.now_us + long + EXCUSE_US));
                Some("slow network")
            }
            _ => self.administer(kind),
        };
        if let Some(name) = done {
            self.world.oracle.borrow_mut().fault(name);
        }
    }

    fn cut(&mut self, ways: Vec<(Node, Node)>, for_us: u64, name: &'static str) -> &'static str {
        let cut: Vec<(Node, Node)> = match self.world.random.below(3) {
            0 => vec![ways[0]],
            1 => vec![ways[1]],
            _ => ways,
        };
        self.world.note(|| format!("cut {cut:?}"));
        self.world.cuts.extend(cut.iter().copied());
        self.nemesis.plan(&mut self.world, for_us, End::Heal(cut));
        name
    }

    /// Cuts the newest segment of a log that is wanted more than once.
    fn damage(&mut self, broker: usize, long: u64) -> Option<&'static str> {
        self.brokers[broker].kill(&mut self.world);
        self.nemesis.excuse(broker, self.world.now_us + long + EXCUSE_US);
        self.nemesis.plan(&mut self.world, long, End::Start(broker));
        let image = self.zookeeper.durable_image();
        let files: Vec<(std::path::PathBuf, usize)> = self.brokers[broker]
            .disk()
            .files()
            .into_iter()
            .filter(|(path, content)| path.extension().is_some_and(|end| end == "log") && content.len() > 400)
            .map(|(path, content)| (path, content.len()))
            .collect();
        // The newest segment of a log: what is older is looked at when it is read, not at the start.
        let dirs: BTreeMap<_, _> = files
            .into_iter()
            .map(|(path, len)| (path.parent().map(std::path::Path::to_owned), (path, len)))
            .collect();
        let files: Vec<(std::path::PathBuf, usize)> = dirs.into_values().collect();
        let (path, len) = self.world.random.pick(&files).cloned()?;
        let name = path.components().next()?.as_os_str().to_str()?.to_owned();
        let (topic, partition) = name.rsplit_once('-')?;
        let (topic, partition): (TopicName, i32) = (topic.parse().ok()?, partition.parse().ok()?);
        let topic = image.topic(&topic)?;
        // With flush=os nothing tells a lost end from one that was never synced.
        let is_alone = topic.partitions().first().is_none_or(|partition| partition.wanted < 3);
        if is_alone || topic.flush() == yak_model::config::FlushMode::Os {
            return None;
        }
        let at = self.world.random.below(len / 2);
        self.world.note(|| format!("{} ends at {at} of {len}", path.display()));
        self.brokers[broker].damage(&path, at).ok()?;
        self.nemesis.wiped += 1;
        self.world.oracle.borrow_mut().disk_lost(broker, Some((topic.id(), partition)));
        Some("damage")
    }

    fn administer(&mut self, kind: Kind) -> Option<&'static str> {
        let image = self.zookeeper.durable_image();
        let topics: Vec<TopicName> = image.topics().map(|topic| topic.name().clone()).collect();
        let topic = self.world.random.pick(&topics).cloned();
        match kind {
            Kind::CreateTopic if topics.len() < 6 => {
                self.create_topic();
                Some("topic created")
            }
            Kind::DeleteTopic if topics.len() > 2 => {
                let command = DeleteTopics { topics: vec![topic?], timeout_ms: 0 };
                self.admin(command.into());
                Some("topic deleted")
            }
            Kind::AddPartitions => {
                let topic = topic?;
                let total = image.topic(&topic)?.partition_count() + 1;
                if total > 3 {
                    return None;
                }
                let command =
                    CreatePartitions { topic, total, assignment: None, validate_only: false, timeout_ms: 0 };
                self.admin(command.into());
                Some("partitions added")
            }
            Kind::MinIsr => {
                let value = self.world.random.within(1, 4).to_string();
                let alteration =
                    ConfigAlteration { key: "min.insync.replicas".to_owned(), value: Some(value) };
                let resources = vec![(ConfigResource::Topic(topic?), vec![alteration])];
                self.admin(AlterConfigs { resources, validate_only: false }.into());
                Some("min.insync.replicas changed")
            }
            Kind::Preferred => {
                let kind = ElectionKind::Preferred;
                self.admin(ElectLeaders { kind, partitions: None, timeout_ms: 0 }.into());
                Some("hand-over")
            }
            _ => None,
        }
    }

    /// Creates a topic of a kind by chance.
    pub fn create_topic(&mut self) {
        self.nemesis.topics += 1;
        let (factor, min) =
            *self.world.random.pick(&[(3, 2), (3, 2), (3, 2), (2, 1), (1, 1)]).unwrap_or(&(3, 2));
        let flush = if self.world.random.chance(60) { "sync" } else { "os" };
        let partitions = i32::try_from(self.world.random.within(1, 3)).unwrap_or(1);
        self.create((factor, min), flush, partitions);
    }

    /// Creates a topic.
    pub fn create(&mut self, (factor, min): (i16, u16), flush: &str, partitions: i32) {
        let name = format!("t{}", self.world.number());
        let configs = [("min.insync.replicas", min.to_string()), ("flush", flush.to_owned())];
        let topic = CreateTopic {
            name,
            partitions: Some(partitions),
            replication_factor: Some(factor),
            assignment: None,
            configs: configs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        };
        let request = api::CreateTopics { topics: vec![topic], validate_only: false, timeout_ms: 0 };
        let topic_ids = vec![TopicId::from_random(self.world.random.id())];
        let defaults = TopicDefaults { partitions: 1, replication_factor: 3, min_insync_replicas: 1 };
        self.admin(CreateTopics { request, topic_ids, defaults, on_first_use: false }.into());
    }

    /// Has the controller do something.
    pub fn admin(&mut self, command: Command) {
        let connection = self.world.connect(Node::Admin, Node::Zookeeper);
        self.world.send(connection, Node::Admin, Message::Admin(Box::new(command)));
        self.world.close(connection, Node::Admin);
    }

    /// A broker's number.
    #[must_use]
    pub fn number_of(id: BrokerId) -> usize {
        usize::try_from(id.get() - 1).unwrap_or(usize::MAX)
    }
}
