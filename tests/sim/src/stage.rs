//! A stage for hand-written races: a small language over [`Sim`], in which each line is an act or something that must be
//! so.
//!
//! ```text
//! # a comment
//! topic sync 3 2             a topic: flush, replication factor, min.insync.replicas; becomes "it"
//! clients                    an idempotent producer with acks=all, one with acks=1, two consumers
//! wait 300                   milliseconds
//! kill L | start L           L is whom the name was given to; also cut-power, wipe, pause, continue, shut-down
//! name L leader              gives a name to the present leader of it
//! name F other               ... to the first replica that has no name yet
//! cut A B | heal A B         messages from A to B, each a name or zk
//! reset L                    all connections of L
//! until leader L             within 20 s; also: leader none, not-leader L, isr N, settled, acked N more
//! epoch up                   the leader epoch has risen since the last `epoch`
//! epoch same                 it has not
//! index same                 the journal has not grown since the last `index`
//! silent                     no acks=all record is acknowledged from here to the next `wait`'s end
//! elect-unclean              an operator gives up
//! peace                      everything heals, and must come to rest
//! ```

use std::collections::BTreeMap;

use yak_model::TopicPartition;
use yak_model::api::{ElectLeaders, ElectionKind};
use yak_model::metadata::PartitionRecord;

use crate::net::Node;
use crate::sim::Sim;

/// How long `until` waits.
const PATIENCE_MS: u64 = 20_000;

/// A script as it is played.
#[derive(Debug)]
pub struct Stage {
    sim: Sim,
    names: BTreeMap<String, usize>,
    epoch: i32,
    index: u64,
    silent_at: Option<u64>,
}

/// Plays a script.
///
/// # Errors
/// The line that is not understood, or not so; with the trace.
pub fn play(script: &str) -> Result<(), String> {
    let mut stage = Stage { sim: Sim::new(1), names: BTreeMap::new(), epoch: -1, index: 0, silent_at: None };
    stage.sim.start();
    for (number, line) in script.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        stage.sim.world.note(|| format!("script: {line}"));
        let played = stage.act(line);
        let violations = stage.sim.world.oracle.borrow().violations().join("\n");
        if played.is_err() || !violations.is_empty() {
            let problem = played.err().unwrap_or_default();
            let trace = stage.sim.world.trace.last();
            return Err(format!("{trace}\nline {}: {line}: {problem}\n{violations}", number + 1));
        }
    }
    Ok(())
}

