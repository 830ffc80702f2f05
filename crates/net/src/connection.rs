//! One connection: read, handle, answer in order, then perhaps stream.
//!
//! Invariants of the loop:
//! - The socket is read only after every complete request in the buffer was handled, so that the buffer never grows
//!   but for the sake of one request.
//! - While the outbox is not empty, something is waited for that makes it shorter: the front reply, or the
//!   socket's taking what is ready. The latter has a deadline.

mod ending;
mod stream;
mod writing;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::budget::Budget;
use crate::limits::ConnectionLimits;
use crate::outbox::Outbox;
use crate::read_buffer::{BadFrameLength, ReadBuffer, ReadOutcome};
use crate::service::{Flow, Refusal, Service, Streamer};
use crate::sniff::{Speaks, sniff};

/// After this time without work a connection gives its buffers back.
const RELEASE_AFTER: Duration = Duration::from_secs(1);
/// Later than any limit: nothing is to be done.
const FAR: Duration = Duration::from_secs(24 * 3600);

/// Serves one connection until it ends.
///
/// # Errors
/// When the socket fails, or the peer does not read its replies; a peer that closes is not an error.
pub async fn serve_connection<S: Service>(
    stream: TcpStream,
    service: S,
    limits: Arc<ConnectionLimits>,
    budget: Arc<Budget>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let now = Instant::now();
    let buffer = ReadBuffer::new(limits.max_request_bytes, budget);
    let outbox = Outbox::new(limits.max_outbox_bytes);
    Connection {
        stream,
        service,
        limits,
        shutdown,
        buffer,
        outbox,
        input: Input::Sniffing,
        request_began: None,
        finishing: false,
        stalled: None,
        last_active: now,
    }
    .run()
    .await
}

/// What may still come from the peer.
enum Input {
    /// Nothing is known of it yet.
    Sniffing,
    /// Request lines.
    Lines,
    /// Request frames.
    Frames,
    /// Nothing more: it closed its half, was refused, or the server stops.
    Closed {
        /// Whether bytes may still be arriving that nobody will read.
        linger: bool,
    },
    /// Nothing more is expected: the connection became a stream.
    Streaming(Box<dyn Streamer>),
}

struct Connection<S> {
    stream: TcpStream,
    service: S,
    limits: Arc<ConnectionLimits>,
    shutdown: CancellationToken,
    buffer: ReadBuffer,
    outbox: Outbox,
    input: Input,
    /// When the incomplete request in the buffer began.
    request_began: Option<Instant>,
    /// Requests wait until everything before them is answered.
    finishing: bool,
    /// Since when the peer takes nothing though there is something to send.
    stalled: Option<Instant>,
    last_active: Instant,
}

/// Why the wait ended.
enum Wake {
    Readable,
    Writable,
    Advanced,
    Shutdown,
    Timer,
}

impl<S: Service> Connection<S> {
    async fn run(mut self) -> io::Result<()> {
        let mut timer = Box::pin(sleep_until(self.last_active + RELEASE_AFTER));
        loop {
            self.handle_requests();
            self.check_write_deadline()?;
            self.write_ready()?;
            if self.has_unhandled_requests() && self.has_room() {
                // Writing has made room for them.
                consume_budget().await;
                continue;
            }
            if self.outbox.is_empty() {
                match std::mem::replace(&mut self.input, Input::Closed { linger: false }) {
                    Input::Closed { linger } => return self.close(linger).await,
                    Input::Streaming(streamer) => {
                        if !self.run_stream(streamer).await? {
                            return Ok(());
                        }
                        continue;
                    }
                    open => self.input = open,
                }
            }
            match self.wait(&mut timer).await? {
                Wake::Readable => self.read()?,
                Wake::Writable | Wake::Advanced => {}
                Wake::Shutdown => return self.finish().await,
                Wake::Timer => self.handle_time(),
            }
        }
    }

    const fn reads(&self) -> bool {
        matches!(self.input, Input::Sniffing | Input::Lines | Input::Frames)
    }

    fn has_room(&self) -> bool {
        !self.finishing
            && self.outbox.in_flight() < self.limits.max_in_flight
            && self.outbox.buffered_bytes() < self.limits.max_outbox_bytes
    }

    const fn has_unhandled_requests(&self) -> bool {
        matches!(self.input, Input::Lines | Input::Frames) && !self.buffer.is_scanned()
    }

    /// Handles every complete request, as long as the replies in progress leave room.
    fn handle_requests(&mut self) {
        self.finishing &= self.outbox.in_flight() > 0;
        if matches!(self.input, Input::Sniffing) {
            match sniff(self.buffer.pending()) {
                None => return,
                Some(Speaks::Lines) => self.input = Input::Lines,
                Some(Speaks::Kafka) if S::SPEAKS_FRAMES => self.input = Input::Frames,
                Some(other) => return self.refuse(Refusal::Speaks(other)),
            }
        }
        while self.has_room() {
            let taken = match self.input {
                Input::Lines => self.buffer.next_line(),
                Input::Frames => match self.buffer.next_frame() {
                    Ok(frame) => frame,
                    Err(BadFrameLength) => return self.refuse(Refusal::RequestTooLong),
                },
                _ => return,
            };
            let Some(request) = taken else {
                if !self.buffer.has_partial_request() {
                    self.request_began = None;
                } else if self.request_began.is_none() {
                    self.request_began = Some(Instant::now());
                }
                return;
            };
            self.request_began = None;
            self.handle_request(request);
        }
    }

