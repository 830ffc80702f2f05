//! yak-topics: creates, lists, describes, alters and deletes topics, and has leaders elected.

mod action;
mod args;
mod connect;
pub mod describe;
mod elect;
mod run;
mod show;

pub use action::Action;
pub use args::TopicsArgs;
use yak_cli::{Exit, Failure, OutputArgs, Session, Tool};

impl Tool for TopicsArgs {
    const NAME: &'static str = "yak-topics";

    fn output(&self) -> &OutputArgs {
        &self.output
    }

    async fn run(self, session: Session) -> Result<Exit, Failure> {
        run::run(self, session).await
    }
}
