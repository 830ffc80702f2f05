//! NDJSON connections: a line in, an operation, a line out.
//!
//! Nothing is decided here. A request is parsed by `protocol`, done by its operation in `ops`, and its outcome is
//! encoded by `protocol` again, into the outbox at once or when it is there. Who produces, fetches or tails
//! is registered as a client for as long as its connection lasts.

mod fetch;
mod forwarded;
mod group_stream;
mod groups;
pub(crate) mod refusal;
mod replica_fetch;
mod sequence;
mod stream;
mod subscription;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::task::JoinHandle;
use yak_model::api::{
    ClientRole, ListOffsets, Produce, ProduceReply, ReadFrom, Register, RegisterReply, Rejection, Reply,
};
use yak_model::{ErrorCode, TopicName};
use yak_net::{Flow, Outbox};
use yak_protocol::{
    Done, Envelope, FetchEncoder, Hello, HelloReply, Parser, ReplyBody, Request, RequestId, encode_error,
    encode_reply, parse_request,
};

use crate::addresses::{Addressed, Caller};
use crate::answer::{Answer, Outcome};
use crate::broker::Broker;
use crate::clients::Registration;
use crate::ops::produce::is_answered;
use crate::{forwarding, ops};

use self::sequence::Sequence;

/// Name and version of this software, as `hello` tells it.
pub(crate) const SOFTWARE: &str = concat!("yak-broker/", env!("CARGO_PKG_VERSION"));
/// The one version of the protocol so far.
const PROTOCOL_VERSION: u32 = 1;
/// The client id of a connection that never said who it is.
const BY_HAND: &str = "(by hand)";

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    broker: Arc<Broker>,
    peer: SocketAddr,
    caller: Caller,
    parser: Parser,
    software: Option<String>,
    registration: Option<Arc<Registration>>,
    sequence: Sequence,
    fetch_encoder: FetchEncoder,
    replica_session: replica_fetch::Session,
}

impl Connection {
    /// A connection of `peer`, which came to our address `local`.
    pub(crate) fn new(broker: Arc<Broker>, peer: SocketAddr, local: SocketAddr) -> Self {
        Self {
            caller: Caller::new(Arc::clone(&broker), local),
            broker,
            peer,
            parser: Parser::new(),
            software: None,
            registration: None,
            sequence: Sequence::default(),
            fetch_encoder: FetchEncoder::default(),
            replica_session: None,
        }
    }

    pub(crate) fn handle_line(&mut self, line: &[u8], outbox: &mut Outbox) -> Flow {
        if line.trim_ascii().is_empty() {
            return Flow::Continue;
        }
        match parse_request(line, self.broker.clock.wall(), &mut self.parser) {
            Ok(Envelope { id, forwarded_by: None, request }) => self.handle(id, request, outbox),
            Ok(Envelope { id, forwarded_by: Some(by), request }) => {
                forwarded::handle(self, id, (by, request), outbox)
            }
            Err(bad) => {
                outbox.reply(|out| encode_error(out, bad.id.as_ref(), &bad.rejection));
                Flow::Continue
            }
        }
    }

    pub(crate) fn handle_end_of_input(&mut self) {
        // Most likely the peer is gone; a stream that goes on keeps its registration by itself.
        self.registration = None;
    }

