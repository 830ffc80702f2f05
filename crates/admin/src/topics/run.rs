//! The actions but for elections and what is only shown. Each item is done or refused by itself; any refusal makes the exit code 1.

use std::io::IsTerminal;
use std::time::Duration;

use serde::Serialize;
use yak_cli::suggest::nearest;
use yak_cli::{Exit, Failure, Session};
use yak_client::{Admin, ClientError, Cluster};
use yak_model::api::{
    AlterConfigs, ConfigAlteration, CreatePartitions, CreateTopic, CreateTopics, CreatedTopic, DeleteTopics,
    Rejection, TopicMetadata,
};
use yak_model::config::{topic_key, validate_topic_config};
use yak_model::metadata::ConfigResource;
use yak_model::{ErrorCode, TopicName};

use super::action::Action;
use super::args::TopicsArgs;
use super::{connect, elect, show};

/// Runs yak-topics.
pub(super) async fn run(args: TopicsArgs, session: Session) -> Result<Exit, Failure> {
    let action = args.action()?;
    let topics = args.topics()?;
    check_configs(&args, &session)?;
    let (mut config, warning) = connect::plan(&args)?;
    if let Some(warning) = warning {
        session.console.warning(&warning);
    }
    if let Some(zookeepers) = connect::zookeeper(&args) {
        let asked = connect::brokers_of(zookeepers, &config);
        config.bootstrap = session.interrupt.unless_raised(asked).await?;
        session.console.note(&connect::note(&config));
    }
    let timeout = u32::try_from(config.request_timeout.as_millis()).unwrap_or(u32::MAX);
    let cluster = session.interrupt.unless_raised(Cluster::connect(config)).await?;
    let tool = Tool { admin: Admin::new(&cluster), session: session.clone(), args, timeout_ms: timeout };
    match action {
        Action::List | Action::Describe => show::run(&tool, action, &topics).await,
        Action::Create => session.interrupt.unless_raised(tool.create(&topics)).await,
        Action::Alter => session.interrupt.unless_raised(tool.alter(&topics)).await,
        Action::Delete => session.interrupt.unless_raised(tool.delete(&topics)).await,
        Action::ElectPreferred | Action::ElectUnclean => {
            session.interrupt.unless_raised(elect::run(&tool, action, &topics)).await
        }
    }
}

/// Unknown keys and bad values are refused before anything is asked; keys without effect are warned about.
fn check_configs(args: &TopicsArgs, session: &Session) -> Result<(), Failure> {
    for (key, value) in &args.what.config {
        validate_topic_config(key, value).map_err(|problem| Failure::usage(format!("--config {problem}")))?;
        if let Some(warning) = topic_key(key).and_then(yak_model::config::ConfigKey::warning) {
            session.console.warning(&warning);
        }
    }
    for key in &args.what.delete_config {
        if topic_key(key).is_none() {
            let known = yak_model::config::TOPIC_KEYS.iter().map(|key| key.name);
            return Err(Failure::usage(format!("--delete-config {key}: unknown key"))
                .maybe_hint(yak_cli::suggest::did_you_mean(key, known)));
        }
    }
    Ok(())
}

/// A topic that was created, as one line of `--create --json` has it.
#[derive(Serialize)]
struct JsonCreated<'a> {
    created: &'a str,
    topic_id: String,
    partition_count: i32,
    replication_factor: i16,
}

/// What every action needs.
pub(crate) struct Tool {
    pub(crate) admin: Admin,
    pub(crate) session: Session,
    pub(crate) args: TopicsArgs,
    pub(super) timeout_ms: u32,
}

