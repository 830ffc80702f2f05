//! Reads a topic as a member of a group: start it twice, and each gets its share of the partitions.
//!
//! `cargo run -p yak-client --example group -- [HOST:PORT] [TOPIC] [GROUP]`, with a broker running. What was printed is
//! committed before partitions are given up and every five seconds, so the next one goes on behind it.

use std::io::Write as _;

use yak_client::{
    ClientConfig, ClientError, Cluster, Consumer, ConsumerConfig, Event, GroupConfig, GroupStart,
};
use yak_model::GroupId;

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
    let group = args.next().unwrap_or_else(|| "example".to_owned());
    let group = GroupId::new(group).map_err(|_invalid| usage("a group"))?;

    let cluster = Cluster::connect(ClientConfig::new(vec![broker])).await?;
    let mut consumer = Consumer::new(&cluster, ConsumerConfig::default())?;
    let config = GroupConfig { start: GroupStart::Earliest, ..GroupConfig::new(group, vec![topic]) };
    consumer.subscribe(config).await?;
    loop {
        tokio::select! {
            event = consumer.next() => match event? {
                Some(Event::Records(chunk)) => print(&chunk),
                Some(news) => eprintln!("{news:?}"),
                None => break,
            },
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    // Commits what was printed, and gives the partitions to the others.
    consumer.close().await
}

fn print(chunk: &yak_client::Chunk) {
    let mut out = std::io::stdout().lock();
    for record in chunk.records() {
        let value = String::from_utf8_lossy(record.value.unwrap_or(b"(null)"));
        // Who read it may have gone away; Ctrl-C ends this.
        writeln!(out, "{}-{}@{} {value}", chunk.topic(), chunk.partition(), record.offset)
            .unwrap_or_default();
    }
}
