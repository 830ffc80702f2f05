//! Metadata records as JSON: `{"<kind>":{<fields>}}`, what a person looks for first.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use yak_model::metadata::{
    BrokerRegistration, ConfigResource, MetadataRecord, PartitionRecord, RecoveryState,
};
use yak_model::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch, PartitionIndex, ProducerId, TopicName};

use super::LineFault;

/// Borrowed when written, owned when read.
type Text<'a> = Cow<'a, str>;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum RecordWire<'a> {
    Cluster(ClusterWire<'a>),
    BrokerRegistered(RegistrationWire<'a>),
    BrokerUnfenced(BrokerWire),
    BrokerFenced(BrokerWire),
    TopicCreated(TopicWire<'a>),
    TopicDeleted(TopicWire<'a>),
    Partition(PartitionWire<'a>),
    Config(ConfigWire<'a>),
    ProducerIds(ProducerIdsWire),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClusterWire<'a> {
    cluster_id: Text<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegistrationWire<'a> {
    broker_id: i32,
    broker_epoch: i64,
    host: Text<'a>,
    port: u16,
    #[serde(default, skip_serializing_if = "is_unset")]
    advertised: bool,
    rack: Option<Text<'a>>,
    incarnation_id: Text<'a>,
    directory_ids: Vec<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BrokerWire {
    broker_id: i32,
    broker_epoch: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TopicWire<'a> {
    topic: Text<'a>,
    topic_id: Text<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartitionWire<'a> {
    topic: Text<'a>,
    partition: i32,
    leader: Option<i32>,
    leader_epoch: i32,
    in_sync_replicas: Vec<i32>,
    replicas: Vec<i32>,
    wanted: u16,
    eligible_leader_replicas: Vec<i32>,
    adding_replicas: Vec<i32>,
    removing_replicas: Vec<i32>,
    partition_epoch: i32,
    recovery_state: RecoveryWire,
    topic_id: Text<'a>,
    directory_ids: Vec<Text<'a>>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RecoveryWire {
    Recovered,
    Recovering,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigWire<'a> {
    resource: ResourceWire<'a>,
    key: Text<'a>,
    value: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ResourceWire<'a> {
    Topic(Text<'a>),
    Broker(i32),
    ClusterDefault,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProducerIdsWire {
    broker_id: i32,
    broker_epoch: i64,
    first: i64,
    end: i64,
}

impl LineFault {
    pub(super) fn value(fault: impl Display) -> Self {
        Self::Value(fault.to_string())
    }
}

/// A flag that is written only where it is set: lines older than it stay as they are.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks with")]
const fn is_unset(flag: &bool) -> bool {
    !*flag
}

fn read<T: FromStr<Err: Display>>(text: &str) -> Result<T, LineFault> {
    text.parse().map_err(LineFault::value)
}

fn read_all<T: FromStr<Err: Display>>(texts: &[Text<'_>]) -> Result<Vec<T>, LineFault> {
    texts.iter().map(|text| read(text)).collect()
}

fn write<'a>(value: impl Display) -> Text<'a> {
    Cow::Owned(value.to_string())
}

fn write_all<'a, T: Display>(values: &[T]) -> Vec<Text<'a>> {
    values.iter().map(write).collect()
}

fn numbers(brokers: &[BrokerId]) -> Vec<i32> {
    brokers.iter().map(|broker| broker.get()).collect()
}

fn brokers(numbers: Vec<i32>) -> Vec<BrokerId> {
    numbers.into_iter().map(BrokerId::new).collect()
}

impl<'a> From<&'a MetadataRecord> for RecordWire<'a> {
    fn from(record: &'a MetadataRecord) -> Self {
        let broker = |id: &BrokerId, epoch: &BrokerEpoch| BrokerWire {
            broker_id: id.get(),
            broker_epoch: epoch.get(),
        };
        match record {
            MetadataRecord::Cluster { cluster_id } => {
                Self::Cluster(ClusterWire { cluster_id: write(cluster_id) })
            }
            MetadataRecord::BrokerRegistered(registration) => Self::BrokerRegistered(registration.into()),
            MetadataRecord::BrokerUnfenced { broker_id, broker_epoch } => {
                Self::BrokerUnfenced(broker(broker_id, broker_epoch))
            }
            MetadataRecord::BrokerFenced { broker_id, broker_epoch } => {
                Self::BrokerFenced(broker(broker_id, broker_epoch))
            }
            MetadataRecord::TopicCreated { name, topic_id } => {
                Self::TopicCreated(TopicWire { topic: name.as_str().into(), topic_id: write(topic_id) })
            }
            MetadataRecord::TopicDeleted { name, topic_id } => {
                Self::TopicDeleted(TopicWire { topic: name.as_str().into(), topic_id: write(topic_id) })
            }
            MetadataRecord::Partition(partition) => Self::Partition(partition.into()),
            MetadataRecord::Config { resource, key, value } => Self::Config(ConfigWire {
                resource: resource.into(),
                key: key.into(),
                value: value.as_ref().map(Into::into),
            }),
            MetadataRecord::ProducerIds { broker_id, broker_epoch, first, end } => {
                Self::ProducerIds(ProducerIdsWire {
                    broker_id: broker_id.get(),
                    broker_epoch: broker_epoch.get(),
                    first: first.get(),
                    end: end.get(),
                })
            }
        }
    }
}

impl<'a> From<&'a BrokerRegistration> for RegistrationWire<'a> {
    fn from(registration: &'a BrokerRegistration) -> Self {
        Self {
            broker_id: registration.broker_id.get(),
            broker_epoch: registration.broker_epoch.get(),
            host: registration.host.as_str().into(),
            port: registration.port,
            advertised: registration.advertised,
            rack: registration.rack.as_ref().map(Into::into),
            incarnation_id: write(registration.incarnation_id),
            directory_ids: write_all(&registration.directory_ids),
        }
    }
}

impl<'a> From<&'a PartitionRecord> for PartitionWire<'a> {
    fn from(partition: &'a PartitionRecord) -> Self {
        Self {
            topic: partition.topic.as_str().into(),
            partition: partition.partition.get(),
            leader: partition.leader.map(BrokerId::get),
            leader_epoch: partition.leader_epoch.get(),
            in_sync_replicas: numbers(&partition.in_sync_replicas),
            replicas: numbers(&partition.replicas),
            wanted: partition.wanted,
            eligible_leader_replicas: numbers(&partition.eligible_leader_replicas),
            adding_replicas: numbers(&partition.adding_replicas),
            removing_replicas: numbers(&partition.removing_replicas),
            partition_epoch: partition.partition_epoch.get(),
            recovery_state: match partition.recovery_state {
                RecoveryState::Recovered => RecoveryWire::Recovered,
                RecoveryState::Recovering => RecoveryWire::Recovering,
            },
            topic_id: write(partition.topic_id),
            directory_ids: write_all(&partition.directory_ids),
        }
    }
}

impl<'a> From<&'a ConfigResource> for ResourceWire<'a> {
    fn from(resource: &'a ConfigResource) -> Self {
        match resource {
            ConfigResource::Topic(name) => Self::Topic(name.as_str().into()),
            ConfigResource::Broker(id) => Self::Broker(id.get()),
            ConfigResource::ClusterDefault => Self::ClusterDefault,
        }
    }
}

impl TryFrom<RecordWire<'_>> for MetadataRecord {
    type Error = LineFault;

    fn try_from(wire: RecordWire<'_>) -> Result<Self, LineFault> {
        let broker = |wire: &BrokerWire| (BrokerId::new(wire.broker_id), BrokerEpoch::new(wire.broker_epoch));
        Ok(match wire {
            RecordWire::Cluster(wire) => Self::Cluster { cluster_id: read(&wire.cluster_id)? },
            RecordWire::BrokerRegistered(wire) => Self::BrokerRegistered(wire.try_into()?),
            RecordWire::BrokerUnfenced(wire) => {
                let (broker_id, broker_epoch) = broker(&wire);
                Self::BrokerUnfenced { broker_id, broker_epoch }
            }
            RecordWire::BrokerFenced(wire) => {
                let (broker_id, broker_epoch) = broker(&wire);
                Self::BrokerFenced { broker_id, broker_epoch }
            }
            RecordWire::TopicCreated(wire) => {
                Self::TopicCreated { name: read(&wire.topic)?, topic_id: read(&wire.topic_id)? }
            }
            RecordWire::TopicDeleted(wire) => {
                Self::TopicDeleted { name: read(&wire.topic)?, topic_id: read(&wire.topic_id)? }
            }
            RecordWire::Partition(wire) => Self::Partition(wire.try_into()?),
            RecordWire::Config(wire) => Self::Config {
                resource: wire.resource.try_into()?,
                key: wire.key.into_owned(),
                value: wire.value.map(Cow::into_owned),
            },
            RecordWire::ProducerIds(wire) => Self::ProducerIds {
                broker_id: BrokerId::new(wire.broker_id),
                broker_epoch: BrokerEpoch::new(wire.broker_epoch),
                first: ProducerId::new(wire.first),
                end: ProducerId::new(wire.end),
            },
        })
    }
}

impl TryFrom<RegistrationWire<'_>> for BrokerRegistration {
    type Error = LineFault;

    fn try_from(wire: RegistrationWire<'_>) -> Result<Self, LineFault> {
        Ok(Self {
            broker_id: BrokerId::new(wire.broker_id),
            broker_epoch: BrokerEpoch::new(wire.broker_epoch),
            incarnation_id: read(&wire.incarnation_id)?,
            directory_ids: read_all(&wire.directory_ids)?,
            host: wire.host.into_owned(),
            port: wire.port,
            advertised: wire.advertised,
            rack: wire.rack.map(Cow::into_owned),
        })
    }
}

impl TryFrom<PartitionWire<'_>> for PartitionRecord {
    type Error = LineFault;

    fn try_from(wire: PartitionWire<'_>) -> Result<Self, LineFault> {
        Ok(Self {
            topic: read::<TopicName>(&wire.topic)?,
            topic_id: read(&wire.topic_id)?,
            partition: PartitionIndex::new(wire.partition),
            replicas: brokers(wire.replicas),
            directory_ids: read_all(&wire.directory_ids)?,
            in_sync_replicas: brokers(wire.in_sync_replicas),
            eligible_leader_replicas: brokers(wire.eligible_leader_replicas),
            adding_replicas: brokers(wire.adding_replicas),
            removing_replicas: brokers(wire.removing_replicas),
            wanted: wire.wanted,
            leader: wire.leader.map(BrokerId::new),
            leader_epoch: LeaderEpoch::new(wire.leader_epoch),
            partition_epoch: PartitionEpoch::new(wire.partition_epoch),
            recovery_state: match wire.recovery_state {
                RecoveryWire::Recovered => RecoveryState::Recovered,
                RecoveryWire::Recovering => RecoveryState::Recovering,
            },
        })
    }
}

impl TryFrom<ResourceWire<'_>> for ConfigResource {
    type Error = LineFault;

    fn try_from(wire: ResourceWire<'_>) -> Result<Self, LineFault> {
        Ok(match wire {
            ResourceWire::Topic(name) => Self::Topic(read(&name)?),
            ResourceWire::Broker(id) => Self::Broker(BrokerId::new(id)),
            ResourceWire::ClusterDefault => Self::ClusterDefault,
        })
    }
}
