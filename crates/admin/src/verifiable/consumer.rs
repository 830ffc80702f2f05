//! yak-verifiable-consumer: an event for what comes, and for what is worth knowing.

use yak_cli::stdout::reader_gone;
use yak_cli::{Exit, Failure, Output, OutputError, Session};
use yak_client::{
    Assignment, Chunk, ClientError, Cluster, ConsumedRecord, Consumer, ConsumerConfig, Event as Consumed,
    OutOfRange, Stop,
};
use yak_model::TopicName;
use yak_model::api::TailStart;

use super::args::{ResetPolicy, VerifiableConsumerArgs};
use super::clock::Clock;
use super::events::{Event, Position, Range, Read, Startup, What};

/// How reading ended.
enum End {
    /// Every partition came to its end.
    Complete,
    /// After as many records as were asked for.
    Enough,
    /// By a signal.
    Interrupted,
    /// Stdout takes no more.
    OutputEnded(OutputError),
}

impl From<OutputError> for End {
    fn from(error: OutputError) -> Self {
        Self::OutputEnded(error)
    }
}

/// Runs yak-verifiable-consumer.
pub(super) async fn run(args: VerifiableConsumerArgs, session: &Session) -> Result<Exit, Failure> {
    let consumer = session.interrupt.unless_raised(start(&args, session)).await?;
    let most = args.max_messages.0;
    let mut reading = Reading {
        args: &args,
        session,
        consumer,
        clock: Clock::start(),
        output: Output::stdout(),
        read: 0,
        most: most.unwrap_or(u64::MAX),
    };
    let end = match reading.begin() {
        Ok(()) => reading.read_all().await,
        Err(error) => Ok(error.into()),
    };
    let reached_end = matches!(end, Ok(End::Complete | End::Enough));
    let closed = reading.finish(reached_end);
    match end? {
        End::OutputEnded(error) => error.into_result().map(|()| Exit::Done),
        End::Interrupted if most.is_some() || args.exit => Ok(session.interrupt.exit()),
        // With both, fewer than were asked for is not enough.
        End::Complete if most.is_some_and(|most| reading.read < most) => Ok(Exit::Failed),
        _ => closed.or_else(OutputError::into_result).map(|()| Exit::Done),
    }
}

/// Connects, and assigns what is to be read.
async fn start(args: &VerifiableConsumerArgs, session: &Session) -> Result<Consumer, Failure> {
    let mut properties = args.connection.properties()?;
    let connection = args.connection.resolve("yak-verifiable-consumer", &mut properties)?;
    if let Some(warning) = properties.finish()? {
        session.console.warning(&warning);
    }
    let (start, out_of_range) = match args.reset_policy {
        ResetPolicy::Earliest => (TailStart::Beginning, OutOfRange::Earliest),
        ResetPolicy::Latest => (TailStart::End, OutOfRange::Latest),
        ResetPolicy::None => (TailStart::Beginning, OutOfRange::Fail),
    };
    let stop = if args.exit { Stop::AtEnd } else { Stop::Never };
    let cluster = Cluster::connect(connection.client_config("yak-verifiable-consumer")).await?;
    let mut consumer = Consumer::new(&cluster, ConsumerConfig { out_of_range, ..Default::default() })?;
    if args.partition.is_empty() {
        consumer.assign_topic(&args.topic, start, stop).await?;
    } else {
        let one = |partition| Assignment { topic: args.topic.clone(), partition, start, stop };
        let assignments: Vec<_> = args.partition.iter().copied().map(one).collect();
        consumer.assign(&assignments).await?;
    }
    Ok(consumer)
}

/// Records on their way to stdout.
struct Reading<'a> {
    args: &'a VerifiableConsumerArgs,
    session: &'a Session,
    consumer: Consumer,
    clock: Clock,
    output: Output,
    read: u64,
    most: u64,
}

