//! yak-perf consume: reads records and looks at every byte's length, not more.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use yak_cli::{Exit, Failure, Session};
use yak_client::{Cluster, Consumer, ConsumerConfig, Event, Stop};
use yak_model::ErrorCode;
use yak_model::api::TailStart;

use super::args::ConsumeArgs;
use super::properties;
use super::result::{Figures, print};

const HEADER: &str = "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, \
                      rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec";

/// What has been read.
#[derive(Clone, Copy, Debug, Default)]
struct Read {
    records: u64,
    bytes: u64,
}

/// Runs the measurement.
pub(super) async fn run(args: ConsumeArgs, session: &Session) -> Result<Exit, Failure> {
    let client = properties::client_config(&args.measure, session)?;
    let mut config = ConsumerConfig { outage_timeout: Some(client.request_timeout), ..Default::default() };
    if let Some(bytes) = args.fetch_size {
        config.fetch_bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        config.partition_bytes = config.fetch_bytes;
    }
    let (began, start) = (Timestamp::now(), Instant::now());
    let cluster = Cluster::connect(client).await?;
    let mut consumer = Consumer::new(&cluster, config)?;
    let from = if args.from_latest { TailStart::End } else { TailStart::Beginning };
    consumer.assign_topic(&args.measure.topic, from, Stop::Never).await?;
    // Connecting and looking up is what Kafka calls the rebalance.
    let joined = start.elapsed();
    let (read, last) = read(&mut consumer, &args, session).await?;
    consumer.close().await?;
    let total = last.map_or(start.elapsed(), |last| last - start);
    report(&args, read, (began, total, joined))?;
    if read.records >= args.measure.num_records {
        return Ok(Exit::Done);
    }
    if session.interrupt.is_raised() {
        return Ok(session.interrupt.exit());
    }
    let message = format!(
        "read {} of {} records: nothing more came within {} ms",
        read.records, args.measure.num_records, args.timeout_ms
    );
    Err(Failure::new(ErrorCode::RequestTimedOut, message))
}

/// Reads until there is enough, or nothing more; and when the last record came.
async fn read(
    consumer: &mut Consumer,
    args: &ConsumeArgs,
    session: &Session,
) -> Result<(Read, Option<Instant>), Failure> {
    let mut read = Read::default();
    let mut last = None;
    let idle = Duration::from_millis(args.timeout_ms);
    while read.records < args.measure.num_records {
        let event = tokio::select! {
            biased;
            () = session.interrupt.raised() => break,
            event = tokio::time::timeout(idle, consumer.next()) => event,
        };
        let Ok(event) = event else { break };
        if let Some(Event::Records(chunk)) = event? {
            for record in chunk.records() {
                read.bytes +=
                    (record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len)) as u64;
            }
            read.records += chunk.len() as u64;
            last = Some(Instant::now());
        }
    }
    Ok((read, last))
}

fn report(
    args: &ConsumeArgs,
    read: Read,
    (began, total, joined): (Timestamp, Duration, Duration),
) -> Result<(), Failure> {
    let fetching = total.saturating_sub(joined);
    let all = Figures::new(read.records, read.bytes, total.as_secs_f64());
    let fetched = Figures::new(read.records, read.bytes, fetching.as_secs_f64());
    if args.measure.output.json {
        return fetched.print_json();
    }
    if !args.hide_header {
        print(HEADER)?;
    }
    let time = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S:%3f").to_string();
    let ended = began.checked_add(total).unwrap_or(began);
    print(&format!(
        "{}, {}, {:.4}, {:.4}, {}, {:.4}, {}, {}, {:.4}, {:.4}",
        time(began),
        time(ended),
        all.mib_per_second * total.as_secs_f64(),
        all.mib_per_second,
        read.records,
        all.records_per_second,
        joined.as_millis(),
        fetching.as_millis(),
        fetched.mib_per_second,
        fetched.records_per_second
    ))
}