impl Stage {
    fn act(&mut self, line: &str) -> Result<(), String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match *words.as_slice() {
            ["topic", flush, factor, min] => {
                let (factor, min) = (number(factor)?, number(min)?);
                self.sim.create(
                    (i16::try_from(factor).unwrap_or(1), u16::try_from(min).unwrap_or(1)),
                    flush,
                    1,
                );
                self.until("a topic", |stage| stage.it().is_some_and(|it| it.leader.is_some()))
            }
            ["clients"] => {
                for client in [0, 2, 4, 5] {
                    self.sim.clients[client].start(&mut self.sim.world);
                }
                Ok(())
            }
            ["wait", ms] => self.wait(number(ms)?),
            ["name", name, which] => self.name(name, which),
            ["until", ref what @ ..] => self.await_(what),
            ["epoch", word] => {
                let now = self.it().map_or(-1, |it| it.leader_epoch.get());
                let before = std::mem::replace(&mut self.epoch, now);
                expect(if word == "up" { now > before } else { now == before }, || {
                    format!("{before}, then {now}")
                })
            }
            ["index", word] => {
                let now = self.sim.zookeeper.durable_image().index().get();
                let before = std::mem::replace(&mut self.index, now);
                expect(word == "noted" || now == before, || format!("{before}, then {now}"))
            }
            ["silent"] => {
                self.silent_at = Some(self.acked());
                Ok(())
            }
            ["elect-unclean"] => {
                let it = self.it().ok_or("there is no topic")?;
                let partition = TopicPartition::new(it.topic, it.partition);
                let kind = ElectionKind::Unclean;
                self.sim.world.oracle.borrow_mut().unclean_asked();
                self.sim
                    .admin(ElectLeaders { kind, partitions: Some(vec![partition]), timeout_ms: 0 }.into());
                Ok(())
            }
            ["peace"] => {
                self.sim.settle();
                Ok(())
            }
            ["cut", from, to] => {
                let way = (self.node(from)?, self.node(to)?);
                for node in [way.0, way.1] {
                    if let Node::Broker(broker) = node {
                        self.sim.nemesis.excuse(broker, self.sim.world.now_us + 60_000_000);
                    }
                }
                self.sim.world.cuts.insert(way);
                Ok(())
            }
            ["heal", from, to] => {
                let (from, to) = (self.node(from)?, self.node(to)?);
                self.sim.world.heal(from, to);
                Ok(())
            }
            [verb, name] => self.inflict(verb, name),
            _ => Err("not understood".to_owned()),
        }
    }

    fn inflict(&mut self, verb: &str, name: &str) -> Result<(), String> {
        let node = self.node(name)?;
        let Self { sim: Sim { world, zookeeper, brokers, nemesis, .. }, .. } = self;
        if let Node::Broker(broker) = node {
            nemesis.excuse(broker, world.now_us + 60_000_000);
        }
        match (verb, node) {
            ("kill", Node::Broker(broker)) => brokers[broker].kill(world),
            ("kill", _) => zookeeper.kill(world, false),
            ("cut-power", Node::Broker(broker)) => expect(brokers[broker].power_cut(world), || {
                "its disk is damaged, which a power cut might hide".to_owned()
            })?,
            ("cut-power", _) => zookeeper.kill(world, true),
            ("start", Node::Broker(broker)) => brokers[broker].start(world),
            ("start", _) => zookeeper.start(world),
            ("wipe", Node::Broker(broker)) => brokers[broker].wipe(world),
            ("shut-down", Node::Broker(broker)) => brokers[broker].shut_down(world),
            ("slow-sync", Node::Broker(broker)) => brokers[broker].sync_us = 700_000,
            ("fast-sync", Node::Broker(broker)) => brokers[broker].sync_us = 2_000,
            ("pause", node) => world.pause(node),
            ("continue", node) => world.go_on(node),
            ("reset", node) => drop(world.reset(node, 100)),
            _ => return Err("not understood".to_owned()),
        }
        Ok(())
    }

    fn wait(&mut self, ms: u64) -> Result<(), String> {
        self.sim.run_for(ms);
        let acked = self.acked();
        let silent = self.silent_at.take();
        expect(silent.is_none_or(|before| before == acked), || {
            format!("{silent:?} acknowledged, then {acked}")
        })
    }

    fn await_(&mut self, what: &[&str]) -> Result<(), String> {
        match *what {
            ["leader", "none"] => {
                self.until("nobody", |stage| stage.it().is_some_and(|it| it.leader.is_none()))
            }
            ["leader", name] => {
                let broker = self.broker(name)?;
                self.until("it leads", |stage| stage.leader() == Some(broker))
            }
            ["not-leader", name] => {
                let broker = self.broker(name)?;
                self.until("another leads", |stage| stage.leader().is_some_and(|leader| leader != broker))
            }
            ["isr", count] => {
                let count = usize::try_from(number(count)?).unwrap_or(0);
                self.until("the ISR", |stage| stage.it().is_some_and(|it| it.in_sync_replicas.len() == count))
            }
            ["acked", count, "more"] => {
                let goal = self.acked() + number(count)?;
                self.until("acknowledgements", |stage| stage.acked() >= goal)
            }
            _ => Err("not understood".to_owned()),
        }
    }

    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) -> Result<(), String> {
        for _ in 0..PATIENCE_MS {
            if is_so(self) {
                return Ok(());
            }
            self.sim.run_for(1);
        }
        Err(format!("waited in vain for {what}: {:?}", self.it()))
    }

    fn name(&mut self, name: &str, which: &str) -> Result<(), String> {
        let it = self.it().ok_or("there is no topic")?;
        let taken: Vec<usize> = self.names.values().copied().collect();
        let mut replicas = it.replicas.iter().map(|id| Sim::number_of(*id));
        let chosen = match which {
            "leader" => self.leader(),
            _ => replicas.find(|replica| !taken.contains(replica)),
        };
        self.names.insert(name.to_owned(), chosen.ok_or("there is none")?);
        Ok(())
    }

    fn broker(&self, name: &str) -> Result<usize, String> {
        self.names.get(name).copied().ok_or_else(|| format!("nobody is called {name}"))
    }

    fn node(&self, name: &str) -> Result<Node, String> {
        if name == "zk" { Ok(Node::Zookeeper) } else { self.broker(name).map(Node::Broker) }
    }

    /// The partition that is talked of: the first of the newest topic.
    fn it(&self) -> Option<PartitionRecord> {
        let image = self.sim.zookeeper.durable_image();
        image.partitions().last().map(|record| PartitionRecord::clone(record))
    }

    fn leader(&self) -> Option<usize> {
        self.it()?.leader.map(Sim::number_of)
    }

    fn acked(&self) -> u64 {
        self.sim.world.oracle.borrow().totals.acknowledged
    }
}

fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_unparsed| format!("{word} is not a number"))
}

fn expect(holds: bool, found: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(found()) }
}
