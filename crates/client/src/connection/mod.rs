//! One NDJSON connection to one broker: requests in, replies in the same order.

mod dial;
mod lines;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use dial::dial;
pub(crate) use dial::{DOES_NOT_RESOLVE, DialError, plain};
pub(crate) use lines::{LineTooLong, Lines};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use yak_model::api::Rejection;
use yak_protocol::{Call, Hello, HelloReply, MalformedReply, Response};

use crate::{Address, ClientConfig, ClientError};

/// Oldest and newest version of the protocol that this library speaks.
const PROTOCOL: (u32, u32) = (1, 1);

/// A connection that has said hello. One request at a time; the producer and the consumer pipeline their own
/// on its socket.
///
/// After an error (other than a rejection) the connection is of no further use.
#[derive(Debug)]
pub struct Connection {
    address: Address,
    stream: TcpStream,
    lines: Lines,
    out: BytesMut,
    next_id: u64,
    server: HelloReply,
}

/// Why a connection could not be opened.
#[derive(Clone, Debug)]
pub(crate) enum OpenError {
    /// Nobody was reached.
    Dial(DialError),
    /// Somebody was, and did not answer properly.
    Talk(ClientError),
}

impl Connection {
    /// Connects and says hello, within the configuration's connect timeout.
    ///
    /// # Errors
    /// When nobody is there, or nobody who speaks this protocol.
    pub async fn open(address: &Address, config: &ClientConfig) -> Result<Self, ClientError> {
        Self::try_open(address, config).await.map_err(|error| match error {
            OpenError::Dial(error) => ClientError::Connection { address: address.clone(), why: error.why() },
            OpenError::Talk(error) => error,
        })
    }

    pub(crate) async fn try_open(address: &Address, config: &ClientConfig) -> Result<Self, OpenError> {
        Self::open_within(address, config, config.connect_timeout).await
    }

    /// The same within another time.
    pub(crate) async fn open_within(
        address: &Address,
        config: &ClientConfig,
        limit: Duration,
    ) -> Result<Self, OpenError> {
        let deadline = Instant::now() + limit;
        let stream = match timeout_at(deadline, dial(address)).await {
            Ok(dialled) => dialled.map_err(OpenError::Dial)?,
            Err(_elapsed) => {
                let waited = limit.as_millis();
                return Err(OpenError::Dial(DialError::Unreachable(format!(
                    "no connection within {waited} ms"
                ))));
            }
        };
        let mut connection = Self {
            address: address.clone(),
            stream,
            lines: Lines::new(config.max_reply_bytes),
            out: BytesMut::new(),
            next_id: 0,
            server: HelloReply {
                protocol: PROTOCOL.1,
                server: String::new(),
                broker_id: yak_model::BrokerId::NONE,
                cluster_id: yak_model::ClusterId::default(),
            },
        };
        let hello = Hello { protocol: PROTOCOL, client: Some(config.software.clone()) };
        let left = deadline.saturating_duration_since(Instant::now());
        connection.server = connection
            .call(&hello, left)
            .await
            .and_then(|result| result.map_err(ClientError::Rejected))
            .map_err(OpenError::Talk)?;
        Ok(connection)
    }

    /// Where it leads.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The socket address of the other end, if it is still connected.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.stream.peer_addr().ok()
    }

    /// What the broker said of itself.
    #[must_use]
    pub const fn server(&self) -> &HelloReply {
        &self.server
    }

    /// Whether the broker has closed the connection, or said something that nobody asked for.
    pub(crate) fn is_stale(&mut self) -> bool {
        let read = self.stream.try_read_buf(self.lines.space());
        !matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Asks, and waits for the answer, at most `timeout`.
    ///
    /// # Errors
    /// When the connection ends, or no answer comes in time, or what comes is none. A refusal is an answer.
    pub async fn call<C: Call>(
        &mut self,
        call: &C,
        timeout: Duration,
    ) -> Result<Result<C::Reply, Rejection>, ClientError> {
        let id = self.next_id;
        self.next_id += 1;
        self.out.clear();
        call.encode_request(&mut self.out, Some(id));
        let response = match timeout_at(Instant::now() + timeout, self.exchange()).await {
            Ok(line) => {
                let len = line?;
                let response = C::parse_reply(self.lines.line(len));
                self.lines.consume(len);
                response
            }
            Err(_elapsed) => {
                let address = self.address.clone();
                return Err(ClientError::NoAnswer { address, operation: C::OPERATION, timeout });
            }
        };
        expect_id(response, id).map_err(|error| error.at(&self.address)).map(|reply| reply.map(|ok| ok.body))
    }

    /// Writes what is in `out` and reads one line; gives its length.
    async fn exchange(&mut self) -> Result<usize, ClientError> {
        if let Err(error) = self.stream.write_all(&self.out).await {
            return Err(self.lost(&error));
        }
        loop {
            match self.lines.next_len() {
                Ok(Some(len)) => return Ok(len),
                Ok(None) => {}
                Err(too_long) => return Err(ReplyError::from(too_long).at(&self.address)),
            }
            match self.stream.read_buf(self.lines.space()).await {
                Ok(0) => return Err(self.lost(&io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
                Err(error) => return Err(self.lost(&error)),
            }
        }
    }

    fn lost(&self, error: &io::Error) -> ClientError {
        ClientError::Connection { address: self.address.clone(), why: plain(error) }
    }

    /// For somebody who pipelines: the socket, what was received but not consumed, and the next free id.
    pub(crate) fn into_parts(self) -> (TcpStream, Lines, u64) {
        (self.stream, self.lines, self.next_id)
    }
}

/// Why a line is not the answer that was due.
#[derive(Debug)]
pub(crate) enum ReplyError {
    /// It is none, or another one's.
    NoReply(String),
    /// The broker says why it closes the connection.
    Closing(Rejection),
}

impl ReplyError {
    pub(crate) fn at(self, address: &Address) -> ClientError {
        match self {
            Self::NoReply(why) => ClientError::Protocol { address: address.clone(), why },
            Self::Closing(rejection) => ClientError::Rejected(rejection),
        }
    }
}

impl From<LineTooLong> for ReplyError {
    fn from(LineTooLong(limit): LineTooLong) -> Self {
        Self::NoReply(format!("a line of more than {limit} bytes"))
    }
}

impl From<MalformedReply> for ReplyError {
    fn from(error: MalformedReply) -> Self {
        Self::NoReply(error.to_string())
    }
}

/// Replies come in order: the next one must carry the id of the oldest request. An error without id is the
/// broker's last word.
pub(crate) fn expect_id<T>(
    response: Result<Response<T>, MalformedReply>,
    id: u64,
) -> Result<Result<yak_model::api::Reply<T>, Rejection>, ReplyError> {
    let response = response?;
    match (response.id.as_ref().map(yak_protocol::RequestId::as_number), response.result) {
        (Some(Some(answered)), result) if answered == id => Ok(result),
        (None, Err(rejection)) => Err(ReplyError::Closing(rejection)),
        _ => Err(ReplyError::NoReply(format!("its answer is not the one to request {id}"))),
    }
}
