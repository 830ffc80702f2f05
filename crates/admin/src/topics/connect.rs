//! Which brokers are asked, also when Kafka 2's `--zookeeper` is all that was given.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use yak_cli::Failure;
use yak_cli::args::Bootstrap;
use yak_client::{Address, ClientConfig, ClientError};
use yak_model::ErrorCode;
use yak_model::api::ZookeeperReport;

use super::args::TopicsArgs;
use crate::zookeeper;

/// Between two rounds in which no zookeeper answered.
const PAUSE: Duration = Duration::from_millis(200);

/// Puts flags, environment and properties together. Returns a warning for properties without effect.
///
/// # Errors
/// Whatever does not agree, with exit code 2.
pub(super) fn plan(args: &TopicsArgs) -> Result<(ClientConfig, Option<String>), Failure> {
    let mut properties = args.connection.properties()?;
    let config = args.connection.resolve("yak-topics", &mut properties)?.client_config("yak-topics");
    Ok((config, properties.finish()?))
}

/// The zookeeper that is to be asked where the brokers are: the one that was named, unless brokers were by a flag. A flag
/// counts for more than the environment.
pub(super) fn zookeeper(args: &TopicsArgs) -> Option<&Bootstrap> {
    args.what.zookeeper.as_ref().filter(|_| args.connection.bootstrap_server.is_none())
}

/// The brokers that are alive, as the first zookeeper that answers knows them. Topics are created and listed by brokers,
/// which know what the zookeeper knows.
///
/// # Errors
/// When no zookeeper answers in time, or somebody else does, or no broker is alive.
pub(super) async fn brokers_of(
    zookeepers: &Bootstrap,
    config: &ClientConfig,
) -> Result<Vec<Address>, Failure> {
    let deadline = Instant::now() + config.request_timeout;
    loop {
        let mut why = "nothing was tried".to_owned();
        for address in &zookeepers.0 {
            match zookeeper::ask(address, config).await {
                Ok(report) => return alive(address, &report),
                Err(ClientError::Connection { why: reason, .. }) => why = reason,
                Err(error @ ClientError::NoAnswer { .. }) => why = error.to_string(),
                Err(ClientError::Usage(who)) => {
                    let hint = "pass that address as --bootstrap-server, or the zookeeper's as --zookeeper";
                    return Err(Failure::new(ErrorCode::InvalidRequest, who).hint(hint));
                }
                Err(error) => return Err(error.into()),
            }
        }
        if Instant::now() + PAUSE >= deadline {
            let addresses = zookeepers.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let message = format!("no zookeeper answered at {addresses}: {why}");
            return Err(Failure::new(ErrorCode::NetworkException, message)
                .hint("start one with `yak-zookeeper`, or pass --bootstrap-server"));
        }
        sleep(PAUSE).await;
    }
}

fn alive(address: &Address, report: &ZookeeperReport) -> Result<Vec<Address>, Failure> {
    let live = report.brokers.iter().filter(|broker| !broker.fenced);
    let brokers: Vec<Address> = live.map(|broker| Address::new(broker.host.clone(), broker.port)).collect();
    if brokers.is_empty() {
        let message = match report.brokers.len() {
            0 => format!("no broker has registered with the zookeeper at {address} yet"),
            registered => format!("none of the {registered} brokers of the zookeeper at {address} is alive"),
        };
        return Err(Failure::new(ErrorCode::LeaderNotAvailable, message)
            .hint(format!("start one with `yak-broker --id 1 --zookeeper {address}`")));
    }
    Ok(brokers)
}

/// How `--zookeeper` was understood.
pub(super) fn note(config: &ClientConfig) -> String {
    format!("--zookeeper: its brokers are asked, which know what it knows ({})", config.bootstrap_text())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use yak_model::{BrokerEpoch, BrokerId, ClusterId, MetadataIndex};

    use super::*;

    #[test]
    fn a_zookeeper_is_asked_unless_brokers_are_named() {
        let asked = |line: &str| {
            let args = TopicsArgs::try_parse_from(format!("yak-topics --list {line}").split_whitespace());
            zookeeper(&args.unwrap()).map(|zookeepers| zookeepers.0.len())
        };
        assert_eq!(asked("--zookeeper z:2181/kafka"), Some(1));
        assert_eq!(asked("--zookeeper a,b:1"), Some(2));
        assert_eq!(asked("--zookeeper z -b k:1"), None);
        assert_eq!(asked(""), None);
    }

    #[test]
    fn brokers_that_are_not_alive_are_not_asked() {
        let session = |id: i32, fenced: bool| yak_model::api::SessionReport {
            broker_id: BrokerId::new(id),
            broker_epoch: BrokerEpoch::new(1),
            host: format!("b{id}"),
            port: 9092,
            fenced,
            connected: !fenced,
            heartbeat_age_ms: None,
            clients: vec![],
        };
        let report = |brokers| ZookeeperReport {
            cluster_id: ClusterId::from_random([7; 16]),
            version: String::new(),
            index: MetadataIndex::new(1),
            journal: String::new(),
            brokers,
            leaderless: vec![],
            elections: vec![],
        };
        let at = Address::new("z", 2181);
        let brokers = alive(&at, &report(vec![session(1, true), session(2, false)])).unwrap();
        assert_eq!(brokers, [Address::new("b2", 9092)]);
        let none = alive(&at, &report(vec![session(1, true)])).unwrap_err();
        assert_eq!(none.message, "none of the 1 brokers of the zookeeper at z:2181 is alive");
        let nobody = alive(&at, &report(vec![])).unwrap_err();
        assert_eq!(nobody.message, "no broker has registered with the zookeeper at z:2181 yet");
    }
}
