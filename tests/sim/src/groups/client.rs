//! What members of both kinds have in common: questions, one at a time; what they read, and how far they are.

use std::collections::BTreeMap;

use yak_core::group::consumer::Partition;
use yak_model::api::{GroupKind, MemberIdentity, Rejection};
use yak_model::{ErrorCode, MemberId};

use super::wire::{Address, Request};
use super::world::{Event, World};

/// How long a member waits for an answer.
const PATIENCE_MS: u64 = 1_500;
/// How often it says that it lives.
const BEAT_MS: u64 = 1_000;

/// A member's id.
#[must_use]
pub fn id(text: &str) -> MemberId {
    MemberId::new(text).unwrap_or_else(|_| unreachable!("it is a name"))
}

/// Whether an error says that a membership is over.
#[must_use]
pub const fn is_over(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::UnknownMemberId
            | ErrorCode::IllegalGeneration
            | ErrorCode::FencedMemberEpoch
            | ErrorCode::FencedInstanceId
            | ErrorCode::NotEnoughReplicas
    )
}

/// A process around a member.
#[derive(Debug)]
pub struct Shell {
    /// Who it is.
    pub address: Address,
    /// What it waits for, and until when.
    open: Option<(u64, u64)>,
    /// An answer did not come, and the member does not know what the coordinator knows.
    pub is_in_doubt: bool,
    beats_at_ms: u64,
    /// It stands still until then.
    pub silent_until_ms: u64,
    /// It is to end.
    pub stops: bool,
}

impl Shell {
    /// A new life.
    #[must_use]
    pub const fn new(address: Address) -> Self {
        Self { address, open: None, is_in_doubt: false, beats_at_ms: 0, silent_until_ms: 0, stops: false }
    }

    /// Whether it waits for an answer that may still come.
    pub fn waits(&mut self, world: &World) -> bool {
        match self.open {
            Some((_, until)) if until > world.now_ms => true,
            Some(_) => {
                self.open = None;
                self.is_in_doubt = true;
                false
            }
            None => false,
        }
    }

    /// Whether this is the answer that it waits for.
    pub fn takes(&mut self, number: u64) -> bool {
        self.open.take_if(|(open, _)| *open == number).is_some()
    }

    /// It does not want to know any more.
    pub const fn give_up_asking(&mut self) {
        self.open = None;
    }

    /// Whether it is to say that it lives.
    pub fn is_time_to_beat(&mut self, world: &World) -> bool {
        let is_time = self.beats_at_ms <= world.now_ms;
        if is_time {
            self.beats_at_ms = world.now_ms + BEAT_MS;
        }
        is_time
    }

    /// It has something to say at once.
    pub const fn beat_soon(&mut self) {
        self.beats_at_ms = 0;
    }

    /// Asks, and waits.
    pub fn ask(&mut self, world: &mut World, request: Request) -> u64 {
        self.ask_patiently(world, request, PATIENCE_MS)
    }

    /// Asks, and waits for so long.
    pub fn ask_patiently(&mut self, world: &mut World, request: Request, patience_ms: u64) -> u64 {
        let number = self.ask_aside(world, request);
        self.open = Some((number, world.now_ms + patience_ms));
        number
    }

    /// Asks over another connection, without waiting.
    pub fn ask_aside(&self, world: &mut World, request: Request) -> u64 {
        let address = self.address;
        world.note(|| format!("{address:?}: {}", request.describe()));
        world.ask(address, request)
    }

    /// Wakes it once after a while.
    pub fn nudge_after(&self, world: &mut World, delay_ms: u64) {
        world.after(delay_ms, Event::Nudge(self.address));
    }
}

/// What a member reads.
#[derive(Debug, Default)]
pub struct Reading {
    /// What it owns, and how far it is, once it knows.
    pub positions: BTreeMap<Partition, Option<i64>>,
    /// The question how far it is, of each.
    asked: BTreeMap<Partition, u64>,
    /// Commits that were confirmed.
    pub commits: u64,
}

impl Reading {
    /// It owns these, and nothing else. Of what it had it knows how far it is.
    pub fn take_up(&mut self, partitions: impl IntoIterator<Item = Partition>) {
        let had = std::mem::take(&mut self.positions);
        let position = |partition| (partition, had.get(&partition).copied().flatten());
        self.positions = partitions.into_iter().map(position).collect();
        self.asked.clear();
    }

    /// It owns one more.
    pub fn add(&mut self, partition: Partition) {
        self.positions.insert(partition, None);
        self.asked.remove(&partition);
    }

    /// It owns nothing.
    pub fn clear(&mut self) {
        self.positions.clear();
        self.asked.clear();
    }

    /// Reads on, and commits one of what it owns; or asks how far it was.
    pub fn go_on(&mut self, shell: &Shell, world: &mut World, kind: GroupKind, member: &MemberIdentity) {
        for position in self.positions.values_mut().flatten() {
            *position += i64::try_from(world.random.below(4)).unwrap_or(0);
        }
        let at = world.random.below(self.positions.len().max(1));
        let Some((partition, position)) = self.positions.iter().nth(at) else { return };
        match position {
            Some(position) => {
                shell.ask_aside(world, Request::Commit(kind, member.clone(), *partition, *position));
            }
            None => {
                let number = shell.ask_aside(world, Request::Fetch(kind, member.clone(), *partition));
                self.asked.insert(*partition, number);
            }
        }
    }

    /// So far it was; an answer to a question of before says nothing.
    pub fn fetched(&mut self, number: u64, partition: Partition, offset: i64) {
        if self.asked.get(&partition) == Some(&number)
            && let Some(position) = self.positions.get_mut(&partition)
        {
            position.get_or_insert(offset);
        }
    }

    /// A commit was confirmed, or not.
    pub fn committed(&mut self, partition: Partition, result: &Result<(), Rejection>) {
        if result.is_ok() && self.positions.contains_key(&partition) {
            self.commits += 1;
        }
    }
}
