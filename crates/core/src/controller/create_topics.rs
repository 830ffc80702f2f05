//! Create topics: names, partitions, replicas and configuration, each topic by itself.

use std::collections::{BTreeMap, BTreeSet};

use yak_model::api::{self, CreateTopic, CreatedTopic, Rejection, TopicDefaults};
use yak_model::config::validate_topic_config;
use yak_model::limits::{MAX_CONFIG_VALUE_LEN, MAX_LABEL_LEN, MAX_PARTITIONS_PER_TOPIC};
use yak_model::metadata::{ConfigResource, MetadataRecord};
use yak_model::{ErrorCode, TopicId, TopicName};

use super::Draft;
use super::command::Decide;
use super::new_partitions::{NewPartitions, assigned, placed};
use super::placement::Placement;
use crate::image::{FLUSH, MIN_INSYNC_REPLICAS};

/// Creates topics. Each is created or refused by itself; what is created is created together.
///
/// A topic that exists is `TOPIC_ALREADY_EXISTS`, which whoever creates topics on first use takes for success.
#[derive(Clone, Debug)]
pub struct CreateTopics {
    /// What to create.
    pub request: api::CreateTopics,
    /// A random id for each topic of the request, in order.
    pub topic_ids: Vec<TopicId>,
    /// What the asking broker's configuration says about topics that leave it open.
    pub defaults: TopicDefaults,
    /// A topic was needed that did not exist: for the cause in the journal, and because internal topics are created in no
    /// other way.
    pub on_first_use: bool,
}

impl Decide for CreateTopics {
    type Reply = Vec<Result<CreatedTopic, Rejection>>;

    fn decide(self, draft: &mut Draft<'_>) -> Result<Self::Reply, Rejection> {
        let Self { request, topic_ids, defaults, on_first_use } = self;
        assert_eq!(request.topics.len(), topic_ids.len(), "one id for each topic");
        refuse_too_many(&request, &defaults)?;
        let mut creator = Creator {
            placement: Placement::new(draft.image()),
            defaults,
            twice: named_twice(&request),
            on_first_use,
        };
        let mut results = Vec::with_capacity(topic_ids.len());
        for (topic, topic_id) in request.topics.into_iter().zip(topic_ids) {
            let created = creator.create(draft, topic, topic_id);
            if let Ok(created) = &created {
                let why = if on_first_use { "on first use" } else { "on request" };
                draft.because(format!("topic {} created {why}", created.name));
            }
            results.push(created);
        }
        if request.validate_only {
            draft.discard();
            for created in results.iter_mut().flatten() {
                created.topic_id = TopicId::default();
            }
        }
        Ok(results)
    }
}

/// Names that stand more than once in the request: none of them is created, as in Kafka.
fn named_twice(request: &api::CreateTopics) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let names = request.topics.iter().map(|topic| topic.name.as_str());
    names.filter(|name| !seen.insert(*name)).map(str::to_owned).collect()
}

/// Bounds what one request may create in all.
fn refuse_too_many(request: &api::CreateTopics, defaults: &TopicDefaults) -> Result<(), Rejection> {
    let count = |topic: &CreateTopic| match &topic.assignment {
        Some(assignment) => i64::try_from(assignment.len()).unwrap_or(i64::MAX),
        None => i64::from(topic.partitions.unwrap_or(defaults.partitions).max(0)),
    };
    let total = request.topics.iter().map(count).fold(0, i64::saturating_add);
    if total > i64::from(MAX_PARTITIONS_PER_TOPIC) {
        let message = format!(
            "one request creates at most {MAX_PARTITIONS_PER_TOPIC} partitions, this one asks for {total}"
        );
        return Err(Rejection::new(ErrorCode::PolicyViolation, message));
    }
    Ok(())
}

struct Creator {
    placement: Placement,
    defaults: TopicDefaults,
    twice: BTreeSet<String>,
    on_first_use: bool,
}

impl Creator {
    fn create(
        &mut self,
        draft: &mut Draft<'_>,
        topic: CreateTopic,
        topic_id: TopicId,
    ) -> Result<CreatedTopic, Rejection> {
        let name = self.name(draft, &topic.name)?;
        let configs = self.configs(draft, topic.configs.clone())?;
        let partitions = self.partitions(draft, &topic)?;
        let similar = draft.image().similar_topic(name.as_str()).cloned();
        let created = CreatedTopic {
            name: name.clone(),
            topic_id,
            partitions: i32::try_from(partitions.replicas.len()).expect("bounded above"),
            replication_factor: i16::try_from(partitions.wanted).unwrap_or(i16::MAX),
            similar,
        };
        draft.push(MetadataRecord::TopicCreated { name: name.clone(), topic_id });
        for (key, value) in configs {
            let resource = ConfigResource::Topic(name.clone());
            draft.push(MetadataRecord::Config { resource, key, value: Some(value) });
        }
        partitions.push(draft, &name, topic_id, 0);
        Ok(created)
    }

