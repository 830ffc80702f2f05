//! Administration: topics, partitions, configuration, offsets, groups, status.

mod groups;
mod leaders;
mod offsets;

use yak_model::BrokerId;
use yak_model::TopicName;
use yak_model::api::{
    AlterConfigs, AlterConfigsReply, CreatePartitions, CreatePartitionsReply, CreateTopics,
    CreateTopicsReply, DeleteTopics, DeleteTopicsReply, DescribeConfigs, DescribeConfigsReply, ElectLeaders,
    ElectLeadersReply, MetadataReply, StatusReply,
};
use yak_protocol::Status;

use crate::cluster::Kind;
use crate::{ClientError, Cluster, Connection};

/// Asks the cluster, and changes it. Any broker is asked, except for what only the leader of a partition can answer.
///
/// Refusals of single entries stand in the replies; refusals of a whole request are errors. Retriable ones are
/// tried again until the request timeout. A change whose connection breaks is not repeated: the error says so,
/// and whether it was done is not known.
#[derive(Clone, Debug)]
pub struct Admin {
    cluster: Cluster,
}

macro_rules! calls {
    ($($(#[$doc:meta])* $kind:ident $name:ident($request:ty) -> $reply:ty;)*) => {
        impl Admin {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// When nobody answers in time, or the whole request is refused.
                pub async fn $name(&self, request: &$request) -> Result<$reply, ClientError> {
                    self.cluster.ask(Kind::$kind, request).await
                }
            )*
        }
    };
}

calls! {
    /// Creates topics.
    Change create_topics(CreateTopics) -> CreateTopicsReply;
    /// Deletes topics.
    Change delete_topics(DeleteTopics) -> DeleteTopicsReply;
    /// Gives a topic more partitions.
    Change create_partitions(CreatePartitions) -> CreatePartitionsReply;
    /// Reads configuration.
    Look describe_configs(DescribeConfigs) -> DescribeConfigsReply;
    /// Changes configuration. (Once more is no harm.)
    Question alter_configs(AlterConfigs) -> AlterConfigsReply;
    /// Elects leaders: the preferred ones, or any at the price of records. (Once more is no harm.)
    Question elect_leaders(ElectLeaders) -> ElectLeadersReply;
}

impl Admin {
    /// Over the cluster's connection for questions.
    #[must_use]
    pub fn new(cluster: &Cluster) -> Self {
        Self { cluster: cluster.clone() }
    }

    /// The cluster.
    #[must_use]
    pub const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Fresh metadata of these topics (`None` for all). Nothing is created.
    ///
    /// # Errors
    /// When nobody answers in time, or the whole request is refused.
    pub async fn metadata(&self, topics: Option<Vec<TopicName>>) -> Result<MetadataReply, ClientError> {
        self.cluster.refresh(topics).await
    }

    /// The error for a topic that does not exist, naming the nearest that does.
    pub async fn unknown_topic(&self, name: &TopicName) -> ClientError {
        self.cluster.unknown_topic(name).await
    }

    /// Everything the broker that answers questions knows.
    ///
    /// # Errors
    /// When nobody answers in time.
    pub async fn status(&self) -> Result<StatusReply, ClientError> {
        self.cluster.ask(Kind::Look, &Status).await
    }

    /// Everything one broker knows, asked over a connection of its own.
    ///
    /// # Errors
    /// When the broker is not known, cannot be reached or does not answer in time.
    pub async fn status_of(&self, broker: BrokerId) -> Result<StatusReply, ClientError> {
        let Some(address) = self.cluster.address_of(broker) else {
            return Err(ClientError::Usage(format!("no broker {broker} is alive")));
        };
        let mut connection = Connection::open(&address, self.cluster.config()).await?;
        Ok(connection.call(&Status, self.cluster.config().request_timeout).await??)
    }
}
