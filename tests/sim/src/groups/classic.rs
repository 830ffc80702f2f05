//! A member of the classic group: joins, assigns if it leads, reads and commits what it is assigned, and gives
//! everything up when the group rebalances.

use std::collections::BTreeMap;

use bytes::Bytes;
use yak_core::group::consumer::Partition;
use yak_model::api::{
    GroupKind, GroupProtocol, JoinGroup, JoinGroupReply, JoinRefused, LeavingMember, MemberIdentity,
    Rejection, SyncGroup, SyncGroupReply,
};
use yak_model::{ErrorCode, GenerationId, GroupId, InstanceId, MemberId};

use super::client::{Reading, Shell, is_over};
use super::oracle::parse;
use super::wire::{Reply, Request};
use super::world::World;

/// What the members of the classic group read.
pub const TOPIC: u8 = 1;
/// How long others wait for a member.
const REBALANCE_MS: u32 = 8_000;
/// The least that a group allows.
const SESSION_MS: u32 = 6_000;

/// The id of a new member.
#[must_use]
pub fn member_id(client: usize, number: u64) -> MemberId {
    super::client::id(&format!("classic{client}-{number}"))
}

fn group_id() -> GroupId {
    GroupId::new("classic").unwrap_or_else(|_| unreachable!("it is a name"))
}

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Out,
    Joined,
    In,
}

/// A member.
#[derive(Debug)]
pub struct Classic {
    instance: Option<InstanceId>,
    /// It wants to know its id before it joins, and can be told not to assign anew.
    is_modern: bool,
    member_id: Option<MemberId>,
    generation: GenerationId,
    phase: Phase,
    /// If it leads: everybody.
    led: Vec<MemberId>,
    /// How many partitions it has assigned; 0: somebody else has, perhaps when there were less.
    assigned: usize,
    skips: bool,
    /// What it reads.
    pub reading: Reading,
}

impl Classic {
    /// One that has not joined.
    #[must_use]
    pub fn new(instance: Option<InstanceId>, is_modern: bool) -> Self {
        Self {
            instance,
            is_modern,
            member_id: None,
            generation: GenerationId::new(-1),
            phase: Phase::Out,
            led: Vec::new(),
            assigned: 0,
            skips: false,
            reading: Reading::default(),
        }
    }

    /// Whether it is a member that has its assignment.
    #[must_use]
    pub fn is_in(&self) -> bool {
        self.phase == Phase::In
    }

    fn identity(&self) -> Option<MemberIdentity> {
        let member_id = self.member_id.clone()?;
        Some(MemberIdentity { member_id, instance_id: self.instance.clone(), generation_id: self.generation })
    }

    /// Nothing is its own any more.
    fn lose(&mut self, shell: &mut Shell) {
        shell.give_up_asking();
        self.reading.clear();
        self.member_id = None;
        self.phase = Phase::Out;
    }

    /// Its time to do something. `partitions`: how many its topic has.
    pub fn wake(&mut self, shell: &mut Shell, world: &mut World, partitions: &[Partition]) {
        if shell.waits(world) {
            return;
        }
        match (self.phase, self.identity()) {
            (Phase::In, Some(member)) => {
                if !self.led.is_empty() && self.assigned != partitions.len() {
                    // The topic has grown, or may have: the leader has all join again.
                    self.reading.clear();
                    self.phase = Phase::Out;
                    self.join(shell, world);
                    return;
                }
                if shell.is_time_to_beat(world) {
                    shell.ask(world, Request::Heartbeat(member.clone()));
                }
                self.reading.go_on(shell, world, GroupKind::Classic, &member);
            }
            (Phase::Joined, Some(_)) => self.sync(shell, world, partitions),
            _ => self.join(shell, world),
        }
    }

    fn join(&self, shell: &mut Shell, world: &mut World) {
        let protocol = GroupProtocol { name: "range".to_owned(), metadata: Bytes::from_static(b"any") };
        let join = JoinGroup {
            group_id: group_id(),
            member_id: self.member_id.clone(),
            instance_id: self.instance.clone(),
            client_id: format!("client {}", shell.address.client),
            client_host: "/127.0.0.1".to_owned(),
            protocol_type: "consumer".to_owned(),
            protocols: vec![protocol],
            session_timeout_ms: SESSION_MS,
            rebalance_timeout_ms: REBALANCE_MS,
            requires_known_member_id: self.is_modern,
            can_skip_assignment: self.is_modern,
        };
        shell.ask_patiently(world, Request::Join(join), u64::from(REBALANCE_MS) + 3_000);
    }

