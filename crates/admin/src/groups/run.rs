//! From the command line to the action.

use yak_cli::suggest::nearest;
use yak_cli::text::one_line;
use yak_cli::{Exit, Failure, Output, OutputError, Session};
use yak_client::{Admin, ClientError, Cluster};
use yak_model::api::ListGroups;
use yak_model::{ErrorCode, GroupId};

use super::action::Action;
use super::args::GroupsArgs;
use super::explain::explain;
use super::gather::{Depth, gather};
use super::show::{Side, describe, note};
use super::view::GroupView;
use super::{json, list};
use crate::watch::{self, Screen};

/// What every action needs.
pub(super) struct Tool {
    pub(super) admin: Admin,
    pub(super) session: Session,
    pub(super) args: GroupsArgs,
}

/// Runs yak-groups.
pub(super) async fn run(args: GroupsArgs, session: Session) -> Result<Exit, Failure> {
    let action = args.action()?;
    let mut properties = args.connection.properties()?;
    let config = args.connection.resolve("yak-groups", &mut properties)?.client_config("yak-groups");
    if let Some(warning) = properties.finish()? {
        session.console.warning(&warning);
    }
    let cluster = session.interrupt.unless_raised(Cluster::connect(config)).await?;
    let tool = Tool { admin: Admin::new(&cluster), session: session.clone(), args };
    match action {
        Action::List | Action::Describe | Action::Explain => tool.show(action).await,
        Action::ResetOffsets | Action::DeleteOffsets | Action::Delete => {
            session.interrupt.unless_raised(tool.change(action)).await
        }
    }
}

impl Tool {
    async fn change(&self, action: Action) -> Result<Exit, Failure> {
        let mut failures = Vec::new();
        let groups = self.groups(&mut failures).await?;
        failures.iter().for_each(|failure| self.session.console.failure(failure));
        let done = match action {
            Action::Delete => self.delete(&groups).await?,
            Action::DeleteOffsets => self.delete_offsets(&groups).await?,
            _ => self.reset(&groups).await?,
        };
        Ok(if failures.is_empty() { done } else { Exit::Failed })
    }

    async fn show(&self, action: Action) -> Result<Exit, Failure> {
        let screen = || async {
            match action {
                Action::List => list::list(&self.admin, &self.args).await,
                _ => self.describe(action == Action::Explain).await,
            }
        };
        let interval = (self.args.shown.watch, !self.args.output.json);
        watch::run(&self.session, interval, &mut Output::stdout(), screen).await
    }

    /// The groups that are named, or all.
    pub(super) async fn groups(&self, failures: &mut Vec<Failure>) -> Result<Vec<GroupId>, Failure> {
        if !self.args.what.all_groups {
            return Ok(self.args.what.group.clone());
        }
        let all = list::groups(&self.admin, &ListGroups::default(), failures).await?;
        Ok(all.into_iter().map(|group| group.group_id).collect())
    }

    async fn describe(&self, explains: bool) -> Result<Screen, Failure> {
        let mut screen = Screen::default();
        let groups = self.groups(&mut screen.failures).await?;
        let everything = explains || self.is_verbose() || self.args.output.json;
        let depth = if everything { Depth::Everything } else { Depth::Offsets };
        let views = gather(&self.admin, &groups, depth).await?;
        for (group, view) in groups.iter().zip(views) {
            match view {
                Ok(view) => self.push(&view, explains, &mut screen.text),
                Err(error) => screen.failures.push(self.about(group, error).await),
            }
        }
        Ok(screen)
    }

    fn push(&self, view: &GroupView, explains: bool, text: &mut String) {
        if self.args.output.json {
            let explained = explains.then(|| explain(view));
            text.push_str(&json::line(view, explained.as_deref()));
        } else if explains {
            text.push_str(&sentences(view));
        } else {
            let side = match &self.args.shown {
                shown if shown.members => Side::Members,
                shown if shown.state.is_some() => Side::State,
                _ => Side::Offsets,
            };
            if let Some(note) = note(view) {
                self.session.console.note(&note);
            }
            text.push_str(&describe(view, side, self.is_verbose()));
        }
    }

    /// What is wrong with a group; of one that does not exist with the name that may have been meant.
    pub(super) async fn about(&self, group: &GroupId, error: ClientError) -> Failure {
        if error.code() != ErrorCode::GroupIdNotFound {
            return error.into();
        }
        let mut failures = Vec::new();
        let all = list::groups(&self.admin, &ListGroups::default(), &mut failures).await.unwrap_or_default();
        let near = nearest(group.as_str(), all.iter().map(|group| group.group_id.as_str()));
        let hint = match near {
            Some(near) => format!("did you mean '{near}'?"),
            None => "`yak-groups --list` names every group".to_owned(),
        };
        Failure::new(ErrorCode::GroupIdNotFound, format!("group '{group}' does not exist")).hint(hint)
    }

    fn is_verbose(&self) -> bool {
        self.args.output.verbose > 0
    }

    /// One line on stdout, at once.
    pub(super) fn print(&self, line: &str) -> Result<(), Failure> {
        let mut output = Output::stdout();
        let printed = output.line(line).and_then(|()| output.flush());
        printed.or_else(OutputError::into_result)
    }
}

/// One line for the group and one for each member.
fn sentences(view: &GroupView) -> String {
    let mut text = String::new();
    for said in explain(view) {
        match &said.member {
            None => text.push_str(&one_line(&format!("group '{}': {}", view.group.group_id, said.sentence))),
            Some(member) => text.push_str(&one_line(&format!("  {member}: {}", said.sentence))),
        }
        text.push('\n');
    }
    text
}
