//! The network and time: an event queue, connections, cuts, resets.
//!
//! Messages of one connection and direction arrive in order, each after a delay of its own; messages of different
//! connections overtake each other. A cut between two processes, one way or both, holds what was sent until it heals. A
//! reset loses what is under way, or lets it arrive late, on a connection whose sender has forgotten it: so a request
//! that is sent again arrives twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use yak_testkit::Random;

use crate::message::Message;
use crate::oracle::Shared;
use crate::trace::Trace;

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// The controller.
    Zookeeper,
    /// A broker, by number from 0; its id is one more.
    Broker(usize),
    /// A client.
    Client(usize),
    /// Who commands the zookeeper.
    Admin,
}

/// Number of a connection, never used again.
pub type ConnectionId = u64;

/// What wakes a process by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// Now and then.
    Tick,
    /// The flusher's round.
    Flush,
    /// The journal's sync.
    Sync,
}

/// Something that happens at a time.
#[derive(Clone, Debug)]
pub enum Event {
    /// A message arrives at one end of a connection.
    Deliver(ConnectionId, Node, Message),
    /// An end of a connection learns that it is closed.
    Closed(ConnectionId, Node),
    /// A timer of a life of a process.
    Timer(Node, u64, Timer),
    /// The next fault, or the end of one; the number is the nemesis's own.
    Nemesis(u64),
}

#[derive(Debug)]
struct Connection {
    ends: [(Node, u64); 2],
    open: [bool; 2],
    /// Of the last arrival at each end.
    last_us: [u64; 2],
    held: [VecDeque<Event>; 2],
    /// The machine of one end lost its power.
    silent: bool,
}

/// Time, chance, the network, and everybody's common knowledge.
#[derive(Debug)]
pub struct World {
    /// Virtual time, in microseconds.
    pub now_us: u64,
    /// Chance.
    pub random: Random,
    /// What happened.
    pub trace: Trace,
    /// Who checks.
    pub oracle: Shared,
    /// The life of each process that runs; a killed one has none.
    pub lives: BTreeMap<Node, u64>,
    /// Stopped processes, with what waits for them.
    pub paused: BTreeMap<Node, Vec<Event>>,
    /// When a process that was stopped went on last.
    pub went_on_us: BTreeMap<Node, u64>,
    /// Messages from the first to the second are held.
    pub cuts: BTreeSet<(Node, Node)>,
    /// Most microseconds a message takes.
    pub delay_us: u64,
    queue: BTreeMap<(u64, u64), Event>,
    connections: BTreeMap<ConnectionId, Connection>,
    numbers: u64,
}

impl World {
    /// An empty world.
    #[must_use]
    pub fn new(seed: u64, oracle: Shared) -> Self {
        Self {
            now_us: 1_000_000,
            random: Random::new(seed),
            trace: Trace::new(),
            oracle,
            lives: BTreeMap::new(),
            paused: BTreeMap::new(),
            went_on_us: BTreeMap::new(),
            cuts: BTreeSet::new(),
            delay_us: 2_000,
            queue: BTreeMap::new(),
            connections: BTreeMap::new(),
            numbers: 0,
        }
    }

    /// Virtual time, in milliseconds.
    #[must_use]
    pub const fn now_ms(&self) -> u64 {
        self.now_us / 1_000
    }

    /// A number that nobody has had.
    pub const fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Lets something happen after a while.
    pub fn after(&mut self, delay_us: u64, event: Event) {
        let number = self.number();
        self.queue.insert((self.now_us + delay_us, number), event);
    }

    /// Wakes the present life of a process after a while.
    pub fn wake(&mut self, node: Node, timer: Timer, delay_us: u64) {
        if let Some(life) = self.lives.get(&node).copied() {
            self.after(delay_us, Event::Timer(node, life, timer));
        }
    }

    /// The next event, unless it lies behind `until_us`; time is its time.
    pub fn next(&mut self, until_us: u64) -> Option<Event> {
        loop {
            let entry = self.queue.first_entry()?;
            if entry.key().0 > until_us {
                self.now_us = until_us;
                return None;
            }
            let ((at, _), event) = entry.remove_entry();
            self.now_us = at;
            if let Some(event) = self.arrive(event) {
                return Some(event);
            }
        }
    }

