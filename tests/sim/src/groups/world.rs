//! Time, chance and the network. A message takes a while of its own, so later ones overtake it; it may be lost, and what
//! was asked may arrive a second time, much later. What a stream says arrives in order.

use std::collections::BTreeMap;

use yak_testkit::Random;

use super::wire::{Address, Push, Reply, Request};
use crate::trace::Trace;

/// Something that happens at a time.
#[derive(Clone, Debug)]
pub enum Event {
    /// A question comes to whoever coordinates then; `true`: for the second time.
    Ask(Address, u64, Request, bool),
    /// An answer comes to who asked.
    Answer(Address, u64, Reply),
    /// A stream says something, to who opened it.
    Push(Address, u64, Push),
    /// A stream's member is gone.
    StreamEnds(Address, u64),
    /// A client's time to do something, which comes again and again.
    Wake(Address),
    /// The same, once.
    Nudge(Address),
    /// A coordinator's.
    CoordinatorWake(u64),
    /// What a coordinator has written up to here is durable.
    Durable(u64, usize),
    /// A coordinator starts.
    CoordinatorStarts,
    /// A client starts again.
    ClientStarts(usize),
    /// The next fault.
    Strike,
    /// The network is as it was.
    NetworkHeals,
}

/// How bad the network is.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// Questions and answers lost, in percent each.
    pub loses: u64,
    /// Questions that arrive again, in percent.
    pub repeats: u64,
    /// The longest that a message takes.
    pub delay_ms: u64,
}

impl Network {
    /// Nothing is lost or repeated.
    pub const GOOD: Self = Self { loses: 0, repeats: 0, delay_ms: 5 };
}

/// Everything around the members and the coordinator.
#[derive(Debug)]
pub struct World {
    /// Virtual time.
    pub now_ms: u64,
    /// Chance.
    pub random: Random,
    /// What happened.
    pub trace: Trace,
    /// The network.
    pub network: Network,
    queue: BTreeMap<(u64, u64), Event>,
    numbers: u64,
    /// When each stream's last word arrives.
    streams: BTreeMap<u64, u64>,
}

impl World {
    /// An empty one.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            now_ms: 1_000,
            random: Random::new(seed),
            trace: Trace::new(),
            network: Network::GOOD,
            queue: BTreeMap::new(),
            numbers: 0,
            streams: BTreeMap::new(),
        }
    }

    /// A number that nobody has had.
    pub const fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Something happened.
    pub fn note(&mut self, what: impl FnOnce() -> String) {
        self.trace.note(self.now_ms * 1_000, what);
    }

    /// Lets something happen after a while.
    pub fn after(&mut self, delay_ms: u64, event: Event) {
        let number = self.number();
        self.queue.insert((self.now_ms + delay_ms, number), event);
    }

    /// The next event, unless it lies behind `until_ms`; time is its time.
    pub fn next(&mut self, until_ms: u64) -> Option<Event> {
        let entry = self.queue.first_entry()?;
        if entry.key().0 > until_ms {
            self.now_ms = until_ms;
            return None;
        }
        let ((at, _), event) = entry.remove_entry();
        self.now_ms = at;
        Some(event)
    }

    fn delay(&mut self) -> u64 {
        self.random.within(0, self.network.delay_ms + 1)
    }

    /// A client asks; the number is the answer's.
    pub fn ask(&mut self, from: Address, request: Request) -> u64 {
        let number = self.number();
        // Who leaves does so over a connection that it then closes: that is not repeated behind its back.
        let is_repeatable = !request.is_leave() && !matches!(request, Request::Stream(_));
        if is_repeatable && self.random.chance(self.network.repeats) {
            let late = self.random.within(10, 5_000);
            self.after(late, Event::Ask(from, number, request.clone(), true));
        }
        if !self.random.chance(self.network.loses) {
            let delay = self.delay();
            self.after(delay, Event::Ask(from, number, request, false));
        }
        number
    }

    /// It is answered.
    pub fn answer(&mut self, to: Address, number: u64, reply: Reply) {
        if !self.random.chance(self.network.loses) {
            let delay = self.delay();
            self.after(delay, Event::Answer(to, number, reply));
        }
    }

    /// A stream says something: in order, and surely, as long as it lasts.
    pub fn push(&mut self, to: Address, stream: u64, push: Push) {
        let at = self.now_ms + self.delay();
        let last = self.streams.entry(stream).or_default();
        *last = at.max(*last);
        let delay = *last - self.now_ms;
        self.after(delay, Event::Push(to, stream, push));
    }
}
