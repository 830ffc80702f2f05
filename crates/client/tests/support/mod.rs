//! A cluster of fake brokers in this process: real sockets and the real protocol, partitions in memory, and
//! faults by script.
#![allow(dead_code, reason = "each test file uses its part of it")]

mod broker;
pub(crate) mod group;
mod log;
mod offsets;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) use group::FakeGroup;
pub(crate) use log::FakeLog;
use tokio::net::TcpSocket;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use yak_client::{Address, ClientConfig};
use yak_model::{BrokerId, ErrorCode, LeaderEpoch, TopicName};

/// What happens to the next request of a kind, instead of a proper answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Nothing: this one is answered properly.
    None,
    /// Done, but the connection ends in the middle of the reply.
    CloseInReply,
    /// Done, but the connection ends before the reply.
    CloseBeforeReply,
    /// Not done: the connection ends.
    CloseBefore,
    /// Not done, refused.
    Reject(ErrorCode),
    /// Done, refused all the same.
    RejectAfter(ErrorCode),
    /// Done, and never answered; later requests are.
    Swallow,
    /// Done, and answered so much later.
    Slow(Duration),
    /// Never answered.
    Hang,
    /// Answered with this line.
    Say(&'static str),
}

/// Everything the fake brokers share.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Tells clusters apart.
    pub(crate) cluster: u8,
    pub(crate) topics: BTreeMap<TopicName, Vec<FakePartition>>,
    pub(crate) faults: BTreeMap<&'static str, VecDeque<Fault>>,
    pub(crate) addresses: BTreeMap<BrokerId, Address>,
    pub(crate) auto_create: bool,
    pub(crate) partitions_of_new_topics: usize,
    pub(crate) max_message_bytes: Option<usize>,
    /// Requests by operation, whatever became of them.
    pub(crate) requests: BTreeMap<&'static str, usize>,
    /// `(role, client id)` of each registration.
    pub(crate) registered: Vec<(String, String)>,
    /// The groups of registrations that have one.
    pub(crate) registered_groups: Vec<String>,
    /// Brokers that take what they are sent and say nothing more, as a stopped process does.
    pub(crate) hung: BTreeSet<BrokerId>,
    /// Requests that came to a hung broker.
    pub(crate) unanswered: usize,
    /// Who answered fetches with records.
    pub(crate) fetched_from: Vec<BrokerId>,
    pub(crate) next_producer_id: i64,
    /// Records of each produce line that was appended.
    pub(crate) produced: Vec<usize>,
    /// The group of those who are members of one.
    pub(crate) group: FakeGroup,
}

/// A partition, and who leads it.
#[derive(Debug, Default)]
pub(crate) struct FakePartition {
    pub(crate) log: FakeLog,
    pub(crate) leader: Option<BrokerId>,
    pub(crate) leader_epoch: LeaderEpoch,
    /// In-sync followers, which answer readers that are content with any replica.
    pub(crate) followers: Vec<BrokerId>,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct FakeCluster {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) appended: Arc<Notify>,
    brokers: BTreeMap<BrokerId, JoinHandle<()>>,
}

impl FakeCluster {
    /// Brokers 1 to `count`, each on a port of its own.
    #[expect(clippy::unused_async, reason = "needs the runtime, as those who await it have it")]
    pub(crate) async fn start(count: i32) -> Self {
        let state = State { auto_create: true, partitions_of_new_topics: 1, ..State::default() };
        let mut cluster = Self {
            state: Arc::new(Mutex::new(state)),
            appended: Arc::new(Notify::new()),
            brokers: BTreeMap::new(),
        };
        for id in 1..=count {
            cluster.start_broker(BrokerId::new(id), 0);
        }
        cluster
    }

    fn start_broker(&mut self, id: BrokerId, port: u16) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        // So that lines get stuck half when a broker hangs.
        socket.set_recv_buffer_size(64 * 1024).unwrap();
        socket.bind(([127, 0, 0, 1], port).into()).unwrap();
        let listener = socket.listen(1024).unwrap();
        let port = listener.local_addr().unwrap().port();
        self.lock().addresses.insert(id, Address::new("127.0.0.1", port));
        let (state, appended) = (Arc::clone(&self.state), Arc::clone(&self.appended));
        self.brokers.insert(id, tokio::spawn(broker::serve(id, listener, state, appended)));
    }

    /// Ends a broker; its connections break.
    pub(crate) async fn kill(&mut self, id: i32) {
        let broker = self.brokers.remove(&BrokerId::new(id)).unwrap();
        broker.abort();
        assert!(broker.await.unwrap_err().is_cancelled());
    }

    /// Starts it again on the same port.
    #[expect(clippy::unused_async, reason = "needs the runtime, as those who await it have it")]
    pub(crate) async fn restart(&mut self, id: i32) {
        let port = self.lock().addresses[&BrokerId::new(id)].port;
        self.start_broker(BrokerId::new(id), port);
    }

    /// Creates a topic whose partitions are led by the brokers in turn.
    pub(crate) fn create(&self, topic: &str, partitions: usize) -> TopicName {
        let name: TopicName = topic.parse().unwrap();
        self.lock().create(&name, partitions);
        name
    }

    /// Stops a broker in the middle of whatever it does.
    pub(crate) fn hang(&self, id: i32) {
        self.lock().hung.insert(BrokerId::new(id));
    }

    /// Moves leadership.
    pub(crate) fn lead(&self, topic: &TopicName, partition: usize, leader: Option<i32>) {
        let mut state = self.lock();
        let partition = &mut state.topics.get_mut(topic).unwrap()[partition];
        partition.leader = leader.map(BrokerId::new);
        partition.leader_epoch = partition.leader_epoch.next();
    }

    /// What happens to the next requests of an operation.
    pub(crate) fn script(&self, operation: &'static str, faults: impl IntoIterator<Item = Fault>) {
        self.lock().faults.entry(operation).or_default().extend(faults);
    }

    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The values in a partition, in order.
    pub(crate) fn values(&self, topic: &TopicName, partition: usize) -> Vec<String> {
        self.lock().topics[topic][partition].log.values()
    }

    /// How often an operation was asked for.
    pub(crate) fn requests(&self, operation: &str) -> usize {
        self.lock().requests.get(operation).copied().unwrap_or(0)
    }

    /// A configuration that begins with broker 1 and is not patient.
    pub(crate) fn config(&self) -> ClientConfig {
        ClientConfig {
            client_id: "test".to_owned(),
            request_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(2),
            retry_backoff: Duration::from_millis(5),
            retry_backoff_max: Duration::from_millis(50),
            metadata_max_age: Duration::from_millis(200),
            ..ClientConfig::new(vec![self.lock().addresses[&BrokerId::new(1)].clone()])
        }
    }
}

impl State {
    fn create(&mut self, name: &TopicName, partitions: usize) {
        let brokers: Vec<_> = self.addresses.keys().copied().collect();
        let partition =
            |at: usize| FakePartition { leader: Some(brokers[at % brokers.len()]), ..Default::default() };
        self.topics.insert(name.clone(), (0..partitions).map(partition).collect());
    }

    fn next_fault(&mut self, operation: &'static str) -> Fault {
        *self.requests.entry(operation).or_default() += 1;
        self.faults.get_mut(operation).and_then(VecDeque::pop_front).unwrap_or(Fault::None)
    }
}

/// Waits for a condition, at most ten seconds.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
