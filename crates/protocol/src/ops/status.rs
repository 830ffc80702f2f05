//! status: everything the broker knows, on one screen.

use bytes::BytesMut;
use yak_model::api::{
    ClientStatus, ElectionStatus, PartitionPosition, PartitionStatus, ReplicaStatus, StatusReply,
    ZookeeperStatus,
};
use yak_model::{BrokerId, TimestampMs};

use super::register::{ROLES, role_name};
use super::shared;
use crate::call::{self, Call};
use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::reply::{self, MalformedReply, ReplyBody, Response};

pub(crate) const NAME: &str = "status";

/// Asks for the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status;

impl Call for Status {
    type Reply = StatusReply;
    const OPERATION: &'static str = NAME;

    fn encode_request(&self, out: &mut BytesMut, id: Option<u64>) {
        call::encode_request(out, id, NAME, |_| {});
    }

    fn parse_reply(line: &[u8]) -> Result<Response<StatusReply>, MalformedReply> {
        reply::parse_reply(line, read_reply)
    }
}

/// Reads a list that is as long as the cluster is large.
pub(crate) fn list<'de, T>(
    fields: &mut Fields<'de, '_>,
    name: &'static str,
    mut read: impl FnMut(&mut Fields<'de, '_>) -> Result<T, Problem>,
) -> Result<Vec<T>, Problem> {
    fields.required(name, |node| node.long_array(usize::MAX, |element| read(&mut element.fields()?)))
}

/// Reads a text of any length.
pub(crate) fn text(node: Node<'_, '_>) -> Result<String, Problem> {
    Ok(node.string()?.into_owned())
}

fn read_reply(fields: &mut Fields<'_, '_>) -> Result<StatusReply, Problem> {
    Ok(StatusReply {
        cluster_id: fields.required("cluster_id", |node| node.parsed())?,
        broker_id: fields.required("broker_id", shared::broker_id)?,
        version: fields.required("version", text)?,
        uptime_ms: fields.required("uptime_ms", |node| node.count())?,
        zookeeper: fields.required("zookeeper", |node| {
            let mut fields = node.fields()?;
            Ok(ZookeeperStatus {
                address: fields.required("address", text)?,
                index: fields.required("index", |node| node.count::<u64>())?.into(),
            })
        })?,
        brokers: list(fields, "brokers", read_broker)?,
        partitions: list(fields, "partitions", read_partition)?,
        clients: list(fields, "clients", read_client)?,
        elections: list(fields, "elections", read_election)?,
    })
}

fn read_broker(fields: &mut Fields<'_, '_>) -> Result<ReplicaStatus, Problem> {
    Ok(ReplicaStatus {
        broker: shared::read_broker(fields)?,
        broker_epoch: fields.required("broker_epoch", |node| node.count::<i64>())?.into(),
        fenced: fields.flag("fenced")?,
        heartbeat_age_ms: fields.optional_count("heartbeat_age_ms")?,
        directory: fields.optional("directory", text)?,
    })
}

fn read_partition(fields: &mut Fields<'_, '_>) -> Result<PartitionStatus, Problem> {
    Ok(PartitionStatus {
        topic: shared::topic(fields)?,
        partition: shared::partition(fields)?,
        leader: fields.optional("leader", shared::broker_id)?,
        leader_epoch: fields.required("leader_epoch", |node| node.number(-1, i32::MAX))?.into(),
        replicas: shared::broker_ids(fields, "replicas")?,
        in_sync_replicas: shared::broker_ids(fields, "in_sync_replicas")?,
        log_start_offset: shared::offset(fields, "log_start_offset")?,
        high_watermark: shared::offset(fields, "high_watermark")?,
        log_end_offset: shared::offset(fields, "log_end_offset")?,
        size_bytes: fields.required("size_bytes", |node| node.count())?,
        segments: fields.required("segments", |node| node.count())?,
        offline: fields.optional("offline", text)?,
    })
}

fn read_client(fields: &mut Fields<'_, '_>) -> Result<ClientStatus, Problem> {
    Ok(ClientStatus {
        registration: fields.required("registration", |node| node.count())?,
        role: fields.required("role", |node| node.one_of(&ROLES))?,
        client_id: fields.required("client_id", text)?,
        software: fields.optional("software", text)?,
        peer: fields.required("peer", text)?,
        group: fields.optional("group", text)?,
        connected_ms: fields.required("connected_ms", |node| node.count())?,
        topics: fields.required("topics", shared::topics)?,
        records: fields.required("records", |node| node.count())?,
        positions: list(fields, "positions", read_position)?,
    })
}

