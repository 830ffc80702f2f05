//! Where addresses stand in answers.

use yak_model::BrokerId;
use yak_model::api::{
    AlterConfigsReply, BrokerMetadata, ConsumerGroupHeartbeatReply, CreatePartitionsReply, CreateTopicsReply,
    DeleteGroupsReply, DeleteRecordsReply, DeleteTopicsReply, DescribeConfigsReply, DescribeGroupsReply,
    ElectLeadersReply, FetchReply, FindCoordinatorReply, GroupStreamReply, InitProducerIdReply,
    ListGroupsReply, ListOffsetsReply, MetadataReply, OffsetCommitReply, OffsetDeleteReply, OffsetFetchReply,
    ProduceReply, RegisterReply, Rejection, Reply, StatusReply, SubscriptionEvent,
};
use yak_protocol::{Done, HelloReply};

/// What is done to each address: whose it is, its host, its port.
pub(crate) type Each<'a> = &'a mut dyn FnMut(BrokerId, &mut String, &mut u16);

/// An answer, with every place where a broker's address stands in it.
pub(crate) trait Addressed {
    /// Goes through all of them.
    fn each_address(&mut self, each: Each<'_>);
}

impl Addressed for BrokerMetadata {
    fn each_address(&mut self, each: Each<'_>) {
        each(self.broker_id, &mut self.host, &mut self.port);
    }
}

impl Addressed for Rejection {
    fn each_address(&mut self, each: Each<'_>) {
        if let Some(leader) = &mut self.leader {
            each(leader.broker_id, &mut leader.host, &mut leader.port);
        }
    }
}

impl<T: Addressed> Addressed for Result<Reply<T>, Rejection> {
    fn each_address(&mut self, each: Each<'_>) {
        match self {
            Ok(reply) => reply.body.each_address(each),
            Err(rejection) => rejection.each_address(each),
        }
    }
}

impl Addressed for FindCoordinatorReply {
    fn each_address(&mut self, each: Each<'_>) {
        each(self.broker_id, &mut self.host, &mut self.port);
    }
}

impl Addressed for DescribeGroupsReply {
    fn each_address(&mut self, each: Each<'_>) {
        in_refusals(self.groups.iter_mut().filter_map(|group| group.as_mut().err()), each);
    }
}

impl Addressed for DeleteGroupsReply {
    fn each_address(&mut self, each: Each<'_>) {
        in_refusals(self.results.iter_mut().filter_map(|result| result.as_mut().err()), each);
    }
}

impl Addressed for MetadataReply {
    fn each_address(&mut self, each: Each<'_>) {
        self.brokers.iter_mut().for_each(|broker| broker.each_address(each));
        in_refusals(self.topics.iter_mut().filter_map(|topic| Some(&mut topic.as_mut().err()?.1)), each);
    }
}

impl Addressed for StatusReply {
    fn each_address(&mut self, each: Each<'_>) {
        self.brokers.iter_mut().for_each(|known| known.broker.each_address(each));
    }
}

impl Addressed for SubscriptionEvent {
    fn each_address(&mut self, each: Each<'_>) {
        match self {
            Self::Metadata(news) => news.each_address(each),
            Self::Alive => {}
        }
    }
}

impl Addressed for ProduceReply {
    fn each_address(&mut self, each: Each<'_>) {
        let refused = self.partitions.iter_mut().filter_map(|produced| produced.as_mut().err());
        in_refusals(refused.map(|refused| &mut refused.rejection), each);
    }
}

impl<R> Addressed for FetchReply<R> {
    fn each_address(&mut self, each: Each<'_>) {
        in_refusals(self.partitions.iter_mut().filter_map(|fetched| fetched.records.as_mut().err()), each);
    }
}

impl Addressed for ListOffsetsReply {
    fn each_address(&mut self, each: Each<'_>) {
        let refused = self.partitions.iter_mut().filter_map(|listed| listed.as_mut().err());
        in_refusals(refused.map(|refused| &mut refused.rejection), each);
    }
}

impl Addressed for DeleteRecordsReply {
    fn each_address(&mut self, each: Each<'_>) {
        let refused =
            self.partitions.iter_mut().filter_map(|deleted| deleted.log_start_offset.as_mut().err());
        in_refusals(refused, each);
    }
}

fn in_refusals<'a>(rejections: impl Iterator<Item = &'a mut Rejection>, each: Each<'_>) {
    rejections.for_each(|rejection| rejection.each_address(each));
}

/// Answers about no partition that has a leader, in which nobody's address can stand.
macro_rules! without_addresses {
    ($($answer:ty),* $(,)?) => {$(
        impl Addressed for $answer {
            fn each_address(&mut self, _each: Each<'_>) {}
        }
    )*};
}

without_addresses!(
    AlterConfigsReply,
    ConsumerGroupHeartbeatReply,
    CreatePartitionsReply,
    CreateTopicsReply,
    DeleteTopicsReply,
    DescribeConfigsReply,
    Done,
    ElectLeadersReply,
    GroupStreamReply,
    HelloReply,
    InitProducerIdReply,
    ListGroupsReply,
    OffsetCommitReply,
    OffsetDeleteReply,
    OffsetFetchReply,
    RegisterReply,
);
