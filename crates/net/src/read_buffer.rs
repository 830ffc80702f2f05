//! Bytes as they arrive, cut into lines or frames.

use std::io;
use std::sync::Arc;

use memchr::memchr;
use tokio::net::TcpStream;

use crate::budget::{Budget, Charge};

/// Bytes a connection may hold without asking the shared budget.
const FREE_BYTES: usize = 16 * 1024;
/// A buffer above this size is given back as soon as it is empty.
const KEEP_BYTES: usize = 512 * 1024;

/// Bytes of the length before a frame.
const LENGTH_BYTES: usize = 4;

/// A growing buffer of one connection. Invariant: `start <= scanned <= end <= data.len()`, and no request ends in
/// `data[start..scanned]`.
#[derive(Debug)]
pub(crate) struct ReadBuffer {
    data: Vec<u8>,
    start: usize,
    scanned: usize,
    end: usize,
    max_request: usize,
    charge: Charge,
}

/// The length before a frame cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadFrameLength;

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadOutcome {
    /// Some bytes.
    Bytes,
    /// Nothing at the moment.
    WouldBlock,
    /// The peer has closed its sending half.
    End,
    /// The request in the buffer is longer than allowed.
    RequestTooLong,
    /// All connections together hold too much.
    OverBudget,
}

impl ReadBuffer {
    pub(crate) fn new(max_request: usize, budget: Arc<Budget>) -> Self {
        Self { data: Vec::new(), start: 0, scanned: 0, end: 0, max_request, charge: Charge::new(budget) }
    }

    /// Whether a request has begun but not ended.
    pub(crate) const fn has_partial_request(&self) -> bool {
        self.end > self.start
    }

    /// What has arrived and was not yet consumed.
    pub(crate) fn pending(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }

    /// Takes the next complete line, as a range for [`ReadBuffer::slice`], without its newline.
    pub(crate) fn next_line(&mut self) -> Option<(usize, usize)> {
        if let Some(at) = memchr(b'\n', &self.data[self.scanned..self.end]) {
            let line = (self.start, self.scanned + at);
            self.start = line.1 + 1;
            self.scanned = self.start;
            Some(line)
        } else {
            self.scanned = self.end;
            None
        }
    }

    /// Takes the next complete frame, as a range for [`ReadBuffer::slice_mut`], without its length.
    ///
    /// # Errors
    /// The announced length is not positive, or longer than allowed. Nothing was taken.
    pub(crate) fn next_frame(&mut self) -> Result<Option<(usize, usize)>, BadFrameLength> {
        let pending = &self.data[self.start..self.end];
        let Some(length) = pending.first_chunk::<LENGTH_BYTES>() else {
            self.scanned = self.end;
            return Ok(None);
        };
        let announced = i32::from_be_bytes(*length);
        let length = usize::try_from(announced).ok().filter(|length| (1..=self.max_request).contains(length));
        let length = length.ok_or(BadFrameLength)?;
        if pending.len() - LENGTH_BYTES < length {
            self.scanned = self.end;
            return Ok(None);
        }
        let begin = self.start + LENGTH_BYTES;
        self.start = begin + length;
        self.scanned = self.start;
        Ok(Some((begin, self.start)))
    }

    /// The rest after the peer has closed its sending half: a last line without newline.
    pub(crate) fn take_rest(&mut self) -> Option<(usize, usize)> {
        let line = (self.start, self.end);
        self.discard();
        (line.1 > line.0).then_some(line)
    }

    /// Whether every complete request was taken.
    pub(crate) const fn is_scanned(&self) -> bool {
        self.scanned == self.end
    }

    /// Consumes all that has arrived.
    pub(crate) const fn discard(&mut self) {
        self.start = self.end;
        self.scanned = self.end;
    }

    /// The bytes of a line taken before. Valid until the next read.
    pub(crate) fn slice(&self, line: (usize, usize)) -> &[u8] {
        &self.data[line.0..line.1]
    }

    /// The bytes of a frame taken before. Valid until the next read.
    pub(crate) fn slice_mut(&mut self, frame: (usize, usize)) -> &mut [u8] {
        &mut self.data[frame.0..frame.1]
    }

    /// Gives memory back while there is nothing to read; `all` also the part kept for the next burst.
    pub(crate) fn release(&mut self, all: bool) {
        if self.start == self.end {
            self.start = 0;
            self.scanned = 0;
            self.end = 0;
            if (all && !self.data.is_empty()) || self.data.len() > KEEP_BYTES {
                self.data = Vec::new();
                let shrunk = self.charge.set(0);
                debug_assert!(shrunk, "giving memory back is always allowed");
            }
        }
    }

    /// Whether [`ReadBuffer::release`] could give something back.
    pub(crate) const fn holds_memory(&self) -> bool {
        !self.data.is_empty()
    }

    /// Reads what the socket has, without waiting. Call it only after every complete request was taken.
    pub(crate) fn read_from(&mut self, stream: &TcpStream) -> io::Result<ReadOutcome> {
        if self.end - self.start > self.max_request.saturating_add(LENGTH_BYTES) {
            return Ok(ReadOutcome::RequestTooLong);
        }
        if !self.make_room() {
            return Ok(ReadOutcome::OverBudget);
        }
        match stream.try_read(&mut self.data[self.end..]) {
            Ok(0) => Ok(ReadOutcome::End),
            Ok(n) => {
                self.end += n;
                Ok(ReadOutcome::Bytes)
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(ReadOutcome::WouldBlock),
            Err(e) => Err(e),
        }
    }

    /// Makes sure that at least one byte can be read, better half of the buffer. The buffer doubles as bytes
    /// arrive, so that memory follows what was sent, not what was announced.
    fn make_room(&mut self) -> bool {
        if self.start == self.end {
            self.release(false);
        }
        if self.end < self.data.len() && (self.data.len() - self.end) * 4 >= self.data.len() {
            return true;
        }
        if self.start > 0 && self.start * 2 >= self.data.len() {
            self.data.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.scanned -= self.start;
            self.start = 0;
            return true;
        }
        let wanted = (self.data.len() * 2).clamp(FREE_BYTES, self.max_request.saturating_add(FREE_BYTES));
        if wanted <= self.data.len() {
            // At the limit: shift, if anything can be gained by it.
            self.data.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.scanned -= self.start;
            self.start = 0;
            return self.end < self.data.len();
        }
        if !self.charge.set(wanted.saturating_sub(FREE_BYTES)) {
            return self.end < self.data.len();
        }
        self.data.resize(wanted, 0);
        true
    }
}
