//! yak-perf: measures producing, consuming, and the way from one to the other.
//!
//! Result lines are Kafka's; what they say is taken from whole histograms, not from samples. At a fixed rate a
//! latency is counted from when a record was *due*, so that a stall of the cluster is not hidden by the stall
//! of the sender (coordinated omission).

mod args;
mod consume;
mod e2e;
mod latency;
mod payload;
mod produce;
mod properties;
mod result;

pub use args::PerfArgs;
use args::{Measure, PerfCommand};
use yak_cli::{Exit, Failure, OutputArgs, Session, Tool};

impl Tool for PerfArgs {
    const NAME: &'static str = "yak-perf";

    fn output(&self) -> &OutputArgs {
        &self.measure().output
    }

    async fn run(self, session: Session) -> Result<Exit, Failure> {
        match self.command {
            PerfCommand::Produce(args) => produce::run(args, &session).await,
            PerfCommand::Consume(args) => consume::run(args, &session).await,
            PerfCommand::E2e(args) => e2e::run(args, &session).await,
        }
    }
}

impl PerfArgs {
    const fn measure(&self) -> &Measure {
        match &self.command {
            PerfCommand::Produce(args) => &args.measure,
            PerfCommand::Consume(args) => &args.measure,
            PerfCommand::E2e(args) => &args.measure,
        }
    }
}
