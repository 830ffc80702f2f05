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
pub struct Outbox {
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
    pub(crate) fn new() -> Self {
        Self { ready: BytesMut::new(), slots: VecDeque::new(), slot_bytes: 0 }
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
    pub(crate) fn in_flight(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn buffered_bytes(&self) -> usize {
        self.ready.len() + self.slot_bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.slots.is_empty()
    }

    /// Whether the next reply is held.
    pub(crate) fn is_holding(&self) -> bool {
        !self.slots.is_empty()
    }

    /// Moves every reply whose turn has come and which is there to `ready`. Ready when at least one moved.
    pub(crate) fn poll_advance(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut moved = false;
        while let Some(front) = self.slots.front_mut() {
            let bytes = match front {
                Slot::Ready(bytes) => {
                    self.slot_bytes -= bytes.len();
                    std::mem::take(bytes)
                }
                Slot::Held(reply) => match reply.as_mut().poll(cx) {
                    Poll::Ready(bytes) => bytes,
                    Poll::Pending => break,
                },
            };
            self.slots.pop_front();
            moved = true;
            if self.ready.is_empty() {
                self.ready = bytes;
            } else {
                self.ready.extend_from_slice(&bytes);
            }
        }
        if moved { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn a_held_reply_holds_those_behind_it() {
        let mut outbox = Outbox::new();
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
}
