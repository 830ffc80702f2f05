//! Groups of both models under one coordinator, by one seed.
//!
//! ```text
//!   nemesis ──► World: virtual time, a network that loses, delays, repeats ◄── members of both groups
//!                 │
//!            Coordinator ──► Log: what is not durable is forgotten when it moves
//!        core::group::classic
//!        core::group::consumer ──► Oracle: GRP-1 .. GRP-9
//! ```
//!
//! Members read and commit what is theirs. They are killed, stand still and go on as if nothing had been, leave, return as
//! another process, do not give up; the coordinator moves in the middle of a rebalance. Faults stop, and then
//! everybody must be a member, and every partition must be read and committed by one.

pub mod classic;
pub mod client;
pub mod consumer;
pub mod coordinator;
pub mod log;
mod nemesis;
pub mod oracle;
mod peace;
mod running;
pub mod totals;
pub mod wire;
pub mod world;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use classic::Classic;
use client::Shell;
use consumer::{Consumer, Wants};
use coordinator::Coordinator;
pub use nemesis::Kind;
use oracle::{Oracle, Share};
use totals::Totals;
use wire::{Address, Reply};
use world::{Event, Network, World};
use yak_core::group::consumer::{Partition, Topic, Topics};
use yak_model::{InstanceId, PartitionIndex, TopicId};

use crate::Outcome;

/// The id of a topic, by number: 1 is the classic group's, 2 and 3 the server-side group's.
#[must_use]
pub fn topic_id(number: u8) -> TopicId {
    TopicId::from_random([number; 16])
}

/// What a client is, for all its lives.
#[derive(Clone, Debug)]
enum Role {
    Classic { instance: Option<&'static str>, is_modern: bool },
    Consumer(Wants),
}

/// A client's member.
#[derive(Debug)]
enum Member {
    Classic(Classic),
    Consumer(Box<Consumer>),
}

/// A client.
#[derive(Debug)]
struct Client {
    role: Role,
    /// It is a second process of another client's instance, and runs only now and then.
    is_twin: bool,
    shell: Shell,
    member: Member,
    runs: bool,
    /// What arrived while it stood still.
    backlog: Vec<Event>,
}

/// Both groups.
#[derive(Debug)]
pub struct Sim {
    world: World,
    oracle: Oracle,
    coordinator: Coordinator,
    clients: Vec<Client>,
    /// How many partitions each topic has.
    partitions: [u32; 4],
    at_war: bool,
    /// The coordinator is gone as soon as this is so.
    crashes_when: Option<When>,
}

/// What a crash waits for.
#[derive(Clone, Copy, Debug)]
enum When {
    /// A group is in a rebalance.
    Rebalancing,
    /// Something of a group is being made durable.
    Storing,
}

fn roles() -> Vec<(Role, bool)> {
    let classic = |instance, is_modern| Role::Classic { instance, is_modern };
    let consumer = |instance: Option<&str>, has_stream, regex, assignor| {
        let instance = instance.and_then(|name| InstanceId::new(name).ok());
        Role::Consumer(Wants { instance, has_stream, regex, assignor })
    };
    vec![
        (classic(None, true), false),
        (classic(None, false), false),
        (classic(Some("c"), true), false),
        (classic(None, true), false),
        (classic(Some("c"), false), true),
        (consumer(None, false, "[ab]", "uniform"), false),
        (consumer(Some("s"), false, "[ab]", "uniform"), false),
        (consumer(None, true, "[ab]", "uniform"), false),
        (consumer(Some("t"), true, "a|b", "range"), false),
        (consumer(None, false, "a", "range"), false),
        (consumer(Some("s"), false, "[ab]", "uniform"), true),
    ]
}

impl Client {
    fn new(number: usize, role: Role, is_twin: bool) -> Self {
        let address = Address { client: number, life: 0 };
        let member = Member::of(&role, address);
        Self { role, is_twin, shell: Shell::new(address), member, runs: false, backlog: Vec::new() }
    }
}

impl Member {
    /// A process that has not joined.
    fn of(role: &Role, address: Address) -> Self {
        match role {
            Role::Classic { instance, is_modern } => {
                let instance = instance.and_then(|name| InstanceId::new(name).ok());
                Self::Classic(Classic::new(instance, *is_modern))
            }
            Role::Consumer(wants) => {
                let id = client::id(&format!("member{}-{}", address.client, address.life));
                Self::Consumer(Box::new(Consumer::new(wants.clone(), id)))
            }
        }
    }
}

impl Sim {
    /// A coordinator that does not run yet, and clients that have not started.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let clients = roles().into_iter().enumerate();
        let mut sim = Self {
            world: World::new(seed),
            oracle: Oracle::default(),
            coordinator: Coordinator::new(Topics::default()),
            clients: clients.map(|(number, (role, is_twin))| Client::new(number, role, is_twin)).collect(),
            partitions: [0, 5, 4, 3],
            at_war: false,
            crashes_when: None,
        };
        sim.coordinator.topics = sim.topics();
        sim
    }

