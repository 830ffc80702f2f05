//! From the command line to the last line: connect, assign, print, leave.

use std::time::{Duration, Instant};

use tokio::time::{Instant as TokioInstant, sleep_until};
use yak_cli::human::{bytes, count};
use yak_cli::stdout::reader_gone;
use yak_cli::{Exit, Failure, Output, OutputError, Session, messages};
use yak_client::{Assignment, Chunk, ClientError, Cluster, Consumer, Event, Missing, OutOfRange, Stop};
use yak_model::TopicPartition;
use yak_model::api::TailStart;

use crate::args::ConsumerArgs;
use crate::plan::Plan;
use crate::printer::Printer;

/// How long nothing may come before it is said what is waited for.
const HINT_AFTER: Duration = Duration::from_secs(3);

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
    let consumer = session.interrupt.unless_raised(start(&plan, &args, &session)).await?;
    let reading = &args.reading;
    let mut reader = Reader {
        idle: reading.timeout_ms.map(Duration::from_millis),
        most: reading.max_messages.unwrap_or(u64::MAX),
        hint: session.console.is_watched() && plan.range.start == TailStart::End,
        quiet_since: TokioInstant::now(),
        began: Instant::now(),
        read: 0,
        written: 0,
        session: &session,
        args: &args,
        consumer,
        printer,
        output: Output::stdout(),
    };
    let end = reader.read().await;
    let end = match (end, reader.output.flush()) {
        (Ok(End::OutputEnded(error)), _) | (Ok(_), Err(error)) => Ok(End::OutputEnded(error)),
        (end, _) => end,
    };
    if session.interrupt.is_raised() {
        session.console.after_interrupt();
    }
    let read = reader.read;
    reader.consumer.close();
    session.console.summary(&format!("Processed a total of {read} messages"), &[("messages", read)]);
    let bounded = plan.is_bounded;
    match end? {
        End::Complete => Ok(Exit::Done),
        End::OutputEnded(error) => error.into_result().map(|()| Exit::Done),
        End::Interrupted if bounded => Ok(session.interrupt.exit()),
        End::Interrupted => Ok(Exit::Done),
        End::Idle(idle) if bounded => Err(messages::gave_up(idle, read, reading.max_messages)),
        End::Idle(_) => Ok(Exit::Done),
    }
}

/// Connects, and assigns every partition that is asked for.
async fn start(plan: &Plan, args: &ConsumerArgs, session: &Session) -> Result<Consumer, ClientError> {
    let cluster = Cluster::connect(plan.client.clone()).await?;
    let mut consumer = Consumer::new(&cluster, plan.consumer.clone())?;
    let stop = match (args.reading.exit, plan.range.end) {
        (true, _) => Stop::AtEnd,
        (false, Some(end)) => Stop::Before(end),
        (false, None) => Stop::Never,
    };
    for topic in &args.topic {
        let info = cluster.topic(topic, Missing::Create).await?;
        if info.created {
            session.console.note(&messages::created_topic(&info));
        }
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
    Ok(consumer)
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

/// How reading ended.
enum End {
    /// At the end that was asked for.
    Complete,
    /// By a signal.
    Interrupted,
    /// Nothing came for so long.
    Idle(Duration),
    /// Stdout takes no more.
    OutputEnded(OutputError),
}

impl From<OutputError> for End {
    fn from(error: OutputError) -> Self {
        Self::OutputEnded(error)
    }
}

/// Records on their way to stdout.
struct Reader<'a> {
    session: &'a Session,
    args: &'a ConsumerArgs,
    consumer: Consumer,
    printer: Printer,
    output: Output,
    idle: Option<Duration>,
    most: u64,
    /// Say what is waited for, once.
    hint: bool,
    /// When the last record came, or reading began.
    quiet_since: TokioInstant,
    began: Instant,
    read: u64,
    written: u64,
}

impl Reader<'_> {
    async fn read(&mut self) -> Result<End, Failure> {
        let mut gone = std::pin::pin!(reader_gone());
        loop {
            if self.session.interrupt.is_raised() {
                return Ok(End::Interrupted);
            }
            let event = match self.consumer.try_next() {
                Some(event) => event,
                None => {
                    if let Err(error) = self.output.flush() {
                        return Ok(error.into());
                    }
                    let (idle, quiet_since) = (self.idle, self.quiet_since);
                    let hint = self.hint && self.read == 0;
                    tokio::select! {
                        biased;
                        () = self.session.interrupt.raised() => return Ok(End::Interrupted),
                        event = self.consumer.next() => match event? {
                            Some(event) => event,
                            None => return Ok(End::Complete),
                        },
                        () = &mut gone => return Ok(OutputError::Closed.into()),
                        () = sleep_until(quiet_since + idle.unwrap_or_default()), if idle.is_some() => {
                            return Ok(End::Idle(idle.unwrap_or_default()));
                        }
                        () = sleep_until(quiet_since + HINT_AFTER), if hint => {
                            self.hint();
                            continue;
                        }
                    }
                }
            };
            match event {
                Event::Records(chunk) => {
                    if let Some(end) = self.print(&chunk) {
                        return Ok(end);
                    }
                }
                other => self.tell(other),
            }
        }
    }

    /// Prints the records of a chunk. `Some` when reading is to end.
    fn print(&mut self, chunk: &Chunk) -> Option<End> {
        for record in chunk.records() {
            let out = self.output.buffer();
            let before = out.len();
            self.printer.print(chunk, &record, out);
            self.written += (out.len() - before) as u64;
            self.read += 1;
            if let Err(error) = self.output.spill() {
                return Some(error.into());
            }
            if self.read >= self.most {
                return Some(End::Complete);
            }
        }
        self.quiet_since = TokioInstant::now();
        if !self.session.console.stdout_is_terminal() {
            self.session.console.progress(|| progress(self.read, self.written, self.began.elapsed()));
        }
        None
    }

    /// What is worth knowing and no record.
    fn tell(&self, event: Event) {
        let console = &self.session.console;
        match event {
            Event::LeaderChanged { partition, from, to, leader_epoch } => {
                console.note(&messages::leader_changed(&partition, from, to, leader_epoch));
            }
            Event::Reset { partition, from, to } => {
                console.warning(&messages::position_reset(&partition, from, to));
            }
            Event::PartitionsAdded { first: TopicPartition { topic, .. }, total } => {
                console.note(&messages::partitions_added(&topic, total));
            }
            Event::Waiting { error } => console.warning(&messages::outage(&error)),
            Event::Resumed => console.note("reading goes on"),
            _ => {}
        }
    }

    fn hint(&mut self) {
        self.hint = false;
        let positions = self.consumer.positions();
        let older = positions.iter().map(|at| at.older().unsigned_abs()).sum();
        self.session.console.note(&messages::waiting(&self.args.topic, positions.len(), older));
    }
}

fn progress(read: u64, written: u64, elapsed: Duration) -> String {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = read.saturating_mul(1_000) / millis;
    format!("{} records, {}, {}/s", count(read), bytes(written), count(rate))
}
