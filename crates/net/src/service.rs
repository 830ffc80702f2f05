//! What a connection asks of the code behind it: lines or frames in, replies and streams out.

use std::future::Future;
use std::pin::Pin;

use bytes::BytesMut;

use crate::outbox::Outbox;
use crate::sniff::Speaks;

/// What follows a handled request.
#[derive(Debug)]
pub enum Flow {
    /// The next request.
    Continue,
    /// The next request, once everything up to here is answered: it may depend on what this one does.
    Finish,
    /// Replies so far, then the end.
    Close,
    /// Replies so far, then a stream until it ends; a further request line is refused.
    Stream(Box<dyn Streamer>),
}

/// Why a connection is refused. The service says it in the words of its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The line, or the frame that is announced, is longer than
    /// [`ConnectionLimits::max_request_bytes`](crate::ConnectionLimits::max_request_bytes), or has no length at all.
    RequestTooLong,
    /// All connections together hold too much.
    OverBudget,
    /// A request was begun and not ended in time.
    RequestDeadline,
    /// A request line came while the connection is a stream.
    RequestWhileStreaming,
    /// The peer speaks something else.
    Speaks(Speaks),
}

/// The server's side of one connection. By its first byte a connection speaks lines or frames, from then on only these.
pub trait Service: Send + 'static {
    /// Handles one line (without its newline), answering into `outbox`. Must not block.
    fn handle_line(&mut self, line: &[u8], outbox: &mut Outbox) -> Flow;

    /// Whether peers may speak frames: a big-endian `int32` length, and as many bytes.
    const SPEAKS_FRAMES: bool = false;

    /// Handles one frame (without its length), answering into `outbox`. The bytes are the service's to change: they are
    /// thrown away afterwards. Must not block.
    fn handle_frame(&mut self, _frame: &mut [u8], _outbox: &mut Outbox) -> Flow {
        Flow::Close
    }

    /// The peer will send no more requests; replies in progress are still sent.
    fn handle_end_of_input(&mut self) {}

    /// Writes the one line that tells the peer why the connection is closed.
    fn refuse(&mut self, why: Refusal, outbox: &mut Outbox);

    /// The connection is closed, without a word: there is none for it in a language of frames.
    fn refuse_frames(&mut self, _why: Refusal) {}
}

/// What a streamer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStep {
    /// It appended bytes.
    Bytes,
    /// It appended its last bytes (or none): close after them.
    End,
}

/// A source of bytes for a connection that has become a stream.
pub trait Streamer: Send + std::fmt::Debug {
    /// Appends the next bytes to `out`, waiting until there are some. Called only when everything before was
    /// sent, so the peer's window bounds it. Cancel safe: dropped while waiting, it has appended nothing.
    fn next<'a>(&'a mut self, out: &'a mut BytesMut)
    -> Pin<Box<dyn Future<Output = StreamStep> + Send + 'a>>;
}
