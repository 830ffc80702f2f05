//! The loop: records from the client library to stdout, until an end; in a group, commits of what stdout has taken.

use std::time::{Duration, Instant};

use tokio::time::{Instant as TokioInstant, sleep_until};
use yak_cli::human::{bytes, count};
use yak_cli::stdout::reader_gone;
use yak_cli::{Failure, Output, OutputError, Session, messages};
use yak_client::{Chunk, ClientError, Cluster, Consumer, Event, StartedAt, Stop};
use yak_model::api::TailStart;
use yak_model::{Offset, TopicName, TopicPartition};

use crate::args::{ConsumerArgs, Include};
use crate::member::Member;
use crate::printer::Printer;

/// How long nothing may come before it is said what is waited for.
const HINT_AFTER: Duration = Duration::from_secs(3);
/// How often topics are looked for that an expression matches.
const LOOK_FOR_TOPICS: Duration = Duration::from_secs(5);

/// How reading ended.
pub(crate) enum End {
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
pub(crate) struct Reader<'a> {
    pub(crate) session: &'a Session,
    pub(crate) args: &'a ConsumerArgs,
    pub(crate) cluster: Cluster,
    pub(crate) consumer: Consumer,
    pub(crate) printer: Printer,
    pub(crate) output: Output,
    /// What there is to do as a member of a group.
    pub(crate) member: Option<Member>,
    /// Topics that are read as soon as they are there.
    pub(crate) wanted: Option<Wanted>,
    pub(crate) idle: Option<Duration>,
    pub(crate) most: u64,
    /// Say what is waited for, once.
    pub(crate) hint: bool,
    /// When the last record came, or reading began.
    pub(crate) quiet_since: TokioInstant,
    pub(crate) began: Instant,
    pub(crate) read: u64,
    pub(crate) bytes: u64,
}

/// Topics by an expression, without a group whose coordinator would look for them.
pub(crate) struct Wanted {
    pub(crate) include: Include,
    pub(crate) known: Vec<TopicName>,
    pub(crate) next: TokioInstant,
}