    /// What of an event reaches its process now.
    fn arrive(&mut self, event: Event) -> Option<Event> {
        let node = match &event {
            Event::Deliver(id, node, _) | Event::Closed(id, node) => {
                let connection = self.connections.get_mut(id)?;
                let end = usize::from(connection.ends[1].0 == *node);
                let way = (connection.ends[1 - end].0, *node);
                if self.cuts.contains(&way) || !connection.held[end].is_empty() {
                    connection.held[end].push_back(event);
                    return None;
                }
                let life = connection.ends[end].1;
                if self.lives.get(node) != Some(&life) {
                    // Nobody there, or another process: the sender learns it, unless the machine is off.
                    connection.open[end] = false;
                    let off = connection.silent && !self.lives.contains_key(node);
                    if matches!(event, Event::Deliver(..)) && !off {
                        let sender = connection.ends[1 - end].0;
                        self.send_event(*id, 1 - end, Event::Closed(*id, sender));
                    }
                    return None;
                }
                if !connection.open[end] {
                    return None;
                }
                *node
            }
            Event::Timer(node, life, _) => {
                if self.lives.get(node) != Some(life) {
                    return None;
                }
                *node
            }
            Event::Nemesis(_) => return Some(event),
        };
        if let Some(waiting) = self.paused.get_mut(&node) {
            waiting.push(event);
            return None;
        }
        if let Event::Deliver(id, _, Message::Produce(_) | Message::Fetch(_)) = &event
            && self.connections.get(id).is_some_and(|connection| connection.open != [true; 2])
        {
            self.oracle.borrow_mut().totals.late += 1;
        }
        if let Event::Closed(id, _) = &event
            && let Some(connection) = self.connections.get_mut(id)
        {
            let end = usize::from(connection.ends[1].0 == node);
            connection.open[end] = false;
        }
        Some(event)
    }

    /// Puts an event on its way to an end of a connection, behind those that are on it.
    fn send_event(&mut self, id: ConnectionId, end: usize, event: Event) {
        let delay = 50 + self.random.within(0, self.delay_us);
        let number = self.number();
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let at = (self.now_us + delay).max(connection.last_us[end] + 1);
        connection.last_us[end] = at;
        self.queue.insert((at, number), event);
    }

    /// Connects two processes. That nobody listens there shows when something is sent.
    pub fn connect(&mut self, from: Node, to: Node) -> ConnectionId {
        let id = self.number();
        let life = |node: Node| self.lives.get(&node).copied().unwrap_or(0);
        let connection = Connection {
            ends: [(from, life(from)), (to, life(to))],
            open: [true; 2],
            last_us: [self.now_us; 2],
            held: Default::default(),
            silent: false,
        };
        self.connections.insert(id, connection);
        id
    }

    /// Sends from one end of a connection to the other.
    pub fn send(&mut self, id: ConnectionId, from: Node, message: Message) {
        let Some(connection) = self.connections.get(&id) else { return };
        let end = usize::from(connection.ends[0].0 == from);
        if !connection.open[1 - end] {
            return;
        }
        let to = connection.ends[end].0;
        self.send_event(id, end, Event::Deliver(id, to, message));
    }

