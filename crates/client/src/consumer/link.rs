//! A connection to one leader: one fetch under way, its reply read whole.

use std::io;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::time::Instant;
use yak_model::api::Fetch;
use yak_protocol::{ReplyParser, encode_fetch_request};

use crate::connection::{LineTooLong, Lines};
use crate::{Address, Connection};

#[derive(Debug)]
pub(super) struct Link {
    pub(super) address: Address,
    stream: TcpStream,
    lines: Lines,
    out: BytesMut,
    next_id: u64,
    /// The fetch under way.
    pub(super) asked: Option<Asked>,
    /// How many fetches were sent; which partition stands first goes round with it.
    pub(super) turn: usize,
    pub(super) parser: ReplyParser,
}

/// A fetch under way.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) id: u64,
    /// For each entry, its partition's slot and generation.
    pub(super) entries: Vec<(usize, u64)>,
    pub(super) deadline: Instant,
}

impl Link {
    pub(super) fn new(connection: Connection) -> Self {
        let address = connection.address().clone();
        let (stream, lines, next_id) = connection.into_parts();
        Self {
            address,
            stream,
            lines,
            out: BytesMut::new(),
            next_id,
            asked: None,
            turn: 0,
            parser: ReplyParser::new(),
        }
    }

    /// Begins a fetch. What the socket does not take at once is written later.
    pub(super) fn ask(&mut self, fetch: &Fetch, entries: Vec<(usize, u64)>, deadline: Instant) {
        let id = self.next_id;
        self.next_id += 1;
        self.turn = self.turn.wrapping_add(1);
        encode_fetch_request(&mut self.out, Some(id), fetch);
        self.asked = Some(Asked { id, entries, deadline });
        // A failure shows again at the next read.
        self.write().unwrap_or_default();
    }

    /// Writes as much as the socket takes.
    pub(super) fn write(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            match self.stream.try_write(&self.out) {
                Ok(taken) => self.out.advance(taken),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads until a line is there whole or the socket is empty. False at the end of the stream.
    pub(super) fn read(&mut self) -> io::Result<bool> {
        while matches!(self.lines.next_len(), Ok(None)) {
            match self.stream.try_read_buf(self.lines.space()) {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Takes a line that is there whole.
    pub(super) fn take_line(&mut self) -> Result<Option<Bytes>, LineTooLong> {
        Ok(self.lines.next_len()?.map(|len| self.lines.take(len)))
    }

    pub(super) fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.stream.poll_read_ready(context).is_ready() {
            return Poll::Ready(());
        }
        if !self.out.is_empty() && self.stream.poll_write_ready(context).is_ready() {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