    fn name(&self, draft: &Draft<'_>, name: &str) -> Result<TopicName, Rejection> {
        if self.twice.contains(name) {
            let message = format!("topic '{name}' stands in the request more than once");
            return Err(Rejection::new(ErrorCode::InvalidRequest, message));
        }
        let invalid = |message: String| Rejection::new(ErrorCode::InvalidTopicException, message);
        let name: TopicName = name.parse().map_err(|why| invalid(format!("{why}")))?;
        if name.is_internal() && !self.on_first_use {
            return Err(invalid(format!("topic '{name}' is internal: the cluster creates it itself")));
        }
        if draft.image().topic(&name).is_some() {
            let message = format!("topic '{name}' already exists");
            return Err(Rejection::new(ErrorCode::TopicAlreadyExists, message));
        }
        match draft.image().colliding_topic(&name) {
            None => Ok(name),
            Some(other) => Err(invalid(format!(
                "topic '{name}' collides with existing topic '{other}': '.' and '_' count as the same"
            ))),
        }
    }

    /// The topic's own configuration, checked, with what is decided at creation made explicit.
    fn configs(
        &self,
        draft: &Draft<'_>,
        mut configs: BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Rejection> {
        for (key, value) in &configs {
            check_config(key, value)?;
        }
        configs.entry(FLUSH.to_owned()).or_insert_with(|| draft.config.flush.name().to_owned());
        if self.defaults.min_insync_replicas > 1 {
            let default = self.defaults.min_insync_replicas;
            configs.entry(MIN_INSYNC_REPLICAS.to_owned()).or_insert_with(|| default.to_string());
        }
        Ok(configs)
    }

    fn partitions(&mut self, draft: &Draft<'_>, topic: &CreateTopic) -> Result<NewPartitions, Rejection> {
        if let Some(assignment) = &topic.assignment {
            return self.by_hand(draft, topic, assignment);
        }
        let count = topic.partitions.unwrap_or(self.defaults.partitions);
        let Some(count) = usize::try_from(count).ok().filter(|count| *count > 0) else {
            let message = format!("a topic has at least 1 partition, not {count}");
            return Err(Rejection::new(ErrorCode::InvalidPartitions, message));
        };
        let wanted = match topic.replication_factor {
            None => self.defaults.replication_factor.max(1),
            Some(factor) => self.explicit_factor(factor)?,
        };
        placed(&mut self.placement, count, wanted)
    }

    fn explicit_factor(&self, factor: i16) -> Result<u16, Rejection> {
        let live = self.placement.live();
        let message = match u16::try_from(factor) {
            Err(_) | Ok(0) => format!("the replication factor is at least 1, not {factor}"),
            Ok(factor) if usize::from(factor) <= live => return Ok(factor),
            Ok(_) => format!("replication factor {factor} is larger than the {live} live broker(s)"),
        };
        Err(Rejection::new(ErrorCode::InvalidReplicationFactor, message))
    }

    fn by_hand(
        &mut self,
        draft: &Draft<'_>,
        topic: &CreateTopic,
        assignment: &[Vec<yak_model::BrokerId>],
    ) -> Result<NewPartitions, Rejection> {
        if topic.partitions.is_some() || topic.replication_factor.is_some() {
            let message = "an assignment excludes a number of partitions and a replication factor";
            return Err(Rejection::new(ErrorCode::InvalidRequest, message));
        }
        if assignment.is_empty() {
            let message = "an assignment names the replicas of at least 1 partition";
            return Err(Rejection::new(ErrorCode::InvalidReplicaAssignment, message));
        }
        let partitions = assigned(draft.image(), assignment)?;
        assignment.iter().for_each(|replicas| self.placement.count(replicas));
        Ok(partitions)
    }
}

/// Checks one topic-level key and value.
pub(super) fn check_config(key: &str, value: &str) -> Result<(), Rejection> {
    check_length(key, value)?;
    validate_topic_config(key, value)
        .map_err(|problem| Rejection::new(ErrorCode::InvalidConfig, problem.to_string()))
}

/// Checks that a key and a value may stand in the journal.
pub(super) fn check_length(key: &str, value: &str) -> Result<(), Rejection> {
    let message = if key.len() > MAX_LABEL_LEN {
        format!("a key has at most {MAX_LABEL_LEN} bytes, not {}", key.len())
    } else if value.len() > MAX_CONFIG_VALUE_LEN {
        format!("{key}: a value has at most {MAX_CONFIG_VALUE_LEN} bytes, not {}", value.len())
    } else {
        return Ok(());
    };
    Err(Rejection::new(ErrorCode::InvalidConfig, message))
}
