//! Replies in the order of their requests.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, BytesMut};

/// A reply that is not there yet. It yields the bytes to send, possibly none.
type Held = Pin<Box<dyn Future<Output = BytesMut> + Send>>;

enum Slot {
    Ready(BytesMut),
    Held(Held),
}

/// What is to be sent on one connection. Bytes in `ready` go first, then the slots in order.
///
/// A held reply is polled, and so made, only while `ready` is below `limit`. If it does not fit then, it waits in
/// its slot until `ready` is sent: a large reply is neither copied nor followed by another one.
pub struct Outbox {
    limit: usize,
    ready: BytesMut,
    slots: VecDeque<Slot>,
    slot_bytes: usize,
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("ready", &self.ready.len()).field("slots", &self.slots.len()).finish()
    }
}

impl Outbox {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, ready: BytesMut::new(), slots: VecDeque::new(), slot_bytes: 0 }
    }

    /// Answers the request at hand: `write` appends its bytes (or nothing) to the buffer it is given.
    pub fn reply(&mut self, write: impl FnOnce(&mut BytesMut)) {
        match self.slots.back_mut() {
            None => write(&mut self.ready),
            Some(Slot::Ready(bytes)) => {
                let before = bytes.len();
                write(bytes);
                self.slot_bytes += bytes.len() - before;
            }
            Some(Slot::Held(_)) => {
                let mut bytes = BytesMut::new();
                write(&mut bytes);
                self.slot_bytes += bytes.len();
                self.slots.push_back(Slot::Ready(bytes));
            }
        }
    }

    /// Answers the request at hand later. Replies of later requests wait behind it.
    pub fn hold(&mut self, reply: impl Future<Output = BytesMut> + Send + 'static) {
        self.slots.push_back(Slot::Held(Box::pin(reply)));
    }

    /// Bytes that can be sent now.
    pub(crate) const fn ready(&mut self) -> &mut BytesMut {
        &mut self.ready
    }

    pub(crate) fn sent(&mut self, count: usize) {
        self.ready.advance(count);
        // A large reply's memory is not kept for a small one's sake.
        if self.ready.is_empty() && self.ready.capacity() > 256 * 1024 {
            self.ready = BytesMut::new();
        }
    }

    pub(crate) fn release(&mut self) {
        if self.ready.is_empty() {
            self.ready = BytesMut::new();
        }
        if self.slots.is_empty() {
            self.slots = VecDeque::new();
        }
    }

    pub(crate) fn holds_memory(&self) -> bool {
        self.ready.capacity() > 0
    }

    /// Requests in progress.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn buffered_bytes(&self) -> usize {
        self.ready.len() + self.slot_bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.slots.is_empty()
    }

    /// Whether [`Outbox::poll_advance`] is worth a call. If not, then sending what is ready comes first.
    pub(crate) fn can_advance(&self) -> bool {
        match self.slots.front() {
            None => false,
            Some(Slot::Ready(bytes)) => self.fits(bytes.len()),
            Some(Slot::Held(_)) => self.fits(1),
        }
    }

    fn fits(&self, more: usize) -> bool {
        self.ready.is_empty() || self.ready.len().saturating_add(more) <= self.limit
    }

    /// Moves every reply whose turn has come, which is there and for which there is room, to `ready`. Ready when
    /// at least one moved.
    pub(crate) fn poll_advance(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut moved = false;
        while self.can_advance() {
            match self.slots.pop_front() {
                None => break,
                Some(Slot::Ready(bytes)) => {
                    self.slot_bytes -= bytes.len();
                    moved = true;
                    if self.ready.is_empty() {
                        self.ready = bytes;
                    } else {
                        self.ready.extend_from_slice(&bytes);
                    }
                }
                Some(Slot::Held(mut reply)) => match reply.as_mut().poll(cx) {
                    Poll::Ready(bytes) => {
                        self.slot_bytes += bytes.len();
                        self.slots.push_front(Slot::Ready(bytes));
                    }
                    Poll::Pending => {
                        self.slots.push_front(Slot::Held(reply));
                        break;
                    }
                },
            }
        }
        if moved { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Waker;

    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn a_held_reply_holds_those_behind_it() {
        let mut outbox = Outbox::new(1024);
        let mut cx = Context::from_waker(Waker::noop());
        let (answer, held) = oneshot::channel::<&'static [u8]>();
        outbox.reply(|out| out.extend_from_slice(b"1"));
        outbox.hold(async move { BytesMut::from(held.await.unwrap_or(b"?")) });
        outbox.reply(|out| out.extend_from_slice(b"3"));
        outbox.reply(|out| out.extend_from_slice(b"4"));
        assert!(outbox.poll_advance(&mut cx).is_pending());
        assert_eq!(&outbox.ready()[..], b"1");
        assert_eq!(outbox.buffered_bytes(), 3);
        answer.send(b"2").expect("the receiver lives in the outbox");
        assert!(outbox.poll_advance(&mut cx).is_ready());
        assert_eq!(&outbox.ready()[..], b"1234");
        outbox.sent(4);
        assert!(outbox.is_empty());
        assert_eq!(outbox.buffered_bytes(), 0);
    }

    #[test]
    fn held_replies_are_made_one_at_a_time_while_nothing_is_sent() {
        let made = Arc::new(AtomicUsize::new(0));
        let mut outbox = Outbox::new(10);
        let mut cx = Context::from_waker(Waker::noop());
        for length in [4, 6, 30, 1, 30] {
            let made = Arc::clone(&made);
            outbox.hold(async move {
                made.fetch_add(1, Ordering::Relaxed);
                BytesMut::zeroed(length)
            });
        }
        let mut step = |sent: usize| {
            outbox.sent(sent);
            let moved = outbox.poll_advance(&mut cx).is_ready();
            assert!(!outbox.can_advance());
            (moved, made.load(Ordering::Relaxed), outbox.ready().len(), outbox.buffered_bytes())
        };
        // Full to the byte; then one that does not fit is made, and waits.
        assert_eq!(step(0), (true, 2, 10, 10));
        assert_eq!(step(1), (false, 3, 9, 39));
        assert_eq!(step(8), (false, 3, 1, 31));
        assert_eq!(step(1), (true, 3, 30, 30));
        assert_eq!(step(20), (false, 3, 10, 10));
        // The small one is appended, the next large one not yet made.
        assert_eq!(step(1), (true, 4, 10, 10));
        assert_eq!(step(10), (true, 5, 30, 30));
        assert_eq!(step(30), (false, 5, 0, 0));
        assert!(outbox.is_empty());
    }
}
