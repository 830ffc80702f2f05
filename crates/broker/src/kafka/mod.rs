//! Kafka's protocol: a frame in, an operation, a frame out.
//!
//! ```text
//!   frame ──► header ──► key and version against the table ──► body ──► operation in domain types (`ops`)
//!                 │                  │                           │                  │
//!                 └──── not one ─────┴─── not served ────────────┴── not one        ▼
//!                                close, without a word (as Kafka does)      response frame, in order
//! ```
//!
//! Nothing is decided here but what Kafka's protocol itself decides: one file an API converts its request to the
//! operation that NDJSON has too, and the outcome back.
//!
//! - Produce and fetch are handled while their frame is read. A produce is appended in place, from the read buffer, so
//!   that pipelined ones are appended in the order of their arrival; what waits for replicas or records waits in
//!   the outbox, and a long fetch holds the replies behind it.
//! - Whatever changes the cluster is finished before the next frame is looked at (`Flow::Finish`), as Kafka runs one
//!   request of a connection at a time.
//! - `acks=0` has no reply; when it is refused the connection is closed, which is the only way to say so.
//! - A connection becomes a registered client by its first produce or fetch.

mod alter_configs;
mod api_versions;
mod authorized;
mod call;
mod configs;
mod consumer_group_describe;
mod consumer_group_heartbeat;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_topic_partitions;
mod elect_leaders;
mod fetch;
mod find_coordinator;
mod group_heartbeat;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod members;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod places;
mod produce;
mod sync_group;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use yak_kafka::messages::ListOffsetsRequest;
use yak_kafka::{Api, ApiKey, DecodeError, Message, api, decode_body, split_header};
use yak_model::api::{ClientRole, Register, Rejection};
use yak_model::{ErrorCode, TopicName};
use yak_net::{Flow, Outbox};

use self::call::Call;
use self::members::GroupClient;
use crate::broker::Broker;
use crate::clients::Registration;

/// The client id of a connection that gave none.
const NAMELESS: &str = "(no client id)";

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    broker: Arc<Broker>,
    peer: SocketAddr,
    /// Where the client came to: what it is told of brokers of this machine.
    local: SocketAddr,
    /// Name and version of the client's software, if it said so (ApiVersions from version 3 on).
    software: Option<String>,
    registration: Option<Arc<Registration>>,
}

/// Why a connection is closed over a frame.
#[derive(Debug, thiserror::Error)]
enum BadFrame {
    /// It is none of Kafka's protocol.
    #[error("{0}")]
    Decode(#[from] DecodeError),
    /// There is no such API here.
    #[error("there is no API of key {0} here")]
    Key(i16),
    /// The API has no such version here.
    #[error("{} is served in versions {}-{}, not {version}", .api.key.name(), .api.accepted.start(), .api.accepted.end())]
    Version {
        /// The API.
        api: &'static Api,
        /// The version that was asked for.
        version: i16,
    },
}

impl Connection {
    pub(crate) const fn new(broker: Arc<Broker>, peer: SocketAddr, local: SocketAddr) -> Self {
        Self { broker, peer, local, software: None, registration: None }
    }

    /// Handles one frame.
    pub(crate) fn handle_frame(&mut self, frame: &mut [u8], outbox: &mut Outbox) -> Flow {
        self.handle(frame, outbox).unwrap_or_else(|bad| {
            tracing::warn!(peer = %self.peer, %bad, "kafka_connection_closed");
            Flow::Close
        })
    }

    pub(crate) fn handle_end_of_input(&mut self) {
        self.registration = None;
    }

    fn handle(&mut self, frame: &mut [u8], outbox: &mut Outbox) -> Result<Flow, BadFrame> {
        let (header, body) = split_header(frame)?;
        let key = ApiKey::from_number(header.api_key).ok_or(BadFrame::Key(header.api_key))?;
        let api = api(key).ok_or(BadFrame::Key(header.api_key))?;
        let version = header.api_version;
        let call = Call { key, version, correlation_id: header.correlation_id };
        if key == ApiKey::ApiVersions {
            return api_versions::api_versions(self, call, body, outbox);
        }
        if !api.accepted.contains(&version) {
            return Err(BadFrame::Version { api, version });
        }
        let client_id = header.client_id;
        match key {
            ApiKey::Produce => produce::produce(self, (call, client_id), body, outbox),
            ApiKey::Fetch => fetch::fetch(self, (call, client_id), body, outbox),
            ApiKey::ListOffsets => self.list_offsets(call, body, outbox),
            ApiKey::FindCoordinator => self.change(call, body, outbox, find_coordinator::find_coordinator),
            ApiKey::Metadata => self.change(call, body, outbox, metadata::metadata),
            ApiKey::InitProducerId => self.change(call, body, outbox, init_producer_id::init_producer_id),
            ApiKey::CreateTopics => self.change(call, body, outbox, create_topics::create_topics),
            ApiKey::DeleteTopics => self.change(call, body, outbox, delete_topics::delete_topics),
            ApiKey::CreatePartitions => self.change(call, body, outbox, create_partitions::create_partitions),
            ApiKey::DeleteRecords => self.change(call, body, outbox, delete_records::delete_records),
            ApiKey::OffsetForLeaderEpoch => {
                self.look(call, body, outbox, offset_for_leader_epoch::offset_for_leader_epoch)
            }
            ApiKey::DescribeTopicPartitions => {
                self.change(call, body, outbox, describe_topic_partitions::describe_topic_partitions)
            }
            ApiKey::DescribeCluster => self.change(call, body, outbox, describe_cluster::describe_cluster),
            ApiKey::DescribeLogDirs => self.look(call, body, outbox, describe_log_dirs::describe_log_dirs),
            ApiKey::DescribeProducers => {
                self.look(call, body, outbox, describe_producers::describe_producers)
            }
            ApiKey::ListPartitionReassignments => {
                self.look(call, body, outbox, list_partition_reassignments::list_partition_reassignments)
            }
            ApiKey::DescribeConfigs => self.look(call, body, outbox, describe_configs::describe_configs),
            ApiKey::AlterConfigs => self.change(call, body, outbox, alter_configs::alter_configs),
            ApiKey::IncrementalAlterConfigs => {
                self.change(call, body, outbox, alter_configs::incremental_alter_configs)
            }
            ApiKey::ElectLeaders => self.change(call, body, outbox, elect_leaders::elect_leaders),
            _ => self.of_groups((call, client_id), body, outbox),
        }
    }

