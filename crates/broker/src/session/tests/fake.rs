//! A zookeeper that does as a test tells it: it keeps a journal in memory and forgets who may do what.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use yak_model::api::{
    CreateTopicsReply, HeartbeatReply, OpenSession, Rejection, Reply, SessionOpened, ZookeeperReport,
};
use yak_model::metadata::{BrokerRegistration, ConfigResource, JournalLine, MetadataRecord};
use yak_model::{
    BrokerEpoch, BrokerId, ClusterId, ErrorCode, MetadataIndex, ReplicationKey, Term, TimestampMs,
};
use yak_protocol::journal::{Header, encode_header, encode_line};
use yak_protocol::{
    ControllerRequest, Done, Indexed, ReplyBody, WatchEvent, encode_reply, encode_watch_event,
    parse_controller_request,
};

use crate::config::Endpoint;

/// The fake, and what it noted.
#[derive(Clone, Debug)]
pub(crate) struct Fake {
    pub(crate) endpoint: Endpoint,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) cluster_id: ClusterId,
    /// The journal's lines, from index 1.
    pub(crate) lines: Vec<Vec<u8>>,
    /// Answers to the next registrations, instead of accepting them.
    pub(crate) refusals: VecDeque<Rejection>,
    /// What is answered to every resumption, if not a session.
    pub(crate) no_resumption: Option<Rejection>,
    pub(crate) registered: Vec<OpenSession>,
    /// What was said to have been seen of the journal, and the secret shown with it.
    pub(crate) asked: Vec<(MetadataIndex, Option<String>)>,
    pub(crate) resumed: u32,
    pub(crate) heartbeats: u32,
    /// Connections so far.
    pub(crate) accepted: u32,
    /// Nothing is answered or sent.
    pub(crate) silent: bool,
    /// Commands are answered before their lines are sent to watchers.
    pub(crate) withheld: Vec<Vec<u8>>,
    pub(crate) events: Vec<WatchEvent>,
    fenced: BTreeMap<BrokerId, MetadataIndex>,
    connections: CancellationToken,
}

pub(crate) fn cluster() -> ClusterId {
    ClusterId::from_random([5; 16])
}

impl Fake {
    pub(crate) async fn start() -> Self {
        Self::of(cluster()).await
    }

