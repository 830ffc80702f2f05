//! A connection to the zookeeper's port: a line in, an operation, a line out.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::task::JoinError;
use yak_model::api::{ConnectionId, Rejection, Reply};
use yak_model::{BrokerId, ErrorCode};
use yak_net::{Flow, Outbox, Refusal, Service, ServiceFactory, Speaks};
use yak_protocol::{
    ControllerRequest, Envelope, Hello, HelloReply, ReplyBody, RequestId, encode_error, encode_reply,
    parse_controller_request,
};

use super::desk::Desk;
use super::watch::WatchStream;
use super::{MAX_LINE_BYTES, MAX_QUEUED_BYTES, changes, look};
use crate::feed::Feed;

/// The one version of the protocol so far.
const PROTOCOL_VERSION: u32 = 1;
/// Name and version of this software.
const SOFTWARE: &str = concat!("yak-zookeeper/", env!("CARGO_PKG_VERSION"));

/// Makes the service of each connection.
#[derive(Debug)]
pub(super) struct Connections {
    pub(super) desk: Arc<Desk>,
    pub(super) feed: Arc<Feed>,
}

impl ServiceFactory for Connections {
    type Service = Connection;

    fn connect(&self, peer: SocketAddr, _local: SocketAddr) -> Connection {
        let number = self.desk.connection();
        Connection { desk: Arc::clone(&self.desk), feed: Arc::clone(&self.feed), number, peer }
    }

    fn too_many(&self, what: &str) -> Vec<u8> {
        let mut out = BytesMut::new();
        encode_error(&mut out, None, &Rejection::new(ErrorCode::ThrottlingQuotaExceeded, what));
        out.to_vec()
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    desk: Arc<Desk>,
    feed: Arc<Feed>,
    number: ConnectionId,
    peer: SocketAddr,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.desk.closed(self.number);
    }
}

impl Service for Connection {
    fn handle_line(&mut self, line: &[u8], outbox: &mut Outbox) -> Flow {
        if line.trim_ascii().is_empty() {
            return Flow::Continue;
        }
        match parse_controller_request(line) {
            Ok(Envelope { id, request, .. }) => self.handle(id, request, outbox),
            Err(bad) => {
                outbox.reply(|out| encode_error(out, bad.id.as_ref(), &bad.rejection));
                Flow::Continue
            }
        }
    }

    fn handle_end_of_input(&mut self) {
        // Who sends nothing more sends no heartbeat.
        self.desk.closed(self.number);
    }

    fn refuse(&mut self, why: Refusal, outbox: &mut Outbox) {
        let rejection = refusal(why);
        tracing::warn!(peer = %self.peer, %rejection, "connection refused");
        outbox.reply(|out| encode_error(out, None, &rejection));
    }
}

impl Connection {
    fn handle(&self, id: Option<RequestId>, request: ControllerRequest, outbox: &mut Outbox) -> Flow {
        use ControllerRequest as Request;
        let desk = Arc::clone(&self.desk);
        let number = self.number;
        match request {
            Request::Hello(hello) => now(id, self.hello(&hello), outbox),
            Request::Status(status) => {
                if let Some(seen) = status.seen {
                    // It is told what there is, and everybody is refused from then on.
                    desk.seen(seen, status.secret.as_deref()).ok();
                }
                now(id, Ok(look::status(&desk, &self.feed)), outbox);
            }
            other => {
                if let Err(rejection) = desk.refuse_if_older() {
                    now::<HelloReply>(id, Err(rejection), outbox);
                    return Flow::Continue;
                }
                return self.serve(id, other, (desk, number), outbox);
            }
        }
        Flow::Continue
    }