    fn handle_request(&mut self, request: (usize, usize)) {
        let flow = if matches!(self.input, Input::Frames) {
            self.service.handle_frame(self.buffer.slice_mut(request), &mut self.outbox)
        } else {
            self.service.handle_line(self.buffer.slice(request), &mut self.outbox)
        };
        match flow {
            Flow::Continue => {}
            Flow::Finish => self.finishing = self.outbox.in_flight() > 0,
            Flow::Close => self.input = Input::Closed { linger: true },
            Flow::Stream(streamer) => self.input = Input::Streaming(streamer),
        }
    }

    fn refuse(&mut self, why: Refusal) {
        if matches!(self.input, Input::Frames) {
            self.service.refuse_frames(why);
        } else {
            self.service.refuse(why, &mut self.outbox);
        }
        self.input = Input::Closed { linger: true };
    }

    fn read(&mut self) -> io::Result<()> {
        debug_assert!(
            !self.has_unhandled_requests(),
            "the buffer grows only for the sake of an incomplete request"
        );
        match self.buffer.read_from(&self.stream)? {
            ReadOutcome::Bytes => self.last_active = Instant::now(),
            ReadOutcome::WouldBlock => {}
            ReadOutcome::End => {
                // A last line may lack its newline: `printf '{"op":...}' | nc`.
                if matches!(self.input, Input::Sniffing) && self.buffer.has_partial_request() {
                    self.input = Input::Lines;
                }
                if matches!(self.input, Input::Lines)
                    && let Some(rest) = self.buffer.take_rest()
                {
                    self.handle_request(rest);
                }
                self.service.handle_end_of_input();
                if self.reads() {
                    self.input = Input::Closed { linger: false };
                }
            }
            ReadOutcome::RequestTooLong => self.refuse(Refusal::RequestTooLong),
            ReadOutcome::OverBudget => self.refuse(Refusal::OverBudget),
        }
        Ok(())
    }

    async fn wait(&mut self, timer: &mut Pin<Box<Sleep>>) -> io::Result<Wake> {
        let reads = self.reads() && self.has_room();
        let writes = !self.outbox.ready().is_empty();
        let advances = self.outbox.can_advance();
        let deadline = self.next_deadline();
        if deadline < timer.deadline() {
            timer.as_mut().reset(deadline);
        }
        let (stream, outbox) = (&self.stream, &mut self.outbox);
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Ok(Wake::Shutdown),
            () = poll_fn(|cx| outbox.poll_advance(cx)), if advances => Ok(Wake::Advanced),
            ready = stream.readable(), if reads => ready.map(|()| Wake::Readable),
            ready = stream.writable(), if writes => ready.map(|()| Wake::Writable),
            () = timer.as_mut() => {
                let next = self.next_deadline().max(Instant::now() + Duration::from_millis(1));
                timer.as_mut().reset(next);
                Ok(Wake::Timer)
            }
        }
    }

    /// When something is to be done though nothing happens. Everything counted here is done by
    /// [`Connection::handle_time`] or [`Connection::check_write_deadline`], so that the timer never fires in
    /// vain twice.
    fn next_deadline(&self) -> Instant {
        let mut deadline = self.last_active + FAR;
        if self.outbox.is_empty() {
            deadline = deadline.min(self.last_active + self.limits.max_idle);
            if self.holds_idle_memory() {
                deadline = deadline.min(self.last_active + RELEASE_AFTER);
            }
        }
        if let Some(since) = self.stalled {
            deadline = deadline.min(since + self.limits.write_deadline);
        }
        match self.request_began {
            Some(began) if self.reads() && self.has_room() => {
                deadline.min(began + self.limits.request_deadline)
            }
            _ => deadline,
        }
    }

    fn holds_idle_memory(&self) -> bool {
        !self.buffer.has_partial_request() && (self.buffer.holds_memory() || self.outbox.holds_memory())
    }

    fn handle_time(&mut self) {
        let now = Instant::now();
        let request_is_late =
            self.request_began.is_some_and(|began| now >= began + self.limits.request_deadline);
        if request_is_late && self.reads() && self.has_room() {
            return self.refuse(Refusal::RequestDeadline);
        }
        if !self.outbox.is_empty() {
            return;
        }
        if now >= self.last_active + self.limits.max_idle {
            self.input = Input::Closed { linger: false };
        } else if now >= self.last_active + RELEASE_AFTER && self.holds_idle_memory() {
            self.buffer.release(true);
            self.outbox.release();
        }
    }
}
