//! A member of the server-side group: says what it owns, takes up and gives up what it is told. One that has a stream
//! goes by that alone.

use std::collections::BTreeSet;

use yak_core::group::consumer::Partition;
use yak_model::api::{
    ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply, GroupKind, MemberIdentity, TopicPartitions,
};
use yak_model::{
    ErrorCode, GenerationId, GroupId, InstanceId, MemberEpoch, MemberId, PartitionIndex, TopicId,
};

use super::client::{Reading, Shell, is_over};
use super::oracle::Oracle;
use super::wire::{Push, Reply, Request};
use super::world::{Event, World};

/// How long it may take to give up.
pub const REBALANCE_MS: u32 = 5_000;

/// A heartbeat that says nothing but who speaks.
#[must_use]
pub fn beat(id: &MemberId, epoch: MemberEpoch) -> ConsumerGroupHeartbeat {
    ConsumerGroupHeartbeat {
        group_id: GroupId::new("server-side").unwrap_or_else(|_| unreachable!("it is a name")),
        member_id: id.clone(),
        member_epoch: epoch,
        instance_id: None,
        rack_id: None,
        rebalance_timeout_ms: None,
        subscribed_topics: None,
        subscribed_regex: None,
        server_assignor: None,
        owned: None,
        client_id: "client".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
    }
}

/// What a member wants, for all its lives.
#[derive(Clone, Debug)]
pub struct Wants {
    /// Its name over restarts.
    pub instance: Option<InstanceId>,
    /// It is told over a stream.
    pub has_stream: bool,
    /// Topics, by expression.
    pub regex: &'static str,
    /// Who is to assign.
    pub assignor: &'static str,
}

/// A member.
#[derive(Debug)]
pub struct Consumer {
    wants: Wants,
    /// Its id.
    pub id: MemberId,
    /// Its epoch; 0: it has not joined.
    pub epoch: MemberEpoch,
    /// What it reads; also what it is giving up.
    pub reading: Reading,
    /// What it is giving up, and when it will have.
    gives: Option<(BTreeSet<Partition>, u64)>,
    /// The stream that it listens to.
    stream: Option<u64>,
    /// What it said last that it owns.
    said: Option<BTreeSet<Partition>>,
    /// It takes very long to give up.
    pub is_slow: bool,
}

impl Consumer {
    /// One that has not joined.
    #[must_use]
    pub fn new(wants: Wants, id: MemberId) -> Self {
        Self {
            wants,
            id,
            epoch: MemberEpoch::JOIN,
            reading: Reading::default(),
            gives: None,
            stream: None,
            said: None,
            is_slow: false,
        }
    }

    /// Whether it is a member.
    #[must_use]
    pub fn is_in(&self) -> bool {
        self.epoch > MemberEpoch::JOIN
    }

    fn owned(&self) -> BTreeSet<Partition> {
        self.reading.positions.keys().copied().collect()
    }

    /// Nothing is its own any more. The coordinator notices that its stream is gone.
    pub fn lose(&mut self, shell: &mut Shell, world: &mut World) {
        shell.give_up_asking();
        self.epoch = MemberEpoch::JOIN;
        self.reading.clear();
        self.gives = None;
        self.said = None;
        if let Some(stream) = self.stream.take() {
            let delay = world.random.within(1, 500);
            world.after(delay, Event::StreamEnds(shell.address, stream));
        }
    }

    /// Its time to do something.
    pub fn wake(&mut self, shell: &mut Shell, world: &mut World) {
        if let Some((partitions, at)) = &self.gives
            && *at <= world.now_ms
        {
            for partition in partitions {
                self.reading.positions.remove(partition);
            }
            self.gives = None;
            shell.beat_soon();
        }
        if shell.waits(world) {
            return;
        }
        if !self.is_in() {
            self.lose(shell, world);
            let joins = self.joins();
            if self.wants.has_stream {
                self.stream = Some(shell.ask(world, Request::Stream(joins)));
            } else {
                shell.ask(world, Request::Beat(joins));
            }
            return;
        }
        let member = MemberIdentity {
            member_id: self.id.clone(),
            instance_id: self.wants.instance.clone(),
            generation_id: GenerationId::new(self.epoch.get()),
        };
        self.reading.go_on(shell, world, GroupKind::Consumer, &member);
        if shell.is_time_to_beat(world) {
            let says_again = world.random.chance(30);
            let beats = self.beats(shell.is_in_doubt, says_again);
            shell.ask(world, Request::Beat(beats));
        }
    }

    fn joins(&mut self) -> ConsumerGroupHeartbeat {
        self.said = Some(BTreeSet::new());
        ConsumerGroupHeartbeat {
            instance_id: self.wants.instance.clone(),
            rebalance_timeout_ms: Some(REBALANCE_MS),
            subscribed_regex: Some(self.wants.regex.to_owned()),
            server_assignor: Some(self.wants.assignor.to_owned()),
            owned: Some(Vec::new()),
            ..beat(&self.id, MemberEpoch::JOIN)
        }
    }

    /// What it owns it says if that is new, now and then, and together with everything else if an answer did not come.
    fn beats(&mut self, is_in_doubt: bool, says_again: bool) -> ConsumerGroupHeartbeat {
        let owned = self.owned();
        let says = is_in_doubt || says_again || self.said.as_ref() != Some(&owned);
        let told = says.then(|| by_topic(&owned));
        self.said = Some(owned);
        ConsumerGroupHeartbeat {
            instance_id: self.wants.instance.clone(),
            rebalance_timeout_ms: is_in_doubt.then_some(REBALANCE_MS),
            subscribed_regex: is_in_doubt.then(|| self.wants.regex.to_owned()),
            owned: told,
            ..beat(&self.id, self.epoch)
        }
    }

