//! From the command line to the summary: connect, read, push, flush, report.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::sync::Arc;

use yak_cli::human::{count, counted, duration};
use yak_cli::{Exit, Failure, Session, messages};
use yak_client::{ClientError, Cluster, Delivery, Producer, TopicHandle};
use yak_model::api::Acks;

use crate::args::ProducerArgs;
use crate::blocks::Input;
use crate::deliveries::{Deliveries, Halt};
use crate::feeding::{Counts, End, Feeding};
use crate::plan::Plan;

/// Runs yak-producer.
///
/// # Errors
/// Whatever prevented it from beginning, or ended its input or its output.
pub async fn run(args: ProducerArgs, session: Session) -> Result<Exit, Failure> {
    let plan = Plan::new(&args)?;
    if let Some(warning) = &plan.warning {
        session.console.warning(warning);
    }
    let source = Source::open(&args)?;
    let halt = Halt::default();
    let (console, keep_going) = (Arc::clone(&session.console), args.sending.keep_going);
    let deliveries = Deliveries::new(console, halt.clone(), keep_going, args.report());
    let acks = plan.producer.acks;
    let (producer, topic) =
        session.interrupt.unless_raised(start(&plan, &args, &session, deliveries)).await?;
    let longest = plan.records.longest_line(producer.max_record_bytes(topic));
    let input = Input::start(source.read, longest).map_err(|error| Failure::local("cannot start", &error))?;

    let mut feeding = Feeding::new(&args, plan, (&session, &halt), (producer, topic));
    feeding.prompt = source.is_terminal && session.console.is_watched();
    let end = feeding.read(input, &source.name).await;
    if session.interrupt.is_raised() {
        session.console.after_interrupt();
    }
    let counts = feeding.finish().await;

    session.console.summary(&summary(&counts, acks), &counts.fields());
    halt.output_result()?;
    let whole = match end? {
        End::Complete => true,
        // Whoever types has asked for nothing beyond what has been read.
        End::Stopped => source.is_terminal,
    };
    Ok(exit(session.interrupt.exit(), whole, counts.failed + counts.unknown))
}

/// Connects, and opens the topic.
async fn start(
    plan: &Plan,
    args: &ProducerArgs,
    session: &Session,
    mut deliveries: Deliveries,
) -> Result<(Producer, TopicHandle), ClientError> {
    let cluster = Cluster::connect(plan.client.clone()).await?;
    let on_delivery = move |delivery: &Delivery<'_>| deliveries.handle(delivery);
    let mut producer = Producer::start(&cluster, plan.producer.clone(), on_delivery).await?;
    let topic = producer.open(&args.topic).await?;
    let info = producer.topic(topic);
    if info.created {
        session.console.note(&messages::created_topic(info));
    }
    match args.sending.partition {
        Some(partition) if partition.get() >= info.partition_count() => Err(ClientError::UnknownPartition {
            topic: args.topic.clone(),
            partition,
            count: info.partition_count(),
        }),
        _ => Ok((producer, topic)),
    }
}

/// Where lines come from.
struct Source {
    name: String,
    is_terminal: bool,
    read: Box<dyn Read + Send>,
}

impl Source {
    fn open(args: &ProducerArgs) -> Result<Self, Failure> {
        Ok(match &args.input.file {
            Some(path) => Self {
                name: path.display().to_string(),
                is_terminal: false,
                read: Box::new(File::open(path).map_err(|error| messages::cannot_open(path, &error))?),
            },
            None => Self {
                name: "standard input".to_owned(),
                is_terminal: std::io::stdin().is_terminal(),
                read: Box::new(std::io::stdin()),
            },
        })
    }
}

/// `3 records acknowledged, 0 failed (0.01 s)`.
fn summary(counts: &Counts, acks: Acks) -> String {
    let verb = if acks == Acks::None { "sent" } else { "acknowledged" };
    let records = counted(counts.acknowledged, "record");
    let unknown = match counts.unknown {
        0 => String::new(),
        unknown => format!(", {} perhaps written", count(unknown)),
    };
    format!("{records} {verb}, {} failed{unknown} ({})", count(counts.failed), duration(counts.elapsed))
}

/// A failure that a signal caused by cutting the last flush short counts as the signal's.
fn exit(signal: Exit, whole: bool, failed: u64) -> Exit {
    match signal {
        Exit::Done if failed == 0 => Exit::Done,
        Exit::Done => Exit::Failed,
        _ if whole && failed == 0 => Exit::Done,
        signal => signal,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_summary_names_what_is_not_certain() {
        let mut counts =
            Counts { acknowledged: 3, failed: 0, unknown: 0, elapsed: Duration::from_millis(12) };
        assert_eq!(summary(&counts, Acks::All), "3 records acknowledged, 0 failed (0.01 s)");
        assert_eq!(summary(&counts, Acks::None), "3 records sent, 0 failed (0.01 s)");
        counts = Counts { acknowledged: 1, failed: 1_000, unknown: 2, ..counts };
        assert_eq!(
            summary(&counts, Acks::All),
            "1 record acknowledged, 1,000 failed, 2 perhaps written (0.01 s)"
        );
    }

    #[test]
    fn the_exit_code_says_whether_all_that_was_asked_for_was_done() {
        for (signal, whole, failed, expected) in [
            (Exit::Done, true, 0, Exit::Done),
            (Exit::Done, true, 1, Exit::Failed),
            (Exit::Done, false, 1, Exit::Failed),
            (Exit::Interrupted, true, 0, Exit::Done),
            (Exit::Interrupted, false, 0, Exit::Interrupted),
            (Exit::Terminated, true, 5, Exit::Terminated),
        ] {
            assert_eq!(exit(signal, whole, failed), expected);
        }
    }
}
