//! yak-groups: lists, describes and explains groups, moves and deletes what they have committed, deletes them.
//!
//! ```text
//!   gather: coordinator, commits ─► positions ─► log ends ─► ages of what waits ─► GroupView ─► table, JSON, sentences
//! ```

mod action;
mod args;
mod delete;
pub mod explain;
mod gather;
mod json;
mod list;
mod reset;
mod run;
mod scope;
mod show;
mod table;
#[cfg(test)]
mod tests;
pub mod view;

pub use action::Action;
pub use args::GroupsArgs;
pub(crate) use gather::{Depth, gather};
pub use view::GroupView;
use yak_cli::{Exit, Failure, OutputArgs, Session, Tool};

impl Tool for GroupsArgs {
    const NAME: &'static str = "yak-groups";

    fn output(&self) -> &OutputArgs {
        &self.output
    }

    /// The first `-v` asks for more columns.
    fn log_level(&self) -> u8 {
        self.output.verbose.saturating_sub(1)
    }

    async fn run(self, session: Session) -> Result<Exit, Failure> {
        run::run(self, session).await
    }
}
