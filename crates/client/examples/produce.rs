//! Sends numbered records and prints where each batch went.
//!
//! `cargo run -p yak-client --example produce -- [HOST:PORT] [TOPIC] [COUNT]`, with a broker running.

use std::time::Duration;

use yak_client::{ClientConfig, ClientError, Cluster, Delivery, Outcome, Producer, ProducerConfig, Record};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    match produce(std::env::args().skip(1)).await {
        Ok(failed) if !failed => std::process::ExitCode::SUCCESS,
        Ok(_) => std::process::ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(hint) = error.hint() {
                eprintln!("  hint: {hint}");
            }
            std::process::ExitCode::FAILURE
        }
    }
}

/// Whether any record was not acknowledged.
async fn produce(mut args: impl Iterator<Item = String>) -> Result<bool, ClientError> {
    let usage = |what: &str| ClientError::Usage(format!("not {what}"));
    let broker = args.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let broker = broker.parse().map_err(|_invalid| usage("HOST:PORT"))?;
    let topic = args.next().unwrap_or_else(|| "example".to_owned());
    let topic = topic.parse().map_err(|_invalid| usage("a topic"))?;
    let count = args.next().map_or(Ok(10), |count| count.parse::<u64>());
    let count = count.map_err(|_invalid| usage("a number of records"))?;

    let cluster = Cluster::connect(ClientConfig::new(vec![broker])).await?;
    let mut producer = Producer::start(&cluster, ProducerConfig::default(), print).await?;
    let topic = producer.open(&topic).await?;
    for number in 0..count {
        let value = format!("record {number}");
        producer.send(topic, Record::value(value.as_bytes()), number).await?;
    }
    let stats = producer.close(Duration::from_secs(30)).await;
    Ok(stats.acknowledged < stats.pushed)
}

/// Runs once for each batch.
fn print(delivery: &Delivery<'_>) {
    let (topic, partition, count) = (delivery.topic, delivery.partition, delivery.tokens.len());
    match &delivery.outcome {
        Outcome::Acknowledged(what) => {
            let offset = what.base_offset.map_or_else(|| "?".to_owned(), |offset| offset.to_string());
            let brokers: Vec<_> = what.acked_by.iter().map(ToString::to_string).collect();
            eprintln!("{count} records at {topic}-{partition}@{offset}, on brokers {}", brokers.join(","));
        }
        Outcome::Failed(why) => eprintln!("{count} records failed: {why}"),
        Outcome::Unknown(why) => eprintln!("{count} records may or may not be there: {why}"),
    }
}
