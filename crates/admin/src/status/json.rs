//! The cluster as one JSON object, with the names that the operation `status` uses.

use serde::Serialize;
use yak_model::BrokerId;
use yak_model::api::{ClientRole, ElectionStatus, PartitionPosition};

use super::overview::{BrokerView, ClientView, GroupSummary, Overview, PartitionView};

/// One line, newline included.
pub(super) fn line(overview: &Overview) -> String {
    let mut line = serde_json::to_string(&Status::new(overview)).expect("texts, numbers and lists");
    line.push('\n');
    line
}

#[derive(Serialize)]
struct Status<'a> {
    cluster_id: String,
    zookeeper: Zookeeper<'a>,
    brokers: Vec<Broker<'a>>,
    partitions: Vec<Partition<'a>>,
    clients: Vec<Client<'a>>,
    groups: Vec<Group<'a>>,
    elections: Vec<Election<'a>>,
}

#[derive(Serialize)]
struct Zookeeper<'a> {
    address: &'a str,
    index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    journal: Option<&'a str>,
    /// Why it does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    silent: Option<&'a str>,
}

#[derive(Serialize)]
struct Broker<'a> {
    broker_id: i32,
    host: &'a str,
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    rack: Option<&'a str>,
    broker_epoch: i64,
    fenced: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    heartbeat_age_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uptime_ms: Option<u64>,
    /// Why it does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    silent: Option<&'a str>,
}

#[derive(Serialize)]
struct Partition<'a> {
    topic: &'a str,
    partition: i32,
    leader: Option<i32>,
    leader_epoch: i32,
    replicas: Vec<i32>,
    in_sync_replicas: Vec<i32>,
    /// Whose numbers follow; without it there are none.
    measured_by: Option<i32>,
    #[serde(flatten)]
    numbers: Option<Numbers>,
    followers: Vec<Follower>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    offline: Vec<Offline<'a>>,
}

#[derive(Serialize)]
struct Numbers {
    log_start_offset: i64,
    high_watermark: i64,
    log_end_offset: i64,
    size_bytes: u64,
    segments: u32,
}

#[derive(Serialize)]
struct Follower {
    broker_id: i32,
    log_end_offset: Option<i64>,
    lag: Option<u64>,
}

#[derive(Serialize)]
struct Offline<'a> {
    broker_id: i32,
    why: &'a str,
}

#[derive(Serialize)]
struct Client<'a> {
    broker_id: i32,
    role: &'static str,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    software: Option<&'a str>,
    peer: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    topics: Vec<&'a str>,
    /// Missing if its broker does not answer.
    #[serde(flatten)]
    counted: Option<Counted<'a>>,
}

#[derive(Serialize)]
struct Counted<'a> {
    registration: u64,
    connected_ms: u64,
    records: u64,
    positions: Vec<Position<'a>>,
}

#[derive(Serialize)]
struct Position<'a> {
    topic: &'a str,
    partition: i32,
    position: i64,
    received: i64,
    log_end_offset: i64,
}

#[derive(Serialize)]
struct Group<'a> {
    group: &'a str,
    kind: &'static str,
    state: &'static str,
    members: usize,
    coordinator: Option<i32>,
    lag: u64,
}

#[derive(Serialize)]
struct Election<'a> {
    time: i64,
    topic: &'a str,
    partition: i32,
    from: Option<i32>,
    to: Option<i32>,
    leader_epoch: i32,
    cause: &'a str,
}

impl<'a> Status<'a> {
    fn new(overview: &'a Overview) -> Self {
        let zookeeper = &overview.zookeeper;
        let answer = zookeeper.answer.as_ref();
        let known = answer.and_then(|answer| answer.as_ref().ok());
        Self {
            cluster_id: overview.cluster_id.to_string(),
            zookeeper: Zookeeper {
                address: &zookeeper.address,
                index: zookeeper.index.get(),
                version: known.map(|(version, _)| version.as_str()),
                journal: known.map(|(_, journal)| journal.as_str()),
                silent: answer.and_then(|answer| answer.as_ref().err()).map(String::as_str),
            },
            brokers: overview.brokers.iter().map(Broker::new).collect(),
            partitions: overview.partitions.iter().map(Partition::new).collect(),
            clients: overview.clients.iter().map(Client::new).collect(),
            groups: overview.groups.iter().map(Group::new).collect(),
            elections: overview.elections.iter().map(Election::new).collect(),
        }
    }
}