impl Tool {
    async fn create(&self, topics: &[TopicName]) -> Result<Exit, Failure> {
        let what = &self.args.what;
        let one = |name: &TopicName| CreateTopic {
            name: name.to_string(),
            partitions: what.partitions,
            replication_factor: what.replication_factor,
            assignment: what.replica_assignment.clone().map(|assignment| assignment.0),
            configs: what.config.iter().cloned().collect(),
        };
        let request = CreateTopics {
            topics: topics.iter().map(one).collect(),
            validate_only: false,
            timeout_ms: self.timeout_ms,
        };
        let mut exit = Exit::Done;
        let reply = match self.admin.create_topics(&request).await {
            // A request for one topic is refused whole.
            Err(error) if error.code() == ErrorCode::TopicAlreadyExists && what.if_not_exists => {
                return Ok(exit);
            }
            reply => reply?,
        };
        for result in reply.topics {
            match result {
                Ok(created) => self.created(&created)?,
                Err((_, refused)) if refused.code == ErrorCode::TopicAlreadyExists && what.if_not_exists => {}
                Err((_, refused)) => exit = self.refuse(&refused, create_hint(refused.code)),
            }
        }
        Ok(exit)
    }

    fn created(&self, topic: &CreatedTopic) -> Result<(), Failure> {
        let line = if self.args.output.json {
            show::to_line(&JsonCreated {
                created: topic.name.as_str(),
                topic_id: topic.topic_id.to_string(),
                partition_count: topic.partitions,
                replication_factor: topic.replication_factor,
            })
        } else {
            // Kafka's words.
            format!("Created topic {}.", topic.name)
        };
        self.print(&line)?;
        if let Some(similar) = &topic.similar {
            self.session.console.note(&format!("there is a topic '{similar}' too; was that one meant?"));
        }
        Ok(())
    }

    async fn alter(&self, topics: &[TopicName]) -> Result<Exit, Failure> {
        let what = &self.args.what;
        if what.partitions.is_none() && what.config.is_empty() && what.delete_config.is_empty() {
            return Err(Failure::usage("--alter needs --partitions, --config or --delete-config"));
        }
        let mut exit = Exit::Done;
        for topic in topics {
            let done = match self.lookup(topic).await {
                Ok(Some(_)) => self.alter_one(topic).await,
                Ok(None) => Ok(()),
                Err(failure) => Err(failure),
            };
            if let Err(failure) = done {
                self.session.console.failure(&failure);
                exit = Exit::Failed;
            }
        }
        Ok(exit)
    }

    async fn alter_one(&self, topic: &TopicName) -> Result<(), Failure> {
        let what = &self.args.what;
        if let Some(total) = what.partitions {
            let request = CreatePartitions {
                topic: topic.clone(),
                total,
                assignment: None,
                validate_only: false,
                timeout_ms: self.timeout_ms,
            };
            let reply = self.admin.create_partitions(&request).await?;
            self.session.console.note(&format!("topic '{}' has {} partitions now", reply.topic, reply.total));
        }
        let set = what.config.iter().map(|(key, value)| ConfigAlteration::set(key, value));
        let alterations: Vec<_> = set.chain(what.delete_config.iter().map(ConfigAlteration::unset)).collect();
        if alterations.is_empty() {
            return Ok(());
        }
        let resources = vec![(ConfigResource::Topic(topic.clone()), alterations)];
        let reply = self.admin.alter_configs(&AlterConfigs { resources, ..AlterConfigs::default() }).await?;
        for altered in reply.resources {
            altered.result.map_err(|refused| Failure::rejected(&refused))?;
        }
        self.session.console.note(&format!("changed the configuration of topic '{topic}'"));
        Ok(())
    }

