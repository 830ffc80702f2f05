//! yak-producer: lines in.
//!
//! ```text
//!   blocks (thread)  ─►  run: line ─ plan ─► Record ─► Feed   ─►  client library (tasks)
//!                                                                    │
//!   stdout ◄─ report ◄─ deliveries ◄────────────────────────────────┘
//! ```
//!
//! A line is a record, byte for byte ([`blocks`]); what else a line may hold, module `line` says.

pub mod args;
pub mod blocks;
pub mod deliveries;
pub mod feeding;
pub mod line;
pub mod pace;
pub mod plan;
pub mod records;
pub mod report;
pub mod run;
pub mod stall;

pub use args::ProducerArgs;
use yak_cli::{Exit, Failure, OutputArgs, Session, Tool};

impl Tool for ProducerArgs {
    const NAME: &'static str = "yak-producer";

    fn output(&self) -> &OutputArgs {
        &self.output
    }

    async fn run(self, session: Session) -> Result<Exit, Failure> {
        run::run(self, session).await
    }
}
