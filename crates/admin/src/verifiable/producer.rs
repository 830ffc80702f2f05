//! yak-verifiable-producer: numbers out, an event for the outcome of each.

use std::collections::BTreeMap;
use std::io::Stdout;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use yak_cli::human::{parse_millis, parse_size};
use yak_cli::{Exit, Failure, Output, OutputError, Session, parse};
use yak_client::{
    ClientConfig, ClientError, Cluster, Delivery, Outcome, Producer, ProducerConfig, PushError, Record,
    TopicHandle,
};
use yak_model::api::Acks;

use super::args::VerifiableProducerArgs;
use super::clock::Clock;
use super::events::{Event, Invoked, NotSent, Sent, Startup, What, acks_name};
use crate::pace::Pace;

/// Records pushed before the network task may look at partial batches.
const PIECE: u64 = 500;
/// How long records under way may take after a signal.
const LAST_FLUSH: Duration = Duration::from_secs(5);

/// What the network task, which writes the outcomes, shares with the task that pushes.
#[derive(Debug)]
struct Shared {
    clock: Clock,
    names: Names,
    /// When each record was first handed to the library whose outcome is not known.
    invoked: Mutex<BTreeMap<u64, i64>>,
    output: Mutex<Output<Stdout>>,
    /// Raised when nobody reads the events any more, or they cannot be written.
    halt: CancellationToken,
    ended: Mutex<Option<OutputError>>,
}

/// The key and the value of each number.
#[derive(Clone, Debug)]
struct Names {
    prefix: Option<String>,
    repeating_keys: Option<u64>,
}

impl Names {
    fn value(&self, number: u64) -> String {
        self.prefix.as_ref().map_or_else(|| number.to_string(), |prefix| format!("{prefix}.{number}"))
    }

    fn key(&self, number: u64) -> Option<String> {
        self.repeating_keys.map(|keys| (number % keys).to_string())
    }
}

impl Shared {
    fn new(args: &VerifiableProducerArgs) -> Self {
        Self {
            clock: Clock::start(),
            names: Names { prefix: args.value_prefix.clone(), repeating_keys: args.repeating_keys },
            invoked: Mutex::default(),
            output: Mutex::new(Output::new(std::io::stdout())),
            halt: CancellationToken::new(),
            ended: Mutex::default(),
        }
    }

    /// Writes one event; whoever waits for it sees it at once.
    fn tell(&self, what: What<'_>) {
        let mut output = lock(&self.output);
        Event { timestamp: self.clock.now_ms(), what }.write(output.buffer());
        let written = output.flush();
        drop(output);
        self.note(written);
    }

    fn note(&self, written: Result<(), OutputError>) {
        if let Err(error) = written {
            lock(&self.ended).get_or_insert(error);
            self.halt.cancel();
        }
    }

    /// An event for each record of a batch; a token is the record's number.
    fn deliver(&self, delivery: &Delivery<'_>) {
        let completed_ms = self.clock.now_ms();
        let mut invoked = lock(&self.invoked);
        let mut output = lock(&self.output);
        for (at, number) in (0..).zip(delivery.tokens.iter().copied()) {
            let invoked_ms = invoked.remove(&number).unwrap_or(completed_ms);
            let invoked = Invoked { number, invoked_ms, completed_ms };
            self.write(delivery, at, invoked, output.buffer());
        }
        let written = output.flush();
        drop(output);
        drop(invoked);
        self.note(written);
    }

    fn write(&self, delivery: &Delivery<'_>, at: i64, invoked: Invoked, out: &mut Vec<u8>) {
        let (key, value) = (self.names.key(invoked.number), self.names.value(invoked.number));
        let (topic, partition) = (delivery.topic.as_str(), delivery.partition.get());
        let (key, value) = (key.as_deref(), value.as_str());
        let error = |error: &ClientError, outcome: &'static str, out: &mut Vec<u8>| {
            let (exception, message) = (error.code().name(), error.to_string());
            let message = message.as_str();
            let what = NotSent { topic, partition, key, value, outcome, exception, message, invoked };
            Event { timestamp: invoked.completed_ms, what: What::ProducerSendError(what) }.write(out);
        };
        match delivery.outcome {
            Outcome::Acknowledged(acknowledged) => {
                let offset = acknowledged.base_offset.map_or(-1, |base| base.plus(at).get());
                let what = Sent { topic, partition, offset, key, value, invoked };
                Event { timestamp: invoked.completed_ms, what: What::ProducerSendSuccess(what) }.write(out);
            }
            Outcome::Failed(why) => error(why, "failed", out),
            Outcome::Unknown(why) => error(why, "unknown", out),
        }
    }
}