    fn handle(&mut self, id: Option<RequestId>, request: Request, outbox: &mut Outbox) -> Flow {
        let broker = Arc::clone(&self.broker);
        match request {
            Request::Produce(request) => self.produce(id, request, outbox),
            Request::Fetch(request) => fetch::fetch(self, id, request, outbox),
            Request::ReplicaFetch(request) => replica_fetch::fetch(self, id, &request, outbox),
            Request::Tail(request) => {
                let registration = self.registered(ClientRole::Consumer, &request.topics);
                let asked = (id, request, self.caller.clone());
                return Flow::Stream(Box::new(stream::TailStream::new(broker, asked, registration)));
            }
            Request::Subscribe(request) => {
                let asked = (id, request, self.caller.clone());
                return Flow::Stream(Box::new(subscription::SubscriptionStream::new(broker, asked)));
            }
            Request::Hello(request) => reply(id, self.hello(request), &self.caller, outbox),
            Request::Register(request) => reply(id, self.register(request), &self.caller, outbox),
            Request::Deregister => {
                self.registration = None;
                reply(id, Ok(Reply::new(Done)), &self.caller, outbox);
            }
            Request::ListOffsets(request) => self.list_offsets(id, request, outbox),
            Request::DescribeConfigs(request) => {
                self.look(id, outbox, move || ops::configs::describe_configs(&broker, request));
            }
            Request::Status => self.look(id, outbox, move || ops::status::status(&broker)),
            Request::Metadata(request) => self.change(id, ops::metadata::metadata(broker, request), outbox),
            Request::CreateTopics(request) => {
                self.change(id, ops::topics::create_topics(broker, request), outbox);
            }
            Request::DeleteTopics(request) => {
                self.change(id, ops::topics::delete_topics(broker, request), outbox);
            }
            Request::CreatePartitions(request) => {
                self.change(id, ops::topics::create_partitions(broker, request), outbox);
            }
            Request::DeleteRecords(request) => {
                self.change(id, forwarding::delete_records(broker, request), outbox);
            }
            Request::AlterConfigs(request) => {
                self.change(id, ops::configs::alter_configs(broker, request), outbox);
            }
            Request::ElectLeaders(request) => {
                self.change(id, ops::elect_leaders::elect_leaders(broker, request), outbox);
            }
            Request::InitProducerId(request) => {
                self.change(id, ops::clients::init_producer_id(broker, request), outbox);
            }
            Request::Group(request) => return groups::handle(self, id, request, outbox),
        }
        Flow::Continue
    }

