//! NDJSON connections: a line in, an operation, a line out.
//!
//! Nothing is decided here. A request is parsed by `protocol`, done by its operation in `ops`, and its outcome is
//! encoded by `protocol` again, into the outbox at once or when it is there. Who produces, fetches or tails
//! is registered as a client for as long as its connection lasts.

mod fetch;
mod refusal;
mod stream;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use yak_model::api::{ClientRole, Produce, ProduceReply, Register, RegisterReply, Rejection, Reply};
use yak_model::{ErrorCode, TopicName};
use yak_net::{Flow, LineService, Outbox, Refusal, ServiceFactory};
use yak_protocol::{
    Done, Envelope, FetchEncoder, Hello, HelloReply, Parser, ReplyBody, Request, RequestId, encode_error,
    encode_reply, parse_request,
};

use crate::answer::{Answer, Outcome};
use crate::broker::Broker;
use crate::clients::Registration;
use crate::ops;
use crate::ops::produce::{Deferred, is_answered};

/// Name and version of this software, as `hello` tells it.
const SOFTWARE: &str = concat!("yak-broker/", env!("CARGO_PKG_VERSION"));
/// The one version of the protocol so far.
const PROTOCOL_VERSION: u32 = 1;
/// The client id of a connection that never said who it is.
const BY_HAND: &str = "(by hand)";

/// Makes the service of each connection.
#[derive(Debug)]
pub(crate) struct Connections {
    broker: Arc<Broker>,
}

impl Connections {
    pub(crate) const fn new(broker: Arc<Broker>) -> Self {
        Self { broker }
    }
}

impl ServiceFactory for Connections {
    type Service = Connection;

    fn connect(&self, peer: SocketAddr, _local: SocketAddr) -> Connection {
        Connection {
            broker: Arc::clone(&self.broker),
            peer,
            parser: Parser::new(),
            software: None,
            registration: None,
            deferred: Deferred::default(),
            fetch_encoder: FetchEncoder::default(),
        }
    }

    fn too_many(&self, what: &str) -> Vec<u8> {
        let mut out = BytesMut::new();
        encode_error(&mut out, None, &Rejection::new(ErrorCode::ThrottlingQuotaExceeded, what));
        out.to_vec()
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    broker: Arc<Broker>,
    peer: SocketAddr,
    parser: Parser,
    software: Option<String>,
    registration: Option<Arc<Registration>>,
    deferred: Deferred,
    fetch_encoder: FetchEncoder,
}

impl LineService for Connection {
    fn handle_line(&mut self, line: &[u8], outbox: &mut Outbox) -> Flow {
        if line.trim_ascii().is_empty() {
            return Flow::Continue;
        }
        match parse_request(line, self.broker.clock.wall(), &mut self.parser) {
            Ok(Envelope { id, request }) => self.handle(id, request, outbox),
            Err(bad) => {
                outbox.reply(|out| encode_error(out, bad.id.as_ref(), &bad.rejection));
                Flow::Continue
            }
        }
    }

    fn handle_end_of_input(&mut self) {
        // Most likely the peer is gone; a stream that goes on keeps its registration by itself.
        self.registration = None;
    }

    fn refuse(&mut self, why: Refusal, outbox: &mut Outbox) {
        let rejection = refusal::rejection(why, &self.broker.config.connections);
        tracing::warn!(peer = %self.peer, %rejection, "connection refused");
        outbox.reply(|out| encode_error(out, None, &rejection));
    }
}

impl Connection {
    fn handle(&mut self, id: Option<RequestId>, request: Request, outbox: &mut Outbox) -> Flow {
        let broker = &self.broker;
        let shared = || Arc::clone(broker);
        match request {
            Request::Produce(request) => self.produce(id, request, outbox),
            Request::Fetch(request) => fetch::fetch(self, id, request, outbox),
            Request::Tail(request) => {
                let registration = self.registered(ClientRole::Consumer, &request.topics);
                return Flow::Stream(Box::new(stream::TailStream::new(
                    Arc::clone(&self.broker),
                    id,
                    request,
                    registration,
                )));
            }
            Request::Hello(request) => reply(id, self.hello(request), outbox),
            Request::Register(request) => reply(id, self.register(request), outbox),
            Request::Deregister => {
                self.registration = None;
                reply(id, Ok(Reply::new(Done)), outbox);
            }
            Request::ListOffsets(request) => {
                reply(id, ops::list_offsets::list_offsets(broker, request), outbox)
            }
            Request::DescribeConfigs(request) => {
                reply(id, ops::configs::describe_configs(broker, request), outbox)
            }
            Request::Status => reply(id, ops::status::status(broker), outbox),
            Request::Metadata(request) => later(id, ops::metadata::metadata(shared(), request), outbox),
            Request::CreateTopics(request) => {
                later(id, ops::topics::create_topics(shared(), request), outbox)
            }
            Request::DeleteTopics(request) => {
                later(id, ops::topics::delete_topics(shared(), request), outbox)
            }
            Request::CreatePartitions(request) => {
                later(id, ops::topics::create_partitions(shared(), request), outbox);
            }
            Request::DeleteRecords(request) => {
                later(id, ops::delete_records::delete_records(shared(), request), outbox);
            }
            Request::AlterConfigs(request) => {
                later(id, ops::configs::alter_configs(shared(), request), outbox)
            }
            Request::InitProducerId(request) => {
                later(id, ops::clients::init_producer_id(shared(), request), outbox);
            }
        }
        Flow::Continue
    }

