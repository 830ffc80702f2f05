//! `--reset-offsets`: what is to be committed is worked out and shown; with `--execute` it is committed, too.

mod bounds;
mod file;
mod plan;

use plan::{Form, Planned};
use serde::Serialize;
use yak_cli::{Exit, Failure};
use yak_model::api::OffsetCommitEntry;
use yak_model::{ErrorCode, GroupId, Offset, TopicPartition};

use super::run::Tool;
use super::table::Table;

#[derive(Serialize)]
struct JsonReset<'a> {
    group: &'a str,
    topic: &'a str,
    partition: i32,
    offset: Option<i64>,
    new_offset: i64,
    executed: bool,
}

impl Tool {
    /// Moves what groups have committed.
    pub(super) async fn reset(&self, groups: &[GroupId]) -> Result<Exit, Failure> {
        let file = match &self.args.reset.from_file {
            Some(path) => Some(file::read(path)?),
            None => None,
        };
        let mut exit = Exit::Done;
        let mut table = Table::new(&[("GROUP", 30), ("TOPIC", 30), ("PARTITION", 10), ("NEW-OFFSET", 0)]);
        for group in groups {
            match self.reset_one(group, file.as_ref()).await {
                Ok(planned) => self.show_reset(group, &planned, (groups.len() > 1, &mut table))?,
                Err(failure) => {
                    self.session.console.failure(&failure);
                    exit = Exit::Failed;
                }
            }
        }
        if !self.args.output.json && !self.args.reset.export && exit == Exit::Done {
            self.print(table.render().trim_end())?;
        }
        if !self.args.reset.execute && exit == Exit::Done && !self.args.reset.export {
            self.session.console.note("nothing was changed; --execute does it");
        }
        Ok(exit)
    }

    async fn reset_one(
        &self,
        group: &GroupId,
        file: Option<&file::Offsets>,
    ) -> Result<Vec<Planned>, Failure> {
        self.check_inactive(group).await?;
        let committed = self.committed(group).await?;
        let form = Form::of(&self.args.reset, group, file);
        let ids = match file {
            Some(file) => file.partitions(group),
            None => self.reset_scope(group, &committed).await?,
        };
        let mut planned = Vec::with_capacity(ids.len());
        for bounds in self.bounds(&ids, &committed, form.time()).await? {
            let plan = form.plan(&bounds).map_err(|why| {
                Failure::new(ErrorCode::OffsetOutOfRange, why).at(format_args!("group '{group}'"))
            })?;
            if let Some(asked) = plan.adjusted_from {
                let text = format!(
                    "{}: offset {asked} is not there; {} is the nearest that is",
                    plan.id, plan.offset
                );
                self.session.console.warning(&text);
            }
            planned.push(plan);
        }
        if self.args.reset.execute {
            self.commit_planned(group, &planned).await?;
        }
        Ok(planned)
    }

    /// Members would commit over it, and go on where they are.
    async fn check_inactive(&self, group: &GroupId) -> Result<(), Failure> {
        match self.admin.describe_group(group).await {
            Ok(described) if described.members.is_empty() => Ok(()),
            Ok(described) => {
                // Kafka's words.
                let message = format!(
                    "Assignments can only be reset if the group '{group}' is inactive, but the current state is {}.",
                    described.state.name()
                );
                let members = yak_cli::human::counted(described.members.len() as u64, "member");
                Err(Failure::new(ErrorCode::NonEmptyGroup, message).hint(format!("stop its {members} first")))
            }
            // A group that is to begin somewhere begins with its commits.
            Err(error) if error.code() == ErrorCode::GroupIdNotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn commit_planned(&self, group: &GroupId, planned: &[Planned]) -> Result<(), Failure> {
        let entry = |planned: &Planned| OffsetCommitEntry {
            topic: planned.id.topic.clone(),
            topic_id: None,
            partition: planned.id.partition,
            offset: planned.offset,
            leader_epoch: None,
            metadata: String::new(),
        };
        for chunk in planned.chunks(yak_model::limits::MAX_ENTRIES_PER_REQUEST) {
            let results = self.admin.commit_offsets(group, chunk.iter().map(entry).collect()).await?;
            if let Some(Err(refused)) = results.iter().find(|result| result.is_err()) {
                return Err(Failure::rejected(refused).at(format_args!("group '{group}'")));
            }
        }
        Ok(())
    }

    fn show_reset(
        &self,
        group: &GroupId,
        planned: &[Planned],
        (with_group, table): (bool, &mut Table),
    ) -> Result<(), Failure> {
        for plan in planned {
            let TopicPartition { topic, partition } = &plan.id;
            if self.args.reset.export {
                let group = with_group.then_some(group);
                self.print(&file::line(group, &plan.id, plan.offset))?;
            } else if self.args.output.json {
                let reset = JsonReset {
                    group: group.as_str(),
                    topic: topic.as_str(),
                    partition: partition.get(),
                    offset: plan.current.map(Offset::get),
                    new_offset: plan.offset.get(),
                    executed: self.args.reset.execute,
                };
                self.print(&serde_json::to_string(&reset).expect("texts are always serializable"))?;
            } else {
                table.row(vec![
                    group.to_string(),
                    topic.to_string(),
                    partition.to_string(),
                    plan.offset.to_string(),
                ]);
            }
        }
        Ok(())
    }
}
