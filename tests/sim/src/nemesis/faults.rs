//! What goes wrong with processes, machines and the network.

use super::{EXCUSE_US, End, Kind};
use crate::net::Node;
use crate::sim::Sim;

impl Sim {
    /// Whether it happened.
    pub(super) fn fault(&mut self, kind: Kind, broker: usize) -> bool {
        let short = self.world.random.within(20_000, 60_000);
        let long = self.world.random.within(200_000, 2_800_000);
        let node = Node::Broker(broker);
        match kind {
            Kind::KillSoon => self.kill(broker, short),
            Kind::Kill => self.kill(broker, long),
            Kind::PowerCut => self.power_cut(broker, long),
            Kind::PowerCutAll => self.power_cut_all(long),
            Kind::Pause => self.pause(node, long),
            Kind::PauseZookeeper => self.pause(Node::Zookeeper, long),
            Kind::Stall => self.stall(long),
            Kind::KillZookeeper => {
                let delay = if self.world.random.chance(50) { short } else { long };
                self.kill_zookeeper(false, delay)
            }
            Kind::PowerCutZookeeper => self.power_cut_zookeeper(broker, long),
            Kind::SlowJournal => {
                self.zookeeper.sync_us = self.world.random.within(50_000, 900_000);
                self.nemesis.plan(&mut self.world, long, End::FastJournal);
                true
            }
            Kind::CutBrokers | Kind::CutBrokersOneWay => {
                let other = Node::Broker((broker + 1 + self.world.random.below(2)) % 3);
                // Sometimes so long that a follower falls behind, though the controller hears of it all the time.
                let long = if self.world.random.chance(40) { long + 3_000_000 } else { long };
                self.cut((node, other), kind == Kind::CutBrokersOneWay, long)
            }
            Kind::CutZookeeper | Kind::CutZookeeperOneWay => {
                // Often too short for anybody to be taken for dead: what was said then comes late.
                let most = self.world.random.chance(50);
                let long = if most { long } else { self.world.random.within(100_000, 900_000) };
                self.nemesis.excuse(broker, self.world.now_us + long + EXCUSE_US);
                let way = if self.world.random.chance(50) {
                    (node, Node::Zookeeper)
                } else {
                    (Node::Zookeeper, node)
                };
                self.cut(way, kind == Kind::CutZookeeperOneWay, long)
            }
            Kind::Isolate | Kind::Deaf => self.isolate(broker, kind == Kind::Deaf, long + 1_500_000),
            Kind::Reset => self.reset(node),
            Kind::SlowSync => {
                self.brokers[broker].sync_us = self.world.random.within(50_000, 900_000);
                self.nemesis.plan(&mut self.world, long, End::FastSync(broker));
                true
            }
            Kind::SlowNetwork => {
                self.world.delay_us = self.world.random.within(10_000, 150_000);
                self.nemesis.plan(&mut self.world, long, End::FastNetwork);
                (0..3).for_each(|broker| self.nemesis.excuse(broker, self.world.now_us + long + EXCUSE_US));
                true
            }
            other => self.disk_fault(other, broker, long),
        }
    }

    /// A broker is down for so long.
    pub(super) fn down(&mut self, broker: usize, for_us: u64) {
        self.nemesis.excuse(broker, self.world.now_us + for_us + EXCUSE_US);
        self.nemesis.plan(&mut self.world, for_us, End::Start(broker));
    }

    fn kill(&mut self, broker: usize, for_us: u64) -> bool {
        if !self.brokers[broker].runs() {
            return false;
        }
        self.brokers[broker].kill(&mut self.world);
        self.down(broker, for_us);
        true
    }

    fn power_cut(&mut self, broker: usize, for_us: u64) -> bool {
        let happened = self.brokers[broker].power_cut(&mut self.world);
        if happened {
            self.down(broker, for_us);
        }
        happened
    }

    /// Some come back together, some one after the other.
    fn power_cut_all(&mut self, for_us: u64) -> bool {
        self.world.oracle.borrow_mut().all_cut();
        let together = self.world.random.chance(50);
        let mut all = true;
        for broker in 0..3 {
            all &= self.brokers[broker].power_cut(&mut self.world);
            let later = if together { 0 } else { self.world.random.within(0, 1_500_000) };
            self.nemesis.excuse(broker, self.world.now_us + for_us + later + EXCUSE_US);
            if !together {
                self.nemesis.plan(&mut self.world, for_us + later, End::Start(broker));
            }
        }
        if together {
            self.nemesis.plan(&mut self.world, for_us, End::StartAll);
        }
        all
    }

    fn pause(&mut self, node: Node, for_us: u64) -> bool {
        if !self.world.lives.contains_key(&node) {
            return false;
        }
        self.world.pause(node);
        if let Node::Broker(broker) = node {
            self.nemesis.excuse(broker, self.world.now_us + for_us + EXCUSE_US);
        }
        self.nemesis.plan(&mut self.world, for_us, End::GoOn(node));
        true
    }

    /// Nobody has died when it is over: who judges was as late as who is judged.
    fn stall(&mut self, for_us: u64) -> bool {
        let nodes = [Node::Zookeeper, Node::Broker(0), Node::Broker(1), Node::Broker(2)];
        for node in nodes {
            self.world.pause(node);
            self.nemesis.plan(&mut self.world, for_us, End::GoOnFromStall(node));
        }
        true
    }

    /// While the sync of its journal takes long, there is something to decide.
    fn power_cut_zookeeper(&mut self, broker: usize, for_us: u64) -> bool {
        if self.zookeeper.image().is_none() {
            return false;
        }
        self.zookeeper.sync_us = 900_000;
        self.kill(broker, 30_000);
        let delay = self.world.random.within(100_000, 700_000);
        self.nemesis.plan(&mut self.world, delay, End::CutZookeeperPower(for_us));
        true
    }

    pub(super) fn kill_zookeeper(&mut self, power: bool, for_us: u64) -> bool {
        if self.zookeeper.image().is_none() {
            return false;
        }
        self.zookeeper.kill(&mut self.world, power);
        self.nemesis.plan(&mut self.world, for_us, End::StartZookeeper);
        true
    }

    fn cut(&mut self, way: (Node, Node), one_way: bool, for_us: u64) -> bool {
        let cut = if one_way { vec![way] } else { vec![way, (way.1, way.0)] };
        self.world.note(|| format!("cut {cut:?}"));
        self.world.cuts.extend(cut.iter().copied());
        self.nemesis.plan(&mut self.world, for_us, End::Heal(cut));
        true
    }

    /// The ways to each of the others are cut at once, and heal one after the other.
    fn isolate(&mut self, broker: usize, deaf: bool, for_us: u64) -> bool {
        let node = Node::Broker(broker);
        for other in [Node::Zookeeper, Node::Broker((broker + 1) % 3), Node::Broker((broker + 2) % 3)] {
            let ways = if deaf { vec![(other, node)] } else { vec![(node, other), (other, node)] };
            self.world.cuts.extend(ways.iter().copied());
            let until = for_us + self.world.random.within(0, 1_500_000);
            self.nemesis.excuse(broker, self.world.now_us + until + EXCUSE_US);
            self.nemesis.plan(&mut self.world, until, End::Heal(ways));
        }
        true
    }

    fn reset(&mut self, node: Node) -> bool {
        if !self.world.lives.contains_key(&node) {
            return false;
        }
        let reset = self.world.reset(node, 60);
        if reset.iter().any(|(a, b)| [*a, *b].contains(&Node::Zookeeper)) {
            self.world.oracle.borrow_mut().inv_34_absence();
        }
        !reset.is_empty()
    }
}
