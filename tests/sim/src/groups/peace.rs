//! A whole run: war, then peace, and what must be so in the end.

use std::collections::BTreeSet;

use yak_core::group::classic::State;
use yak_core::group::consumer::Partition;
use yak_model::api::GroupState;

use super::world::{Event, Network};
use super::{Member, Sim, classic};

impl Sim {
    /// Everybody starts, faults go on for a while and stop.
    pub(super) fn play(&mut self) {
        self.coordinator.start(&mut self.world, &mut self.oracle);
        for number in 0..self.clients.len() {
            let delay = self.world.random.within(1, 1_500);
            if !self.clients[number].is_twin {
                self.world.after(delay, Event::ClientStarts(number));
            }
        }
        self.at_war = true;
        self.world.after(3_000, Event::Strike);
        let end = self.world.now_ms + self.world.random.within(40_000, 90_000);
        self.run_until(end);
        self.make_peace();
        // Whoever was killed before is forgotten by then, what was under way has arrived.
        self.run_until(self.world.now_ms + 30_000);
        self.require("everybody is a member and every partition has an owner", Self::is_whole);
        let before = self.oracle.commits.clone();
        let partitions: Vec<Partition> =
            [1, 2, 3].into_iter().flat_map(|topic| self.partitions_of(topic)).collect();
        self.require("a commit of every partition", |sim| {
            let commits = |partition: &Partition| sim.oracle.commits.get(partition).copied().unwrap_or(0);
            partitions.iter().all(|one| commits(one) > before.get(one).copied().unwrap_or(0))
        });
    }

    fn make_peace(&mut self) {
        self.world.note(|| "peace".to_owned());
        self.at_war = false;
        self.crashes_when = None;
        self.world.network = Network::GOOD;
        self.coordinator.sync_ms = 10;
        if self.coordinator.groups().is_none() {
            self.coordinator.start(&mut self.world, &mut self.oracle);
        }
        for number in 0..self.clients.len() {
            self.clients[number].shell.silent_until_ms = 0;
            if let Member::Consumer(member) = &mut self.clients[number].member {
                member.is_slow = false;
            }
            if self.clients[number].is_twin && self.clients[number].runs {
                self.kill(number, None);
            }
            self.start_client(number);
        }
    }

    /// It must become so.
    fn require(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let end = self.world.now_ms + 40_000;
        while self.world.now_ms < end && !is_so(self) && self.oracle.violations().is_empty() {
            self.run_until(self.world.now_ms + 500);
        }
        if self.oracle.violations().is_empty() {
            let holds = is_so(self);
            let shown = if holds { String::new() } else { self.describe() };
            self.oracle.must("GRP-9 Progress", holds, || format!("no progress to {what}: {shown}"));
        }
    }

    /// Who has what, in a few lines.
    fn describe(&self) -> String {
        let clients = self.clients.iter().enumerate().map(|(number, client)| {
            let (is_in, reading) = match &client.member {
                Member::Classic(member) => (member.is_in(), &member.reading),
                Member::Consumer(member) => (member.is_in(), &member.reading),
            };
            format!(
                "\n  client {number} runs: {}, is in: {is_in}, reads {:?}",
                client.runs, reading.positions
            )
        });
        let groups = self.coordinator.groups().map(|(classic, consumer)| (classic.view(), consumer.view()));
        format!("partitions {:?}, {}\n{groups:?}", self.partitions, clients.collect::<String>())
    }

    fn is_whole(&self) -> bool {
        let Some((classic, consumer)) = self.coordinator.groups() else { return false };
        let is_calm = classic.state() == State::Stable && consumer.state() == GroupState::Stable;
        let (mut owned, mut count) = (BTreeSet::<Partition>::new(), 0);
        for client in self.clients.iter().filter(|client| !client.is_twin) {
            let (is_in, reading) = match &client.member {
                Member::Classic(member) => (member.is_in(), &member.reading),
                Member::Consumer(member) => (member.is_in(), &member.reading),
            };
            if !is_in || !client.runs {
                return false;
            }
            count += reading.positions.len();
            owned.extend(reading.positions.keys());
        }
        let all: BTreeSet<Partition> =
            [classic::TOPIC, 2, 3].into_iter().flat_map(|topic| self.partitions_of(topic)).collect();
        is_calm && owned == all && count == all.len()
    }
}
