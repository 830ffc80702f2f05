//! A broker's connection to a leader: request lines out, and replies of a line and exactly as many bytes as it says.

use std::io;
use std::ops::Range;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use yak_model::api::{Rejection, ReplicaFetch, ReplicaFetchReply};
use yak_model::limits::MAX_ATTACHMENT_BYTES;
use yak_model::{BrokerId, ClusterId};
use yak_protocol::{
    Call, Hello, MalformedReply, ReplicaFetchAnswer, encode_replica_fetch_request, parse_replica_fetch_reply,
};

/// Longest wait for a connection and its hello, and for a request to be taken.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest reply line: all that may be in one reply, as text.
const MAX_LINE_BYTES: usize = MAX_ATTACHMENT_BYTES / 3 * 4 + 16 * 1024 * 1024;
/// Room that a read has at least.
const READ_BYTES: usize = 64 * 1024;

/// Why a connection is of no further use.
#[derive(Debug, Error)]
pub(crate) enum LinkError {
    /// The socket failed, or the peer closed it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What it sends is no reply.
    #[error(transparent)]
    Malformed(#[from] MalformedReply),
    /// It sends records that cannot be its log's.
    #[error("bad records: {0}")]
    BadRecords(String),
    /// It does not answer.
    #[error("no answer for {0:?}")]
    Silent(Duration),
    /// It is somebody else.
    #[error("it is broker {0} of cluster {1}")]
    SomebodyElse(BrokerId, ClusterId),
    /// It refuses whatever we say.
    #[error("refused: {0}")]
    Refused(Rejection),
}

/// Whom a connection must lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) broker_id: BrokerId,
    pub(crate) cluster_id: ClusterId,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// An open connection that has said hello.
#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
    buffer: BytesMut,
    /// `buffer[..scanned]` holds no newline, while a line is awaited.
    scanned: usize,
    /// A line that was read and whose attachment is awaited.
    awaiting: Option<ReplicaFetchAnswer>,
    /// Records that stood in the line.
    inline: BytesMut,
    out: BytesMut,
}

/// A reply with its records.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) reply: ReplicaFetchReply<Range<usize>>,
    pub(crate) records: BytesMut,
}

impl Link {
    /// Connects and makes sure who is there.
    pub(crate) async fn open(peer: &Peer) -> Result<Self, LinkError> {
        match timeout(CONNECT_TIMEOUT, Self::try_open(peer)).await {
            Ok(opened) => opened,
            Err(_elapsed) => Err(LinkError::Silent(CONNECT_TIMEOUT)),
        }
    }

    async fn try_open(peer: &Peer) -> Result<Self, LinkError> {
        let stream = TcpStream::connect((peer.host.as_str(), peer.port)).await?;
        stream.set_nodelay(true)?;
        let mut link = Self {
            stream,
            buffer: BytesMut::new(),
            scanned: 0,
            awaiting: None,
            inline: BytesMut::new(),
            out: BytesMut::new(),
        };
        let client = Some(crate::ndjson::SOFTWARE.to_owned());
        Hello { protocol: (1, 1), client }.encode_request(&mut link.out, None);
        link.stream.write_all(&link.out).await?;
        let line = link.line().await?;
        let hello = Hello::parse_reply(&link.buffer[..line])?.result.map_err(LinkError::Refused)?.body;
        link.buffer.advance(line + 1);
        link.scanned = 0;
        if (hello.broker_id, hello.cluster_id) != (peer.broker_id, peer.cluster_id) {
            return Err(LinkError::SomebodyElse(hello.broker_id, hello.cluster_id));
        }
        Ok(link)
    }

    /// Whether it may still be used: the peer has neither closed it nor said anything that nobody asked for.
    pub(crate) fn is_open(&self) -> bool {
        let silent = |error: io::Error| error.kind() == io::ErrorKind::WouldBlock;
        self.buffer.is_empty() && self.stream.try_read(&mut [0]).is_err_and(silent)
    }

    /// Sends whole lines, however long that takes.
    pub(crate) async fn send_lines(&mut self, lines: &[u8]) -> Result<(), LinkError> {
        Ok(self.stream.write_all(lines).await?)
    }

    /// The next line, without its newline, of a reply that has no attachment.
    pub(crate) async fn receive_line(&mut self) -> Result<BytesMut, LinkError> {
        let len = self.line().await?;
        let line = self.buffer.split_to(len);
        self.buffer.advance(1);
        self.scanned = 0;
        Ok(line)
    }

    /// Sends a request. It is small, so a peer that does not take it hangs.
    pub(crate) async fn send(&mut self, request: &ReplicaFetch) -> Result<(), LinkError> {
        self.out.clear();
        encode_replica_fetch_request(&mut self.out, None, request);
        match timeout(CONNECT_TIMEOUT, self.stream.write_all(&self.out)).await {
            Ok(written) => Ok(written?),
            Err(_elapsed) => Err(LinkError::Silent(CONNECT_TIMEOUT)),
        }
    }

    /// The next reply. Cancel safe: what was read of it is kept.
    pub(crate) async fn receive(&mut self) -> Result<Answer, LinkError> {
        let attachment = match &self.awaiting {
            Some(answer) => answer.attachment,
            None => {
                let line = self.line().await?;
                let answer = parse_replica_fetch_reply(&self.buffer[..line], &mut self.inline)?;
                self.buffer.advance(line + 1);
                self.scanned = 0;
                self.awaiting.insert(answer).attachment
            }
        };
        while self.buffer.len() < attachment {
            // Memory grows with what arrives, not with what is announced.
            self.buffer.reserve(READ_BYTES.min(attachment - self.buffer.len()));
            self.read().await?;
        }
        let Some(answer) = self.awaiting.take() else { return Err(closed()) };
        let reply = answer.response.result.map_err(LinkError::Refused)?.body;
        let records =
            if attachment > 0 { self.buffer.split_to(attachment) } else { std::mem::take(&mut self.inline) };
        Ok(Answer { reply, records })
    }

    /// Waits for a whole line at the buffer's beginning; its length without the newline. Cancel safe.
    async fn line(&mut self) -> Result<usize, LinkError> {
        loop {
            if let Some(at) = self.buffer[self.scanned..].iter().position(|byte| *byte == b'\n') {
                return Ok(self.scanned + at);
            }
            self.scanned = self.buffer.len();
            if self.scanned > MAX_LINE_BYTES {
                return Err(MalformedReply(format!("a line of more than {MAX_LINE_BYTES} bytes")).into());
            }
            self.buffer.reserve(READ_BYTES);
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<(), LinkError> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err(closed());
        }
        Ok(())
    }
}

fn closed() -> LinkError {
    io::Error::from(io::ErrorKind::UnexpectedEof).into()
}