    /// An answer to what it asked last (`number`), or to a commit or fetch of this life.
    ///
    /// # Panics
    /// It is refused for a reason that there is none for.
    pub fn hear(
        &mut self,
        shell: &mut Shell,
        world: &mut World,
        oracle: &mut Oracle,
        (number, reply): (u64, Reply),
    ) {
        match reply {
            Reply::Beaten(Ok(reply)) => {
                shell.is_in_doubt = false;
                if reply.member_epoch < MemberEpoch::JOIN {
                    return;
                }
                if !self.wants.has_stream {
                    self.hear_beaten(shell, world, oracle, reply);
                } else if !self.is_in() {
                    // The stream begins; what is its own it says itself.
                    self.epoch = reply.member_epoch;
                }
            }
            Reply::Beaten(Err(rejection)) => match rejection.code {
                ErrorCode::UnreleasedInstanceId => {}
                ErrorCode::FencedInstanceId => {
                    self.lose(shell, world);
                    shell.stops = true;
                }
                code => {
                    assert!(is_over(code), "{code}");
                    self.lose(shell, world);
                }
            },
            Reply::Committed(partition, result) => {
                self.reading.committed(partition, &result);
                if let Err(rejection) = result
                    && rejection.code != ErrorCode::StaleMemberEpoch
                {
                    self.lose(shell, world);
                }
            }
            Reply::Fetched(partition, Ok(offset)) => self.reading.fetched(number, partition, offset),
            Reply::Fetched(_, Err(_)) | Reply::Done(_) | Reply::Joined(_) | Reply::Synced(_) => {}
        }
    }

    fn hear_beaten(
        &mut self,
        shell: &mut Shell,
        world: &mut World,
        oracle: &mut Oracle,
        reply: ConsumerGroupHeartbeatReply,
    ) {
        self.epoch = reply.member_epoch;
        if let Some(assignment) = reply.assignment {
            self.obey(shell, world, oracle, &assignment);
        }
    }

    /// Its stream says something.
    pub fn hear_push(
        &mut self,
        shell: &mut Shell,
        world: &mut World,
        oracle: &mut Oracle,
        (stream, push): (u64, Push),
    ) {
        if self.stream != Some(stream) {
            return;
        }
        // The first words may overtake the answer that the stream has begun.
        shell.takes(stream);
        match push {
            Push::Assigned(assignment) => {
                self.epoch = assignment.member_epoch;
                self.obey(shell, world, oracle, &assignment.partitions);
            }
            Push::Fenced | Push::Closed => self.lose(shell, world),
        }
    }

    /// Takes up what is new, and begins to give up what is not its own any more.
    fn obey(&mut self, shell: &mut Shell, world: &mut World, oracle: &mut Oracle, told: &[TopicPartitions]) {
        let told = one_by_one(told);
        let owned = self.owned();
        for partition in told.difference(&owned) {
            oracle.takes_up(&self.id, *partition);
            self.reading.add(*partition);
        }
        let gone: BTreeSet<Partition> = owned.difference(&told).copied().collect();
        let id = &self.id;
        world.note(|| format!("{id} owns {told:?} and gives up {gone:?}"));
        if gone.is_empty() {
            self.gives = None;
        } else if self.gives.as_ref().is_none_or(|(gives, _)| *gives != gone) {
            let most_ms = if world.random.chance(40) { 3_000 } else { 400 };
            let takes_ms = if self.is_slow { 9_000 } else { world.random.within(0, most_ms) };
            self.gives = Some((gone, world.now_ms + takes_ms));
            shell.nudge_after(world, takes_ms);
        }
        shell.beat_soon();
    }

    /// It goes, for good or for a while; once it is answered it may join again. A stream just closes.
    pub fn leave(&mut self, shell: &mut Shell, world: &mut World, for_a_while: bool) {
        let was_in = self.is_in();
        self.lose(shell, world);
        if was_in && !self.wants.has_stream {
            let epoch = match &self.wants.instance {
                Some(_) if for_a_while => MemberEpoch::LEAVE_STATIC,
                _ => MemberEpoch::LEAVE,
            };
            let leave =
                ConsumerGroupHeartbeat { instance_id: self.wants.instance.clone(), ..beat(&self.id, epoch) };
            shell.ask(world, Request::Beat(leave));
        }
    }
}

fn by_topic(partitions: &BTreeSet<Partition>) -> Vec<TopicPartitions> {
    let mut topics = std::collections::BTreeMap::<TopicId, Vec<PartitionIndex>>::new();
    for (topic_id, index) in partitions {
        topics.entry(*topic_id).or_default().push(*index);
    }
    topics.into_iter().map(|(topic_id, partitions)| TopicPartitions { topic_id, partitions }).collect()
}

/// Partitions one by one.
#[must_use]
pub fn one_by_one(topics: &[TopicPartitions]) -> BTreeSet<Partition> {
    let of = |topic: &TopicPartitions| {
        let topic_id = topic.topic_id;
        topic.partitions.clone().into_iter().map(move |index| (topic_id, index))
    };
    topics.iter().flat_map(of).collect()
}