/// Runs yak-verifiable-producer.
pub(super) async fn run(args: VerifiableProducerArgs, session: &Session) -> Result<Exit, Failure> {
    let (client, config) = plan(&args, session)?;
    let (delivery_timeout, idempotent) = (config.delivery_timeout, config.idempotent);
    let shared = Arc::new(Shared::new(&args));
    let telling = Arc::clone(&shared);
    let on_delivery = move |delivery: &Delivery<'_>| telling.deliver(delivery);
    let (producer, topic) = session
        .interrupt
        .unless_raised(async {
            let cluster = Cluster::connect(client).await?;
            let mut producer = Producer::start(&cluster, config, on_delivery).await?;
            let topic = producer.open(&args.topic).await?;
            Ok::<_, ClientError>((producer, topic))
        })
        .await?;
    let startup = Startup {
        topic: args.topic.as_str(),
        acks: Some(acks_name(args.acks)),
        idempotent: Some(idempotent),
    };
    shared.tell(What::StartupComplete(startup));
    let mut sending = Sending { args: &args, session, shared: &shared, producer, topic, number: 0 };
    let begin = Instant::now();
    let pushed = sending.push_all(begin).await;
    let number = sending.number;
    let hurried = session.interrupt.is_raised() || shared.halt.is_cancelled();
    let patience = if hurried { LAST_FLUSH } else { delivery_timeout + LAST_FLUSH };
    let stats = sending.producer.close(patience).await;
    pushed?;
    shared.tell(What::ToolData {
        sent: number,
        acked: stats.acknowledged,
        failed: stats.failed,
        unknown: stats.unknown,
        target_throughput: args.throughput.0.map_or(-1, |rate| i64::try_from(rate).unwrap_or(i64::MAX)),
        avg_throughput: per_second(stats.acknowledged, begin.elapsed()),
    });
    shared.tell(What::ShutdownComplete { reached_end: None, partitions: Vec::new() });
    if let Some(ended) = lock(&shared.ended).take() {
        return ended.into_result().map(|()| Exit::Done);
    }
    if stats.failed + stats.unknown > 0 {
        return Ok(Exit::Failed);
    }
    let is_whole = args.max_messages.0.is_none_or(|most| number == most);
    Ok(if is_whole { Exit::Done } else { session.interrupt.exit() })
}

/// How the cluster is reached, and how records are sent.
fn plan(args: &VerifiableProducerArgs, session: &Session) -> Result<(ClientConfig, ProducerConfig), Failure> {
    let mut properties = args.connection.properties()?;
    let client = args.connection.resolve("yak-verifiable-producer", &mut properties)?;
    let defaults = ProducerConfig::default();
    let millis = |given: Option<u64>, default| given.map_or(default, Duration::from_millis);
    let config = ProducerConfig {
        acks: args.acks,
        idempotent: properties.take("enable.idempotence", parse::boolean)?.unwrap_or(args.acks == Acks::All),
        linger: millis(properties.take("linger.ms", parse_millis)?, defaults.linger),
        delivery_timeout: millis(
            properties.take("delivery.timeout.ms", parse_millis)?,
            defaults.delivery_timeout,
        ),
        batch_bytes: properties
            .take("batch.size", parse_size)?
            .map_or(defaults.batch_bytes, |size| usize::try_from(size).unwrap_or(usize::MAX)),
        ..defaults
    };
    if let Some(warning) = properties.finish()? {
        session.console.warning(&warning);
    }
    Ok((client.client_config("yak-verifiable-producer"), config))
}

/// Records on their way to the client library.
struct Sending<'a> {
    args: &'a VerifiableProducerArgs,
    session: &'a Session,
    shared: &'a Shared,
    producer: Producer,
    topic: TopicHandle,
    /// The next to be pushed.
    number: u64,
}

impl Sending<'_> {
    async fn push_all(&mut self, begin: Instant) -> Result<(), Failure> {
        let total = self.args.max_messages.0.unwrap_or(u64::MAX);
        let pace = self.args.throughput.0.map(|rate| Pace::new(begin, rate));
        while self.number < total && !self.is_to_stop() {
            let due = match pace {
                None => total,
                Some(pace) => {
                    self.pause(pace.due(self.number)).await;
                    pace.due_by(Instant::now()).min(total)
                }
            };
            if self.push(due.min(self.number + PIECE))? {
                let (interrupt, halt) = (&self.session.interrupt, &self.shared.halt);
                tokio::select! {
                    room = self.producer.ready() => room?,
                    () = interrupt.raised() => {}
                    () = halt.cancelled() => {}
                }
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn is_to_stop(&self) -> bool {
        self.session.interrupt.is_raised() || self.shared.halt.is_cancelled()
    }

    /// Waits until then, or for a reason to stop.
    async fn pause(&self, until: Instant) {
        tokio::select! {
            () = tokio::time::sleep_until(until.into()) => {}
            () = self.session.interrupt.raised() => {}
            () = self.shared.halt.cancelled() => {}
        }
    }

    /// Pushes records up to the number `end`. True if memory was full before.
    fn push(&mut self, end: u64) -> Result<bool, Failure> {
        let mut feed = self.producer.feed();
        while self.number < end && !self.shared.halt.is_cancelled() {
            let (key, value) = (self.shared.names.key(self.number), self.shared.names.value(self.number));
            let record = Record {
                key: key.as_deref().map(str::as_bytes),
                partition: self.args.partition,
                ..Record::value(value.as_bytes())
            };
            // Before the push: its outcome may be known before the push returns.
            let now = self.shared.clock.now_ms();
            lock(&self.shared.invoked).entry(self.number).or_insert(now);
            match feed.push(self.topic, &record, self.number) {
                Ok(()) => self.number += 1,
                Err(PushError::Full) => return Ok(true),
                Err(PushError::Refused(error)) => return Err(error.into()),
            }
        }
        Ok(false)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate of more than 2^53 has other problems")]
fn per_second(count: u64, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64().max(1e-9)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbers_behind_their_prefix_and_keys_repeat() {
        let plain = Names { prefix: None, repeating_keys: None };
        assert_eq!((plain.value(7).as_str(), plain.key(7)), ("7", None));
        let named = Names { prefix: Some("a".to_owned()), repeating_keys: Some(3) };
        assert_eq!((named.value(7).as_str(), named.key(7).as_deref()), ("a.7", Some("1")));
    }
}
