//! A connection to the zookeeper: lines out, lines in, each with a limit of size and time.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use memchr::memchr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use yak_protocol::{Call, Response};

use super::Lost;
use crate::config::Endpoint;

/// Longest wait for a connection to be accepted, and for a line to be taken.
const DIAL_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest wait for the answer to a call.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest line of a zookeeper: one command may create as many partitions as a topic may have.
const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;
/// Room that a read has at least.
const READ_BYTES: usize = 16 * 1024;

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
    local: IpAddr,
    received: BytesMut,
    /// Invariant: `received[..scanned]` holds no newline.
    scanned: usize,
}

impl Link {
    /// Connects to a zookeeper.
    pub(super) async fn dial(zookeeper: &Endpoint) -> Result<Self, Lost> {
        let connecting = TcpStream::connect((zookeeper.host.as_str(), zookeeper.port));
        let stream = match timeout(DIAL_TIMEOUT, connecting).await {
            Ok(connected) => connected?,
            Err(_elapsed) => return Err(Lost::new("does not accept the connection")),
        };
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?.ip();
        Ok(Self { stream, local, received: BytesMut::new(), scanned: 0 })
    }

    /// The address of ours that it comes from.
    pub(super) const fn local(&self) -> IpAddr {
        self.local
    }

    /// Sends whole lines.
    pub(super) async fn send(&mut self, lines: &[u8]) -> Result<(), Lost> {
        match timeout(DIAL_TIMEOUT, self.stream.write_all(lines)).await {
            Ok(sent) => Ok(sent?),
            Err(_elapsed) => Err(Lost::new("takes no more bytes")),
        }
    }

    /// The next line, with its newline. Nothing is lost if this is cancelled.
    pub(super) async fn line(&mut self) -> Result<Bytes, Lost> {
        loop {
            if let Some(line) = self.received_line() {
                return Ok(line);
            }
            if self.received.len() > MAX_LINE_BYTES {
                return Err(Lost(format!("sent a line of more than {MAX_LINE_BYTES} bytes")));
            }
            self.received.reserve(READ_BYTES);
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(Lost::new("closed the connection"));
            }
        }
    }

    /// The next line, if it has arrived whole.
    pub(super) fn received_line(&mut self) -> Option<Bytes> {
        if let Some(at) = memchr(b'\n', &self.received[self.scanned..]) {
            let len = self.scanned + at + 1;
            self.scanned = 0;
            return Some(self.received.split_to(len).freeze());
        }
        self.scanned = self.received.len();
        None
    }

    /// Asks and waits for the answer, while nothing else is under way on this connection.
    pub(super) async fn call<C: Call>(&mut self, call: &C) -> Result<Response<C::Reply>, Lost> {
        let mut request = BytesMut::new();
        call.encode_request(&mut request, None);
        self.send(&request).await?;
        match timeout(CALL_TIMEOUT, self.line()).await {
            Ok(line) => parse::<C>(&line?),
            Err(_elapsed) => Err(Lost(format!("does not answer {}", C::OPERATION))),
        }
    }
}

/// Reads the answer to a call.
pub(super) fn parse<C: Call>(line: &[u8]) -> Result<Response<C::Reply>, Lost> {
    C::parse_reply(line.strip_suffix(b"\n").unwrap_or(line)).map_err(|malformed| Lost(malformed.to_string()))
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::new("is not there (connection refused)"),
            io::ErrorKind::ConnectionReset => Self::new("reset the connection"),
            _ => Self(format!("cannot be reached: {error}")),
        }
    }
}