fn read_position(fields: &mut Fields<'_, '_>) -> Result<PartitionPosition, Problem> {
    Ok(PartitionPosition {
        topic: shared::topic(fields)?,
        partition: shared::partition(fields)?,
        position: shared::offset(fields, "position")?,
        received: shared::offset(fields, "received")?,
        log_end_offset: shared::offset(fields, "log_end_offset")?,
    })
}

/// Reads an election, as brokers and zookeepers tell it.
pub(crate) fn read_election(fields: &mut Fields<'_, '_>) -> Result<ElectionStatus, Problem> {
    Ok(ElectionStatus {
        time: TimestampMs::new(fields.required("time", |node| node.number(-1, i64::MAX))?),
        topic: shared::topic(fields)?,
        partition: shared::partition(fields)?,
        from: fields.optional("from", shared::broker_id)?,
        to: fields.optional("to", shared::broker_id)?,
        leader_epoch: fields.required("leader_epoch", |node| node.count::<i32>())?.into(),
        cause: fields.required("cause", text)?,
    })
}

impl ReplyBody for StatusReply {
    fn write_body(&self, out: &mut BytesMut) {
        let mut object = ObjectWriter::begin(out);
        object.field("cluster_id", &self.cluster_id.to_string());
        object.field("broker_id", &self.broker_id.get());
        object.field("version", &self.version);
        object.field("uptime_ms", &self.uptime_ms);
        object.object("zookeeper", |object| {
            object.field("address", &self.zookeeper.address);
            object.field("index", &self.zookeeper.index.get());
        });
        object.objects("brokers", &self.brokers, write_broker);
        object.objects("partitions", &self.partitions, write_partition);
        object.objects("clients", &self.clients, write_client);
        object.objects("elections", &self.elections, write_election);
        object.end();
    }
}

fn write_broker(object: &mut ObjectWriter<'_>, broker: &ReplicaStatus) {
    shared::write_broker(object, &broker.broker);
    object.field("broker_epoch", &broker.broker_epoch.get());
    object.field("fenced", &broker.fenced);
    object.optional("heartbeat_age_ms", broker.heartbeat_age_ms.as_ref());
    object.optional("directory", broker.directory.as_ref());
}

fn write_partition(object: &mut ObjectWriter<'_>, partition: &PartitionStatus) {
    shared::write_partition(object, &partition.topic, partition.partition);
    object.field("leader", &partition.leader.map(BrokerId::get));
    object.field("leader_epoch", &partition.leader_epoch.get());
    object.field("replicas", &shared::ids(&partition.replicas));
    object.field("in_sync_replicas", &shared::ids(&partition.in_sync_replicas));
    object.field("log_start_offset", &partition.log_start_offset.get());
    object.field("high_watermark", &partition.high_watermark.get());
    object.field("log_end_offset", &partition.log_end_offset.get());
    object.field("size_bytes", &partition.size_bytes);
    object.field("segments", &partition.segments);
    object.optional("offline", partition.offline.as_ref());
}

fn write_client(object: &mut ObjectWriter<'_>, client: &ClientStatus) {
    object.field("registration", &client.registration);
    object.field("role", role_name(client.role));
    object.field("client_id", &client.client_id);
    object.optional("software", client.software.as_ref());
    object.field("peer", &client.peer);
    object.optional("group", client.group.as_ref());
    object.field("connected_ms", &client.connected_ms);
    object.field("topics", &shared::names(&client.topics));
    object.field("records", &client.records);
    object.objects("positions", &client.positions, |object, position| {
        shared::write_partition(object, &position.topic, position.partition);
        object.field("position", &position.position.get());
        object.field("received", &position.received.get());
        object.field("log_end_offset", &position.log_end_offset.get());
    });
}

/// Writes an election.
pub(crate) fn write_election(object: &mut ObjectWriter<'_>, election: &ElectionStatus) {
    object.field("time", &election.time.get());
    shared::write_partition(object, &election.topic, election.partition);
    object.field("from", &election.from.map(BrokerId::get));
    object.field("to", &election.to.map(BrokerId::get));
    object.field("leader_epoch", &election.leader_epoch.get());
    object.field("cause", &election.cause);
}