impl Reading<'_> {
    /// The first events.
    fn begin(&mut self) -> Result<(), OutputError> {
        let startup = Startup { topic: self.args.topic.as_str(), acks: None, idempotent: None };
        self.tell(What::StartupComplete(startup))?;
        let held = self.positions();
        self.tell(What::PartitionsAssigned { partitions: positions(&held) })?;
        self.output.flush()
    }

    async fn read_all(&mut self) -> Result<End, Failure> {
        let mut gone = std::pin::pin!(reader_gone());
        loop {
            let event = match self.consumer.try_next() {
                Some(event) => event,
                None => {
                    if let Err(error) = self.output.flush() {
                        return Ok(error.into());
                    }
                    tokio::select! {
                        biased;
                        () = self.session.interrupt.raised() => return Ok(End::Interrupted),
                        event = self.consumer.next() => match event? {
                            Some(event) => event,
                            None => return Ok(End::Complete),
                        },
                        () = &mut gone => return Ok(OutputError::Closed.into()),
                    }
                }
            };
            let told = match event {
                Consumed::Records(chunk) => self.records(&chunk),
                other => self.say(other),
            };
            match told {
                Err(error) => return Ok(error.into()),
                Ok(()) if self.read >= self.most => return Ok(End::Enough),
                Ok(()) => {}
            }
        }
    }

    fn records(&mut self, chunk: &Chunk) -> Result<(), OutputError> {
        let (topic, partition) = (chunk.topic().as_str(), chunk.partition().get());
        let room = usize::try_from(self.most - self.read).unwrap_or(usize::MAX);
        let count = chunk.len().min(room);
        let mut range = Range { topic, partition, count, min_offset: 0, max_offset: 0 };
        for (at, record) in chunk.records().take(count).enumerate() {
            if at == 0 {
                range.min_offset = record.offset.get();
            }
            range.max_offset = record.offset.get();
            if self.args.verbose {
                self.tell(What::RecordData(data(topic, partition, &record)))?;
            }
        }
        self.read += count as u64;
        self.tell(What::RecordsConsumed { count, partitions: [range] })
    }

    /// What is no record.
    fn say(&mut self, event: Consumed) -> Result<(), OutputError> {
        match event {
            Consumed::LeaderChanged { partition, from, to, leader_epoch } => self.tell(What::LeaderChanged {
                topic: partition.topic.as_str(),
                partition: partition.partition.get(),
                from: from.map(yak_model::BrokerId::get),
                to: to.map(yak_model::BrokerId::get),
                leader_epoch: leader_epoch.get(),
            }),
            Consumed::Reset { partition, from, to } => self.tell(What::PositionReset {
                topic: partition.topic.as_str(),
                partition: partition.partition.get(),
                from: from.get(),
                to: to.get(),
            }),
            Consumed::Waiting { error } => {
                self.tell(What::Waiting { message: ClientError::to_string(&error) })
            }
            _ => Ok(()),
        }
    }

    /// The last event.
    fn finish(&mut self, reached_end: bool) -> Result<(), OutputError> {
        let held = self.positions();
        let what = What::ShutdownComplete { reached_end: Some(reached_end), partitions: positions(&held) };
        self.tell(what)?;
        self.output.flush()
    }

    fn positions(&self) -> Vec<(TopicName, i32, i64)> {
        let positions = self.consumer.positions().into_iter();
        positions.map(|at| (at.topic, at.partition.get(), at.position.get())).collect()
    }

    fn tell(&mut self, what: What<'_>) -> Result<(), OutputError> {
        Event { timestamp: self.clock.now_ms(), what }.write(self.output.buffer());
        self.output.spill()
    }
}

fn positions(held: &[(TopicName, i32, i64)]) -> Vec<Position<'_>> {
    held.iter()
        .map(|(topic, partition, offset)| Position {
            topic: topic.as_str(),
            partition: *partition,
            offset: *offset,
        })
        .collect()
}

/// A record; bytes that are not UTF-8 are shown as Kafka shows them, with replacement characters.
fn data<'a>(topic: &'a str, partition: i32, record: &ConsumedRecord<'a>) -> Read<'a> {
    Read {
        topic,
        partition,
        offset: record.offset.get(),
        key: record.key.map(String::from_utf8_lossy),
        value: record.value.map(String::from_utf8_lossy),
    }
}
