//! One connection: read, handle, answer in order, then perhaps stream.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::budget::Budget;
use crate::limits::ConnectionLimits;
use crate::outbox::Outbox;
use crate::read_buffer::{ReadBuffer, ReadOutcome};
use crate::sniff::{Speaks, sniff};

/// After this time without work a connection gives its buffers back.
const RELEASE_AFTER: Duration = Duration::from_secs(1);
/// Later than any limit: nothing is to be done.
const FAR: Duration = Duration::from_secs(24 * 3600);
/// How long a refused peer may still send before the socket is dropped (else it might miss the reason).
const LINGER: Duration = Duration::from_secs(2);

/// What follows a handled line.
#[derive(Debug)]
pub enum Flow {
    /// The next line.
    Continue,
    /// Replies so far, then the end.
    Close,
    /// Replies so far, then a stream until it ends; a further request line is refused.
    Stream(Box<dyn Streamer>),
}

/// Why a connection is refused. The service says it in the words of its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The line is longer than [`ConnectionLimits::max_line_bytes`].
    LineTooLong,
    /// All connections together hold too much.
    OverBudget,
    /// A line was begun and not ended in time.
    LineDeadline,
    /// A request line came while the connection is a stream.
    RequestWhileStreaming,
    /// The peer speaks something else.
    Speaks(Speaks),
}

/// The server's side of one connection that speaks lines.
pub trait LineService: Send + 'static {
    /// Handles one line (without its newline), answering into `outbox`. Must not block.
    fn handle_line(&mut self, line: &[u8], outbox: &mut Outbox) -> Flow;

    /// The peer will send no more requests; replies in progress are still sent.
    fn handle_end_of_input(&mut self) {}

    /// Writes the one line that tells the peer why the connection is closed.
    fn refuse(&mut self, why: Refusal, outbox: &mut Outbox);
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