    /// Everything that an older journal must not answer.
    fn serve(
        &self,
        id: Option<RequestId>,
        request: ControllerRequest,
        (desk, number): (Arc<Desk>, ConnectionId),
        outbox: &mut Outbox,
    ) -> Flow {
        use ControllerRequest as Request;
        match request {
            Request::Heartbeat(heartbeat) => now(id, desk.heartbeat(number, heartbeat), outbox),
            Request::ResumeBroker(request) => now(id, desk.resume(number, &request), outbox),
            Request::RegisterBroker(request) => begin(id, desk.register(number, request), outbox),
            Request::Watch(request) => {
                let stream = WatchStream::new(id, request, desk, Arc::clone(&self.feed));
                return Flow::Stream(Box::new(stream));
            }
            Request::Metadata(request) => now(id, look::metadata(&desk, request), outbox),
            Request::CreateTopics(request) => begin(id, changes::create_topics(desk, request), outbox),
            Request::CreatePartitions(request) => {
                begin(id, changes::create_partitions(desk, request), outbox);
            }
            Request::DeleteTopics(request) => begin(id, changes::delete_topics(desk, request), outbox),
            Request::AlterConfigs(request) => begin(id, changes::alter_configs(desk, request), outbox),
            Request::AllocateProducerIds(request) => {
                begin(id, changes::of_broker(desk, request), outbox);
            }
            Request::AlterIsr(request) => begin(id, changes::of_broker(desk, request), outbox),
            Request::ElectLeaders(request) => begin(id, changes::elect_leaders(desk, request), outbox),
            Request::ShutdownBroker(request) => begin(id, changes::shutdown_broker(desk, request), outbox),
            // Answered before.
            Request::Hello(_) | Request::Status(_) => {}
        }
        Flow::Continue
    }

    fn hello(&self, request: &Hello) -> Result<HelloReply, Rejection> {
        let (oldest, newest) = request.protocol;
        if !(oldest..=newest).contains(&PROTOCOL_VERSION) {
            let message = format!(
                "this zookeeper speaks version {PROTOCOL_VERSION} of the protocol, not {oldest} to {newest}"
            );
            return Err(Rejection::new(ErrorCode::UnsupportedVersion, message));
        }
        Ok(HelloReply {
            protocol: PROTOCOL_VERSION,
            server: SOFTWARE.to_owned(),
            broker_id: BrokerId::NONE,
            cluster_id: self.desk.handle().image().cluster_id(),
        })
    }
}

/// Answers at once.
fn now<T: ReplyBody>(id: Option<RequestId>, result: Result<T, Rejection>, outbox: &mut Outbox) {
    outbox.reply(|out| encode_reply(out, id.as_ref(), &result.map(Reply::new)));
}

/// Begins a change and answers when it is decided. It is decided even if the connection ends meanwhile, and changes
/// that come in a row are decided in their order, with one sync for those that wait together.
fn begin<T: ReplyBody + Send + 'static>(
    id: Option<RequestId>,
    change: impl Future<Output = Result<T, Rejection>> + Send + 'static,
    outbox: &mut Outbox,
) {
    let change = tokio::spawn(change);
    outbox.hold(async move {
        let result = change.await.unwrap_or_else(|failed| Err(failure(&failed)));
        let mut out = BytesMut::new();
        encode_reply(&mut out, id.as_ref(), &result.map(Reply::new));
        out
    });
}

/// The task of a request panicked, or the runtime is ending.
fn failure(failed: &JoinError) -> Rejection {
    Rejection::new(ErrorCode::UnknownServerError, format!("the request was not finished: {failed}"))
}

/// What a peer is told before its connection is closed.
fn refusal(why: Refusal) -> Rejection {
    let (code, message) = match why {
        Refusal::RequestTooLong => {
            let message = format!("a request line has at most {MAX_LINE_BYTES} bytes here; closing");
            (ErrorCode::MessageTooLarge, message)
        }
        Refusal::OverBudget => {
            let message = format!("unfinished requests hold more than {MAX_QUEUED_BYTES} bytes; closing");
            (ErrorCode::ThrottlingQuotaExceeded, message)
        }
        Refusal::RequestDeadline => {
            (ErrorCode::RequestTimedOut, "a line was begun but not ended in time; closing".to_owned())
        }
        Refusal::RequestWhileStreaming => (
            ErrorCode::InvalidRequest,
            "this connection has become a stream; open another one for requests; closing".to_owned(),
        ),
        Refusal::Speaks(other) => (ErrorCode::InvalidRequest, not_our_language(other)),
    };
    Rejection::new(code, message)
}

fn not_our_language(speaks: Speaks) -> String {
    let name = match speaks {
        Speaks::Http => "HTTP",
        Speaks::Tls => "TLS",
        Speaks::Kafka => "a binary protocol",
        Speaks::Lines => "this",
    };
    format!("this port speaks newline-delimited JSON, not {name}: send one JSON object a line; closing")
}
