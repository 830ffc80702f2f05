//! One view of the cluster, out of what each of its members knows of itself.
//!
//! Every broker has an image of who leads what, and numbers of its own partitions only. The newest image is taken, and
//! each broker's numbers for what it hosts. What a silent broker would have said is missing, never guessed.

use std::collections::BTreeMap;

use yak_model::api::{
    BrokerMetadata, ClientPresence, ClientStatus, ElectionStatus, GroupKind, GroupState, PartitionStatus,
    ReplicaStatus, SessionReport, StatusReply, ZookeeperReport,
};
use yak_model::{BrokerEpoch, BrokerId, ClusterId, MetadataIndex, Offset, PartitionIndex, TopicName};

/// What was asked, and what came back: an answer, or in words why there is none.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    /// The broker that answered first.
    pub(super) first: StatusReply,
    /// Every other broker.
    pub(super) others: BTreeMap<BrokerId, Result<StatusReply, String>>,
    /// The zookeeper; `None` if it is embedded in the broker.
    pub(super) zookeeper: Option<Result<ZookeeperReport, String>>,
}

/// The cluster on one screen.
#[derive(Clone, Debug)]
pub(super) struct Overview {
    pub(super) cluster_id: ClusterId,
    pub(super) zookeeper: ZookeeperView,
    /// In order of registration.
    pub(super) brokers: Vec<BrokerView>,
    /// By topic and number.
    pub(super) partitions: Vec<PartitionView>,
    /// By broker.
    pub(super) clients: Vec<ClientView>,
    /// By name.
    pub(super) groups: Vec<GroupSummary>,
    /// Newest last.
    pub(super) elections: Vec<ElectionStatus>,
}

/// A group in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GroupSummary {
    pub(super) group: String,
    pub(super) kind: GroupKind,
    pub(super) state: GroupState,
    pub(super) members: usize,
    pub(super) coordinator: Option<BrokerId>,
    /// Records that it has not acknowledged.
    pub(super) lag: u64,
}

#[derive(Clone, Debug)]
pub(super) struct ZookeeperView {
    /// `embedded`, or where it is.
    pub(super) address: String,
    /// The newest journal index that anybody knows.
    pub(super) index: MetadataIndex,
    /// Version and journal file, or why it does not answer; `None` if it is embedded.
    pub(super) answer: Option<Result<(String, String), String>>,
}

#[derive(Clone, Debug)]
pub(super) struct BrokerView {
    pub(super) broker: BrokerMetadata,
    pub(super) broker_epoch: BrokerEpoch,
    pub(super) fenced: bool,
    pub(super) heartbeat_age_ms: Option<u64>,
    /// What it says of itself, or why it does not answer.
    pub(super) answer: Result<Own, String>,
}

/// What a broker says of itself.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) version: String,
    pub(super) uptime_ms: u64,
    pub(super) directory: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct PartitionView {
    /// Who leads what with which replicas; the numbers are those of `measured_by`.
    pub(super) status: PartitionStatus,
    /// Whose numbers they are: the leader's, or those of the longest replica there is. `None` if nobody answers who
    /// hosts it, and the numbers mean nothing.
    pub(super) measured_by: Option<BrokerId>,
    /// The other replicas, in order of placement.
    pub(super) followers: Vec<Follower>,
    /// Replicas whose log cannot be used, and why.
    pub(super) offline: Vec<(BrokerId, String)>,
}

/// A replica beside the one whose numbers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Follower {
    pub(super) broker_id: BrokerId,
    /// The end of its log, and how many records it lacks. `None` if it does not say.
    pub(super) end_and_lag: Option<(Offset, u64)>,
}

#[derive(Clone, Debug)]
pub(super) struct ClientView {
    /// The broker it is registered with.
    pub(super) broker_id: BrokerId,
    pub(super) status: ClientStatus,
    /// Its broker does not answer. This is what the zookeeper heard of it last, without any numbers.
    pub(super) is_hearsay: bool,
}

impl Overview {
    pub(super) fn new(answers: Answers) -> Self {
        let Answers { first, others, zookeeper } = answers;
        let mut replies = others;
        let cluster_id = first.cluster_id;
        let address = first.zookeeper.address.clone();
        replies.insert(first.broker_id, Ok(first));
        let newest = replies
            .values()
            .flatten()
            .max_by_key(|reply| reply.zookeeper.index)
            .expect("the first broker answered")
            .clone();
        let report = zookeeper.as_ref().and_then(|answer| answer.as_ref().ok());
        let index = newest.zookeeper.index.max(report.map_or(newest.zookeeper.index, |report| report.index));
        Self {
            cluster_id,
            brokers: brokers(&newest, &replies, report),
            partitions: partitions(&newest, &replies),
            clients: clients(&replies, report),
            groups: Vec::new(),
            elections: elections(&replies, report),
            zookeeper: ZookeeperView {
                address,
                index,
                answer: zookeeper.map(|answer| answer.map(|report| (report.version, report.journal))),
            },
        }
    }
}

type Replies = BTreeMap<BrokerId, Result<StatusReply, String>>;

