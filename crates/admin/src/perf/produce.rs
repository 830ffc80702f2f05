//! yak-perf produce: values are made and encoded inside the measured time, on this thread, while the client
//! library's task writes and reads the sockets on another.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use yak_cli::{Exit, Failure, Session, messages};
use yak_client::{
    ClientError, Cluster, Delivery, Outcome, Producer, ProducerStats, PushError, Record, TopicHandle,
};

use super::args::ProduceArgs;
use super::latency::Latencies;
use super::payload::Payload;
use super::properties;
use super::result::{Figures, print, total_line, window_line};
use crate::pace::{Pace, sleep_until};

/// Records pushed before the network task may look at partial batches.
const PIECE: u64 = 2_000;
/// Without a fixed rate the clock is looked at once for so many records.
const CLOCK_STEP: u64 = 16;
/// How long records under way may take after a signal.
const LAST_FLUSH: Duration = Duration::from_secs(5);

/// What deliveries add up to.
#[derive(Debug)]
struct Tally {
    begin: Instant,
    all: Latencies,
    window: Latencies,
    failure: Option<ClientError>,
}

impl Tally {
    /// A token is when the record was due, or pushed: nanoseconds from the beginning.
    fn add(&mut self, delivery: &Delivery<'_>) {
        match &delivery.outcome {
            Outcome::Acknowledged(_) => {}
            Outcome::Failed(error) | Outcome::Unknown(error) => {
                self.failure.get_or_insert_with(|| (*error).clone());
                return;
            }
        }
        let now = self.begin.elapsed();
        // Neighbours often have the same time.
        for same in delivery.tokens.chunk_by(|one, next| one == next) {
            let latency = now.saturating_sub(Duration::from_nanos(same[0]));
            let count = same.len() as u64;
            self.all.record(latency, count);
            self.window.record(latency, count);
        }
    }
}

/// The measurement under way.
struct Run<'a> {
    args: &'a ProduceArgs,
    session: &'a Session,
    producer: Producer,
    topic: TopicHandle,
    tally: Arc<Mutex<Tally>>,
    begin: Instant,
    window: Instant,
    /// Records pushed.
    number: u64,
}

/// Runs the measurement.
pub(super) async fn run(args: ProduceArgs, session: &Session) -> Result<Exit, Failure> {
    let (client, config) = properties::producer_config(&args, session)?;
    let delivery_timeout = config.delivery_timeout;
    let cluster = Cluster::connect(client).await?;
    let begin = Instant::now();
    let (all, window) = (Latencies::new(), Latencies::new());
    let tally = Arc::new(Mutex::new(Tally { begin, all, window, failure: None }));
    let adding = Arc::clone(&tally);
    let on_delivery = move |delivery: &Delivery<'_>| lock(&adding).add(delivery);
    let mut producer = Producer::start(&cluster, config, on_delivery).await?;
    let topic = producer.open(&args.measure.topic).await?;
    if producer.topic(topic).created {
        session.console.note(&messages::created_topic(producer.topic(topic)));
    }
    // The clock starts when everything is connected.
    let begin = Instant::now();
    lock(&tally).begin = begin;
    let mut run = Run { args: &args, session, producer, topic, tally, begin, window: begin, number: 0 };
    run.push_all().await?;
    let patience = if session.interrupt.is_raised() { LAST_FLUSH } else { delivery_timeout + LAST_FLUSH };
    run.finish(patience).await
}

impl Run<'_> {
    async fn push_all(&mut self) -> Result<(), Failure> {
        let mut payload = Payload::new(self.args.record_size);
        let pace = self.args.throughput.0.map(|rate| Pace::new(self.begin, rate));
        let total = self.args.measure.num_records;
        while self.number < total && !self.session.interrupt.is_raised() {
            let end = match pace {
                None => total,
                Some(pace) => {
                    sleep_until(pace.due(self.number));
                    pace.due_by(Instant::now()).min(total)
                }
            };
            if self.push(&mut payload, pace, end.min(self.number + PIECE))? {
                self.producer.ready().await?;
            }
            tokio::task::yield_now().await;
            self.report_window()?;
        }
        Ok(())
    }

    /// Pushes records up to the number `end`. True if memory was full before.
    fn push(&mut self, payload: &mut Payload, pace: Option<Pace>, end: u64) -> Result<bool, Failure> {
        let mut feed = self.producer.feed();
        let mut token = nanos(self.begin.elapsed());
        while self.number < end {
            if let Some(pace) = pace {
                token = nanos(pace.due(self.number) - self.begin);
            } else if self.number.is_multiple_of(CLOCK_STEP) {
                token = nanos(self.begin.elapsed());
            }
            match feed.push(self.topic, &Record::value(payload.value(self.number)), token) {
                Ok(()) => self.number += 1,
                Err(PushError::Full) => return Ok(true),
                Err(PushError::Refused(error)) => return Err(error.into()),
            }
        }
        Ok(false)
    }

    fn report_window(&mut self) -> Result<(), Failure> {
        let since = self.window.elapsed();
        if since < Duration::from_millis(self.args.reporting_interval) || self.args.measure.output.json {
            return Ok(());
        }
        let line = {
            let mut tally = lock(&self.tally);
            let count = tally.window.count();
            let line = window_line(count, self.bytes(count), since.as_secs_f64(), &tally.window);
            tally.window.clear();
            line
        };
        self.window = Instant::now();
        if self.args.measure.output.quiet { Ok(()) } else { print(&line) }
    }

    fn bytes(&self, records: u64) -> u64 {
        records.saturating_mul(self.args.record_size as u64)
    }

    async fn finish(mut self, patience: Duration) -> Result<Exit, Failure> {
        self.producer.flush(patience).await;
        let seconds = self.begin.elapsed().as_secs_f64();
        let bytes = self.bytes(self.producer.stats().acknowledged);
        let stats = self.producer.close(Duration::ZERO).await;
        let mut tally = lock(&self.tally);
        let mut figures = Figures::new(stats.acknowledged, bytes, seconds);
        if self.args.measure.output.json {
            figures.failed = Some(stats.failed);
            figures.unknown = Some(stats.unknown);
            figures.corrected = Some(self.args.throughput.0.is_some());
            figures.latency_ms = Some(tally.all.summary());
            figures.print_json()?;
        } else {
            print(&total_line(&figures, &tally.all))?;
            if !self.args.measure.output.quiet {
                print(&tally.all.line())?;
            }
        }
        if let Some(failure) = tally.failure.take() {
            self.session.console.failure(&not_acknowledged(&stats, failure));
            return Ok(Exit::Failed);
        }
        let is_whole = self.number == self.args.measure.num_records;
        Ok(if is_whole { Exit::Done } else { self.session.interrupt.exit() })
    }
}

fn not_acknowledged(stats: &ProducerStats, why: ClientError) -> Failure {
    let failure = Failure::from(why);
    let message = format!(
        "{} records failed, {} have an unknown outcome: {}",
        stats.failed, stats.unknown, failure.message
    );
    Failure { message, ..failure }
}

fn lock(tally: &Mutex<Tally>) -> std::sync::MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
