//! A server on a thread of its own, and peers that speak lines to it.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio_util::sync::CancellationToken;
use yak_core::sessions::SessionConfig;
use yak_log::dir::{Dir, MemDir};
use yak_model::api::{
    Heartbeat, HeartbeatReply, LogProof, OpenSession, RegisterBroker, Rejection, ResumeSession,
    SessionOpened, Watch, ZookeeperReport,
};
use yak_model::{BrokerId, DirectoryId, IncarnationId, MetadataIndex};
use yak_protocol::{Call, ControllerStatus, WatchEvent, WatchLine, encode_watch_request, parse_watch_line};

use crate::server::{ServeError, Server, ServerOptions};
use crate::{Options, random_bytes};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn options() -> ServerOptions {
    ServerOptions {
        host: "127.0.0.1".to_owned(),
        port: 0,
        data: "in memory".into(),
        options: Options::default(),
        sessions: SessionConfig::default(),
        rebalance: None,
        secret: None,
        max_connections: 100,
        max_connections_per_ip: 100,
    }
}

pub(super) fn options_with(secret: Option<String>) -> ServerOptions {
    ServerOptions { secret, ..options() }
}

/// A server that runs.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    stop: CancellationToken,
    thread: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    pub(super) fn start(dir: &MemDir) -> Self {
        Self::with(Arc::new(dir.clone()), options())
    }

    pub(super) fn with(dir: Arc<dyn Dir>, options: ServerOptions) -> Self {
        let server = Server::start_in(dir, options).unwrap();
        let (address, stop) = (server.address(), CancellationToken::new());
        let stopping = stop.clone();
        Self { address, stop, thread: std::thread::spawn(move || server.run(stopping)) }
    }

    pub(super) fn peer(&self) -> Peer {
        Peer::connect(self.address)
    }

    pub(super) fn status(&self) -> ZookeeperReport {
        self.peer().call(&ControllerStatus::default()).unwrap()
    }

    /// Waits until the status is as it should be.
    pub(super) fn wait(&self, what: &str, is_so: impl Fn(&ZookeeperReport) -> bool) -> ZookeeperReport {
        let begun = Instant::now();
        loop {
            let status = self.status();
            if is_so(&status) {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "never: {what}: {status:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end.
    pub(super) fn ended(self) -> Result<(), ServeError> {
        self.thread.join().unwrap()
    }

    pub(super) fn stop(self) -> Result<(), ServeError> {
        self.stop.cancel();
        self.thread.join().unwrap()
    }
}

/// A connection.
pub(super) struct Peer {
    lines: BufReader<TcpStream>,
}

impl Peer {
    pub(super) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { lines: BufReader::new(stream) }
    }

    pub(super) fn send(&mut self, lines: &[u8]) {
        self.lines.get_mut().write_all(lines).unwrap();
    }

    pub(super) fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.lines.get_mut().write_all(bytes)
    }

    /// The next line without its line break; `None` at the end.
    pub(super) fn line(&mut self) -> Option<String> {
        self.try_line().unwrap()
    }

    pub(super) fn try_line(&mut self) -> std::io::Result<Option<String>> {
        let mut line = String::new();
        let count = self.lines.read_line(&mut line)?;
        Ok((count > 0).then(|| line.strip_suffix('\n').unwrap().to_owned()))
    }

    pub(super) fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\n").as_bytes());
        self.line().unwrap()
    }

    pub(super) fn begin<C: Call>(&mut self, call: &C) {
        let mut request = BytesMut::new();
        call.encode_request(&mut request, None);
        self.send(&request);
    }

    pub(super) fn answer<C: Call>(&mut self) -> Result<C::Reply, Rejection> {
        let line = self.line().unwrap();
        C::parse_reply(line.as_bytes()).unwrap().result.map(|reply| reply.body)
    }

    pub(super) fn call<C: Call>(&mut self, call: &C) -> Result<C::Reply, Rejection> {
        self.begin(call);
        self.answer::<C>()
    }

    pub(super) fn watch(mut self, after: Option<u64>, events: bool) -> Watching {
        let mut request = BytesMut::new();
        encode_watch_request(&mut request, None, &Watch { after: after.map(MetadataIndex::new), events });
        self.send(&request);
        Watching { peer: self }
    }
}

/// A connection that has become a stream.
pub(super) struct Watching {
    pub(super) peer: Peer,
}

impl Watching {
    pub(super) fn next(&mut self) -> WatchLine {
        let line = self.peer.line().unwrap();
        parse_watch_line(line.as_bytes()).unwrap().unwrap()
    }

    /// The next line that is not `alive`, as a person would tell it.
    pub(super) fn news(&mut self) -> String {
        loop {
            match self.next() {
                WatchLine::Event(WatchEvent::Alive) => {}
                WatchLine::Header(header) => {
                    return format!("header, {} lines of image", header.image.map_or(0, |image| image.lines));
                }
                WatchLine::Line(line) => return line.cause,
                WatchLine::Event(event) => return format!("{event:?}"),
                WatchLine::Refused(rejection) => return rejection.to_string(),
            }
        }
    }
}

/// A broker as far as a zookeeper sees it.
pub(super) struct Process {
    pub(super) request: OpenSession,
}

impl Process {
    pub(super) fn new(id: i32) -> Self {
        let registration = RegisterBroker {
            broker_id: BrokerId::new(id),
            incarnation_id: IncarnationId::from_random(random_bytes().unwrap()),
            cluster_id: None,
            directory_ids: vec![DirectoryId::from_random([1; 16])],
            host: "localhost".to_owned(),
            port: 9_092,
            advertised: false,
            rack: None,
            proof: LogProof::default(),
        };
        Self { request: OpenSession { registration, seen: MetadataIndex::default(), secret: None } }
    }

    pub(super) fn register(&self, peer: &mut Peer) -> Result<SessionOpened, Rejection> {
        peer.call(&self.request)
    }

    pub(super) fn resumption(&self, session: &SessionOpened) -> ResumeSession {
        let registration = &self.request.registration;
        ResumeSession {
            broker_id: registration.broker_id,
            broker_epoch: session.broker_epoch,
            incarnation_id: registration.incarnation_id,
            applied: session.index,
        }
    }

    /// Registers and beats until it may lead.
    pub(super) fn join(&self, peer: &mut Peer) -> SessionOpened {
        let session = self.register(peer).unwrap();
        while beat(peer, &session).unwrap().fenced {
            std::thread::sleep(Duration::from_millis(5));
        }
        session
    }
}

/// A heartbeat of a broker whose logs are recovered.
pub(super) fn beat(peer: &mut Peer, session: &SessionOpened) -> Result<HeartbeatReply, Rejection> {
    let broker_epoch = session.broker_epoch;
    peer.call(&Heartbeat { broker_epoch, applied: session.index, recovered: true, clients: None })
}
