//! Produces that wait for the high watermark (Kafka's purgatory), bounded in number and in time.

use std::collections::VecDeque;

use yak_model::Offset;

use super::Acknowledged;

/// Most produces of one partition that may wait at once.
pub const MAX_WAITERS: usize = 4_096;

/// Names a waiting produce within its replica; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

#[derive(Debug)]
struct Waiter {
    token: Token,
    deadline_ms: u64,
    acknowledged: Acknowledged,
}

/// The waiters of one replica.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// In order of the offset they wait for, then of arrival.
    queue: VecDeque<Waiter>,
    /// Not later than the deadline of any waiter.
    earliest_ms: Option<u64>,
    last_token: u64,
}

impl Waiters {
    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= MAX_WAITERS
    }

    /// Lets a produce wait until the high watermark has reached the end of its records.
    pub(super) fn push(&mut self, acknowledged: Acknowledged, deadline_ms: u64) -> Token {
        self.last_token += 1;
        let token = Token(self.last_token);
        let after = |waiter: &Waiter| waiter.acknowledged.end_offset <= acknowledged.end_offset;
        // New records wait for the largest end so far; only a duplicate may stand further ahead.
        let at = match self.queue.back() {
            Some(last) if !after(last) => self.queue.partition_point(after),
            _ => self.queue.len(),
        };
        self.queue.insert(at, Waiter { token, deadline_ms, acknowledged });
        self.earliest_ms = Some(self.earliest_ms.map_or(deadline_ms, |earliest| earliest.min(deadline_ms)));
        token
    }

    /// Takes out those whose records are below the high watermark.
    pub(super) fn complete(&mut self, high_watermark: Offset, mut done: impl FnMut(Token, Acknowledged)) {
        while let Some(first) = self.queue.front() {
            if first.acknowledged.end_offset > high_watermark {
                return;
            }
            done(first.token, first.acknowledged);
            self.queue.pop_front();
        }
        self.earliest_ms = None;
    }

    /// Takes out those whose deadline has come.
    pub(super) fn expire(&mut self, now_ms: u64, mut expired: impl FnMut(Token)) {
        if self.earliest_ms.is_none_or(|earliest| earliest > now_ms) {
            return;
        }
        self.queue.retain(|waiter| {
            let over = waiter.deadline_ms <= now_ms;
            if over {
                expired(waiter.token);
            }
            !over
        });
        self.earliest_ms = self.queue.iter().map(|waiter| waiter.deadline_ms).min();
    }

    /// Takes out all.
    pub(super) fn drain(&mut self, mut each: impl FnMut(Token)) {
        self.queue.drain(..).for_each(|waiter| each(waiter.token));
        self.earliest_ms = None;
    }

    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.earliest_ms
    }
}
