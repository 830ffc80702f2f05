//! Faults by seed, each with its end.

mod acts;
mod disks;
mod faults;
mod kind;

use std::collections::BTreeMap;

pub use kind::Kind;

use crate::net::{Event, Node, World};
use crate::sim::Sim;

/// How a fault ends.
#[derive(Clone, Debug)]
enum End {
    Start(usize),
    StartAll,
    StartZookeeper,
    /// Its power is cut, for so long.
    CutZookeeperPower(u64),
    GoOn(Node),
    GoOnFromStall(Node),
    Heal(Vec<(Node, Node)>),
    FastSync(usize),
    FastJournal,
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
    active: bool,
    /// Disks wiped or damaged.
    wiped: u32,
}

/// A broker whose fault ended needs so long to be heard again.
const EXCUSE_US: u64 = 1_300_000;

impl Nemesis {
    /// Draws what this seed is about.
    pub fn begin(&mut self, world: &mut World) {
        let count = world.random.within(4, 12);
        for _ in 0..count {
            let kind = *world.random.pick(&Kind::ALL).unwrap_or(&Kind::Kill);
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
                    // Trouble does not come alone: what follows at once meets what is still under way.
                    let random = &mut self.world.random;
                    let delay = if random.chance(25) {
                        random.within(1_000, 60_000)
                    } else {
                        random.within(100_000, 1_100_000)
                    };
                    self.nemesis.plan(&mut self.world, delay, End::Next);
                }
            }
            End::Start(broker) => self.start_again(broker, excuse),
            End::StartAll => (0..3).for_each(|broker| self.start_again(broker, excuse)),
            End::StartZookeeper => {
                self.zookeeper.start(&mut self.world);
                self.judge_alone(excuse);
                self.world.oracle.borrow_mut().inv_34_absence();
            }
            End::CutZookeeperPower(for_us) => {
                self.zookeeper.sync_us = self.zookeeper.usual_sync_us;
                self.kill_zookeeper(true, for_us);
            }
            End::GoOnFromStall(node) => {
                self.go_on(node);
                self.world.oracle.borrow_mut().inv_34_absence();
            }
            End::GoOn(node) => {
                self.go_on(node);
                match node {
                    Node::Broker(broker) => self.nemesis.excuse(broker, excuse),
                    // Its own pause is over, while everything stalls, perhaps.
                    _ => {
                        self.judge_alone(excuse);
                        self.world.oracle.borrow_mut().inv_34_absence();
                    }
                }
            }
            End::Heal(cuts) => self.heal(cuts, excuse),
            End::FastSync(broker) => self.brokers[broker].sync_us = 2_000,
            End::FastJournal => self.zookeeper.sync_us = self.zookeeper.usual_sync_us,
            End::FastNetwork => {
                self.world.delay_us = 2_000;
                (0..3).for_each(|broker| self.nemesis.excuse(broker, excuse));
            }
        }
    }

    fn go_on(&mut self, node: Node) {
        self.world.note(|| format!("{node:?} goes on"));
        self.world.go_on(node);
    }

    /// The zookeeper runs while brokers stand still: that is not the lateness of both.
    fn judge_alone(&mut self, excuse: u64) {
        for broker in (0..3).filter(|broker| self.world.paused.contains_key(&Node::Broker(*broker))) {
            self.nemesis.excuse(broker, excuse + 3_000_000);
        }
    }

    fn start_again(&mut self, broker: usize, excuse: u64) {
        self.brokers[broker].start(&mut self.world);
        self.nemesis.excuse(broker, excuse);
    }

    fn heal(&mut self, cuts: Vec<(Node, Node)>, excuse: u64) {
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
                self.start_again(broker, self.world.now_us + EXCUSE_US);
            }
        }
    }

    fn strike(&mut self) {
        let kind = *self.world.random.pick(&self.nemesis.kinds.clone()).unwrap_or(&Kind::Kill);
        let broker = self.world.random.below(3);
        self.inflict(kind, broker);
    }

    /// A fault happens, or something is done, as far as it can.
    pub fn inflict(&mut self, kind: Kind, broker: usize) {
        self.world.note(|| format!("nemesis: {kind:?} of broker {}", broker + 1));
        let happened = if kind.is_fault() { self.fault(kind, broker) } else { self.act(kind, broker) };
        if happened {
            self.world.oracle.borrow_mut().happened(kind);
        }
    }
}
