//! What the tests talk to.

use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::marker::PhantomData;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use yak_net::{
    Budget, ConnectionLimits, Flow, Host, Listener, Outbox, Refusal, Service, ServiceFactory, StreamStep,
    Streamer, serve_connection,
};

/// Answers `echo X` with X, `later X` with X after a moment, `never` never, `big N` later with N bytes, `count N`
/// with a stream of N lines, `flood N` with a stream of N chunks of [`CHUNK`] bytes, `idle` with a silent stream.
#[derive(Clone, Default)]
pub(crate) struct Echo {
    /// How many big replies were made.
    pub(crate) made: Arc<AtomicUsize>,
}

/// What `flood` sends at a time.
pub(crate) const CHUNK: usize = 64 * 1024;

impl Service for Echo {
    fn handle_line(&mut self, line: &[u8], outbox: &mut Outbox) -> Flow {
        let text = String::from_utf8_lossy(line).into_owned();
        let (verb, rest) = text.split_once(' ').unwrap_or((&text, ""));
        match verb {
            "echo" => outbox.reply(|out| out.extend_from_slice(format!("{rest}\n").as_bytes())),
            "later" => {
                let rest = rest.to_owned();
                outbox.hold(async move {
                    tokio::task::yield_now().await;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    BytesMut::from(format!("{rest}\n").as_bytes())
                });
            }
            "never" => outbox.hold(std::future::pending()),
            "big" => {
                let (made, length) = (Arc::clone(&self.made), rest.parse().unwrap_or(0));
                outbox.hold(async move {
                    tokio::task::yield_now().await;
                    made.fetch_add(1, Ordering::SeqCst);
                    BytesMut::zeroed(length)
                });
            }
            "idle" => return Flow::Stream(Box::new(Idle)),
            "flood" => return Flow::Stream(Box::new(Flood { left: rest.parse().unwrap_or(0) })),
            "count" => return Flow::Stream(Box::new(Count { left: rest.parse().unwrap_or(0) })),
            "close" => return Flow::Close,
            _ => outbox.reply(|out| out.extend_from_slice(b"what?\n")),
        }
        Flow::Continue
    }

    fn refuse(&mut self, why: Refusal, outbox: &mut Outbox) {
        outbox.reply(|out| out.extend_from_slice(format!("refused: {why:?}\n").as_bytes()));
    }
}

#[derive(Debug)]
struct Count {
    left: u32,
}

impl Streamer for Count {
    fn next<'a>(
        &'a mut self,
        out: &'a mut BytesMut,
    ) -> Pin<Box<dyn Future<Output = StreamStep> + Send + 'a>> {
        Box::pin(async move {
            if self.left == 0 {
                return StreamStep::End;
            }
            self.left -= 1;
            out.extend_from_slice(format!("{}\n", self.left).as_bytes());
            StreamStep::Bytes
        })
    }
}

#[derive(Debug)]
struct Flood {
    left: u32,
}

impl Streamer for Flood {
    fn next<'a>(
        &'a mut self,
        out: &'a mut BytesMut,
    ) -> Pin<Box<dyn Future<Output = StreamStep> + Send + 'a>> {
        Box::pin(async move {
            if self.left == 0 {
                return StreamStep::End;
            }
            self.left -= 1;
            out.resize(out.len() + CHUNK, 0);
            StreamStep::Bytes
        })
    }
}

#[derive(Debug)]
struct Idle;

impl Streamer for Idle {
    fn next<'a>(&'a mut self, _: &'a mut BytesMut) -> Pin<Box<dyn Future<Output = StreamStep> + Send + 'a>> {
        Box::pin(std::future::pending())
    }
}

struct Factory<S>(PhantomData<fn() -> S>);

impl<S: Service + Default> ServiceFactory for Factory<S> {
    type Service = S;

    fn connect(&self, _: SocketAddr, _: SocketAddr) -> S {
        S::default()
    }

    fn too_many(&self, what: &str) -> Vec<u8> {
        format!("{what}\n").into_bytes()
    }
}

/// A listening server.
pub(crate) struct Server {
    pub(crate) runtime: Runtime,
    address: SocketAddr,
    pub(crate) host: Host,
}

impl Server {
    pub(crate) fn start(limits: ConnectionLimits, cap: usize, budget: usize) -> Self {
        Self::start_with::<Echo>(limits, cap, budget)
    }

    pub(crate) fn start_with<S: Service + Default>(
        limits: ConnectionLimits,
        cap: usize,
        budget: usize,
    ) -> Self {
        let runtime = Runtime::new().unwrap();
        let host = Host {
            limits: Arc::new(limits),
            budget: Budget::new(budget),
            shutdown: CancellationToken::new(),
            tracker: TaskTracker::new(),
        };
        let guard = runtime.enter();
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap().with_caps(cap, cap);
        drop(guard);
        let address = listener.address();
        runtime.spawn(listener.serve(Arc::new(Factory::<S>(PhantomData)), host.clone()));
        Self { runtime, address, host }
    }

    pub(crate) fn plain() -> Self {
        Self::start(ConnectionLimits::default(), 100, usize::MAX)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    /// Sends `input`, closes the sending half and returns everything that comes back.
    pub(crate) fn talk(&self, input: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(input).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        read_all(&mut stream)
    }

    /// As [`Server::talk`], once; nothing comes back if the connection is refused.
    pub(crate) fn talk_once(&self) -> String {
        let mut stream = self.connect();
        let sent = stream.write_all(b"echo 2\n").and_then(|()| stream.shutdown(Shutdown::Write));
        let mut text = String::new();
        match sent.and_then(|()| stream.read_to_string(&mut text)) {
            Ok(_) => text,
            Err(_) => String::new(),
        }
    }

    /// Waits until no connection is left.
    pub(crate) fn wait_until_empty(&self) {
        wait_until("the connection ends", || self.host.tracker.is_empty());
    }
}

/// One served connection, with a count of how often its task was polled.
pub(crate) struct Watched {
    pub(crate) client: TcpStream,
    pub(crate) polls: Arc<AtomicUsize>,
    pub(crate) made: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl Watched {
    pub(crate) fn start(limits: ConnectionLimits) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        accepted.set_nonblocking(true).unwrap();
        let (polls, echo) = (Arc::new(AtomicUsize::new(0)), Echo::default());
        let (count, made) = (Arc::clone(&polls), Arc::clone(&echo.made));
        runtime.spawn(async move {
            let stream = tokio::net::TcpStream::from_std(accepted).unwrap();
            let (limits, budget) = (Arc::new(limits), Budget::new(usize::MAX));
            let mut serve =
                Box::pin(serve_connection(stream, echo, limits, budget, CancellationToken::new()));
            poll_fn(move |cx| {
                count.fetch_add(1, Ordering::SeqCst);
                serve.as_mut().poll(cx)
            })
            .await
        });
        Self { client, polls, made, _runtime: runtime }
    }

    /// How often the task is polled within `time`.
    pub(crate) fn polls_within(&self, time: Duration) -> usize {
        let before = self.polls.load(Ordering::SeqCst);
        std::thread::sleep(time);
        self.polls.load(Ordering::SeqCst) - before
    }
}

pub(crate) fn wait_until(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn read_all(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
