//! Lines on their way to the client library: read, pushed, paced, and stopped.

use std::time::{Duration, Instant};

use tokio::time::{sleep, sleep_until};
use yak_cli::human::count;
use yak_cli::{Failure, Session, messages};
use yak_client::{ClientError, Producer, PushError, TopicHandle};
use yak_model::TopicName;

use crate::args::ProducerArgs;
use crate::blocks::{Block, Input, Lines, Piece};
use crate::deliveries::Halt;
use crate::pace::Pace;
use crate::plan::Plan;
use crate::records::RecordPlan;
use crate::stall::{News, Stall};

/// How long records under way may take once a signal or a failure ended the reading.
const LAST_FLUSH: Duration = Duration::from_secs(5);

/// How reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At the end of the input, or after as many records as were asked for.
    Complete,
    /// By a signal, a failure, or because nobody reads the report any more.
    Stopped,
}

/// What became of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Written as asked.
    pub acknowledged: u64,
    /// Not written, lines that were no record among them.
    pub failed: u64,
    /// Perhaps written.
    pub unknown: u64,
    /// From the first read to the last acknowledgement.
    pub elapsed: Duration,
}

impl Counts {
    /// The same for `--json`.
    #[must_use]
    pub fn fields(&self) -> [(&'static str, u64); 4] {
        let elapsed_ms = u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX);
        [
            ("acknowledged", self.acknowledged),
            ("failed", self.failed),
            ("perhaps_written", self.unknown),
            ("elapsed_ms", elapsed_ms),
        ]
    }
}

/// Why pushing paused.
enum Pause {
    /// Every line has been pushed.
    Drained,
    /// The producer's memory is full; the next line has not been pushed.
    Full,
    /// As many records as were asked for have been pushed.
    Enough,
    /// The last line was no record.
    Refused(Failure),
    /// One record has been pushed, and each is waited for.
    OneByOne,
}

/// Lines on their way to the client library.
#[derive(Debug)]
pub struct Feeding<'a> {
    session: &'a Session,
    halt: &'a Halt,
    producer: Producer,
    topic: TopicHandle,
    name: TopicName,
    limit: usize,
    records: RecordPlan,
    keep_going: bool,
    /// Most records to push.
    most: u64,
    /// How long a record may take to be acknowledged.
    patience: Duration,
    sync: bool,
    pace: Option<Pace>,
    /// With `--rate`, when the next record may go.
    due: Option<tokio::time::Instant>,
    stall: Stall,
    /// Ask for each line.
    pub prompt: bool,
    /// Lines read so far; the number of the current one.
    lines: u64,
    pushed: u64,
    /// Lines that were no record.
    refused: u64,
    began: Instant,
}

impl<'a> Feeding<'a> {
    /// Nothing has been read yet.
    #[must_use]
    pub fn new(
        args: &ProducerArgs,
        plan: Plan,
        (session, halt): (&'a Session, &'a Halt),
        (producer, topic): (Producer, TopicHandle),
    ) -> Self {
        Self {
            session,
            halt,
            topic,
            name: args.topic.clone(),
            limit: producer.max_record_bytes(topic),
            producer,
            records: plan.records,
            keep_going: args.sending.keep_going,
            most: args.input.max_messages.unwrap_or(u64::MAX),
            patience: plan.producer.delivery_timeout,
            sync: args.sending.sync,
            pace: args.sending.rate.map(Pace::new),
            due: None,
            stall: Stall::new(Instant::now()),
            prompt: false,
            lines: 0,
            pushed: 0,
            refused: 0,
            began: Instant::now(),
        }
    }

    /// Reads to the end of the input, unless something stops it.
    ///
    /// # Errors
    /// When the input cannot be read, or the producer has ended.
    pub async fn read(&mut self, mut input: Input, name: &str) -> Result<End, Failure> {
        loop {
            if self.prompt && !input.is_ready() {
                self.session.console.prompt("> ");
            }
            let piece = tokio::select! {
                biased;
                () = stopped(self.session, self.halt) => return Ok(End::Stopped),
                piece = input.next() => piece,
                () = sleep(Stall::INTERVAL), if self.producer.stats().outstanding() > 0 => {
                    self.tell_stall();
                    continue;
                }
            };
            self.tell_stall();
            let end = match piece {
                None => Some(End::Complete),
                Some(Piece::Lines(block)) => {
                    let end = self.block(&block).await?;
                    input.recycle(block);
                    end
                }
                Some(Piece::TooLong) => {
                    self.lines += 1;
                    self.refuse(&messages::line_too_long(self.lines, self.limit, &self.name))
                }
                Some(Piece::Failed(error)) => return Err(messages::cannot_read(name, &error)),
            };
            if let Some(end) = end {
                return Ok(end);
            }
            if !self.prompt {
                self.session.console.progress(|| self.progress());
            }
        }
    }