    /// The topics of the server-side group.
    fn topics(&self) -> Topics {
        let topic = |(name, number): (&str, u8)| {
            let partitions = self.partitions[usize::from(number)];
            name.parse().ok().map(|name| (name, Topic { topic_id: topic_id(number), partitions }))
        };
        [("a", 2), ("b", 3)].into_iter().filter_map(topic).collect()
    }

    fn partitions_of(&self, number: u8) -> Vec<Partition> {
        let count = i32::try_from(self.partitions[usize::from(number)]).unwrap_or(0);
        (0..count).map(|index| (topic_id(number), PartitionIndex::new(index))).collect()
    }

    /// Handles events until `end_ms`, or until something is violated.
    fn run_until(&mut self, end_ms: u64) {
        while self.oracle.violations().is_empty() {
            let Some(event) = self.world.next(end_ms) else { return };
            self.handle(event);
            let is_time = match self.crashes_when {
                None => false,
                Some(When::Rebalancing) => self.coordinator.is_busy(),
                Some(When::Storing) => self.coordinator.is_storing(),
            };
            if is_time && self.world.random.chance(10) {
                self.crash();
            }
            self.check_shares();
        }
    }

    fn handle(&mut self, event: Event) {
        let Self { world, oracle, coordinator, .. } = self;
        match event {
            Event::Ask(from, number, request, is_again) => {
                oracle.totals.repeated += u64::from(is_again);
                coordinator.ask(world, oracle, (from, number), request);
            }
            Event::StreamEnds(from, number) => coordinator.stream_ends(world, oracle, (from, number)),
            Event::CoordinatorWake(instance) => coordinator.wake(world, oracle, instance),
            Event::Durable(instance, end) => coordinator.durable(world, oracle, (instance, end)),
            Event::CoordinatorStarts => {
                if coordinator.groups().is_none() {
                    coordinator.start(world, oracle);
                }
            }
            Event::NetworkHeals => {
                world.network = Network::GOOD;
                coordinator.sync_ms = 10;
            }
            Event::Strike => self.strike(),
            Event::ClientStarts(client) => self.start_client(client),
            Event::Answer(to, ..) | Event::Push(to, ..) | Event::Wake(to) | Event::Nudge(to) => {
                self.reach(to, event);
            }
        }
    }

    /// Something comes to a client: if it stands still, later.
    fn reach(&mut self, to: Address, event: Event) {
        let client = &mut self.clients[to.client];
        if !client.runs || client.shell.address != to {
            return;
        }
        let (now_ms, silent) = (self.world.now_ms, client.shell.silent_until_ms);
        if let Event::Wake(_) = event {
            let pause = self.world.random.within(50, 400).max(silent.saturating_sub(now_ms));
            self.world.after(pause, Event::Wake(to));
        }
        client.backlog.push(event);
        if silent > now_ms {
            return;
        }
        for event in std::mem::take(&mut client.backlog) {
            self.meet(to.client, event);
        }
        if self.clients[to.client].shell.stops {
            self.kill(to.client, None);
        }
    }

    /// A client deals with something.
    fn meet(&mut self, number: usize, event: Event) {
        let partitions = self.partitions_of(classic::TOPIC);
        let Self { world, oracle, clients, .. } = self;
        let Client { shell, member, .. } = &mut clients[number];
        match (event, member) {
            (Event::Wake(_) | Event::Nudge(_), Member::Classic(member)) => {
                member.wake(shell, world, &partitions);
            }
            (Event::Wake(_) | Event::Nudge(_), Member::Consumer(member)) => member.wake(shell, world),
            (Event::Answer(_, number, reply), member) => {
                let is_aside = matches!(reply, Reply::Committed(..) | Reply::Fetched(..));
                if !is_aside && !shell.takes(number) {
                    oracle.totals.late += 1;
                    return;
                }
                match member {
                    Member::Classic(member) => member.hear(shell, world, (number, reply)),
                    Member::Consumer(member) => member.hear(shell, world, oracle, (number, reply)),
                }
            }
            (Event::Push(_, stream, push), Member::Consumer(member)) => {
                member.hear_push(shell, world, oracle, (stream, push));
            }
            _ => {}
        }
    }

