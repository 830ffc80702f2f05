//! A connection that has become a stream.
//!
//! - The streamer is asked for more only when everything before was sent: a slow reader bounds it, for as long
//!   as it likes. The write deadline is not for streams.
//! - The peer may send whitespace, which is passed over. Anything else is a request, and refused.
//! - The peer may close its sending half and go on reading. Then reading says nothing more of it, so the socket
//!   is watched for its failure: a peer that is gone ends the stream also while there is nothing to send.

use std::io;

use tokio::io::Interest;
use tokio::net::TcpStream;

use super::{Connection, Input};
use crate::read_buffer::ReadOutcome;
use crate::service::{Refusal, Service, StreamStep, Streamer};

impl<S: Service> Connection<S> {
    /// Streams until the streamer ends or the peer sends a request; then `input` says what follows. `false` if
    /// the server stops, which leaves nothing to follow.
    pub(super) async fn run_stream(&mut self, mut streamer: Box<dyn Streamer>) -> io::Result<bool> {
        let mut peer_sends = true;
        let mut ended = false;
        if !self.passes_over_whitespace() {
            self.refuse_in_stream();
            return Ok(true);
        }
        loop {
            self.write_ready()?;
            let writes = !self.outbox.ready().is_empty();
            if ended && !writes {
                self.input = Input::Closed { linger: peer_sends };
                return Ok(true);
            }
            let stream = &self.stream;
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return Ok(false),
                error = failure(stream), if !peer_sends => return Err(error),
                ready = stream.writable(), if writes => ready?,
                step = streamer.next(self.outbox.ready()), if !writes => ended = step == StreamStep::End,
                ready = stream.readable(), if peer_sends => {
                    ready?;
                    match self.buffer.read_from(&self.stream)? {
                        ReadOutcome::WouldBlock => {}
                        ReadOutcome::End => peer_sends = false,
                        ReadOutcome::Bytes if self.passes_over_whitespace() => {}
                        ReadOutcome::Bytes | ReadOutcome::RequestTooLong | ReadOutcome::OverBudget => {
                            self.refuse_in_stream();
                            return Ok(true);
                        }
                    }
                }
            }
        }
    }

    /// Empties the buffer, and gives its memory back, if there is but whitespace in it.
    fn passes_over_whitespace(&mut self) -> bool {
        let blank = self.buffer.pending().iter().all(u8::is_ascii_whitespace);
        if blank {
            self.buffer.discard();
            self.buffer.release(true);
        }
        blank
    }

    /// From here on the peer has the write deadline again, counted from now.
    fn refuse_in_stream(&mut self) {
        self.stalled = None;
        self.refuse(Refusal::RequestWhileStreaming);
    }
}

/// Waits until the socket has failed: reset by the peer, or given up by keepalive. A mere end of input is none.
async fn failure(stream: &TcpStream) -> io::Error {
    let error = || stream.take_error()?.map_or_else(|| Err(io::ErrorKind::WouldBlock.into()), Err::<(), _>);
    loop {
        if let Err(e) = stream.ready(Interest::ERROR).await {
            return e;
        }
        // Without an error the readiness is cleared, so that the next one is waited for.
        match stream.try_io(Interest::ERROR, error) {
            Err(e) if e.kind() != io::ErrorKind::WouldBlock => return e,
            _ => {}
        }
    }
}
