//! yak-verifiable-producer and yak-verifiable-consumer: what happened, one JSON object a line.
//!
//! The events are named as those of Kafka's verifiable clients and hold at least their fields, so that what
//! reads those reads these. Together they are a history: what was sent, when it was sent and when its outcome was
//! known, which of three outcomes it was, and what was read where. `yak-check-history` looks for anomalies in it.
//!
//! Times are milliseconds since 1970. Within one process they are the wall clock's reading at the start plus what
//! the monotonic clock says since, so that they never go back; between processes they compare as wall clocks do.

mod args;
mod clock;
mod consumer;
mod events;
mod producer;

pub use args::{VerifiableConsumerArgs, VerifiableProducerArgs};
use yak_cli::{Exit, Failure, OutputArgs, Session, Tool};

impl Tool for VerifiableProducerArgs {
    const NAME: &'static str = "yak-verifiable-producer";

    fn output(&self) -> &OutputArgs {
        &self.output
    }

    async fn run(self, session: Session) -> Result<Exit, Failure> {
        producer::run(self, &session).await
    }
}

impl Tool for VerifiableConsumerArgs {
    const NAME: &'static str = "yak-verifiable-consumer";

    fn output(&self) -> &OutputArgs {
        &self.output
    }

    async fn run(self, session: Session) -> Result<Exit, Failure> {
        consumer::run(self, &session).await
    }
}