/// Serves one connection until it ends.
///
/// # Errors
/// When the socket fails; a peer that closes is not an error.
pub async fn serve_connection<S: LineService>(
    stream: TcpStream,
    service: S,
    limits: Arc<ConnectionLimits>,
    budget: Arc<Budget>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let now = Instant::now();
    let buffer = ReadBuffer::new(limits.max_line_bytes, budget);
    Connection {
        stream,
        service,
        limits,
        shutdown,
        buffer,
        outbox: Outbox::new(),
        input: Input::Sniffing,
        line_began: None,
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
    Open,
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
    /// When the incomplete line in the buffer began.
    line_began: Option<Instant>,
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

impl<S: LineService> Connection<S> {
    async fn run(mut self) -> io::Result<()> {
        let mut timer = Box::pin(sleep_until(self.last_active + RELEASE_AFTER));
        loop {
            self.handle_lines();
            self.write_ready()?;
            if self.outbox.is_empty() {
                match std::mem::replace(&mut self.input, Input::Closed { linger: false }) {
                    Input::Closed { linger } => return self.close(linger).await,
                    Input::Streaming(streamer) => return self.run_stream(streamer).await,
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
        matches!(self.input, Input::Sniffing | Input::Open)
    }

    fn has_room(&self) -> bool {
        self.outbox.in_flight() < self.limits.max_in_flight
            && self.outbox.buffered_bytes() < self.limits.max_outbox_bytes
    }

    /// Handles every complete line, as long as the replies in progress leave room.
    fn handle_lines(&mut self) {
        if matches!(self.input, Input::Sniffing) {
            match sniff(self.buffer.pending()) {
                None => return,
                Some(Speaks::Lines) => self.input = Input::Open,
                Some(other) => return self.refuse(Refusal::Speaks(other)),
            }
        }
        while matches!(self.input, Input::Open) && self.has_room() {
            let Some(line) = self.buffer.next_line() else {
                if !self.buffer.has_partial_line() {
                    self.line_began = None;
                } else if self.line_began.is_none() {
                    self.line_began = Some(Instant::now());
                }
                return;
            };
            self.line_began = None;
            self.handle_line(line);
        }
    }

    fn handle_line(&mut self, line: (usize, usize)) {
        match self.service.handle_line(self.buffer.slice(line), &mut self.outbox) {
            Flow::Continue => {}
            Flow::Close => self.input = Input::Closed { linger: true },
            Flow::Stream(streamer) => self.input = Input::Streaming(streamer),
        }
    }

    fn refuse(&mut self, why: Refusal) {
        self.service.refuse(why, &mut self.outbox);
        self.input = Input::Closed { linger: true };
    }

    fn read(&mut self) -> io::Result<()> {
        match self.buffer.read_from(&self.stream)? {
            ReadOutcome::Bytes => self.last_active = Instant::now(),
            ReadOutcome::WouldBlock => {}
            ReadOutcome::End => {
                // A last line may lack its newline: `printf '{"op":...}' | nc`.
                if matches!(self.input, Input::Sniffing) && self.buffer.has_partial_line() {
                    self.input = Input::Open;
                }
                if let Some(rest) = self.buffer.take_rest() {
                    self.handle_line(rest);
                }
                self.service.handle_end_of_input();
                if self.reads() {
                    self.input = Input::Closed { linger: false };
                }
            }
            ReadOutcome::LineTooLong => self.refuse(Refusal::LineTooLong),
            ReadOutcome::OverBudget => self.refuse(Refusal::OverBudget),
        }
        Ok(())
    }

    /// Writes what is ready, as far as the socket takes it without waiting.
    fn write_ready(&mut self) -> io::Result<()> {
        while !self.outbox.ready().is_empty() {
            match self.stream.try_write(self.outbox.ready()) {
                Ok(count) => {
                    self.outbox.sent(count);
                    self.last_active = Instant::now();
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    async fn wait(&mut self, timer: &mut Pin<Box<Sleep>>) -> io::Result<Wake> {
        let reads = self.reads() && self.has_room();
        let writes = !self.outbox.ready().is_empty();
        let holds = self.outbox.is_holding();
        let deadline = self.next_deadline();
        if deadline < timer.deadline() {
            timer.as_mut().reset(deadline);
        }
        let (stream, outbox) = (&self.stream, &mut self.outbox);
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Ok(Wake::Shutdown),
            () = poll_fn(|cx| outbox.poll_advance(cx)), if holds => Ok(Wake::Advanced),
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
    /// [`Connection::handle_time`], so that the timer never fires in vain twice.
    fn next_deadline(&self) -> Instant {
        let mut deadline = self.last_active + FAR;
        if self.outbox.is_empty() {
            deadline = deadline.min(self.last_active + self.limits.max_idle);
            if self.holds_idle_memory() {
                deadline = deadline.min(self.last_active + RELEASE_AFTER);
            }
        }
        match self.line_began {
            Some(began) if self.reads() && self.has_room() => deadline.min(began + self.limits.line_deadline),
            _ => deadline,
        }
    }

    fn holds_idle_memory(&self) -> bool {
        !self.buffer.has_partial_line() && (self.buffer.holds_memory() || self.outbox.holds_memory())
    }

    fn handle_time(&mut self) {
        let now = Instant::now();
        let line_is_late = self.line_began.is_some_and(|began| now >= began + self.limits.line_deadline);
        if line_is_late && self.reads() && self.has_room() {
            return self.refuse(Refusal::LineDeadline);
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

    /// The server stops: replies in progress get a moment, then the connection ends.
    async fn finish(mut self) -> io::Result<()> {
        let grace = self.limits.shutdown_grace;
        let drain = async {
            while !self.outbox.is_empty() {
                self.write_ready()?;
                let writes = !self.outbox.ready().is_empty();
                let holds = self.outbox.is_holding();
                if !writes && !holds {
                    break;
                }
                let (stream, outbox) = (&self.stream, &mut self.outbox);
                tokio::select! {
                    () = poll_fn(|cx| outbox.poll_advance(cx)), if holds => {}
                    ready = stream.writable(), if writes => ready?,
                }
            }
            io::Result::Ok(())
        };
        timeout(grace, drain).await.unwrap_or(Ok(()))
    }

    /// Ends the connection. With `linger`, first reads away what the peer still sends, because a socket closed
    /// over unread bytes is reset, and the peer might never see the last reply.
    async fn close(self, linger: bool) -> io::Result<()> {
        if !linger {
            return Ok(());
        }
        let mut stream = self.stream;
        tokio::io::AsyncWriteExt::shutdown(&mut stream).await?;
        let discard = async {
            let mut scratch = vec![0; 16 * 1024];
            loop {
                stream.readable().await?;
                match stream.try_read(&mut scratch) {
                    Ok(0) => return Ok(()),
                    Ok(_) => {}
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                    Err(e) => return Err(e),
                }
            }
        };
        tokio::select! {
            () = self.shutdown.cancelled() => Ok(()),
            ended = timeout(LINGER, discard) => ended.unwrap_or(Ok(())),
        }
    }

    async fn run_stream(mut self, mut streamer: Box<dyn Streamer>) -> io::Result<()> {
        self.buffer.release(true);
        let mut peer_sends = true;
        let mut ended = false;
        if self.buffer.has_partial_line() {
            return self.refuse_in_stream().await;
        }
        loop {
            self.write_ready()?;
            let writes = !self.outbox.ready().is_empty();
            if ended && !writes {
                return self.close(peer_sends).await;
            }
            let stream = &self.stream;
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return Ok(()),
                ready = stream.writable(), if writes => ready?,
                step = streamer.next(self.outbox.ready()), if !writes => ended = step == StreamStep::End,
                ready = stream.readable(), if peer_sends => {
                    ready?;
                    match self.buffer.read_from(&self.stream)? {
                        ReadOutcome::WouldBlock => {}
                        ReadOutcome::End => peer_sends = false,
                        _ if self.buffer.pending().iter().all(u8::is_ascii_whitespace) => {
                            while self.buffer.next_line().is_some() {}
                            self.buffer.release(false);
                        }
                        _ => return self.refuse_in_stream().await,
                    }
                }
            }
        }
    }

    /// A request line came in while the connection is a stream.
    async fn refuse_in_stream(mut self) -> io::Result<()> {
        self.refuse(Refusal::RequestWhileStreaming);
        while !self.outbox.ready().is_empty() {
            self.write_ready()?;
            if self.outbox.ready().is_empty() {
                break;
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return Ok(()),
                ready = self.stream.writable() => ready?,
            }
        }
        self.close(true).await
    }
}
