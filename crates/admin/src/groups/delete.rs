//! `--delete` and `--delete-offsets`: each item is done or refused by itself.

use serde::Serialize;
use yak_cli::text::one_line;
use yak_cli::{Exit, Failure};
use yak_model::api::Rejection;
use yak_model::{GroupId, PartitionIndex, TopicName};

use super::run::Tool;
use super::scope::Scope;
use super::table::Table;

#[derive(Serialize)]
struct JsonDeleted<'a> {
    deleted: &'a str,
}

#[derive(Serialize)]
struct JsonForgotten<'a> {
    group: &'a str,
    topic: &'a str,
    partition: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

impl Tool {
    /// Deletes groups.
    pub(super) async fn delete(&self, groups: &[GroupId]) -> Result<Exit, Failure> {
        let mut exit = Exit::Done;
        for group in groups {
            match self.admin.delete_group(group).await {
                Ok(()) if self.args.output.json => {
                    let deleted = JsonDeleted { deleted: group.as_str() };
                    self.print(&serde_json::to_string(&deleted).expect("a text is always serializable"))?;
                }
                // Kafka's words.
                Ok(()) => {
                    let words = format!("Deletion of requested consumer groups ('{group}') was successful.");
                    self.print(&one_line(&words))?;
                }
                Err(error) => {
                    let failure = self.about(group, error).await;
                    self.session.console.failure(&failure.at(format_args!("group '{group}' is not deleted")));
                    exit = Exit::Failed;
                }
            }
        }
        Ok(exit)
    }

    /// Forgets what groups have committed.
    pub(super) async fn delete_offsets(&self, groups: &[GroupId]) -> Result<Exit, Failure> {
        let mut exit = Exit::Done;
        for group in groups {
            let partitions = match self.committed_in(group, &self.args.what.topic).await {
                Ok(partitions) => partitions,
                Err(failure) => {
                    self.session.console.failure(&failure);
                    exit = Exit::Failed;
                    continue;
                }
            };
            let results = match self.admin.delete_offsets(group, partitions.clone()).await {
                Ok(results) => results,
                Err(yak_client::ClientError::Rejected(rejection)) => {
                    partitions.iter().map(|_| Err(rejection.clone())).collect()
                }
                Err(error) => return Err(error.into()),
            };
            self.show_forgotten(group, &partitions, &results)?;
            if let Some(Err(refused)) = results.iter().find(|result| result.is_err()) {
                self.session.console.failure(&Failure::rejected(refused).at(format_args!("group '{group}'")));
                exit = Exit::Failed;
            }
        }
        Ok(exit)
    }

    /// The partitions in some scopes of which the group has committed something.
    async fn committed_in(
        &self,
        group: &GroupId,
        scopes: &[Scope],
    ) -> Result<Vec<(TopicName, PartitionIndex)>, Failure> {
        if let Err(error) = self.admin.describe_group(group).await {
            return Err(self.about(group, error).await);
        }
        let committed = self.admin.committed_offsets(group).await?;
        let is_meant =
            |topic: &TopicName, partition| scopes.iter().any(|scope| scope.contains(topic, partition));
        let meant: Vec<_> = committed
            .into_iter()
            .filter(|fetched| fetched.committed.is_some() && is_meant(&fetched.topic, fetched.partition))
            .map(|fetched| (fetched.topic, fetched.partition))
            .collect();
        if meant.is_empty() {
            let message = format!("group '{group}' has committed nothing there");
            return Err(Failure::new(yak_model::ErrorCode::UnknownTopicOrPartition, message)
                .hint(format!("see what it has with `yak-groups --describe --group {group}`")));
        }
        Ok(meant)
    }

    fn show_forgotten(
        &self,
        group: &GroupId,
        partitions: &[(TopicName, PartitionIndex)],
        results: &[Result<(), Rejection>],
    ) -> Result<(), Failure> {
        let error = |result: &Result<(), Rejection>| result.as_ref().err().map(|refused| refused.code.name());
        if self.args.output.json {
            for ((topic, partition), result) in partitions.iter().zip(results) {
                let forgotten = JsonForgotten {
                    group: group.as_str(),
                    topic: topic.as_str(),
                    partition: partition.get(),
                    error: error(result),
                };
                self.print(&serde_json::to_string(&forgotten).expect("texts are always serializable"))?;
            }
            return Ok(());
        }
        let mut table = Table::new(&[("TOPIC", 30), ("PARTITION", 15), ("STATUS", 0)]);
        for ((topic, partition), result) in partitions.iter().zip(results) {
            let status =
                error(result).map_or_else(|| "Successful".to_owned(), |code| format!("Error: {code}"));
            table.row(vec![topic.to_string(), partition.to_string(), status]);
        }
        self.print(table.render().trim_end())
    }
}