    /// Answers a question, after the changes that were asked for before it.
    fn look<T: ReplyBody + Addressed + 'static>(
        &mut self,
        id: Option<RequestId>,
        outbox: &mut Outbox,
        look: impl FnOnce() -> Outcome<T> + Send + 'static,
    ) {
        if self.sequence.is_clear() {
            return reply(id, look(), &self.caller, outbox);
        }
        let turn = self.sequence.turn();
        later(id, self.caller.clone(), outbox, async move {
            turn.wait().await;
            look()
        });
    }

    /// Answers a question about partitions, which others may have to be asked.
    fn list_offsets(&mut self, id: Option<RequestId>, request: ListOffsets, outbox: &mut Outbox) {
        let broker = Arc::clone(&self.broker);
        if !forwarding::any_away(&broker, &request.entries, ReadFrom::Leader) {
            return self.look(id, outbox, move || ops::list_offsets::list_offsets(&broker, request));
        }
        let turn = self.sequence.turn();
        later(id, self.caller.clone(), outbox, async move {
            turn.wait().await;
            forwarding::list_offsets(&broker, request).await
        });
    }

    /// Begins a change now, and answers when it is made.
    fn change<T: ReplyBody + Addressed + Send + 'static>(
        &mut self,
        id: Option<RequestId>,
        change: impl Future<Output = Outcome<T>> + Send + 'static,
        outbox: &mut Outbox,
    ) {
        let change = self.sequence.begin(change);
        let outcome = async move { change.await.unwrap_or_else(|failed| Err(failure(&failed))) };
        later(id, self.caller.clone(), outbox, outcome);
    }

    fn produce(&mut self, id: Option<RequestId>, request: Produce, outbox: &mut Outbox) {
        let topics =
            request.entries.first().map(|entry| std::slice::from_ref(&entry.topic)).unwrap_or_default();
        let registration = self.registered(ClientRole::Producer, topics);
        let may_be_away = if self.sequence.is_clear() {
            forwarding::produces_away(&self.broker, &request)
        } else {
            // What is before it may delete its topic, or move it.
            request.entries.iter().any(|entry| entry.leader_epoch.is_none())
        };
        if !may_be_away && !ops::produce::creates_topics(&self.broker, &request) {
            return self.append(id, request, Some(registration), outbox);
        }
        let broker = Arc::clone(&self.broker);
        // Behind what is forwarded the next request's turn comes when the records are acknowledged: so only they stay in
        // order. Behind what is appended here, when they are appended.
        let produce = self.sequence.begin(async move {
            if let Err(rejection) = ops::produce::create_topics(&broker, &request).await {
                return Answer::Now(Err(rejection));
            }
            if forwarding::produces_away(&broker, &request) {
                return Answer::Now(forwarding::produce(&broker, request).await);
            }
            ops::produce::produce(&broker, request)
        });
        hold_produced(id, self.caller.clone(), Box::pin(answered(produce)), Some(&registration), outbox);
    }

    /// Appends to partitions that this broker leads, or says why not.
    fn append(
        &mut self,
        id: Option<RequestId>,
        request: Produce,
        registration: Option<Arc<Registration>>,
        outbox: &mut Outbox,
    ) {
        let outcome = if self.sequence.is_clear() {
            match ops::produce::produce(&self.broker, request) {
                Answer::Now(outcome) => {
                    let client = registration.as_deref();
                    return outbox.reply(|out| produced(out, id.as_ref(), &self.caller, outcome, client));
                }
                Answer::Later(outcome) => outcome,
            }
        } else {
            let broker = Arc::clone(&self.broker);
            // The next request's turn comes when this one's records are appended, not when they are acknowledged.
            let append = self.sequence.begin(async move { ops::produce::produce(&broker, request) });
            Box::pin(answered(append))
        };
        hold_produced(id, self.caller.clone(), outcome, registration.as_ref(), outbox);
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

/// The outcome of a request that runs as a task.
async fn answered<T>(task: JoinHandle<Answer<T>>) -> Outcome<T> {
    match task.await {
        Ok(Answer::Now(outcome)) => outcome,
        Ok(Answer::Later(outcome)) => outcome.await,
        Err(failed) => Err(failure(&failed)),
    }
}

/// Answers a produce when its outcome is there. Until then it keeps no client registered that has gone.
fn hold_produced(
    id: Option<RequestId>,
    caller: Caller,
    outcome: impl Future<Output = Outcome<ProduceReply>> + Send + 'static,
    registration: Option<&Arc<Registration>>,
    outbox: &mut Outbox,
) {
    let registration = registration.map(Arc::downgrade);
    outbox.hold(async move {
        let mut out = BytesMut::new();
        let outcome = outcome.await;
        let registration = registration.and_then(|registration| registration.upgrade());
        produced(&mut out, id.as_ref(), &caller, outcome, registration.as_deref());
        out
    });
}

/// Encodes the outcome of a produce and takes note of what was appended. `acks=0` is answered by silence,
/// unless something was refused.
fn produced(
    out: &mut BytesMut,
    id: Option<&RequestId>,
    caller: &Caller,
    outcome: Outcome<ProduceReply>,
    client: Option<&Registration>,
) {
    if let (Ok(reply), Some(client)) = (&outcome, client) {
        for produced in reply.body.partitions.iter().flatten() {
            let end = produced.base_offset.plus(i64::from(produced.count));
            client.produced(&produced.topic, produced.partition, end, u64::from(produced.count));
        }
    }
    if is_answered(&outcome) {
        encode(out, id, caller, outcome);
    }
}

fn reply<T: ReplyBody + Addressed>(
    id: Option<RequestId>,
    outcome: Outcome<T>,
    caller: &Caller,
    outbox: &mut Outbox,
) {
    outbox.reply(|out| encode(out, id.as_ref(), caller, outcome));
}

fn later<T: ReplyBody + Addressed + 'static>(
    id: Option<RequestId>,
    caller: Caller,
    outbox: &mut Outbox,
    outcome: impl Future<Output = Outcome<T>> + Send + 'static,
) {
    outbox.hold(async move {
        let mut out = BytesMut::new();
        encode(&mut out, id.as_ref(), &caller, outcome.await);
        out
    });
}

/// Encodes an answer with the addresses that its reader is told.
fn encode<T: ReplyBody + Addressed>(
    out: &mut BytesMut,
    id: Option<&RequestId>,
    caller: &Caller,
    mut outcome: Outcome<T>,
) {
    caller.tell(&mut outcome);
    encode_reply(out, id, &outcome);
}

/// The same for a refusal alone.
fn encode_refusal(out: &mut BytesMut, id: Option<&RequestId>, caller: &Caller, mut rejection: Rejection) {
    caller.tell(&mut rejection);
    encode_error(out, id, &rejection);
}

/// The task of a request panicked, or the broker's runtime is ending.
fn failure(failed: &tokio::task::JoinError) -> Rejection {
    Rejection::new(ErrorCode::UnknownServerError, format!("the request was not finished: {failed}"))
}
