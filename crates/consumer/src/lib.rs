//! yak-consumer: lines out.
//!
//! ```text
//!   client library (tasks) ─► Chunk ─► run: printer ─► one buffer ─► stdout
//! ```
//!
//! What is printed of a record says [`printer`]; where reading begins and ends, [`start`].

pub mod args;
#[cfg(test)]
mod fixtures;
pub mod kafka_text;
pub mod ledger;
mod member;
pub mod plan;
pub mod printer;
mod reader;
pub mod rebalance;
pub mod run;
pub mod start;
pub mod template;

pub use args::ConsumerArgs;
use yak_cli::{Exit, Failure, OutputArgs, Session, Tool};

impl Tool for ConsumerArgs {
    const NAME: &'static str = "yak-consumer";

    fn output(&self) -> &OutputArgs {
        &self.output
    }

    async fn run(self, session: Session) -> Result<Exit, Failure> {
        run::run(self, session).await
    }
}
