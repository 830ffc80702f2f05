//! From the command line to the last line: connect, assign, print, leave.

use std::time::{Duration, Instant};

use tokio::time::Instant as TokioInstant;
use yak_cli::{Exit, Failure, Output, Session, messages};
use yak_client::{Assignment, ClientError, Cluster, Consumer, GroupConfig, Missing, OutOfRange, Stop};
use yak_model::TopicPartition;
use yak_model::api::TailStart;

use crate::args::ConsumerArgs;
use crate::member::Member;
use crate::plan::Plan;
use crate::printer::Printer;
use crate::reader::{End, Reader, Wanted};

/// Runs yak-consumer.
///
/// # Errors
/// Whatever prevented it from beginning, or from going on.
pub async fn run(args: ConsumerArgs, session: Session) -> Result<Exit, Failure> {
    let plan = Plan::new(&args)?;
    let printer = Printer::new(&args.format, args.output.json, session.console.stdout_is_terminal())?;
    if let Some(warning) = &plan.warning {
        session.console.warning(warning);
    }
    let started = session.interrupt.unless_raised(start(&plan, &args, &session)).await?;
    let reading = &args.reading;
    let is_watched = session.console.is_watched();
    let mut reader = Reader {
        idle: reading.timeout_ms.map(Duration::from_millis),
        most: reading.max_messages.unwrap_or(u64::MAX),
        hint: is_watched && (plan.group.is_some() || plan.range.start == TailStart::End),
        quiet_since: TokioInstant::now(),
        began: Instant::now(),
        read: 0,
        bytes: 0,
        session: &session,
        args: &args,
        cluster: started.cluster,
        consumer: started.consumer,
        wanted: started.wanted,
        member: plan.group.as_ref().map(|config| {
            let hint = is_watched && reading.from_beginning;
            Member::new(config.group.clone(), plan.commits, (args.member.show_rebalances, hint))
        }),
        printer,
        output: Output::stdout(),
    };
    let end = reader.read().await;
    let end = match (end, reader.flush()) {
        (Ok(End::OutputEnded(error)), _) | (Ok(_), Err(error)) => Ok(End::OutputEnded(error)),
        (end, _) => end,
    };
    if session.interrupt.is_raised() {
        session.console.after_interrupt();
    }
    let read = reader.read;
    let left = leave(reader).await;
    session.console.summary(&format!("Processed a total of {read} messages"), &[("messages", read)]);
    let end = end?;
    left?;
    let bounded = plan.is_bounded;
    match end {
        End::Complete => Ok(Exit::Done),
        End::OutputEnded(error) => error.into_result().map(|()| Exit::Done),
        End::Interrupted if bounded => Ok(session.interrupt.exit()),
        End::Interrupted => Ok(Exit::Done),
        End::Idle(idle) if bounded => Err(messages::gave_up(idle, read, reading.max_messages)),
        End::Idle(_) => Ok(Exit::Done),
    }
}

/// Commits what was printed, and goes.
async fn leave(mut reader: Reader<'_>) -> Result<(), Failure> {
    let committed = reader.commit_now().await;
    let left = reader.consumer.close().await;
    committed.and(left).map_err(|error| {
        let mut failure = Failure::from(error);
        failure.message = format!("what was printed last is not committed: {}", failure.message);
        failure
    })
}

/// What reading begins with.
struct Started {
    cluster: Cluster,
    consumer: Consumer,
    wanted: Option<Wanted>,
}

/// Connects, and joins the group or assigns every partition that is asked for.
async fn start(plan: &Plan, args: &ConsumerArgs, session: &Session) -> Result<Started, ClientError> {
    let cluster = Cluster::connect(plan.client.clone()).await?;
    let mut consumer = Consumer::new(&cluster, plan.consumer.clone())?;
    for topic in &args.topic {
        let info = cluster.topic(topic, Missing::Create).await?;
        if info.created {
            session.console.note(&messages::created_topic(&info));
        }
    }
    if let Some(group) = &plan.group {
        consumer.subscribe(GroupConfig::clone(group)).await?;
        return Ok(Started { cluster, consumer, wanted: None });
    }
    let mut wanted = args.include.clone().map(Wanted::new);
    let topics = match &mut wanted {
        Some(wanted) => wanted.new_topics(&cluster).await?,
        None => args.topic.clone(),
    };
    if topics.is_empty() {
        return Err(ClientError::Usage("no topic has such a name".to_owned()));
    }
    let stop = match (args.reading.exit, plan.range.end) {
        (true, _) => Stop::AtEnd,
        (false, Some(end)) => Stop::Before(end),
        (false, None) => Stop::Never,
    };
    for topic in &topics {
        if args.reading.partition.is_empty() {
            consumer.assign_topic(topic, plan.range.start, stop).await?;
        } else {
            let one =
                |partition| Assignment { topic: topic.clone(), partition, start: plan.range.start, stop };
            let assignments: Vec<_> = args.reading.partition.iter().copied().map(one).collect();
            consumer.assign(&assignments).await?;
        }
    }
    if let (true, Some(end)) = (args.reading.exit, plan.range.end) {
        stop_before(&mut consumer, plan.range.start, end).await?;
    }
    if plan.consumer.out_of_range != OutOfRange::Fail {
        enter(&mut consumer, session)?;
    }
    // (What has an end is what there is now.)
    let wanted = wanted.filter(|_| stop == Stop::Never);
    Ok(Started { cluster, consumer, wanted })
}

/// An offset before the first or behind the last record becomes the nearest there is, and that is said: left
/// to the reset policy, an offset behind the end would print everything from the beginning.
fn enter(consumer: &mut Consumer, session: &Session) -> Result<(), ClientError> {
    for at in consumer.positions() {
        let nearest = at.position.clamp(at.log_start_offset, at.high_watermark.max(at.log_start_offset));
        if nearest != at.position {
            let partition = TopicPartition::new(at.topic, at.partition);
            session.console.warning(&messages::position_reset(&partition, at.position, nearest));
            consumer.seek(&partition, nearest)?;
        }
    }
    Ok(())
}

/// With both `-e` and `A:B`, whichever end comes first.
async fn stop_before(
    consumer: &mut Consumer,
    start: TailStart,
    end: yak_model::Offset,
) -> Result<(), ClientError> {
    let beyond =
        consumer.positions().into_iter().filter(|positions| positions.stop.is_some_and(|stop| stop > end));
    let again: Vec<_> = beyond
        .map(|at| Assignment { topic: at.topic, partition: at.partition, start, stop: Stop::Before(end) })
        .collect();
    if again.is_empty() { Ok(()) } else { consumer.assign(&again).await }
}