    /// Nobody of the server-side group owns what another one owns.
    fn check_shares(&mut self) {
        let Self { world, oracle, clients, .. } = self;
        let running = clients.iter().filter(|client| client.runs);
        let shares: Vec<Share<'_>> = running
            .filter_map(|client| match (&client.member, &client.role) {
                (Member::Consumer(member), Role::Consumer(wants)) if member.is_in() => Some(Share {
                    id: &member.id,
                    instance: wants.instance.as_ref(),
                    owned: member.reading.positions.keys().copied().collect::<BTreeSet<_>>(),
                }),
                _ => None,
            })
            .collect();
        oracle.shares(world.now_ms, &shares);
    }

    /// A client starts, as another process than before.
    fn start_client(&mut self, number: usize) {
        let client = &mut self.clients[number];
        if client.runs || (client.is_twin && !self.at_war) {
            return;
        }
        let address = Address { client: number, life: client.shell.address.life + 1 };
        client.shell = Shell::new(address);
        client.member = Member::of(&client.role, address);
        client.runs = true;
        self.world.after(1, Event::Wake(address));
    }

    /// A client is killed; it starts again after a while, or when it is told.
    fn kill(&mut self, number: usize, starts_after_ms: Option<u64>) {
        let after = starts_after_ms.unwrap_or_else(|| self.world.random.within(100, 9_000));
        let Self { world, clients, .. } = self;
        let client = &mut clients[number];
        if let Member::Consumer(member) = &mut client.member {
            member.lose(&mut client.shell, world);
        }
        client.runs = false;
        client.backlog.clear();
        if !client.is_twin {
            world.after(after, Event::ClientStarts(number));
        }
    }

    /// A client leaves; it starts again after a while, or, as the same process, joins again at once.
    fn leave(&mut self, number: usize, ends: bool) {
        let for_a_while = self.world.random.chance(60);
        let Self { world, clients, .. } = self;
        let Client { shell, member, .. } = &mut clients[number];
        match member {
            Member::Classic(member) => member.leave(shell, world),
            Member::Consumer(member) => member.leave(shell, world, for_a_while),
        }
        if ends {
            self.kill(number, None);
        }
    }

    /// A member will take very long to give up next time. Returns whether it can.
    fn slow(&mut self, number: usize) -> bool {
        match &mut self.clients[number].member {
            Member::Consumer(member) => {
                member.is_slow = true;
                true
            }
            Member::Classic(_) => false,
        }
    }

    /// A second process of an instance starts. Returns whether there was none.
    fn start_twin(&mut self) -> bool {
        let twins: Vec<usize> =
            (0..self.clients.len()).filter(|number| self.clients[*number].is_twin).collect();
        let Some(twin) = self.world.random.pick(&twins).copied() else { return false };
        let was_away = !self.clients[twin].runs;
        self.start_client(twin);
        was_away
    }

    /// A topic gets one more partition. Returns whether it may.
    fn grow(&mut self) -> bool {
        let topic = self.world.random.below(3) + 1;
        if self.partitions[topic] >= 9 {
            return false;
        }
        self.partitions[topic] += 1;
        let topics = self.topics();
        self.coordinator.take_topics(&mut self.world, &mut self.oracle, topics);
        true
    }
}

/// Runs a seed. Panics of the machines are violations.
#[must_use]
pub fn run_seed(seed: u64) -> Outcome<Totals> {
    let mut sim = Sim::new(seed);
    let result = catch_unwind(AssertUnwindSafe(|| sim.play()));
    let mut violations = sim.oracle.violations().to_vec();
    violations.extend(result.err().map(|panic| crate::sim::describe(&panic)));
    let (trace, sum) = (sim.world.trace.last(), sim.world.trace.sum());
    Outcome { seed, violations, trace, sum, totals: sim.oracle.totals }
}
