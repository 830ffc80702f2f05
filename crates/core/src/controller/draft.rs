//! A decision in the making: the image as it will be, and the records that make it so.

use yak_model::api::Rejection;
use yak_model::metadata::{MetadataRecord, PartitionRecord};
use yak_model::{BrokerEpoch, BrokerId, ErrorCode, MetadataIndex, TopicName};

use super::ControllerConfig;
use crate::image::{Broker, Image, Topic};

/// From this length on a cause names no further ones.
const LONG_CAUSE: usize = 240;
const AND_MORE: &str = "; and more";

/// What a command has decided so far. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) config: &'a ControllerConfig,
    image: Image,
    records: Vec<MetadataRecord>,
    cause: String,
}

impl<'a> Draft<'a> {
    pub(super) fn new(config: &'a ControllerConfig, image: &Image) -> Self {
        Self { config, image: image.clone(), records: Vec::new(), cause: String::new() }
    }

    /// The image with the records so far.
    pub(super) fn image(&self) -> &Image {
        &self.image
    }

    /// The index that this command will have.
    pub(super) fn index(&self) -> MetadataIndex {
        self.image.index().next()
    }

    pub(super) fn has_records(&self) -> bool {
        !self.records.is_empty()
    }

    /// Adds a record.
    pub(super) fn push(&mut self, record: MetadataRecord) {
        self.image.apply(&record).expect("the controller decides only records that fit its image");
        self.records.push(record);
    }

    /// Adds a partition's new state, if it is one.
    pub(super) fn push_partition(&mut self, changed: Option<PartitionRecord>) {
        if let Some(partition) = changed {
            self.push(MetadataRecord::Partition(partition));
        }
    }

    /// Says why, for a person who reads the journal. Several causes stand side by side.
    pub(super) fn because(&mut self, cause: impl AsRef<str>) {
        match self.cause.len() {
            0 => self.cause.push_str(cause.as_ref()),
            1..LONG_CAUSE => {
                self.cause.push_str("; ");
                self.cause.push_str(cause.as_ref());
            }
            _ if self.cause.ends_with(AND_MORE) => {}
            _ => self.cause.push_str(AND_MORE),
        }
    }

    /// Forgets the records: the command only wanted to know.
    pub(super) fn discard(&mut self) {
        self.records.clear();
    }

    /// The broker under this very registration.
    pub(super) fn registered(&self, id: BrokerId, epoch: BrokerEpoch) -> Result<&Broker, Rejection> {
        let Some(broker) = self.image.broker(id) else {
            let message = format!("broker {id} is not registered");
            return Err(Rejection::new(ErrorCode::BrokerIdNotRegistered, message));
        };
        if broker.epoch() != epoch {
            let message = format!("broker {id} is registered with epoch {}, not {epoch}", broker.epoch());
            return Err(Rejection::new(ErrorCode::StaleBrokerEpoch, message));
        }
        Ok(broker)
    }

    /// A topic that must exist.
    pub(super) fn topic(&self, name: &TopicName) -> Result<&Topic, Rejection> {
        if let Some(topic) = self.image().topic(name) {
            return Ok(topic);
        }
        let message = match self.image().similar_topic(name.as_str()) {
            Some(similar) => format!("topic '{name}' does not exist; did you mean '{similar}'?"),
            None => format!("topic '{name}' does not exist"),
        };
        Err(Rejection::new(ErrorCode::UnknownTopicOrPartition, message))
    }

    /// The image, the records and the cause.
    pub(super) fn finish(self) -> (Image, Vec<MetadataRecord>, String) {
        (self.image, self.records, self.cause)
    }
}