    /// Closes one end; the other learns of it.
    pub fn close(&mut self, id: ConnectionId, from: Node) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let end = usize::from(connection.ends[0].0 == from);
        if std::mem::replace(&mut connection.open[1 - end], false) {
            let to = connection.ends[end].0;
            self.send_event(id, end, Event::Closed(id, to));
        }
    }

    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self, id: ConnectionId, node: Node) -> Option<Node> {
        let connection = self.connections.get(&id)?;
        Some(connection.ends[usize::from(connection.ends[0].0 == node)].0)
    }

    /// Whether the process at the other end has run without a pause since then: what was asked of it must be answered.
    #[must_use]
    pub fn must_answer(&self, id: ConnectionId, from: Node, since_us: u64) -> bool {
        let Some(connection) = self.connections.get(&id) else { return false };
        let (node, life) = connection.ends[usize::from(connection.ends[0].0 == from)];
        connection.open == [true; 2]
            && self.lives.get(&node) == Some(&life)
            && !self.paused.contains_key(&node)
            && self.went_on_us.get(&node).is_none_or(|went_on_us| *went_on_us < since_us)
    }

    /// A process ends. `silent`: its machine, too, so that nobody is told.
    pub fn end(&mut self, node: Node, silent: bool) {
        self.lives.remove(&node);
        self.paused.remove(&node);
        let is_of = |connection: &Connection| {
            (0..2).find(|end| connection.ends[*end].0 == node && connection.open[*end])
        };
        let ended: Vec<(ConnectionId, usize)> = self
            .connections
            .iter()
            .filter_map(|(id, connection)| is_of(connection).map(|end| (*id, end)))
            .collect();
        if silent {
            self.lose(&ended.iter().map(|(id, _)| *id).collect());
        }
        for (id, end) in ended {
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            connection.open[end] = false;
            connection.silent |= silent;
            let other = connection.ends[1 - end].0;
            if !silent {
                self.send_event(id, 1 - end, Event::Closed(id, other));
            }
        }
        self.forget_closed();
    }

    /// Both ends of some connections of a process learn that they are closed. What is under way is lost or late.
    pub fn reset(&mut self, node: Node, percent: u64) -> Vec<(Node, Node)> {
        let all: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, connection)| {
                connection.ends.iter().any(|end| end.0 == node) && connection.open == [true; 2]
            })
            .map(|(id, _)| *id)
            .collect();
        let mut reset = Vec::new();
        for id in all {
            if !self.random.chance(percent) {
                continue;
            }
            if self.random.chance(50) {
                self.lose(&BTreeSet::from([id]));
            }
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            let nodes = (connection.ends[0].0, connection.ends[1].0);
            reset.push(nodes);
            self.send_event(id, 0, Event::Closed(id, nodes.0));
            self.send_event(id, 1, Event::Closed(id, nodes.1));
        }
        reset
    }

    /// What is under way on some connections is lost.
    fn lose(&mut self, connections: &BTreeSet<ConnectionId>) {
        self.queue.retain(|_, event| !matches!(event, Event::Deliver(id, ..) if connections.contains(id)));
        for id in connections {
            if let Some(connection) = self.connections.get_mut(id) {
                connection.held = Default::default();
            }
        }
    }

    /// Messages pass again from the first to the second.
    pub fn heal(&mut self, from: Node, to: Node) {
        self.cuts.remove(&(from, to));
        let mut released = Vec::new();
        for connection in self.connections.values_mut() {
            for end in 0..2 {
                if (connection.ends[1 - end].0, connection.ends[end].0) == (from, to) {
                    released.extend(connection.held[end].drain(..));
                }
            }
        }
        for event in released {
            // Before whatever else is under way on the same connection.
            self.after(0, event);
        }
    }

    /// Stops a process, as `SIGSTOP` does.
    pub fn pause(&mut self, node: Node) {
        if self.lives.contains_key(&node) {
            self.paused.entry(node).or_default();
        }
    }

    /// Lets it go on. What arrived meanwhile comes first, then its timers.
    pub fn go_on(&mut self, node: Node) {
        let Some(waiting) = self.paused.remove(&node) else { return };
        self.went_on_us.insert(node, self.now_us);
        let (timers, messages): (Vec<Event>, Vec<Event>) =
            waiting.into_iter().partition(|event| matches!(event, Event::Timer(..)));
        for event in messages.into_iter().chain(timers) {
            self.after(0, event);
        }
    }

    /// Forgets connections that are closed at both ends.
    pub fn forget_closed(&mut self) {
        self.connections.retain(|_, connection| connection.open != [false; 2]);
    }

    /// Adds to the trace.
    pub fn note(&mut self, what: impl FnOnce() -> String) {
        self.trace.note(self.now_us, what);
    }
}
