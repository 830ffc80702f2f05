//! The coordinator: the shell around both machines, over a log that forgets.

use std::collections::BTreeSet;

use yak_core::group::classic::{self, ClassicGroup};
use yak_core::group::consumer::{self, ConsumerGroup, Topics};
use yak_model::api::{ConsumerGroupHeartbeat, GroupKind, Rejection};
use yak_model::{ErrorCode, MemberEpoch};

use super::log::{Log, Record};
use super::oracle::Oracle;
use super::running::{Held, Running};
use super::wire::{Address, Push, Reply, Request};
use super::world::{Event, World};

/// A member that is not heard of for so long is gone.
pub const SESSION_MS: u32 = 6_000;

/// Whoever coordinates.
#[derive(Debug)]
pub struct Coordinator {
    /// Counts coordinators, and those whose log failed under them.
    instance: u64,
    log: Log,
    running: Option<Running>,
    /// How long a write takes at most.
    pub sync_ms: u64,
    /// The topics that there are.
    pub topics: Topics,
    /// Streams whose connections are gone.
    ended: BTreeSet<u64>,
}

impl Coordinator {
    /// One that does not run yet.
    #[must_use]
    pub fn new(topics: Topics) -> Self {
        Self { instance: 0, log: Log::default(), running: None, sync_ms: 10, topics, ended: BTreeSet::new() }
    }

    /// Both groups, while it runs.
    #[must_use]
    pub fn groups(&self) -> Option<(&ClassicGroup, &ConsumerGroup)> {
        self.running.as_ref().map(|running| (&running.classic, &running.consumer))
    }

