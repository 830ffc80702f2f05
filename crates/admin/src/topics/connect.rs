//! Which brokers are asked, also when Kafka 2's `--zookeeper` is all that was given.

use yak_cli::Failure;
use yak_cli::args::{Bootstrap, bootstrap_from_env};
use yak_client::{Address, ClientConfig};

use super::args::TopicsArgs;

/// Ports at which brokers 1 to 3 listen unless they are told otherwise.
const USUAL_PORTS: [u16; 3] = [9092, 9093, 9094];

/// Puts flags, environment and properties together. With `--zookeeper` and without any broker named, the
/// brokers are looked for on the zookeeper's hosts: topics are created and listed by brokers, which hold what
/// the zookeeper knows. Returns a warning for properties without effect.
///
/// # Errors
/// Whatever does not agree, with exit code 2.
pub(super) fn plan(args: &mut TopicsArgs) -> Result<(ClientConfig, Option<String>), Failure> {
    let named = args.connection.bootstrap_server.is_some() || bootstrap_from_env()?.is_some();
    if let (Some(zookeeper), false) = (&args.what.zookeeper, named) {
        args.connection.bootstrap_server = Some(translate(zookeeper));
    }
    let mut properties = args.connection.properties()?;
    let config = args.connection.resolve("yak-topics", &mut properties)?.client_config("yak-topics");
    Ok((config, properties.finish()?))
}

/// The brokers that are probably there, on the hosts of a zookeeper.
fn translate(zookeeper: &Bootstrap) -> Bootstrap {
    let mut brokers: Vec<Address> = Vec::new();
    for port in USUAL_PORTS {
        for address in &zookeeper.0 {
            let broker = Address::new(address.host.clone(), port);
            if !brokers.contains(&broker) {
                brokers.push(broker);
            }
        }
    }
    Bootstrap(brokers)
}

/// How `--zookeeper` was understood.
pub(super) fn zookeeper_note(args: &TopicsArgs, config: &ClientConfig) -> Option<String> {
    args.what.zookeeper.as_ref()?;
    let brokers = config.bootstrap_text();
    Some(format!("--zookeeper: the brokers are asked, which know what the zookeeper knows ({brokers})"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn brokers(line: &str) -> String {
        let mut args =
            TopicsArgs::try_parse_from(format!("yak-topics --list {line}").split_whitespace()).unwrap();
        plan(&mut args).unwrap().0.bootstrap_text()
    }

    #[test]
    fn a_zookeeper_stands_for_the_brokers_on_its_hosts() {
        assert_eq!(brokers("--zookeeper z:2181/kafka"), "z:9092, z:9093, z:9094");
        assert_eq!(brokers("--zookeeper a,b:1"), "a:9092, b:9092, a:9093, b:9093, a:9094, b:9094");
        assert_eq!(brokers("--zookeeper z -b k:1"), "k:1");
    }
}