    async fn delete(&self, topics: &[TopicName]) -> Result<Exit, Failure> {
        let mut exit = Exit::Done;
        let mut wanted = Vec::new();
        for topic in topics {
            match self.lookup(topic).await {
                Ok(Some(found)) if self.confirm_delete(&found).await => wanted.push(found.name),
                Ok(Some(found)) => {
                    self.session.console.note(&format!("topic '{}' was not deleted", found.name));
                    exit = Exit::Failed;
                }
                Ok(None) => {}
                Err(failure) => {
                    self.session.console.failure(&failure);
                    exit = Exit::Failed;
                }
            }
        }
        if wanted.is_empty() {
            return Ok(exit);
        }
        let request = DeleteTopics { topics: wanted, timeout_ms: self.timeout_ms, ..DeleteTopics::default() };
        for result in self.admin.delete_topics(&request).await?.topics {
            match result {
                Ok(topic) => self.session.console.note(&format!("deleted topic '{topic}'")),
                Err((_, refused))
                    if refused.code == ErrorCode::UnknownTopicOrPartition && self.args.what.if_exists => {}
                Err((_, refused)) => exit = self.refuse(&refused, None),
            }
        }
        Ok(exit)
    }

    async fn confirm_delete(&self, topic: &TopicMetadata) -> bool {
        let partitions = yak_cli::human::counted(topic.partitions.len() as u64, "partition");
        self.confirm(&format!("delete topic '{}' ({partitions}) and all its records?", topic.name)).await
    }

    /// Asks, if there is somebody to ask.
    pub(super) async fn confirm(&self, question: &str) -> bool {
        let console = &self.session.console;
        if self.args.what.yes || !std::io::stdin().is_terminal() || !console.is_watched() {
            return true;
        }
        console.prompt(&format!("{question} [y/N] "));
        let answer = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).map(|_| line).unwrap_or_default()
        });
        let answer = answer.await.unwrap_or_default();
        matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }

    /// A topic that is named; `None` if it does not exist and that is no error.
    pub(super) async fn lookup(&self, topic: &TopicName) -> Result<Option<TopicMetadata>, Failure> {
        let reply = self.admin.metadata(Some(vec![topic.clone()])).await?;
        match reply.topics.into_iter().next() {
            Some(Ok(found)) => Ok(Some(found)),
            Some(Err((_, refused))) if refused.code != ErrorCode::UnknownTopicOrPartition => {
                Err(Failure::rejected(&refused))
            }
            _ if self.args.what.if_exists => Ok(None),
            _ => Err(self.missing(topic).await),
        }
    }

    /// That a topic does not exist, with a name that may have been meant.
    pub(crate) async fn missing(&self, topic: &TopicName) -> Failure {
        let all = self.admin.metadata(None).await.map(|reply| reply.topics).unwrap_or_default();
        let names: Vec<TopicName> = all.into_iter().flatten().map(|found| found.name).collect();
        let near = nearest(topic.as_str(), names.iter().map(TopicName::as_str));
        let similar = near.and_then(|near| near.parse().ok());
        let mut failure = Failure::from(ClientError::UnknownTopic { topic: topic.clone(), similar });
        if self.args.action.delete {
            // Whoever deletes does not want to be told how to create.
            failure.hint = near.map(|near| format!("did you mean '{near}'?"));
        }
        failure
    }

    pub(super) fn refuse(&self, refused: &Rejection, hint: Option<String>) -> Exit {
        self.session.console.failure(&Failure::rejected(refused).maybe_hint(hint));
        Exit::Failed
    }

    /// One line on stdout, at once.
    pub(super) fn print(&self, line: &str) -> Result<(), Failure> {
        let mut output = yak_cli::Output::stdout();
        let printed = output.line(line).and_then(|()| output.flush());
        printed.or_else(yak_cli::OutputError::into_result)
    }
}

fn create_hint(code: ErrorCode) -> Option<String> {
    match code {
        ErrorCode::TopicAlreadyExists => Some("--if-not-exists makes that no error".to_owned()),
        ErrorCode::InvalidReplicationFactor => {
            Some("see which brokers are alive with `yak-status`".to_owned())
        }
        _ => None,
    }
}

/// How long between two screens of `--watch`.
pub(crate) const fn interval(args: &TopicsArgs) -> Option<Duration> {
    args.shown.watch
}
