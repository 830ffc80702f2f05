//! Prints what is in a topic, from the beginning to the end as it stands now.
//!
//! `cargo run -p yak-client --example consume -- [HOST:PORT] [TOPIC]`, with a broker running.

use std::io::Write as _;

use yak_client::{ClientConfig, ClientError, Cluster, Consumer, ConsumerConfig, Event, Stop};
use yak_model::api::TailStart;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    match consume(std::env::args().skip(1)).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(hint) = error.hint() {
                eprintln!("  hint: {hint}");
            }
            std::process::ExitCode::FAILURE
        }
    }
}

async fn consume(mut args: impl Iterator<Item = String>) -> Result<(), ClientError> {
    let usage = |what: &str| ClientError::Usage(format!("not {what}"));
    let broker = args.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let broker = broker.parse().map_err(|_invalid| usage("HOST:PORT"))?;
    let topic = args.next().unwrap_or_else(|| "example".to_owned());
    let topic = topic.parse().map_err(|_invalid| usage("a topic"))?;

    let cluster = Cluster::connect(ClientConfig::new(vec![broker])).await?;
    let mut consumer = Consumer::new(&cluster, ConsumerConfig::default())?;
    consumer.assign_topic(&topic, TailStart::Beginning, Stop::AtEnd).await?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    while let Some(event) = consumer.next().await? {
        match event {
            Event::Records(chunk) => {
                for record in chunk.records() {
                    let value = record.value.unwrap_or(b"(null)");
                    let (partition, offset) = (chunk.partition(), record.offset);
                    let text = String::from_utf8_lossy(value);
                    if writeln!(out, "{partition}@{offset} {text}").is_err() {
                        // Who read it went away.
                        return Ok(());
                    }
                }
            }
            news => eprintln!("{news:?}"),
        }
    }
    Ok(())
}
