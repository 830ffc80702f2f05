//! Producers and consumers that are connected, and how far each has come.
//!
//! A connection is registered by `register`, or by its first produce, fetch or tail; closing it deregisters
//! it. Positions are kept under a lock of the connection's own, so that clients never wait for one another.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use yak_model::api::{ClientPresence, ClientRole, ClientStatus, PartitionPosition, Register};
use yak_model::{Offset, PartitionIndex, TopicName};

/// Most partitions remembered for one connection; what it does beyond them is only counted.
const MAX_POSITIONS: usize = 1_000;
/// Most clients that the zookeeper is told of.
const MAX_PRESENCES: usize = 1_000;
/// Most topics of one client that the zookeeper is told of.
const MAX_PRESENCE_TOPICS: usize = 100;
/// About the most bytes of all of them. A heartbeat carries them, and one that were refused for its length would
/// cost the broker its session: no client may be able to bring that about.
const MAX_PRESENCE_BYTES: usize = 256 * 1024;

/// All registered producers and consumers of this broker.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    next: AtomicU64,
    /// Counts comings and goings.
    version: AtomicU64,
    registered: Mutex<BTreeMap<u64, Arc<Client>>>,
}

/// One registered connection.
#[derive(Debug)]
struct Client {
    registration: u64,
    connected: Instant,
    peer: SocketAddr,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    role: ClientRole,
    client_id: String,
    software: Option<String>,
    group: Option<String>,
    topics: Vec<TopicName>,
    records: u64,
    positions: BTreeMap<TopicName, BTreeMap<PartitionIndex, Position>>,
    position_count: usize,
}

#[derive(Clone, Copy, Debug)]
struct Position {
    position: Offset,
    received: Offset,
}

/// The registration of one connection. Dropping it deregisters.
#[derive(Debug)]
pub(crate) struct Registration {
    clients: Arc<Clients>,
    client: Arc<Client>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing here can be left half-changed by a panic: each update is complete before anything may fail.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Clients {
    /// Registers a connection.
    pub(crate) fn register(
        self: &Arc<Self>,
        peer: SocketAddr,
        request: Register,
        software: Option<String>,
    ) -> Registration {
        let registration = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::info!(registration, role = ?request.role, client_id = request.client_id, %peer, "client_registered");
        let state = State {
            role: request.role,
            client_id: request.client_id,
            software,
            group: request.group,
            topics: request.topics,
            records: 0,
            positions: BTreeMap::new(),
            position_count: 0,
        };
        let client =
            Arc::new(Client { registration, connected: Instant::now(), peer, state: Mutex::new(state) });
        lock(&self.registered).insert(registration, Arc::clone(&client));
        self.version.fetch_add(1, Ordering::Release);
        Registration { clients: Arc::clone(self), client }
    }

    /// Changes whenever a client comes or goes.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Who is there, for the zookeeper to know: the first of them, if they are very many, without those for whose long
    /// names there is no room.
    pub(crate) fn presences(&self) -> Vec<ClientPresence> {
        let registered: Vec<_> = lock(&self.registered).values().take(MAX_PRESENCES).cloned().collect();
        let mut room = MAX_PRESENCE_BYTES;
        let mut fits = |presence: &ClientPresence| {
            let left = room.checked_sub(size_of_presence(presence));
            room = left.unwrap_or(room);
            left.is_some()
        };
        registered.iter().map(|client| client.presence()).filter(|presence| fits(presence)).collect()
    }

    /// Everything known, in order of registration. `log_end` is asked last, so that lag is never negative.
    pub(crate) fn status(
        &self,
        log_end: impl Fn(&TopicName, PartitionIndex) -> Option<Offset>,
    ) -> Vec<ClientStatus> {
        let registered: Vec<_> = lock(&self.registered).values().cloned().collect();
        registered.iter().map(|client| client.status(&log_end)).collect()
    }
}

/// The bytes of its names.
fn size_of_presence(presence: &ClientPresence) -> usize {
    let Register { client_id, topics, group, .. } = &presence.register;
    let topics: usize = topics.iter().map(|topic| topic.as_str().len()).sum();
    client_id.len() + topics + group.as_ref().map_or(0, String::len) + presence.address.len()
}

impl Client {
    fn presence(&self) -> ClientPresence {
        let state = lock(&self.state);
        let register = Register {
            role: state.role,
            client_id: state.client_id.clone(),
            topics: state.topics.iter().take(MAX_PRESENCE_TOPICS).cloned().collect(),
            group: state.group.clone(),
        };
        ClientPresence { register, address: self.peer.to_string() }
    }

