//! What people do to a cluster at any time: none of it is a fault.

use yak_core::controller::{Command, CreateTopics};
use yak_model::api::{
    self, AlterConfigs, ConfigAlteration, CreatePartitions, CreateTopic, DeleteTopics, ElectLeaders,
    ElectionKind, TopicDefaults,
};
use yak_model::metadata::ConfigResource;
use yak_model::{BrokerId, TopicId, TopicName};

use super::{EXCUSE_US, End, Kind};
use crate::message::Message;
use crate::net::Node;
use crate::sim::Sim;

impl Sim {
    /// Whether it was done.
    pub(super) fn act(&mut self, kind: Kind, broker: usize) -> bool {
        match kind {
            Kind::ShutDown => self.shut_down(broker),
            Kind::Preferred => {
                let kind = ElectionKind::Preferred;
                self.admin(ElectLeaders { kind, partitions: None, timeout_ms: 0 }.into());
                true
            }
            other => self.administer(other).is_some(),
        }
    }

    fn shut_down(&mut self, broker: usize) -> bool {
        if !self.brokers[broker].runs() {
            return false;
        }
        self.brokers[broker].shut_down(&mut self.world);
        let later = 1_600_000 + self.world.random.within(200_000, 2_800_000);
        self.nemesis.excuse(broker, self.world.now_us + later + EXCUSE_US);
        self.nemesis.plan(&mut self.world, later, End::Start(broker));
        true
    }

    fn administer(&mut self, kind: Kind) -> Option<()> {
        let image = self.zookeeper.durable_image();
        let topics: Vec<TopicName> = image.topics().map(|topic| topic.name().clone()).collect();
        let topic = self.world.random.pick(&topics).cloned();
        match kind {
            Kind::CreateTopic if topics.len() < 6 => self.create_topic(),
            Kind::DeleteTopic if topics.len() > 2 => {
                let command = DeleteTopics { topics: vec![topic?], ..Default::default() };
                self.admin(command.into());
            }
            Kind::AddPartitions => {
                let topic = topic?;
                let total = image.topic(&topic)?.partition_count() + 1;
                if total > 3 {
                    return None;
                }
                let command =
                    CreatePartitions { topic, total, assignment: None, validate_only: false, timeout_ms: 0 };
                self.admin(command.into());
            }
            Kind::MinIsr => {
                let value = self.world.random.within(1, 4).to_string();
                let alteration = ConfigAlteration::set("min.insync.replicas", value);
                let resources = vec![(ConfigResource::Topic(topic?), vec![alteration])];
                self.admin(AlterConfigs { resources, ..AlterConfigs::default() }.into());
            }
            _ => return None,
        }
        Some(())
    }

    /// Creates a topic of a kind by chance.
    pub fn create_topic(&mut self) {
        let (factor, min) =
            *self.world.random.pick(&[(3, 2), (3, 2), (3, 2), (2, 1), (1, 1)]).unwrap_or(&(3, 2));
        let flush = if self.world.random.chance(60) { "sync" } else { "os" };
        let partitions = i32::try_from(self.world.random.within(1, 3)).unwrap_or(1);
        self.create((factor, min), flush, partitions);
    }

    /// Creates a topic.
    pub fn create(&mut self, (factor, min): (i16, u16), flush: &str, partitions: i32) {
        let name = format!("t{}", self.world.number());
        let configs = [("min.insync.replicas", min.to_string()), ("flush", flush.to_owned())];
        let topic = CreateTopic {
            name,
            partitions: Some(partitions),
            replication_factor: Some(factor),
            assignment: None,
            configs: configs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        };
        let request = api::CreateTopics { topics: vec![topic], validate_only: false, timeout_ms: 0 };
        let topic_ids = vec![TopicId::from_random(self.world.random.id())];
        let defaults = TopicDefaults { partitions: 1, replication_factor: 3, min_insync_replicas: 1 };
        self.admin(CreateTopics { request, topic_ids, defaults, on_first_use: false }.into());
    }

    /// Has the controller do something.
    pub fn admin(&mut self, command: Command) {
        let connection = self.world.connect(Node::Admin, Node::Zookeeper);
        self.world.send(connection, Node::Admin, Message::Admin(Box::new(command)));
        self.world.close(connection, Node::Admin);
    }

    /// A broker's number.
    #[must_use]
    pub fn number_of(id: BrokerId) -> usize {
        usize::try_from(id.get() - 1).unwrap_or(usize::MAX)
    }
}