    fn produce(&mut self, id: Option<RequestId>, request: Produce, outbox: &mut Outbox) {
        let topics =
            request.entries.first().map(|entry| std::slice::from_ref(&entry.topic)).unwrap_or_default();
        let registration = self.registered(ClientRole::Producer, topics);
        match ops::produce::produce(&self.broker, &self.deferred, request) {
            Answer::Now(outcome) => {
                outbox.reply(|out| produced(out, id.as_ref(), &outcome, Some(&registration)))
            }
            Answer::Later(outcome) => {
                let registration = Arc::downgrade(&registration);
                outbox.hold(async move {
                    let mut out = BytesMut::new();
                    let outcome = outcome.await;
                    produced(&mut out, id.as_ref(), &outcome, registration.upgrade().as_deref());
                    out
                });
            }
        }
    }

    fn hello(&mut self, request: Hello) -> Outcome<HelloReply> {
        let (oldest, newest) = request.protocol;
        if !(oldest..=newest).contains(&PROTOCOL_VERSION) {
            let message = format!(
                "this broker speaks version {PROTOCOL_VERSION} of the protocol, not {oldest} to {newest}"
            );
            return Err(Rejection::new(ErrorCode::UnsupportedVersion, message));
        }
        self.software = request.client;
        Ok(Reply::new(HelloReply {
            protocol: PROTOCOL_VERSION,
            server: SOFTWARE.to_owned(),
            broker_id: self.broker.id(),
            cluster_id: self.broker.image().cluster_id(),
        }))
    }

    fn register(&mut self, request: Register) -> Outcome<RegisterReply> {
        // The old registration ends before the new one begins.
        self.registration = None;
        let registration = Arc::new(self.broker.clients.register(self.peer, request, self.software.clone()));
        let number = registration.number();
        self.registration = Some(registration);
        Ok(Reply::new(RegisterReply { registration: number }))
    }

    /// The connection's registration, made now if there is none.
    fn registered(&mut self, role: ClientRole, topics: &[TopicName]) -> Arc<Registration> {
        let Self { broker, peer, software, registration, .. } = self;
        let registration = registration.get_or_insert_with(|| {
            let client_id = software.clone().unwrap_or_else(|| BY_HAND.to_owned());
            let request = Register { role, client_id, topics: topics.to_vec(), group: None };
            Arc::new(broker.clients.register(*peer, request, software.clone()))
        });
        Arc::clone(registration)
    }
}

/// Encodes the outcome of a produce and takes note of what was appended. `acks=0` is answered by silence,
/// unless something was refused.
fn produced(
    out: &mut BytesMut,
    id: Option<&RequestId>,
    outcome: &Outcome<ProduceReply>,
    client: Option<&Registration>,
) {
    if let (Ok(reply), Some(client)) = (outcome, client) {
        for produced in reply.body.partitions.iter().flatten() {
            let end = produced.base_offset.plus(i64::from(produced.count));
            client.produced(&produced.topic, produced.partition, end, u64::from(produced.count));
        }
    }
    if is_answered(outcome) {
        encode_reply(out, id, outcome);
    }
}

fn reply<T: ReplyBody>(id: Option<RequestId>, outcome: Outcome<T>, outbox: &mut Outbox) {
    outbox.reply(|out| encode_reply(out, id.as_ref(), &outcome));
}

fn later<T: ReplyBody + 'static>(
    id: Option<RequestId>,
    outcome: impl Future<Output = Outcome<T>> + Send + 'static,
    outbox: &mut Outbox,
) {
    outbox.hold(async move {
        let mut out = BytesMut::new();
        encode_reply(&mut out, id.as_ref(), &outcome.await);
        out
    });
}