    /// The same of what concerns groups.
    fn of_groups(
        &self,
        (call, client_id): (Call, Option<&str>),
        body: &[u8],
        outbox: &mut Outbox,
    ) -> Result<Flow, BadFrame> {
        let client = || GroupClient::new(client_id, self.peer);
        match call.key {
            ApiKey::JoinGroup => self.change(call, body, outbox, |asked, request| {
                join_group::join_group((asked, client()), request)
            }),
            ApiKey::SyncGroup => self.change(call, body, outbox, sync_group::sync_group),
            ApiKey::Heartbeat => self.look(call, body, outbox, group_heartbeat::group_heartbeat),
            ApiKey::LeaveGroup => self.look(call, body, outbox, leave_group::leave_group),
            ApiKey::ConsumerGroupHeartbeat => self.change(call, body, outbox, |asked, request| {
                consumer_group_heartbeat::consumer_group_heartbeat((asked, client()), request)
            }),
            ApiKey::OffsetCommit => self.change(call, body, outbox, offset_commit::offset_commit),
            ApiKey::OffsetFetch => self.look(call, body, outbox, offset_fetch::offset_fetch),
            ApiKey::OffsetDelete => self.change(call, body, outbox, offset_delete::offset_delete),
            ApiKey::ListGroups => self.look(call, body, outbox, list_groups::list_groups),
            ApiKey::DescribeGroups => self.look(call, body, outbox, describe_groups::describe_groups),
            ApiKey::ConsumerGroupDescribe => {
                self.look(call, body, outbox, consumer_group_describe::consumer_group_describe)
            }
            ApiKey::DeleteGroups => self.change(call, body, outbox, delete_groups::delete_groups),
            key => Err(BadFrame::Key(key.number())),
        }
    }

    /// Answers at once, if everything before is answered: what it looks at may be what a produce before it waits for.
    fn look<Q: Message + Send + 'static, R: Message>(
        &self,
        call: Call,
        body: &[u8],
        outbox: &mut Outbox,
        look: impl FnOnce(&Asked, Q) -> R + Send + 'static,
    ) -> Result<Flow, BadFrame> {
        let (request, asked) = (decode_body(body, call.version)?, self.asked(call));
        if outbox.in_flight() == 0 {
            call.reply(outbox, &look(&asked, request));
            return Ok(Flow::Continue);
        }
        call.hold(outbox, async move { look(&asked, request) });
        Ok(Flow::Finish)
    }

    /// Answers at once what is known; looks for times, which are on the disk, on a thread that may wait for it.
    fn list_offsets(&self, call: Call, body: &[u8], outbox: &mut Outbox) -> Result<Flow, BadFrame> {
        let request: ListOffsetsRequest = decode_body(body, call.version)?;
        if !list_offsets::reads_the_log(&request) {
            return self.look(call, body, outbox, list_offsets::list_offsets);
        }
        let asked = self.asked(call);
        call.hold(outbox, async move {
            let work = tokio::task::spawn_blocking(move || list_offsets::list_offsets(&asked, request));
            work.await.unwrap_or_default()
        });
        Ok(Flow::Finish)
    }

    /// Answers when it is done; then the next frame has its turn.
    fn change<Q: Message, R: Message, F: Future<Output = R> + Send + 'static>(
        &self,
        call: Call,
        body: &[u8],
        outbox: &mut Outbox,
        change: impl FnOnce(Asked, Q) -> F,
    ) -> Result<Flow, BadFrame> {
        let request = decode_body(body, call.version)?;
        call.hold(outbox, change(self.asked(call), request));
        Ok(Flow::Finish)
    }

    fn asked(&self, call: Call) -> Asked {
        Asked { broker: Arc::clone(&self.broker), version: call.version, local: self.local }
    }

    /// The connection's registration, made now if there is none.
    fn registered<'a>(
        &mut self,
        role: ClientRole,
        client_id: Option<&str>,
        topics: impl Iterator<Item = &'a TopicName>,
    ) -> Arc<Registration> {
        let Self { broker, peer, software, registration, .. } = self;
        let registration = registration.get_or_insert_with(|| {
            let client_id = client_id.unwrap_or(NAMELESS).to_owned();
            let register = Register { role, client_id, topics: topics.cloned().collect(), group: None };
            Arc::new(broker.clients.register(*peer, register, software.clone()))
        });
        Arc::clone(registration)
    }
}

/// What an operation is told besides its request.
#[derive(Clone, Debug)]
struct Asked {
    broker: Arc<Broker>,
    /// The version of the request, and of its response.
    version: i16,
    /// Where the client came to.
    local: SocketAddr,
}

/// A rejection as most answers carry it.
fn rejected(rejection: Rejection) -> (Option<ErrorCode>, Option<String>) {
    (Some(rejection.code), Some(rejection.message))
}