    fn status(&self, log_end: impl Fn(&TopicName, PartitionIndex) -> Option<Offset>) -> ClientStatus {
        let connected_ms = u64::try_from(self.connected.elapsed().as_millis()).unwrap_or(u64::MAX);
        let state = lock(&self.state);
        let mut positions = Vec::with_capacity(state.position_count);
        for (topic, partitions) in &state.positions {
            for (&partition, &Position { position, received }) in partitions {
                let log_end_offset = log_end(topic, partition).unwrap_or(position).max(position);
                positions.push(PartitionPosition {
                    topic: topic.clone(),
                    partition,
                    position,
                    received,
                    log_end_offset,
                });
            }
        }
        ClientStatus {
            registration: self.registration,
            role: state.role,
            client_id: state.client_id.clone(),
            software: state.software.clone(),
            peer: self.peer.to_string(),
            group: state.group.clone(),
            connected_ms,
            topics: state.topics.clone(),
            records: state.records,
            positions,
        }
    }
}

impl Registration {
    /// Names the registration within this broker.
    pub(crate) fn number(&self) -> u64 {
        self.client.registration
    }

    /// `records` were appended for it, ending at `end`.
    pub(crate) fn produced(&self, topic: &TopicName, partition: PartitionIndex, end: Offset, records: u64) {
        self.update(topic, partition, records, |position| {
            position.position = end;
            position.received = end;
        });
    }

    /// It asks for records from `offset` on, so what lies before has arrived there.
    pub(crate) fn asked(&self, topic: &TopicName, partition: PartitionIndex, offset: Offset) {
        self.update(topic, partition, 0, |position| {
            position.received = offset;
            position.position = position.position.max(offset);
        });
    }

    /// `records` were sent to it, ending at `end`.
    pub(crate) fn sent(&self, topic: &TopicName, partition: PartitionIndex, end: Offset, records: u64) {
        self.update(topic, partition, records, |position| position.position = end);
    }

    fn update(
        &self,
        topic: &TopicName,
        partition: PartitionIndex,
        records: u64,
        change: impl FnOnce(&mut Position),
    ) {
        let mut state = lock(&self.client.state);
        let state = &mut *state;
        state.records += records;
        if let Some(position) =
            state.positions.get_mut(topic).and_then(|of_topic| of_topic.get_mut(&partition))
        {
            return change(position);
        }
        if state.position_count < MAX_POSITIONS {
            let mut position = Position { position: Offset::ZERO, received: Offset::ZERO };
            change(&mut position);
            if !state.topics.contains(topic) {
                state.topics.push(topic.clone());
            }
            state.positions.entry(topic.clone()).or_default().insert(partition, position);
            state.position_count += 1;
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let registration = self.client.registration;
        lock(&self.clients.registered).remove(&registration);
        self.clients.version.fetch_add(1, Ordering::Release);
        tracing::info!(registration, "client_deregistered");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(clients: &Arc<Clients>, role: ClientRole) -> Registration {
        let request = Register { role, client_id: "me".to_owned(), topics: Vec::new(), group: None };
        clients.register("127.0.0.1:1".parse().expect("an address"), request, None)
    }

    #[test]
    fn clients_come_report_and_go() {
        let clients = Arc::new(Clients::default());
        let orders: TopicName = "orders".parse().expect("a topic name");
        let zero = PartitionIndex::new(0);
        let producer = register(&clients, ClientRole::Producer);
        let consumer = register(&clients, ClientRole::Consumer);
        producer.produced(&orders, zero, Offset::new(10), 10);
        consumer.asked(&orders, zero, Offset::new(2));
        consumer.sent(&orders, zero, Offset::new(5), 3);
        let status = clients.status(|_, _| Some(Offset::new(4)));
        assert_eq!(status.len(), 2);
        assert_eq!(status[0].records, 10);
        assert_eq!(status[1].topics, [orders]);
        let position = &status[1].positions[0];
        assert_eq!((position.received, position.position), (Offset::new(2), Offset::new(5)));
        assert_eq!(position.log_end_offset, Offset::new(5), "lag is never negative");
        drop(producer);
        assert_eq!(clients.status(|_, _| None).len(), 1);
        drop(consumer);
        assert_eq!(clients.status(|_, _| None).len(), 0);
    }

    #[test]
    fn clients_with_long_names_cannot_make_a_heartbeat_too_long_nor_hide_the_others() {
        let clients = Arc::new(Clients::default());
        let address = "127.0.0.1:1".parse().expect("an address");
        let topics: Vec<TopicName> =
            (0..1_000).map(|number| format!("{number:0>249}").parse().expect("a topic name")).collect();
        let hostile = Register {
            role: ClientRole::Consumer,
            client_id: "x".repeat(255),
            topics,
            group: Some("\u{1}".repeat(32_767)),
        };
        let many: Vec<_> =
            (0..MAX_PRESENCES / 2).map(|_| clients.register(address, hostile.clone(), None)).collect();
        let honest = register(&clients, ClientRole::Producer);
        let told = clients.presences();
        assert!(told.iter().all(|presence| presence.register.topics.len() <= MAX_PRESENCE_TOPICS));
        assert!(told.iter().map(size_of_presence).sum::<usize>() <= MAX_PRESENCE_BYTES);
        assert!(told.len() > 1 && told.iter().any(|presence| presence.register.client_id == "me"));
        drop((many, honest));
        assert_eq!(clients.presences(), []);
    }
}