fn brokers(newest: &StatusReply, replies: &Replies, report: Option<&ZookeeperReport>) -> Vec<BrokerView> {
    let sessions = report.map(|report| report.brokers.as_slice()).unwrap_or_default();
    // The zookeeper may know of later fencing than any broker that is cut off from it.
    let zookeeper_is_newest = report.is_some_and(|report| report.index >= newest.zookeeper.index);
    let view = |known: &ReplicaStatus| {
        let id = known.broker.broker_id;
        let reply = replies.get(&id);
        let own = reply.and_then(|reply| reply.as_ref().ok());
        let said = own.and_then(|own| own.brokers.iter().find(|broker| broker.broker.broker_id == id));
        let session = sessions
            .iter()
            .find(|session| session.broker_id == id && session.broker_epoch == known.broker_epoch);
        let judged = session.filter(|_| zookeeper_is_newest);
        let answer = match reply {
            Some(Ok(own)) => Ok(Own {
                version: own.version.clone(),
                uptime_ms: own.uptime_ms,
                directory: said.and_then(|said| said.directory.clone()),
            }),
            Some(Err(why)) => Err(why.clone()),
            None => Err("it was not asked".to_owned()),
        };
        BrokerView {
            broker: known.broker.clone(),
            broker_epoch: known.broker_epoch,
            fenced: judged.map_or(known.fenced, |session| session.fenced),
            heartbeat_age_ms: session
                .and_then(|session| session.heartbeat_age_ms)
                .or_else(|| said.and_then(|said| said.heartbeat_age_ms)),
            answer,
        }
    };
    let mut views: Vec<BrokerView> = newest.brokers.iter().map(view).collect();
    let is_unknown = |session: &&SessionReport| {
        !newest.brokers.iter().any(|known| known.broker.broker_id == session.broker_id)
    };
    views.extend(sessions.iter().filter(is_unknown).map(|session| view(&registered(session))));
    views
}

/// A broker of which only the zookeeper knows.
pub(super) fn registered(session: &SessionReport) -> ReplicaStatus {
    ReplicaStatus {
        broker: BrokerMetadata {
            broker_id: session.broker_id,
            host: session.host.clone(),
            port: session.port,
            rack: None,
        },
        broker_epoch: session.broker_epoch,
        fenced: session.fenced,
        heartbeat_age_ms: session.heartbeat_age_ms,
        directory: None,
    }
}

fn partitions(newest: &StatusReply, replies: &Replies) -> Vec<PartitionView> {
    type Key<'a> = (&'a TopicName, PartitionIndex);
    let hosted: BTreeMap<BrokerId, BTreeMap<Key<'_>, &PartitionStatus>> = replies
        .iter()
        .filter_map(|(id, reply)| Some((*id, reply.as_ref().ok()?)))
        .map(|(id, reply)| {
            let keyed = reply.partitions.iter().map(|status| ((&status.topic, status.partition), status));
            (id, keyed.collect())
        })
        .collect();
    let view = |known: &PartitionStatus| {
        let key = (&known.topic, known.partition);
        let said = |id: &BrokerId| hosted.get(id).and_then(|of| of.get(&key)).copied();
        let measured = |id: &BrokerId| said(id).filter(|status| status.offline.is_none());
        let longest = || {
            let ends = known.replicas.iter().filter_map(|id| Some((measured(id)?.log_end_offset, *id)));
            // Of several that are as long, the first in the placement.
            ends.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, id)| id)
        };
        let measured_by = known.leader.filter(|leader| measured(leader).is_some()).or_else(longest);
        let mut status = known.clone();
        status.offline = None;
        if let Some(numbers) = measured_by.as_ref().and_then(measured) {
            status.log_start_offset = numbers.log_start_offset;
            status.high_watermark = numbers.high_watermark;
            status.log_end_offset = numbers.log_end_offset;
            status.size_bytes = numbers.size_bytes;
            status.segments = numbers.segments;
        }
        let lag = |end: Offset| u64::try_from(status.log_end_offset.since(end)).unwrap_or(0);
        let follower = |id: &BrokerId| Follower {
            broker_id: *id,
            end_and_lag: measured(id).map(|own| (own.log_end_offset, lag(own.log_end_offset))),
        };
        let followers = known.replicas.iter().filter(|id| Some(**id) != measured_by).map(follower).collect();
        let offline = |id: &BrokerId| Some((*id, said(id)?.offline.clone()?));
        let offline = known.replicas.iter().filter_map(offline).collect();
        PartitionView { status, measured_by, followers, offline }
    };
    newest.partitions.iter().map(view).collect()
}

fn clients(replies: &Replies, report: Option<&ZookeeperReport>) -> Vec<ClientView> {
    let mut views = Vec::new();
    for (&broker_id, reply) in replies {
        match reply {
            Ok(reply) => views.extend(reply.clients.iter().map(|status| ClientView {
                broker_id,
                status: status.clone(),
                is_hearsay: false,
            })),
            Err(_) => {
                let session = report
                    .and_then(|report| report.brokers.iter().find(|session| session.broker_id == broker_id));
                let heard = session.map(|session| session.clients.as_slice()).unwrap_or_default();
                views.extend(heard.iter().map(|presence| ClientView {
                    broker_id,
                    status: hearsay(presence),
                    is_hearsay: true,
                }));
            }
        }
    }
    views
}

fn hearsay(presence: &ClientPresence) -> ClientStatus {
    let register = &presence.register;
    ClientStatus {
        registration: 0,
        role: register.role,
        client_id: register.client_id.clone(),
        software: None,
        peer: presence.address.clone(),
        group: register.group.clone(),
        connected_ms: 0,
        topics: register.topics.clone(),
        records: 0,
        positions: Vec::new(),
    }
}

/// A broker knows those it applied itself, the zookeeper those of its newest journal file: together they know more.
fn elections(replies: &Replies, report: Option<&ZookeeperReport>) -> Vec<ElectionStatus> {
    let of_brokers = replies.values().flatten().flat_map(|reply| &reply.elections);
    let of_zookeeper = report.into_iter().flat_map(|report| &report.elections);
    let mut all: Vec<ElectionStatus> = of_brokers.chain(of_zookeeper).cloned().collect();
    let key = |election: &ElectionStatus| {
        (election.time, election.topic.clone(), election.partition, election.leader_epoch)
    };
    all.sort_by_key(key);
    all.dedup_by_key(|election| key(election));
    all
}