    /// Whether a group is in a rebalance.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        use yak_model::api::GroupState::{Empty, Stable};
        self.groups().is_some_and(|(classic, consumer)| {
            let is_calm = matches!(classic.state(), classic::State::Empty | classic::State::Stable);
            !is_calm || !matches!(consumer.state(), Empty | Stable)
        })
    }

    /// Whether something of a group is being made durable.
    #[must_use]
    pub fn is_storing(&self) -> bool {
        self.log.stores_a_group()
    }

    /// The next coordinator reads what is durable.
    pub fn start(&mut self, world: &mut World, oracle: &mut Oracle) {
        let (stored, of_consumer, offsets) = self.log.replay();
        let config = classic::GroupConfig::default();
        let classic = match stored {
            Some(stored) => ClassicGroup::load(config, world.now_ms, stored),
            None => ClassicGroup::new(config),
        };
        oracle.loads_classic(&classic);
        oracle.loads_consumer(&of_consumer);
        self.running = Some(Running::new(classic, self.load(world.now_ms, of_consumer), offsets));
        world.note(|| "a coordinator starts".to_owned());
        self.finish(world, oracle);
    }

    fn load(&self, now_ms: u64, stored: consumer::StoredConsumerGroup) -> ConsumerGroup {
        let config = consumer::GroupConfig { session_timeout_ms: SESSION_MS, ..Default::default() };
        ConsumerGroup::load(config, now_ms, stored, &self.topics)
    }

    /// It is gone, and with it whatever was not durable.
    pub fn crash(&mut self, world: &mut World, oracle: &mut Oracle) {
        self.instance += 1;
        let lost = self.log.forget();
        oracle.totals.forgotten += lost as u64;
        world.note(|| format!("the coordinator is gone, and {lost} records"));
        if let Some(running) = self.running.take() {
            close(world, running.streams);
        }
    }

    /// What it was writing fails: it goes on with what is durable.
    pub fn fail_store(&mut self, world: &mut World, oracle: &mut Oracle) {
        self.instance += 1;
        let lost = self.log.forget();
        oracle.totals.forgotten += lost as u64;
        world.note(|| format!("{lost} records cannot be stored"));
        let (_, stored, offsets) = self.log.replay();
        oracle.loads_consumer(&stored);
        let consumer = self.load(world.now_ms, stored);
        let Some(running) = &mut self.running else { return };
        running.consumer = consumer;
        running.offsets = offsets;
        running.held.clear();
        running.wakes_at_ms = None;
        close(world, std::mem::take(&mut running.streams));
        let rejection = Rejection::new(ErrorCode::NotEnoughReplicas, "it failed");
        let generation = running.classic.generation_id();
        running.classic.handle_stored(world.now_ms, generation, Err(rejection));
        self.finish(world, oracle);
    }

    /// A write is durable: what waited for it is shown.
    pub fn durable(&mut self, world: &mut World, oracle: &mut Oracle, (instance, end): (u64, usize)) {
        let Some(running) = self.running.as_mut().filter(|_| self.instance == instance) else { return };
        for generation in self.log.sync(end) {
            running.classic.handle_stored(world.now_ms, generation, Ok(()));
        }
        self.finish(world, oracle);
    }

    /// Its time has come.
    pub fn wake(&mut self, world: &mut World, oracle: &mut Oracle, instance: u64) {
        let Some(running) = self.running.as_mut().filter(|_| self.instance == instance) else { return };
        running.wakes_at_ms = None;
        for id in running.streams.keys() {
            running.consumer.handle_alive(world.now_ms, id);
            oracle.heard(id, world.now_ms);
        }
        running.classic.handle_time(world.now_ms);
        running.consumer.handle_time(world.now_ms);
        self.finish(world, oracle);
    }

    /// Topics are others than before.
    pub fn take_topics(&mut self, world: &mut World, oracle: &mut Oracle, topics: Topics) {
        self.topics = topics;
        if let Some(running) = &mut self.running {
            running.consumer.handle_metadata(world.now_ms, &self.topics);
            self.finish(world, oracle);
        }
    }

    /// A stream's connection is gone: its membership ends, unless the member is here on another one.
    pub fn stream_ends(&mut self, world: &mut World, oracle: &mut Oracle, (from, number): (Address, u64)) {
        self.ended.insert(number);
        let Some(running) = &mut self.running else { return };
        let ended = running.streams.iter().find(|(_, stream)| **stream == (from, number));
        let Some(id) = ended.map(|(id, _)| id.clone()) else { return };
        running.streams.remove(&id);
        let view = running.consumer.view();
        let member = view.members.into_iter().find(|member| member.member_id == id);
        let instance_id = member.and_then(|member| member.instance_id);
        let epoch = if instance_id.is_some() { MemberEpoch::LEAVE_STATIC } else { MemberEpoch::LEAVE };
        let leave = ConsumerGroupHeartbeat { instance_id, ..super::consumer::beat(&id, epoch) };
        let left = running.consumer.handle_heartbeat(world.now_ms, &leave, &self.topics);
        oracle.beaten(world.now_ms, &leave, &left);
        self.finish(world, oracle);
    }

    /// Somebody asks.
    pub fn ask(
        &mut self,
        world: &mut World,
        oracle: &mut Oracle,
        (from, number): (Address, u64),
        request: Request,
    ) {
        let Some(running) = &mut self.running else { return };
        let now_ms = world.now_ms;
        match request {
            Request::Join(join) => {
                let answer = running.join(world, oracle, (from, number), &join);
                running.news(world, oracle, &mut self.log);
                answer.into_iter().for_each(|answer| running.hold(&self.log, answer));
            }
            Request::Sync(sync) => running.sync(world, oracle, (from, number), sync),
            Request::Heartbeat(member) => {
                let beaten = running.classic.handle_heartbeat(now_ms, &member);
                oracle.classic_answered(&member, &beaten, "heartbeat");
                world.answer(from, number, Reply::Done(beaten));
            }
            Request::Leave(member) => {
                let left = running.classic.handle_leave(now_ms, &member);
                oracle.comes_or_goes(member.member_id.as_ref(), &left, "a leave");
                world.answer(from, number, Reply::Done(left));
            }
            Request::Beat(beat) => {
                let beaten = running.consumer.handle_heartbeat(now_ms, &beat, &self.topics);
                oracle.beaten(now_ms, &beat, &beaten);
                running.news(world, oracle, &mut self.log);
                running.hold(&self.log, Held::Answer(from, number, Reply::Beaten(beaten)));
            }
            // Its connection is gone already.
            Request::Stream(_) if self.ended.contains(&number) => {}
            Request::Stream(beat) => {
                let beaten = running.consumer.handle_heartbeat(now_ms, &beat, &self.topics);
                oracle.beaten(now_ms, &beat, &beaten);
                if beaten.is_ok() {
                    let older = running.streams.insert(beat.member_id, (from, number));
                    close(world, older.map(|older| (0, older)));
                }
                running.news(world, oracle, &mut self.log);
                running.hold(&self.log, Held::Answer(from, number, Reply::Beaten(beaten)));
            }
            Request::Commit(kind, member, partition, offset) => {
                let accepted = running.commit(now_ms, kind, &member);
                oracle.committed(kind, &member, partition, &accepted);
                if accepted.is_ok() {
                    running.offsets.insert(partition, offset);
                    self.log.append(Record::Offset(partition, offset));
                }
                running.hold(&self.log, Held::Answer(from, number, Reply::Committed(partition, accepted)));
            }
            Request::Fetch(kind, member, partition) => {
                let checked = match kind {
                    GroupKind::Classic => Ok(()),
                    GroupKind::Consumer => running.consumer.check_member(&member),
                };
                let offset = running.offsets.get(&partition).copied().unwrap_or(0);
                let fetched = checked.map(|()| offset);
                running.hold(&self.log, Held::Answer(from, number, Reply::Fetched(partition, fetched)));
            }
        }
        self.finish(world, oracle);
    }

    /// After each input: what the machines want done is done, what was held and may be shown is.
    fn finish(&mut self, world: &mut World, oracle: &mut Oracle) {
        let Some(running) = &mut self.running else { return };
        running.news(world, oracle, &mut self.log);
        oracle.watch(world.now_ms, &running.classic.view(), &running.consumer.view());
        if self.log.end() > self.log.asked {
            let delay = world.random.within(1, self.sync_ms + 1);
            let at = (world.now_ms + delay).max(self.log.durable_at_ms);
            self.log.durable_at_ms = at;
            self.log.asked = self.log.end();
            world.after(at - world.now_ms, Event::Durable(self.instance, self.log.end()));
        }
        while running.held.front().is_some_and(|(end, _)| *end <= self.log.durable()) {
            let Some((_, held)) = running.held.pop_front() else { break };
            match held {
                Held::Answer(to, number, reply) => {
                    oracle.shown(&reply);
                    world.answer(to, number, reply);
                }
                Held::Push(to, stream, push) => world.push(to, stream, push),
            }
        }
        let streams = (!running.streams.is_empty()).then_some(world.now_ms + 1_000);
        let deadlines = [running.classic.next_deadline_ms(), running.consumer.next_deadline_ms(), streams];
        let Some(deadline) = deadlines.into_iter().flatten().min() else { return };
        let late = world.random.within(0, 20);
        let at = deadline.max(world.now_ms) + late;
        if running.wakes_at_ms.is_none_or(|wakes| at < wakes) {
            running.wakes_at_ms = Some(at);
            world.after(at - world.now_ms, Event::CoordinatorWake(self.instance));
        }
    }
}

fn close<K>(world: &mut World, streams: impl IntoIterator<Item = (K, (Address, u64))>) {
    for (_, (to, number)) in streams {
        world.push(to, number, Push::Closed);
    }
}