    fn sync(&mut self, shell: &mut Shell, world: &mut World, partitions: &[Partition]) {
        let Some(member) = self.identity() else { return };
        let mut shares: BTreeMap<&MemberId, Vec<String>> = BTreeMap::new();
        for (at, (_, index)) in partitions.iter().enumerate().filter(|_| !self.led.is_empty()) {
            shares.entry(&self.led[at % self.led.len()]).or_default().push(index.to_string());
        }
        let assignments =
            shares.into_iter().map(|(id, share)| (id.clone(), Bytes::from(share.join(",")))).collect();
        let assignments = if self.skips { Vec::new() } else { assignments };
        self.assigned = if self.skips { 0 } else { partitions.len() };
        let sync =
            SyncGroup { group_id: group_id(), member, protocol_type: None, protocol: None, assignments };
        shell.ask_patiently(world, Request::Sync(sync), u64::from(REBALANCE_MS));
    }

    /// An answer to what it asked last, or to a commit or fetch of this life.
    pub fn hear(&mut self, shell: &mut Shell, world: &mut World, (number, reply): (u64, Reply)) {
        match reply {
            Reply::Joined(Ok(reply)) => self.hear_joined(reply),
            Reply::Joined(Err(refused)) => self.hear_refused(shell, refused),
            Reply::Synced(Ok(reply)) => self.hear_synced(world, &reply),
            Reply::Synced(Err(rejection)) | Reply::Done(Err(rejection)) => {
                self.hear_rejection(shell, &rejection)
            }
            Reply::Committed(partition, result) => {
                self.reading.committed(partition, &result);
                if let Err(rejection) = result
                    && rejection.code != ErrorCode::RebalanceInProgress
                {
                    self.hear_rejection(shell, &rejection);
                }
            }
            Reply::Fetched(partition, Ok(offset)) => self.reading.fetched(number, partition, offset),
            Reply::Fetched(_, Err(_)) | Reply::Done(Ok(())) | Reply::Beaten(_) => {}
        }
    }

    fn hear_joined(&mut self, reply: JoinGroupReply) {
        self.led = match &reply.leader {
            leader if *leader == reply.member_id => {
                reply.members.into_iter().map(|one| one.member_id).collect()
            }
            _ => Vec::new(),
        };
        self.skips = reply.skip_assignment;
        self.member_id = Some(reply.member_id);
        self.generation = reply.generation_id;
        self.phase = Phase::Joined;
    }

    fn hear_refused(&mut self, shell: &mut Shell, refused: JoinRefused) {
        if refused.rejection.code == ErrorCode::MemberIdRequired {
            self.member_id = refused.member_id;
        } else {
            self.hear_rejection(shell, &refused.rejection);
        }
    }

    fn hear_synced(&mut self, world: &mut World, reply: &SyncGroupReply) {
        let Some(id) = &self.member_id else { return };
        let partitions = parse(&reply.assignment);
        world.note(|| format!("{id} owns {partitions:?} in generation {}", self.generation));
        self.reading.take_up(partitions);
        self.phase = Phase::In;
    }

    fn hear_rejection(&mut self, shell: &mut Shell, rejection: &Rejection) {
        match rejection.code {
            ErrorCode::RebalanceInProgress => {
                self.reading.clear();
                self.phase = Phase::Out;
            }
            // Another process is this instance now.
            ErrorCode::FencedInstanceId => {
                self.lose(shell);
                shell.stops = true;
            }
            code => {
                assert!(is_over(code), "{code}");
                self.lose(shell);
            }
        }
    }

    /// It goes.
    pub fn leave(&mut self, shell: &mut Shell, world: &mut World) {
        if let Some(member_id) = self.member_id.take() {
            let reason = Some("it was told to".to_owned());
            let member =
                LeavingMember { member_id: Some(member_id), instance_id: self.instance.clone(), reason };
            shell.ask(world, Request::Leave(member));
        }
        self.lose(shell);
    }
}
