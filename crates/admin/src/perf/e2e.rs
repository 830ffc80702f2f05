//! yak-perf e2e: one record at a time, from before it is sent until it has been read.

use std::time::{Duration, Instant};

use yak_cli::{Exit, Failure, Session};
use yak_client::{Cluster, Consumer, ConsumerConfig, Event, Producer, ProducerConfig, Record, Stop};
use yak_model::ErrorCode;
use yak_model::api::{Acks, TailStart};

use super::args::E2eArgs;
use super::latency::Latencies;
use super::payload::Payload;
use super::properties;
use super::result::{Figures, print};

/// How long the first fetch may take to reach the broker.
const PRIME: Duration = Duration::from_millis(50);

/// Runs the measurement.
pub(super) async fn run(args: E2eArgs, session: &Session) -> Result<Exit, Failure> {
    let client = properties::client_config(&args.measure, session)?;
    let patience = client.request_timeout;
    let acks = crate::flags::parse_acks(&args.producer_acks).map_err(Failure::usage)?;
    let cluster = Cluster::connect(client).await?;
    let config = ProducerConfig { acks, idempotent: acks == Acks::All, ..Default::default() };
    let mut producer = Producer::start(&cluster, config, |_| {}).await?;
    let topic = producer.open(&args.measure.topic).await?;
    let mut consumer = Consumer::new(&cluster, ConsumerConfig::default())?;
    consumer.assign_topic(&args.measure.topic, TailStart::End, Stop::Never).await?;
    // From here on the broker always holds a fetch of ours.
    if let Ok(early) = tokio::time::timeout(PRIME, consumer.next()).await {
        early?;
    }
    let mut payload = Payload::new(args.record_size);
    let mut latencies = Latencies::new();
    let begin = Instant::now();
    for number in 0..args.measure.num_records {
        if session.interrupt.is_raised() {
            break;
        }
        let value = payload.value(number);
        let sent = Instant::now();
        let acknowledged = producer.send_and_wait(topic, Record::value(value), number).await?;
        let wanted = acknowledged.base_offset.map(|offset| (acknowledged.partition, offset));
        match tokio::time::timeout(patience, read(&mut consumer, wanted, value)).await {
            Ok(read) => read?,
            Err(_elapsed) => {
                let message = format!(
                    "record {number} was acknowledged, and not read within {} ms",
                    patience.as_millis()
                );
                return Err(Failure::new(ErrorCode::RequestTimedOut, message));
            }
        }
        latencies.record(sent.elapsed(), 1);
    }
    let seconds = begin.elapsed().as_secs_f64();
    producer.close(Duration::from_secs(1)).await;
    report(&args, &latencies, seconds)?;
    let is_whole = latencies.count() == args.measure.num_records;
    Ok(if is_whole { Exit::Done } else { session.interrupt.exit() })
}

/// Reads until this record has come.
async fn read(
    consumer: &mut Consumer,
    wanted: Option<(yak_model::PartitionIndex, yak_model::Offset)>,
    value: &[u8],
) -> Result<(), Failure> {
    loop {
        let Some(Event::Records(chunk)) = consumer.next().await? else { continue };
        let found = chunk.records().find(|record| wanted == Some((chunk.partition(), record.offset)));
        match found {
            Some(record) if record.value == Some(value) => return Ok(()),
            Some(record) => {
                let message = format!("offset {} does not hold what was sent there", record.offset);
                return Err(Failure::new(ErrorCode::CorruptMessage, message));
            }
            None => {}
        }
    }
}

fn report(args: &E2eArgs, latencies: &Latencies, seconds: f64) -> Result<(), Failure> {
    if args.measure.output.json {
        let bytes = latencies.count().saturating_mul(args.record_size as u64);
        let mut figures = Figures::new(latencies.count(), bytes, seconds);
        figures.latency_ms = Some(latencies.summary());
        return figures.print_json();
    }
    print(&format!("Avg latency: {:.4} ms", latencies.average()))?;
    print(&format!(
        "Percentiles: 50th = {:.0}, 99th = {:.0}, 99.9th = {:.0}",
        latencies.percentile(50.0),
        latencies.percentile(99.0),
        latencies.percentile(99.9)
    ))?;
    print(&latencies.line())
}