impl<'a> Broker<'a> {
    fn new(view: &'a BrokerView) -> Self {
        let own = view.answer.as_ref().ok();
        Self {
            broker_id: view.broker.broker_id.get(),
            host: &view.broker.host,
            port: view.broker.port,
            rack: view.broker.rack.as_deref(),
            broker_epoch: view.broker_epoch.get(),
            fenced: view.fenced,
            heartbeat_age_ms: view.heartbeat_age_ms,
            directory: own.and_then(|own| own.directory.as_deref()),
            version: own.map(|own| own.version.as_str()),
            uptime_ms: own.map(|own| own.uptime_ms),
            silent: view.answer.as_ref().err().map(String::as_str),
        }
    }
}

impl<'a> Partition<'a> {
    fn new(view: &'a PartitionView) -> Self {
        let status = &view.status;
        let numbers = Numbers {
            log_start_offset: status.log_start_offset.get(),
            high_watermark: status.high_watermark.get(),
            log_end_offset: status.log_end_offset.get(),
            size_bytes: status.size_bytes,
            segments: status.segments,
        };
        let follower = |follower: &super::overview::Follower| Follower {
            broker_id: follower.broker_id.get(),
            log_end_offset: follower.end_and_lag.map(|(end, _)| end.get()),
            lag: follower.end_and_lag.map(|(_, lag)| lag),
        };
        let offline =
            |(broker, why): &'a (BrokerId, String)| Offline { broker_id: broker.get(), why: why.as_str() };
        Self {
            topic: status.topic.as_str(),
            partition: status.partition.get(),
            leader: status.leader.map(BrokerId::get),
            leader_epoch: status.leader_epoch.get(),
            replicas: ids(&status.replicas),
            in_sync_replicas: ids(&status.in_sync_replicas),
            measured_by: view.measured_by.map(BrokerId::get),
            numbers: view.measured_by.map(|_| numbers),
            followers: view.followers.iter().map(follower).collect(),
            offline: view.offline.iter().map(offline).collect(),
        }
    }
}

impl<'a> Client<'a> {
    fn new(view: &'a ClientView) -> Self {
        let status = &view.status;
        let position = |at: &'a PartitionPosition| Position {
            topic: at.topic.as_str(),
            partition: at.partition.get(),
            position: at.position.get(),
            received: at.received.get(),
            log_end_offset: at.log_end_offset.get(),
        };
        let counted = || Counted {
            registration: status.registration,
            connected_ms: status.connected_ms,
            records: status.records,
            positions: status.positions.iter().map(position).collect(),
        };
        Self {
            broker_id: view.broker_id.get(),
            role: match status.role {
                ClientRole::Producer => "producer",
                ClientRole::Consumer => "consumer",
            },
            client_id: &status.client_id,
            software: status.software.as_deref(),
            peer: &status.peer,
            group: status.group.as_deref(),
            topics: status.topics.iter().map(yak_model::TopicName::as_str).collect(),
            counted: (!view.is_hearsay).then(counted),
        }
    }
}

impl<'a> Group<'a> {
    fn new(group: &'a GroupSummary) -> Self {
        Self {
            group: &group.group,
            kind: group.kind.name(),
            state: group.state.name(),
            members: group.members,
            coordinator: group.coordinator.map(BrokerId::get),
            lag: group.lag,
        }
    }
}

impl<'a> Election<'a> {
    fn new(election: &'a ElectionStatus) -> Self {
        Self {
            time: election.time.get(),
            topic: election.topic.as_str(),
            partition: election.partition.get(),
            from: election.from.map(BrokerId::get),
            to: election.to.map(BrokerId::get),
            leader_epoch: election.leader_epoch.get(),
            cause: &election.cause,
        }
    }
}

fn ids(brokers: &[BrokerId]) -> Vec<i32> {
    brokers.iter().map(|broker| broker.get()).collect()
}