    /// The zookeeper of a cluster.
    pub(crate) async fn of(cluster_id: ClusterId) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let mut state = State {
            cluster_id,
            lines: Vec::new(),
            refusals: VecDeque::new(),
            no_resumption: None,
            registered: Vec::new(),
            asked: Vec::new(),
            resumed: 0,
            heartbeats: 0,
            accepted: 0,
            silent: false,
            withheld: Vec::new(),
            events: Vec::new(),
            fenced: BTreeMap::new(),
            connections: CancellationToken::new(),
        };
        state.append(vec![MetadataRecord::Cluster { cluster_id }]);
        let endpoint = Endpoint { host: "127.0.0.1".to_owned(), port };
        let fake = Self { endpoint, state: Arc::new(Mutex::new(state)) };
        let accepting = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepting.state().accepted += 1;
                let (fake, over) = (accepting.clone(), accepting.state().connections.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = over.cancelled() => {}
                        () = fake.serve(stream) => {}
                    }
                });
            }
        });
        fake
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Breaks every connection.
    pub(crate) fn cut(&self) {
        std::mem::take(&mut self.state().connections).cancel();
    }

    /// The text of the journal.
    pub(crate) fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        encode_header(&Header { cluster_id: self.state().cluster_id, image: None }, &mut text);
        self.state().lines.iter().for_each(|line| text.extend_from_slice(line));
        text
    }

    async fn serve(&self, stream: TcpStream) {
        let (reading, mut writing) = stream.into_split();
        let mut lines = BufReader::new(reading).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let request =
                parse_controller_request(line.as_bytes()).expect("brokers send what can be read").request;
            if self.state().silent {
                continue;
            }
            if let ControllerRequest::Watch(watch) = request {
                return self.watched(&mut writing, watch.after).await;
            }
            let answer = self.state().answer(request);
            if writing.write_all(&answer).await.is_err() {
                return;
            }
        }
    }

    async fn watched(&self, writing: &mut OwnedWriteHalf, after: Option<MetadataIndex>) {
        let mut sent = after.map_or(0, |after| usize::try_from(after.get()).expect("small"));
        let mut head = Vec::new();
        encode_header(&Header { cluster_id: self.state().cluster_id, image: None }, &mut head);
        let mut out = head;
        loop {
            if !self.state().silent {
                let mut state = self.state();
                state.lines[sent..].iter().for_each(|line| out.extend_from_slice(line));
                sent = state.lines.len();
                let mut events = BytesMut::new();
                state.events.drain(..).for_each(|event| encode_watch_event(&mut events, event));
                encode_watch_event(&mut events, WatchEvent::Alive);
                out.extend_from_slice(&events);
            }
            if writing.write_all(&std::mem::take(&mut out)).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl State {
    pub(crate) fn index(&self) -> MetadataIndex {
        MetadataIndex::new(self.lines.len() as u64)
    }

    pub(crate) fn append(&mut self, records: Vec<MetadataRecord>) {
        let line = self.line(records, self.index().next());
        self.lines.push(line);
    }

    /// Lets watchers see what was withheld.
    pub(crate) fn release(&mut self) -> MetadataIndex {
        let withheld = std::mem::take(&mut self.withheld);
        self.lines.extend(withheld);
        self.index()
    }

    /// A change that means nothing.
    pub(crate) fn change(&mut self) {
        let (resource, key) = (ConfigResource::ClusterDefault, "key".to_owned());
        let value = Some(self.lines.len().to_string());
        self.append(vec![MetadataRecord::Config { resource, key, value }]);
    }

    #[expect(clippy::unused_self, reason = "a line of this journal")]
    fn line(&self, records: Vec<MetadataRecord>, index: MetadataIndex) -> Vec<u8> {
        let synced = MetadataIndex::new(index.get() - 1);
        let (term, time, cause) = (Term::new(1), TimestampMs::new(0), "test".to_owned());
        let mut bytes = Vec::new();
        encode_line(&JournalLine { index, term, synced, time, cause, records }, &mut bytes);
        bytes
    }

    fn answer(&mut self, request: ControllerRequest) -> BytesMut {
        match request {
            ControllerRequest::Status(status) => {
                if let Some(seen) = status.seen {
                    self.asked.push((seen, status.secret));
                }
                reply(Ok(ZookeeperReport {
                    cluster_id: self.cluster_id,
                    version: "test".to_owned(),
                    index: self.index(),
                    journal: String::new(),
                    brokers: Vec::new(),
                    leaderless: Vec::new(),
                    elections: Vec::new(),
                }))
            }
            ControllerRequest::RegisterBroker(open) => reply(self.register(open)),
            ControllerRequest::ResumeBroker(resume) => {
                let refused = self.no_resumption.clone();
                self.resumed += u32::from(refused.is_none());
                reply(refused.map_or_else(|| Ok(self.opened(resume.broker_epoch)), Err))
            }
            ControllerRequest::Heartbeat(heartbeat) => {
                self.heartbeats += 1;
                let broker_epoch = heartbeat.broker_epoch;
                let waiting =
                    self.fenced.iter().find(|(_, index)| index.get().cast_signed() == broker_epoch.get());
                if let Some((&broker_id, &index)) = waiting
                    && heartbeat.recovered
                    && heartbeat.applied >= index
                {
                    self.fenced.remove(&broker_id);
                    self.append(vec![MetadataRecord::BrokerUnfenced { broker_id, broker_epoch }]);
                }
                reply(Ok(HeartbeatReply { fenced: !self.fenced.is_empty(), index: self.index() }))
            }
            ControllerRequest::ShutdownBroker(leave) => {
                let (broker_id, broker_epoch) = (leave.broker_id, leave.broker_epoch);
                self.append(vec![MetadataRecord::BrokerFenced { broker_id, broker_epoch }]);
                self.fenced.insert(broker_id, self.index());
                reply(Ok(Indexed { body: Done, index: self.index() }))
            }
            ControllerRequest::CreateTopics(_) => {
                let (resource, key) = (ConfigResource::ClusterDefault, "topic".to_owned());
                let record = MetadataRecord::Config { resource, key, value: Some("created".to_owned()) };
                let index = self.index().next();
                let line = self.line(vec![record], index);
                self.withheld.push(line);
                reply(Ok(Indexed { body: CreateTopicsReply { topics: Vec::new() }, index }))
            }
            other => reply::<ZookeeperReport>(Err(Rejection::new(
                ErrorCode::InvalidRequest,
                format!("not in this test: {other:?}"),
            ))),
        }
    }

    fn register(&mut self, open: OpenSession) -> Result<SessionOpened, Rejection> {
        if let Some(refusal) = self.refusals.pop_front() {
            return Err(refusal);
        }
        let index = self.index().next();
        let broker_epoch = BrokerEpoch::new(index.get().cast_signed());
        let registration = &open.registration;
        self.append(vec![MetadataRecord::BrokerRegistered(BrokerRegistration {
            broker_id: registration.broker_id,
            broker_epoch,
            incarnation_id: registration.incarnation_id,
            directory_ids: registration.directory_ids.clone(),
            host: registration.host.clone(),
            port: registration.port,
            advertised: registration.advertised,
            rack: registration.rack.clone(),
        })]);
        self.fenced.insert(registration.broker_id, index);
        self.registered.push(open);
        Ok(self.opened(broker_epoch))
    }

    fn opened(&self, broker_epoch: BrokerEpoch) -> SessionOpened {
        SessionOpened {
            broker_epoch,
            cluster_id: self.cluster_id,
            key: ReplicationKey::from_random([9; 16]),
            index: self.index(),
            fenced: !self.fenced.is_empty(),
            session_timeout_ms: 1_000,
        }
    }
}

fn reply<T: ReplyBody>(result: Result<T, Rejection>) -> BytesMut {
    let mut out = BytesMut::new();
    encode_reply(&mut out, None, &result.map(Reply::new));
    out
}