impl Reader<'_> {
    pub(crate) async fn read(&mut self) -> Result<End, Failure> {
        let mut gone = std::pin::pin!(reader_gone());
        loop {
            if self.session.interrupt.is_raised() {
                return Ok(End::Interrupted);
            }
            let event = match self.consumer.try_next() {
                Some(event) => event,
                None => {
                    if let Err(error) = self.flush() {
                        return Ok(error.into());
                    }
                    self.commit(true);
                    let (idle, quiet_since) = (self.idle, self.quiet_since);
                    let hint = self.hint && self.read == 0;
                    let look = self.wanted.as_ref().map(|wanted| wanted.next);
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
                        () = sleep_until(look.unwrap_or(quiet_since)), if look.is_some() => {
                            self.look_for_topics().await?;
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
                    self.commit(false);
                }
                other => {
                    if let Some(end) = self.tell(other).await {
                        return Ok(end);
                    }
                }
            }
        }
    }

    /// Prints the records of a chunk. `Some` when reading is to end.
    fn print(&mut self, chunk: &Chunk) -> Option<End> {
        if let Some(member) = &mut self.member {
            member.ledger.begin(TopicPartition::new(chunk.topic().clone(), chunk.partition()));
        }
        let mut left = chunk.len();
        for record in chunk.records() {
            let out = self.output.buffer();
            let before = out.len();
            self.printer.print(chunk, &record, out);
            self.bytes += (out.len() - before) as u64;
            self.read += 1;
            left -= 1;
            if let Some(member) = &mut self.member {
                // Behind the last record there may be some that are no records for readers.
                let next = if left == 0 { chunk.next_offset() } else { record.offset.plus(1) };
                member.ledger.note(self.output.position(), next);
            }
            if let Err(error) = self.output.spill() {
                return Some(error.into());
            }
            if self.read >= self.most {
                return Some(End::Complete);
            }
        }
        self.quiet_since = TokioInstant::now();
        if !self.session.console.stdout_is_terminal() {
            self.session.console.progress(|| progress(self.read, self.bytes, self.began.elapsed()));
        }
        None
    }

    /// Writes everything that is to be printed, and takes note of what stdout took.
    pub(crate) fn flush(&mut self) -> Result<(), OutputError> {
        let flushed = self.output.flush();
        if let Some(member) = &mut self.member {
            member.ledger.settle(self.output.written());
        }
        flushed
    }

    /// Commits what was printed: at once when there is nothing to do, else from time to time.
    fn commit(&mut self, is_idle: bool) {
        if let Some(member) = &mut self.member {
            member.ledger.settle(self.output.written());
            member.commit_async(&mut self.consumer, is_idle);
        }
    }

    /// Commits all of what was printed, and waits until it is stored.
    pub(crate) async fn commit_now(&mut self) -> Result<(), ClientError> {
        match &mut self.member {
            Some(member) => member.commit(&mut self.consumer).await,
            None => Ok(()),
        }
    }

    /// What is worth knowing and no record. `Some` when reading is to end.
    async fn tell(&mut self, event: Event) -> Option<End> {
        // What was read before it is printed before it is told: so whoever reads both knows whose a record was.
        if let Err(error) = self.flush() {
            return Some(error.into());
        }
        if let Some(member) = &self.member {
            member.show(&event, self.session);
        }
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
            Event::Assigned { partitions, .. } => {
                let is_committed = partitions.iter().any(|at| at.at == StartedAt::Committed);
                if let Some(member) = &mut self.member {
                    member.assigned(is_committed, self.session);
                }
            }
            Event::Revoked { partitions, .. } => self.revoked(partitions).await,
            Event::Lost { partitions, .. } => {
                if let Some(member) = &mut self.member {
                    partitions.iter().for_each(|(id, _)| member.ledger.forget(id));
                }
            }
            Event::CommitFailed { partitions, error } => {
                console.warning(&format!("not committed: {error}"));
                if let Some(member) = &mut self.member {
                    member.ledger.take_back(&partitions);
                }
            }
            _ => {}
        }
        None
    }

    /// Partitions are given up when what was printed of them is committed.
    async fn revoked(&mut self, partitions: Vec<(TopicPartition, Offset)>) {
        if let Err(error) = self.commit_now().await {
            self.session.console.warning(&format!("not committed: {error}"));
        }
        if let Some(member) = &mut self.member {
            partitions.iter().for_each(|(id, _)| member.ledger.forget(id));
        }
    }

    fn hint(&mut self) {
        self.hint = false;
        let positions = self.consumer.positions();
        let console = &self.session.console;
        if let Some(member) = &self.member {
            if positions.is_empty() {
                let is_member = self.consumer.member().is_some();
                console.note(&messages::nothing_left(&member.group, is_member));
            }
            return;
        }
        let older = positions.iter().map(|at| at.older().unsigned_abs()).sum();
        let topics = match &self.wanted {
            Some(wanted) => &wanted.known,
            None => &self.args.topic,
        };
        console.note(&messages::waiting(topics, positions.len(), older));
    }

    /// Reads topics that are new, from their beginning.
    async fn look_for_topics(&mut self) -> Result<(), Failure> {
        let Some(wanted) = &mut self.wanted else { return Ok(()) };
        wanted.next = TokioInstant::now() + LOOK_FOR_TOPICS;
        for topic in wanted.new_topics(&self.cluster).await? {
            self.consumer.assign_topic(&topic, TailStart::Beginning, Stop::Never).await?;
            self.session.console.note(&format!("topic '{topic}' is read, too"));
        }
        Ok(())
    }
}

impl Wanted {
    pub(crate) fn new(include: Include) -> Self {
        Self { include, known: Vec::new(), next: TokioInstant::now() + LOOK_FOR_TOPICS }
    }

    /// Topics that the expression matches whole and that were not there before.
    pub(crate) async fn new_topics(&mut self, cluster: &Cluster) -> Result<Vec<TopicName>, ClientError> {
        let all = cluster.refresh(None).await?;
        let is_new =
            |name: &TopicName| self.include.whole.is_match(name.as_str()) && !self.known.contains(name);
        let there = all.topics.into_iter().flatten().filter(|topic| !topic.is_internal);
        let new: Vec<_> = there.map(|topic| topic.name).filter(is_new).collect();
        self.known.extend_from_slice(&new);
        Ok(new)
    }
}

fn progress(read: u64, written: u64, elapsed: Duration) -> String {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = read.saturating_mul(1_000) / millis;
    format!("{} records, {}, {}/s", count(read), bytes(written), count(rate))
}
