//! Writing to the socket, and the peer that takes nothing.

use std::io;

use socket2::SockRef;
use tokio::time::Instant;

use super::Connection;
use crate::service::Service;

impl<S: Service> Connection<S> {
    /// Writes what is ready, as far as the socket takes it without waiting.
    pub(super) fn write_ready(&mut self) -> io::Result<()> {
        while !self.outbox.ready().is_empty() {
            match self.stream.try_write(self.outbox.ready()) {
                Ok(count) => self.sent(count),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.stalled.get_or_insert_with(Instant::now);
                    break;
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn sent(&mut self, count: usize) {
        self.outbox.sent(count);
        self.last_active = Instant::now();
        self.stalled = None;
    }

    /// Fails when the peer has taken nothing for longer than the write deadline. Called before
    /// [`Connection::write_ready`], which begins the next deadline; not called for a stream.
    ///
    /// The socket is asked once more before: it is called writable only when a good part of its buffer is free
    /// (a third, on Linux), so that a slow reader may well have made room without anybody being woken.
    pub(super) fn check_write_deadline(&mut self) -> io::Result<()> {
        if self.stalled.is_none_or(|since| since.elapsed() < self.limits.write_deadline) {
            return Ok(());
        }
        match SockRef::from(&self.stream).send(self.outbox.ready()) {
            Ok(count) => {
                self.sent(count);
                Ok(())
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                // What the peer never took is not kept by the kernel either, and it learns that it was cut off.
                self.stream.set_zero_linger()?;
                Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read its replies"))
            }
            Err(e) => Err(e),
        }
    }
}
