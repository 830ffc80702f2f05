//! `--elect-preferred` and `--elect-unclean`.

use serde::Serialize;
use yak_cli::{Exit, Failure};
use yak_model::api::{ElectLeaders, ElectionKind, TopicMetadata};
use yak_model::{ErrorCode, TopicName, TopicPartition};

use super::action::Action;
use super::run::Tool;
use super::show::to_line;

/// Partitions that a question names.
const NAMED: usize = 5;

/// A partition that has a new leader, as one line of `--json` has it.
#[derive(Serialize)]
struct JsonElected<'a> {
    topic: &'a str,
    partition: i32,
    leader: i32,
    election: &'static str,
}

/// Has leaders elected, of the partitions that are named or of all, and says of each who leads now. A partition that needs
/// no election is no failure.
pub(super) async fn run(tool: &Tool, action: Action, topics: &[TopicName]) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    let mut partitions = named(tool, topics, &mut exit).await?;
    if action == Action::ElectUnclean {
        partitions = Some(leaderless(tool, partitions).await?);
    }
    let console = &tool.session.console;
    if let Some(partitions) = partitions.as_ref().filter(|_| action == Action::ElectUnclean) {
        if partitions.is_empty() {
            console.note("every partition that was asked for has a leader");
            return Ok(exit);
        }
        let question = format!(
            "elect any live replica of {} as leader? Records that it lacks are lost.",
            some(partitions)
        );
        if !tool.confirm(&question).await {
            console.note("no leader was elected");
            return Ok(Exit::Failed);
        }
    }
    if partitions.as_ref().is_some_and(Vec::is_empty) {
        return Ok(exit);
    }
    let kind = kind(action);
    let request = ElectLeaders { kind, partitions, timeout_ms: tool.timeout_ms };
    let reply = tool.admin.elect_leaders(&request).await?;
    if reply.partitions.is_empty() {
        console.note("every partition is led by its preferred leader already");
    }
    for (partition, result) in reply.partitions {
        match result {
            Ok(leader) => {
                let line = if tool.args.output.json {
                    to_line(&JsonElected {
                        topic: partition.topic.as_str(),
                        partition: partition.partition.get(),
                        leader: leader.get(),
                        election: name(kind),
                    })
                } else {
                    format!("{partition}: leader {leader} ({} election)", name(kind))
                };
                tool.print(&line)?;
                if kind == ElectionKind::Unclean {
                    console
                        .warning(&format!("{partition}: records that broker {leader} did not have are lost"));
                }
            }
            Err(refused) if refused.code == ErrorCode::ElectionNotNeeded => console.note(&refused.message),
            Err(refused) => exit = tool.refuse(&refused, hint(refused.code)),
        }
    }
    Ok(exit)
}

const fn kind(action: Action) -> ElectionKind {
    match action {
        Action::ElectUnclean => ElectionKind::Unclean,
        _ => ElectionKind::Preferred,
    }
}

const fn name(kind: ElectionKind) -> &'static str {
    match kind {
        ElectionKind::Preferred => "preferred",
        ElectionKind::Unclean => "unclean",
    }
}

/// The partitions of the topics that are named; `None` if none is, which means all.
async fn named(
    tool: &Tool,
    topics: &[TopicName],
    exit: &mut Exit,
) -> Result<Option<Vec<TopicPartition>>, Failure> {
    if topics.is_empty() {
        return Ok(None);
    }
    let wanted = &tool.args.what.partition;
    let mut partitions = Vec::new();
    for topic in topics {
        match tool.lookup(topic).await {
            Ok(Some(_)) if !wanted.is_empty() => {
                partitions
                    .extend(wanted.iter().map(|partition| TopicPartition::new(topic.clone(), *partition)));
            }
            Ok(found) => partitions.extend(found.iter().flat_map(all)),
            Err(failure) => {
                tool.session.console.failure(&failure);
                *exit = Exit::Failed;
            }
        }
    }
    Ok(Some(partitions))
}

/// Those of the partitions, or of all, that nobody leads, and those that do not exist, which are refused by name.
async fn leaderless(tool: &Tool, named: Option<Vec<TopicPartition>>) -> Result<Vec<TopicPartition>, Failure> {
    let topics: Vec<TopicMetadata> = tool.admin.metadata(None).await?.topics.into_iter().flatten().collect();
    let leads = |partition: &TopicPartition| {
        let topic = topics.iter().find(|topic| topic.name == partition.topic);
        let found = topic
            .and_then(|topic| topic.partitions.iter().find(|found| found.partition == partition.partition));
        found.is_some_and(|found| found.leader.is_some())
    };
    let asked = named.unwrap_or_else(|| topics.iter().flat_map(all).collect());
    Ok(asked.into_iter().filter(|partition| !leads(partition)).collect())
}

fn all(topic: &TopicMetadata) -> Vec<TopicPartition> {
    let one = |partition| TopicPartition::new(topic.name.clone(), partition);
    topic.partitions.iter().map(|found| one(found.partition)).collect()
}

/// `orders-0, orders-1 and 7 more`.
fn some(partitions: &[TopicPartition]) -> String {
    let mut text = partitions.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if partitions.len() > NAMED {
        text.push_str(&format!(" and {} more", partitions.len() - NAMED));
    }
    text
}

fn hint(code: ErrorCode) -> Option<String> {
    match code {
        ErrorCode::PreferredLeaderNotAvailable => {
            Some("it can lead once it is in the ISR; `yak-status` shows its lag".to_owned())
        }
        ErrorCode::EligibleLeadersNotAvailable => {
            Some("start one of its brokers; `yak-topics --describe` names them".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use yak_model::PartitionIndex;

    use super::*;

    #[test]
    fn a_question_names_the_first_partitions() {
        let partitions: Vec<_> = (0..7)
            .map(|number| TopicPartition::new("t".parse().unwrap(), PartitionIndex::new(number)))
            .collect();
        assert_eq!(some(&partitions[..2]), "t-0, t-1");
        assert_eq!(some(&partitions), "t-0, t-1, t-2, t-3, t-4 and 2 more");
    }
}
