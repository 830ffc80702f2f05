//! A producer on a thread of its own that notes when each acknowledgement came.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use yak_client::{
    Address, ClientConfig, Cluster, Delivery, Outcome, Producer, ProducerConfig, ProducerStats, PushError,
    Record, TopicHandle,
};
use yak_model::api::Acks;
use yak_model::{BrokerId, PartitionIndex, TopicName};

use super::acks::{Ack, Acks as Series};
use super::said;

/// Longest wait for what is still under way when a load ends, and for its first acknowledgement.
const PATIENCE: Duration = Duration::from_secs(60);
/// Records pushed at a time by a load at full speed, so that it looks up now and then.
const PIECE: u32 = 500;
/// Bytes of a value.
const VALUE_LEN: usize = 100;

/// Largest batch of a volley.
const VOLLEY_BATCH_BYTES: usize = 4 * 1024;

/// How a load sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// One record in every such interval, whatever the answers do.
    Every(Duration),
    /// As fast as the cluster takes them.
    Full,
}

/// What came of a load so far. Shared with its producer's network task.
#[derive(Debug, Default)]
struct Seen {
    series: Mutex<Series>,
    stop: AtomicBool,
    cluster: Mutex<Option<Cluster>>,
}

impl Seen {
    fn with<T>(&self, use_it: impl FnOnce(&mut Series) -> T) -> T {
        use_it(&mut self.series.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A load that runs until it is ended. Dropped, it ends by itself.
#[derive(Debug)]
pub(super) struct Load {
    seen: Arc<Seen>,
    thread: Option<thread::JoinHandle<Result<ProducerStats>>>,
}

/// What came of a load.
#[derive(Debug)]
pub(super) struct Ended {
    /// When each acknowledgement came, and what failed.
    pub(super) series: Series,
    /// The producer's own counts.
    pub(super) stats: ProducerStats,
}

impl Load {
    /// Starts sending to a topic and waits for an acknowledgement from each of its partitions.
    ///
    /// # Errors
    /// If that takes longer than a minute, or what ended the producer.
    pub(super) fn start(bootstrap: &str, topic: &str, acks: Acks, pace: Pace) -> Result<Self> {
        let seen = Arc::<Seen>::default();
        let (shared, topic, bootstrap) = (Arc::clone(&seen), topic.parse()?, addresses(bootstrap)?);
        let thread = thread::Builder::new().name("load".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(send(&shared, bootstrap, &topic, (acks, pace)))
        })?;
        let mut load = Self { seen, thread: Some(thread) };
        load.wait_for_all_partitions()?;
        Ok(load)
    }

    fn wait_for_all_partitions(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.seen.with(|series| series.partitions > 0 && series.covered() == series.partitions) {
            if !self.is_running() {
                return Err(self.join().err().unwrap_or_else(|| anyhow!("the load ended at once")));
            }
            ensure!(Instant::now() < deadline, "no acknowledgement within {PATIENCE:?}");
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Waits for an acknowledgement that came after `from` and that `accept` likes; when it came.
    ///
    /// # Errors
    /// If there is none within a minute.
    pub(super) fn wait_for_ack(&self, from: Instant, accept: impl Fn(&Ack) -> bool) -> Result<Instant> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.seen.with(|series| {
                let later = series.since(from);
                later.iter().find(|ack| accept(ack)).map(|ack| ack.at)
            });
            if let Some(at) = found {
                return Ok(at);
            }
            ensure!(Instant::now() < deadline, "no acknowledgement within {PATIENCE:?}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until every partition was acknowledged after this moment, so that a gap that began before has ended.
    ///
    /// # Errors
    /// If that takes longer than a minute.
    pub(super) fn settle(&self) -> Result<()> {
        let (from, partitions) = (Instant::now(), self.seen.with(|series| series.partitions));
        for partition in 0..partitions {
            self.wait_for_ack(from, |ack| ack.partition == partition)?;
        }
        Ok(())
    }

    /// What is known so far.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Series) -> T) -> T {
        self.seen.with(|series| look(series))
    }

    /// Whether it still sends: it ends by itself when its producer does.
    pub(super) fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Ends it: waits for what is under way.
    ///
    /// # Errors
    /// What ended the producer.
    pub(super) fn end(mut self) -> Result<Ended> {
        self.seen.stop.store(true, Ordering::Relaxed);
        let stats = self.join()?;
        Ok(Ended { series: self.seen.with(std::mem::take), stats })
    }

    fn join(&mut self) -> Result<ProducerStats> {
        let thread = self.thread.take().context("the load has ended")?;
        thread.join().unwrap_or_else(|panic| Err(said(&*panic)))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.seen.stop.store(true, Ordering::Relaxed);
    }
}

/// The addresses of a list.
///
/// # Errors
/// If one is none.
pub(super) fn addresses(list: &str) -> Result<Vec<Address>> {
    list.split(',').map(|address| Ok(address.parse()?)).collect()
}

/// A producer as it is by itself. The topic has been created; a missing one is a mistake.
fn config(acks: Acks) -> ProducerConfig {
    ProducerConfig { acks, idempotent: acks == Acks::All, create_topics: false, ..ProducerConfig::default() }
}

/// A producer whose acknowledgements are noted.
async fn producer(seen: &Arc<Seen>, bootstrap: Vec<Address>, config: ProducerConfig) -> Result<Producer> {
    let cluster = Cluster::connect(ClientConfig::new(bootstrap)).await?;
    *seen.cluster.lock().unwrap_or_else(PoisonError::into_inner) = Some(cluster.clone());
    let noted = Arc::clone(seen);
    noted.with(|series| series.origin = Some(Instant::now()));
    Ok(Producer::start(&cluster, config, move |delivery| note(&noted, delivery)).await?)
}

fn note(seen: &Seen, delivery: &Delivery<'_>) {
    let at = Instant::now();
    let records = delivery.tokens.len();
    match &delivery.outcome {
        Outcome::Acknowledged(acknowledged) => {
            let ack =
                Ack { at, partition: delivery.partition.get(), by: members(&acknowledged.acked_by), records };
            seen.with(|series| series.acknowledged(ack));
        }
        Outcome::Failed(error) => seen.with(|series| series.lost(records, format!("failed: {error}"))),
        Outcome::Unknown(error) => seen.with(|series| series.lost(records, format!("unknown: {error}"))),
    }
}

/// A set of brokers, which have small numbers here, as bits.
fn members(brokers: &[BrokerId]) -> u64 {
    brokers.iter().filter_map(|broker| 1_u64.checked_shl(broker.get().unsigned_abs())).sum()
}

async fn send(
    seen: &Arc<Seen>,
    bootstrap: Vec<Address>,
    topic: &TopicName,
    (acks, pace): (Acks, Pace),
) -> Result<ProducerStats> {
    let mut producer = producer(seen, bootstrap, config(acks)).await?;
    let handle = producer.open(topic).await?;
    let partitions = i32::try_from(producer.topic(handle).partitions.len())?;
    let origin = seen.with(|series| {
        series.partitions = partitions;
        series.origin.context("a producer has begun")
    })?;
    match pace {
        Pace::Every(every) => steadily(seen, &mut producer, (handle, origin, every)).await?,
        Pace::Full => at_full_speed(seen, &mut producer, (handle, origin)).await?,
    }
    Ok(producer.close(PATIENCE).await)
}

/// The time since `origin` is a record's token, and makes its value one of its own.
fn token(origin: Instant) -> u64 {
    u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

async fn steadily(
    seen: &Seen,
    producer: &mut Producer,
    (topic, origin, every): (TopicHandle, Instant, Duration),
) -> Result<()> {
    let mut value = [b'.'; VALUE_LEN];
    let mut due = interval(every);
    // What could not be sent in time is not sent in a burst.
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !seen.stop.load(Ordering::Relaxed) {
        due.tick().await;
        let token = token(origin);
        value[..8].copy_from_slice(&token.to_be_bytes().map(|byte| b'a' + byte % 16));
        seen.with(|series| series.sent(Instant::now()));
        producer.send(topic, Record::value(&value), token).await?;
    }
    Ok(())
}

async fn at_full_speed(
    seen: &Seen,
    producer: &mut Producer,
    (topic, origin): (TopicHandle, Instant),
) -> Result<()> {
    let mut value = [b'.'; VALUE_LEN];
    let mut number = 0_u64;
    while !seen.stop.load(Ordering::Relaxed) {
        let token = token(origin);
        let mut is_full = false;
        let mut feed = producer.feed();
        for _ in 0..PIECE {
            number += 1;
            for (at, byte) in value[..16].iter_mut().enumerate() {
                *byte = b"0123456789abcdef"[usize::try_from(number >> (4 * at) & 15)?];
            }
            match feed.push(topic, &Record::value(&value), token) {
                Ok(()) => {}
                Err(PushError::Full) => {
                    is_full = true;
                    break;
                }
                Err(PushError::Refused(error)) => return Err(error.into()),
            }
        }
        drop(feed);
        if is_full {
            // While nobody leads, memory stays full; whether to stop is to be looked at all the same.
            drop(timeout(Duration::from_millis(100), producer.ready()).await);
        } else {
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

/// A producer that sends one record to each partition when it is told to, and no others.
#[derive(Debug)]
pub(super) struct Volley {
    runtime: tokio::runtime::Runtime,
    producer: Producer,
    topic: TopicHandle,
    seen: Arc<Seen>,
}

impl Volley {
    /// Opens the topic.
    ///
    /// # Errors
    /// What the producer says.
    pub(super) fn open(bootstrap: &str, topic: &TopicName) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let seen = Arc::<Seen>::default();
        let (producer, topic) = runtime.block_on(async {
            // Memory is charged by the batch: with small ones all partitions have one under way at a time.
            let config = ProducerConfig { batch_bytes: VOLLEY_BATCH_BYTES, ..config(Acks::All) };
            let mut producer = producer(&seen, addresses(bootstrap)?, config).await?;
            let topic = producer.open(topic).await?;
            anyhow::Ok((producer, topic))
        })?;
        Ok(Self { runtime, producer, topic, seen })
    }

    /// The cluster as the producer sees it.
    #[must_use]
    pub(super) fn cluster(&self) -> Option<Cluster> {
        self.seen.cluster.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends one record to each of these partitions and waits for all; when each acknowledgement came, in order.
    ///
    /// # Errors
    /// If one is not acknowledged, or not within a minute.
    pub(super) fn fire(&mut self, partitions: &[i32]) -> Result<Vec<Instant>> {
        let origin = self.seen.with(|series| {
            series.clear();
            series.origin.context("a producer has begun")
        })?;
        let (producer, topic, seen) = (&mut self.producer, self.topic, &self.seen);
        self.runtime.block_on(async {
            for partition in partitions {
                let partition = Some(PartitionIndex::new(*partition));
                producer.send(topic, Record { partition, ..Record::value(b"volley") }, token(origin)).await?;
            }
            let deadline = Instant::now() + PATIENCE;
            loop {
                let (all, lost) = seen.with(|series| (series.all().len(), series.first_loss()));
                ensure!(lost.is_none(), "a record was not acknowledged: {}", lost.unwrap_or_default());
                if all >= partitions.len() {
                    return Ok(seen.with(|series| series.all().iter().map(|ack| ack.at).collect()));
                }
                ensure!(
                    Instant::now() < deadline,
                    "{all} of {} were acknowledged within {PATIENCE:?}",
                    partitions.len()
                );
                sleep(Duration::from_millis(2)).await;
            }
        })
    }
}
