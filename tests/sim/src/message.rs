//! What processes say to each other, in domain types: the wire formats have tests of their own.

use bytes::Bytes;
use yak_core::controller::Command;
use yak_core::image::Image;
use yak_core::partition::Acknowledged;
use yak_model::api::{
    Acks, AlterIsr, Heartbeat, HeartbeatReply, IsrProposal, OpenSession, Rejection, ReplicaData,
    ReplicaFetchEntry, ResumeSession, SessionOpened, ShutdownBroker,
};
use yak_model::metadata::JournalLine;
use yak_model::{BrokerEpoch, BrokerId, ErrorCode, LeaderEpoch, Offset, PartitionEpoch, TopicId};

use crate::oracle::Record;

/// A partition of a topic that is known by its id.
pub type Key = (TopicId, i32);

/// What a leader says of one partition, to who asked in an epoch.
pub type Part = (Key, LeaderEpoch, Result<ReplicaData<Bytes>, ErrorCode>);

/// A message.
#[derive(Clone, Debug)]
pub enum Message {
    /// To the zookeeper: the image, and every line after it.
    Watch,
    /// To a broker: the image.
    Image(Box<Image>),
    /// To a broker: lines, as they became durable.
    Lines(Vec<JournalLine>),
    /// To the zookeeper: a new process.
    Register(Box<OpenSession>),
    /// To the zookeeper: the same process.
    Resume(ResumeSession),
    /// To a broker: the session is open, or not.
    Opened(Result<SessionOpened, Rejection>),
    /// To the zookeeper, with the broker's time, which comes back.
    Heartbeat(u64, Heartbeat),
    /// To a broker.
    HeartbeatReply(u64, Result<HeartbeatReply, Rejection>),
    /// To the zookeeper.
    AlterIsr(AlterIsr),
    /// To a broker: what became of its proposals.
    AlterIsrReply(Vec<(IsrProposal, Result<PartitionEpoch, ErrorCode>)>),
    /// To the zookeeper.
    Shutdown(ShutdownBroker),
    /// To a broker: it may stop.
    ShutdownDone,
    /// To the zookeeper: an operator's wish.
    Admin(Box<Command>),
    /// To a leader.
    Fetch(Fetch),
    /// To a follower.
    Fetched(Vec<Part>),
    /// To a broker: append.
    Produce(Produce),
    /// To a client.
    Produced(u64, Result<Acknowledged, ErrorCode>),
    /// To a broker: read.
    Read(Read),
    /// To a client: the high watermark and what there is below it.
    ReadReply(u64, Result<(Offset, Vec<Record>), ErrorCode>),
    /// To a broker: the latest offset.
    Latest(u64, Key, LeaderEpoch),
    /// To a client.
    LatestReply(u64, Result<Offset, ErrorCode>),
    /// To a broker.
    Metadata,
    /// To a client: what the broker works by.
    MetadataReply(Box<Image>),
}

/// A follower's request.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// Who.
    pub broker_id: BrokerId,
    /// Which registration.
    pub broker_epoch: BrokerEpoch,
    /// Counted, and answered at once, without records.
    pub progress: bool,
    /// Where it stands.
    pub entries: Vec<ReplicaFetchEntry>,
}

/// A client's batch.
#[derive(Clone, Debug)]
pub struct Produce {
    /// Comes back with the reply.
    pub number: u64,
    /// Where to.
    pub key: Key,
    /// Whom the client takes for the leader.
    pub leader_epoch: LeaderEpoch,
    /// When to answer.
    pub acks: Acks,
    /// The batch.
    pub batch: Bytes,
}

/// A client's question for records.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    /// Comes back with the reply.
    pub number: u64,
    /// Where from.
    pub key: Key,
    /// The epoch that the client knows.
    pub leader_epoch: LeaderEpoch,
    /// From here on.
    pub offset: Offset,
    /// Any replica in sync may answer.
    pub any: bool,
}

impl Message {
    /// Its name, for the trace.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Image(image) => format!("Image {}", image.index()),
            Self::Lines(lines) => {
                let lines: Vec<String> =
                    lines.iter().map(|line| format!("{} ({})", line.index, line.cause)).collect();
                format!("Lines {}", lines.join(", "))
            }
            Self::MetadataReply(image) => format!("MetadataReply {}", image.index()),
            Self::Register(open) => format!("Register {:?}", open.registration.proof),
            Self::Fetch(fetch) => {
                let entries: Vec<String> = fetch
                    .entries
                    .iter()
                    .map(|entry| {
                        let last = entry.last_fetched_epoch.map_or(-1, LeaderEpoch::get);
                        let (end, durable) = (entry.fetch_offset, entry.durable_offset);
                        format!("p{}@{} {end}/{durable} last {last}", entry.partition, entry.leader_epoch)
                    })
                    .collect();
                let what = if fetch.progress { "Progress" } else { "Fetch" };
                format!("{what} of {}: {}", fetch.broker_id, entries.join(", "))
            }
            Self::Fetched(parts) => {
                let parts: Vec<String> = parts
                    .iter()
                    .map(|((_, partition), epoch, result)| match result {
                        Ok(data) => format!(
                            "p{partition}@{epoch} {} bytes, hw {}, {:?}",
                            data.records.len(),
                            data.high_watermark,
                            data.diverging.map(|end| (end.leader_epoch.get(), end.end_offset.get()))
                        ),
                        Err(code) => format!("p{partition}@{epoch} {code}"),
                    })
                    .collect();
                format!("Fetched {}", parts.join(", "))
            }
            Self::Produce(produce) => {
                format!("Produce {} p{}@{}", produce.number, produce.key.1, produce.leader_epoch)
            }
            Self::Produced(number, result) => match result {
                Ok(done) => format!("Produced {number} at {} dup {}", done.base_offset, done.duplicate),
                Err(code) => format!("Produced {number} {code}"),
            },
            Self::ReadReply(number, result) => match result {
                Ok((high_watermark, records)) => {
                    format!("ReadReply {number} hw {high_watermark} {} records", records.len())
                }
                Err(code) => format!("ReadReply {number} {code}"),
            },
            Self::AlterIsr(alter) => format!("AlterIsr {:?}", Proposals(&alter.proposals)),
            other => format!("{other:?}"),
        }
    }
}

struct Proposals<'a>(&'a [IsrProposal]);

impl std::fmt::Debug for Proposals<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for proposal in self.0 {
            let followers: Vec<(i32, i64)> =
                proposal.followers.iter().map(|(id, epoch)| (id.get(), epoch.get())).collect();
            let (partition, epoch) = (proposal.partition, proposal.leader_epoch);
            write!(f, "p{partition}@{epoch}/{} with {followers:?} ", proposal.partition_epoch)?;
        }
        Ok(())
    }
}
