//! status at the zookeeper: sessions and what has no leader.

use bytes::BytesMut;
use yak_model::api::{SessionReport, ZookeeperReport};
use yak_model::metadata::{PartitionRecord, RecoveryState};
use yak_model::{BrokerId, DirectoryId, MetadataIndex};

use super::heartbeat::{read_presence, write_presence};
use crate::call::{self, Call};
use crate::json::{Fields, ObjectWriter, Problem};
use crate::ops::shared;
use crate::ops::status::{NAME, list, read_election, text, write_election};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

const RECOVERY_STATES: [(&str, RecoveryState); 2] =
    [("recovered", RecoveryState::Recovered), ("recovering", RecoveryState::Recovering)];

/// Asks a zookeeper for its status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControllerStatus {
    /// The highest journal index that the asking broker has ever seen: a journal that ends before it is an older one,
    /// and its zookeeper must serve nobody.
    pub seen: Option<MetadataIndex>,
    /// `cluster.secret`, if the broker has one.
    pub secret: Option<String>,
}

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<ControllerStatus, Problem> {
    Ok(ControllerStatus {
        seen: shared::index(fields, "seen")?,
        secret: fields.optional("secret", |node| node.label())?,
    })
}

impl Call for ControllerStatus {
    type Reply = ZookeeperReport;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |object| {
            object.optional("seen", self.seen.map(MetadataIndex::get).as_ref());
            object.optional("secret", self.secret.as_ref());
        });
    }

    fn parse_reply(line: &[u8]) -> Result<Response<ZookeeperReport>, MalformedReply> {
        reply::parse_reply(line, read_report)
    }
}

fn read_report(fields: &mut Fields<'_, '_>) -> Result<ZookeeperReport, Problem> {
    Ok(ZookeeperReport {
        cluster_id: fields.required("cluster_id", |node| node.parsed())?,
        version: fields.required("version", text)?,
        index: fields.required("index", |node| node.count::<u64>())?.into(),
        journal: fields.required("journal", text)?,
        brokers: list(fields, "brokers", read_session)?,
        leaderless: list(fields, "leaderless", read_partition)?,
        elections: list(fields, "elections", read_election)?,
    })
}

fn read_session(fields: &mut Fields<'_, '_>) -> Result<SessionReport, Problem> {
    let (broker_id, broker_epoch) = shared::registration(fields)?;
    Ok(SessionReport {
        broker_id,
        broker_epoch,
        host: fields.required("host", |node| node.label())?,
        port: fields.required("port", |node| node.count())?,
        fenced: fields.required("fenced", |node| node.bool())?,
        connected: fields.required("connected", |node| node.bool())?,
        heartbeat_age_ms: fields.optional_count("heartbeat_age_ms")?,
        clients: list(fields, "clients", read_presence)?,
    })
}

fn read_partition(fields: &mut Fields<'_, '_>) -> Result<PartitionRecord, Problem> {
    Ok(PartitionRecord {
        topic: shared::topic(fields)?,
        topic_id: fields.required("topic_id", |node| node.parsed())?,
        partition: shared::partition(fields)?,
        replicas: shared::broker_ids(fields, "replicas")?,
        directory_ids: fields.required("directory_ids", |node| node.array(|id| id.parsed()))?,
        in_sync_replicas: shared::broker_ids(fields, "in_sync_replicas")?,
        eligible_leader_replicas: shared::broker_ids(fields, "eligible_leader_replicas")?,
        adding_replicas: shared::broker_ids(fields, "adding_replicas")?,
        removing_replicas: shared::broker_ids(fields, "removing_replicas")?,
        wanted: fields.required("wanted", |node| node.count())?,
        leader: fields.optional("leader", shared::broker_id)?,
        leader_epoch: fields.required("leader_epoch", |node| node.number(-1, i32::MAX))?.into(),
        partition_epoch: fields.required("partition_epoch", |node| node.count::<i32>())?.into(),
        recovery_state: fields.required("recovery_state", |node| node.one_of(&RECOVERY_STATES))?,
    })
}

impl ReplyBody for ZookeeperReport {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.field("cluster_id", &self.cluster_id.to_string());
        object.field("version", &self.version);
        object.field("index", &self.index.get());
        object.field("journal", &self.journal);
        object.objects("brokers", &self.brokers, |object, session| {
            shared::write_registration(object, session.broker_id, session.broker_epoch);
            object.field("host", &session.host);
            object.field("port", &session.port);
            object.field("fenced", &session.fenced);
            object.field("connected", &session.connected);
            object.optional("heartbeat_age_ms", session.heartbeat_age_ms.as_ref());
            object.objects("clients", &session.clients, write_presence);
        });
        object.objects("leaderless", &self.leaderless, write_partition);
        object.objects("elections", &self.elections, write_election);
        object.end();
    }
}

fn write_partition(object: &mut ObjectWriter<'_>, partition: &PartitionRecord) {
    let directories = partition.directory_ids.iter().map(DirectoryId::to_string).collect::<Vec<_>>();
    let recovery_state = match partition.recovery_state {
        RecoveryState::Recovered => "recovered",
        RecoveryState::Recovering => "recovering",
    };
    shared::write_partition(object, &partition.topic, partition.partition);
    object.field("leader", &partition.leader.map(BrokerId::get));
    object.field("leader_epoch", &partition.leader_epoch.get());
    object.field("in_sync_replicas", &shared::ids(&partition.in_sync_replicas));
    object.field("replicas", &shared::ids(&partition.replicas));
    object.field("wanted", &partition.wanted);
    object.field("eligible_leader_replicas", &shared::ids(&partition.eligible_leader_replicas));
    object.field("adding_replicas", &shared::ids(&partition.adding_replicas));
    object.field("removing_replicas", &shared::ids(&partition.removing_replicas));
    object.field("partition_epoch", &partition.partition_epoch.get());
    object.field("recovery_state", recovery_state);
    object.field("topic_id", &partition.topic_id.to_string());
    object.field("directory_ids", &directories);
}
