//! `--list` and `--describe`, once or again and again.

use serde::Serialize;
use yak_cli::{Exit, Failure, Output};
use yak_model::api::{ConfigEntry, ConfigSource, DescribeConfigs, TopicMetadata};
use yak_model::metadata::ConfigResource;
use yak_model::{ErrorCode, TopicName};

use super::action::Action;
use super::describe::{Description, to_json, write_lines};
use super::run::{Tool, interval};
use crate::watch::{self, Screen};

/// Topics whose configuration is asked for at once.
const CONFIGS_AT_ONCE: usize = 1_000;

pub(super) async fn run(tool: &Tool, action: Action, topics: &[TopicName]) -> Result<Exit, Failure> {
    let mut output = Output::stdout();
    let screen = || async {
        match action {
            Action::List => list(tool).await,
            _ => describe(tool, topics).await,
        }
    };
    watch::run(&tool.session, (interval(&tool.args), !tool.args.output.json), &mut output, screen).await
}

/// A topic as one line of `--list --json` has it.
#[derive(Serialize)]
struct ListedTopic<'a> {
    topic: &'a str,
    topic_id: String,
    internal: bool,
    partition_count: usize,
}

/// One JSON object, without newline.
pub(super) fn to_line(object: &impl Serialize) -> String {
    serde_json::to_string(object).expect("texts, numbers and lists are always serializable")
}

/// The names of all topics, one a line.
async fn list(tool: &Tool) -> Result<Screen, Failure> {
    let mut screen = Screen::default();
    for topic in topics(tool, &[], &mut screen).await? {
        let line = if tool.args.output.json {
            to_line(&ListedTopic {
                topic: topic.name.as_str(),
                topic_id: topic.topic_id.to_string(),
                internal: topic.is_internal,
                partition_count: topic.partitions.len(),
            })
        } else {
            topic.name.to_string()
        };
        screen.text.push_str(&line);
        screen.text.push('\n');
    }
    Ok(screen)
}

async fn describe(tool: &Tool, names: &[TopicName]) -> Result<Screen, Failure> {
    let mut screen = Screen::default();
    let filter = tool.args.filter();
    let found = topics(tool, names, &mut screen).await?;
    for topics in found.chunks(CONFIGS_AT_ONCE) {
        let resources =
            topics.iter().map(|topic| (ConfigResource::Topic(topic.name.clone()), None)).collect();
        let reply = tool.admin.describe_configs(&DescribeConfigs { resources }).await?;
        for (topic, described) in topics.iter().zip(reply.resources) {
            // A topic that was deleted in between has no configuration any more.
            let entries = described.entries.unwrap_or_default();
            let description = description(topic.clone(), &entries);
            if tool.args.output.json {
                screen.text.extend(to_json(&description, filter).map(|topic| to_line(&topic) + "\n"));
            } else {
                write_lines(&description, filter, &mut screen.text);
            }
        }
    }
    Ok(screen)
}

fn description(topic: TopicMetadata, entries: &[ConfigEntry]) -> Description {
    let minimum = entries.iter().find(|entry| entry.key == "min.insync.replicas");
    let set = entries.iter().filter(|entry| entry.source != ConfigSource::Default);
    Description {
        topic,
        configs: set.map(|entry| (entry.key.clone(), entry.value.clone().unwrap_or_default())).collect(),
        min_in_sync_replicas: minimum.and_then(|entry| entry.value.as_deref()?.parse().ok()).unwrap_or(1),
    }
}

/// The topics that are named, or all, by name. Those that cannot be shown are failures of the screen.
async fn topics(
    tool: &Tool,
    names: &[TopicName],
    screen: &mut Screen,
) -> Result<Vec<TopicMetadata>, Failure> {
    let wanted = (!names.is_empty()).then(|| names.to_vec());
    let reply = tool.admin.metadata(wanted).await?;
    let mut found = Vec::new();
    for result in reply.topics {
        match result {
            Ok(topic) if topic.is_internal && tool.args.shown.exclude_internal => {}
            Ok(topic) => found.push(topic),
            Err((_, refused)) if refused.code != ErrorCode::UnknownTopicOrPartition => {
                screen.failures.push(Failure::rejected(&refused));
            }
            Err(_) if tool.args.what.if_exists => {}
            Err((name, _)) => screen.failures.push(tool.missing(&name).await),
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use yak_model::TopicId;
    use yak_model::api::ConfigType;

    use super::*;

    fn entry(key: &str, value: &str, source: ConfigSource) -> ConfigEntry {
        ConfigEntry {
            key: key.to_owned(),
            value: Some(value.to_owned()),
            source,
            config_type: ConfigType::Int,
            read_only: false,
            sensitive: false,
            synonyms: Vec::new(),
            documentation: "".into(),
        }
    }

    #[test]
    fn only_what_somebody_set_is_described() {
        let topic = TopicMetadata {
            name: "t".parse().unwrap(),
            topic_id: TopicId::default(),
            is_internal: false,
            created: false,
            similar: None,
            partitions: vec![],
        };
        let entries = [
            entry("min.insync.replicas", "2", ConfigSource::Default),
            entry("retention.ms", "1000", ConfigSource::Topic),
            entry("segment.bytes", "1024", ConfigSource::StaticBroker),
        ];
        let description = description(topic, &entries);
        let keys: Vec<_> = description.configs.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["retention.ms", "segment.bytes"]);
        assert_eq!(description.min_in_sync_replicas, 2);
    }
}
