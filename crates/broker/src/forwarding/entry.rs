//! Who is to answer an entry of a request: this broker, or the leader of its partition.

use yak_core::image::Image;
use yak_model::api::{DeleteRecordsEntry, FetchEntry, ListOffsetsEntry, ProduceEntry, ReadFrom, Rejection};
use yak_model::{BrokerEpoch, BrokerId, ErrorCode, LeaderEpoch, PartitionIndex, TopicName};

use crate::broker::{Broker, RETRY_AFTER_MS};
use crate::link::Peer;

/// Somebody who leads a partition, and the process of it that does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leader {
    pub(super) peer: Peer,
    pub(super) broker_epoch: BrokerEpoch,
}

impl Leader {
    /// Its number.
    pub(crate) const fn id(&self) -> BrokerId {
        self.peer.broker_id
    }
}

/// Where a partition is to be asked for.
#[derive(Debug)]
pub(crate) enum Place {
    /// This broker answers, if only by saying what is wrong.
    Here,
    /// Another broker leads, in this epoch.
    At(Leader, LeaderEpoch),
    /// Nobody leads at the moment.
    Leaderless(Rejection),
}

/// Where to ask for a partition, by this broker's metadata.
pub(crate) fn place(
    broker: &Broker,
    image: &Image,
    (topic, partition): (&TopicName, PartitionIndex),
    read_from: ReadFrom,
) -> Place {
    let record = image.topic(topic).and_then(|found| found.partition(partition));
    let (Some(record), me) = (record, broker.id()) else { return Place::Here };
    let is_content = read_from == ReadFrom::Any && record.in_sync_replicas.contains(&me);
    if is_content || topic.is_internal() || record.leader == Some(me) || record.replicas[..] == [me] {
        return Place::Here;
    }
    let leader = record.leader.and_then(|leader| image.broker(leader)).filter(|leader| !leader.fenced);
    let Some(leader) = leader else {
        let message = format!("{topic}-{partition}: nobody leads it at the moment");
        return Place::Leaderless(
            Rejection::new(ErrorCode::LeaderNotAvailable, message).retry_after(RETRY_AFTER_MS),
        );
    };
    let registration = &leader.registration;
    let peer = Peer {
        broker_id: leader.id(),
        cluster_id: image.cluster_id(),
        host: registration.host.clone(),
        port: registration.port,
    };
    Place::At(Leader { peer, broker_epoch: registration.broker_epoch }, record.leader_epoch)
}

/// One entry of a request, about one partition.
pub(crate) trait Entry {
    /// The partition.
    fn partition(&self) -> (&TopicName, PartitionIndex);

    /// The epoch of the leader that is meant. With one, it is meant for this broker.
    fn leader_epoch(&self) -> Option<LeaderEpoch>;

    /// Is meant for the leader of this epoch from now on, if the operation has epochs, or for whoever leads.
    fn meant_for(&mut self, leader_epoch: Option<LeaderEpoch>);
}

/// Whether some entry is not for this broker to answer.
pub(crate) fn any_away<E: Entry>(broker: &Broker, entries: &[E], read_from: ReadFrom) -> bool {
    let by_hand = |entry: &&E| entry.leader_epoch().is_none();
    if !entries.iter().any(|entry| by_hand(&entry)) {
        return false;
    }
    let image = broker.image();
    let is_away = |entry: &E| !matches!(place(broker, &image, entry.partition(), read_from), Place::Here);
    entries.iter().filter(by_hand).any(is_away)
}

macro_rules! entries {
    ($($entry:ty),*) => {$(
        impl Entry for $entry {
            fn partition(&self) -> (&TopicName, PartitionIndex) {
                (&self.topic, self.partition)
            }

            fn leader_epoch(&self) -> Option<LeaderEpoch> {
                self.leader_epoch
            }

            fn meant_for(&mut self, leader_epoch: Option<LeaderEpoch>) {
                self.leader_epoch = leader_epoch;
            }
        }
    )*};
}

entries!(FetchEntry, ListOffsetsEntry);

impl Entry for DeleteRecordsEntry {
    fn partition(&self) -> (&TopicName, PartitionIndex) {
        (&self.topic, self.partition)
    }

    fn leader_epoch(&self) -> Option<LeaderEpoch> {
        None
    }

    fn meant_for(&mut self, _leader_epoch: Option<LeaderEpoch>) {}
}

/// Records whose partition is chosen; [`super::produce`] makes no other.
impl Entry for ProduceEntry {
    fn partition(&self) -> (&TopicName, PartitionIndex) {
        (&self.topic, self.partition.unwrap_or(PartitionIndex::new(0)))
    }

    fn leader_epoch(&self) -> Option<LeaderEpoch> {
        self.leader_epoch
    }

    fn meant_for(&mut self, leader_epoch: Option<LeaderEpoch>) {
        self.leader_epoch = leader_epoch;
    }
}