    /// Pushes the records of a block. `Some` when reading is to end.
    async fn block(&mut self, block: &Block) -> Result<Option<End>, Failure> {
        let mut lines = block.lines();
        while !lines.is_empty() {
            if let Some(due) = self.due.take() {
                tokio::select! {
                    biased;
                    () = stopped(self.session, self.halt) => return Ok(Some(End::Stopped)),
                    () = sleep_until(due) => {}
                }
            }
            match self.push(&mut lines)? {
                Pause::Drained => {}
                Pause::Enough => return Ok(Some(End::Complete)),
                Pause::Full => {
                    if let Some(end) = self.ready().await? {
                        return Ok(Some(end));
                    }
                }
                Pause::Refused(failure) => {
                    if let Some(end) = self.refuse(&failure) {
                        return Ok(Some(end));
                    }
                }
                Pause::OneByOne => {
                    if self.sync {
                        self.flush().await;
                    }
                    if self.is_stopped() {
                        return Ok(Some(End::Stopped));
                    }
                    self.due = self.pace.as_mut().map(Pace::next_due);
                }
            }
        }
        Ok(None)
    }

    /// Waits for room. `Some` when reading is to end.
    async fn ready(&mut self) -> Result<Option<End>, Failure> {
        loop {
            tokio::select! {
                biased;
                () = stopped(self.session, self.halt) => return Ok(Some(End::Stopped)),
                ready = self.producer.ready() => return ready.map(|()| None).map_err(Failure::from),
                () = sleep(Stall::INTERVAL) => {}
            }
            self.tell_stall();
        }
    }

    /// Pushes records until something has to be waited for. `lines` then begins with what is still to be pushed.
    fn push(&mut self, lines: &mut Lines<'_>) -> Result<Pause, Failure> {
        let one_by_one = self.sync || self.pace.is_some();
        let mut feed = self.producer.feed();
        let mut ahead = lines.clone();
        while let Some(line) = ahead.next() {
            let number = self.lines + 1;
            let refused = match self.records.with_record(line, |record| feed.push(self.topic, record, number))
            {
                Ok(Ok(())) => None,
                Ok(Err(PushError::Full)) => return Ok(Pause::Full),
                Ok(Err(PushError::Refused(error))) => Some(refusal(number, error, &self.name)?),
                Err(problem) => Some(messages::bad_line(number, problem)),
            };
            self.lines = number;
            *lines = ahead.clone();
            if let Some(failure) = refused {
                return Ok(Pause::Refused(failure));
            }
            self.pushed += 1;
            if self.pushed >= self.most {
                return Ok(Pause::Enough);
            }
            if one_by_one {
                return Ok(Pause::OneByOne);
            }
        }
        Ok(Pause::Drained)
    }

    /// Counts and shows a line that is no record. `Some` when that ends everything.
    fn refuse(&mut self, failure: &Failure) -> Option<End> {
        self.refused += 1;
        self.session.console.failure(failure);
        (!self.keep_going).then_some(End::Stopped)
    }

    fn is_stopped(&self) -> bool {
        self.halt.is_raised() || self.session.interrupt.is_raised()
    }

    /// Waits for what is under way as long as it may take, unless something stops it.
    async fn flush(&mut self) {
        let deadline = Instant::now() + self.patience;
        loop {
            tokio::select! {
                biased;
                () = stopped(self.session, self.halt) => return,
                done = self.producer.flush(Stall::INTERVAL) => {
                    if done || Instant::now() >= deadline {
                        return;
                    }
                }
            }
            self.tell_stall();
        }
    }

    /// Says that nothing is acknowledged any more, and that it goes on, once for each time that happens.
    fn tell_stall(&mut self) {
        let stats = self.producer.stats();
        let console = &self.session.console;
        match self.stall.check(&stats, Instant::now()) {
            Some(News::Stalled) => console.note(&messages::stalled(stats.outstanding(), self.patience)),
            Some(News::GoesOn) => console.note("records are acknowledged again"),
            None => {}
        }
    }

    /// Waits for what is under way, only a moment once something stopped the reading; then ends the producer.
    pub async fn finish(mut self) -> Counts {
        if self.keep_going || self.refused == 0 {
            self.flush().await;
        }
        let stats = self.producer.close(LAST_FLUSH).await;
        Counts {
            acknowledged: stats.acknowledged,
            failed: stats.failed + self.refused,
            unknown: stats.unknown,
            elapsed: self.began.elapsed(),
        }
    }

    fn progress(&self) -> String {
        let acknowledged = self.producer.stats().acknowledged;
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = acknowledged.saturating_mul(1_000) / millis;
        format!(
            "{} records read, {} acknowledged, {}/s",
            count(self.pushed),
            count(acknowledged),
            count(rate)
        )
    }
}

async fn stopped(session: &Session, halt: &Halt) {
    tokio::select! {
        () = session.interrupt.raised() => {}
        () = halt.raised() => {}
    }
}

/// Why the client library did not take a record: about its line, or about everything.
fn refusal(line: u64, error: ClientError, topic: &TopicName) -> Result<Failure, Failure> {
    match error {
        ClientError::RecordTooLarge { limit, .. } => Ok(messages::line_too_long(line, limit, topic)),
        ClientError::UnknownPartition { .. } => Ok(Failure::from(error).at(format_args!("line {line}"))),
        other => Err(other.into()),
    }
}
