//! The zookeeper's configuration: its keys, its layers, and what they come to. The mechanism is
//! [`yak_model::config`]'s, the same as the broker's.

mod keys;

use std::path::PathBuf;
use std::time::Duration;

pub use keys::ZOOKEEPER_KEYS;
use yak_core::controller::ControllerConfig;
use yak_core::sessions::SessionConfig;
use yak_model::config::{Endpoint, Fault, Faults, FlushMode, LOOPBACK, Origin, Settings, Written};

use crate::args::ZookeeperArgs;
use crate::server::ServerOptions;
use crate::{JournalLimits, Options};

/// A configuration without faults.
#[derive(Debug)]
pub struct Loaded {
    /// What the zookeeper works with.
    pub options: ServerOptions,
    /// Every key with its value and origin, for printing; also what to warn about.
    pub settings: Settings,
}

/// Reads and validates the configuration of a zookeeper that was started with `args`.
///
/// # Errors
/// Every fault of every layer.
pub fn load(
    args: &ZookeeperArgs,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, Faults> {
    let mut written = Written::default();
    args.common.write_down(&mut written, &ZOOKEEPER_KEYS, environment);
    if let Some(data) = &args.data {
        written.flag("--data", "dataDir", data.display().to_string());
    }
    if let Some(port) = args.common.port {
        written.flag("--port", "clientPort", port.to_string());
    }
    let (settings, mut faults) = Settings::check(ZOOKEEPER_KEYS, written);
    let listener = listener(&settings, args.common.port, &mut faults);
    check_times(&settings, &mut faults);
    match listener {
        Some(listener) if faults.is_empty() => Ok(Loaded { options: options(&settings, listener), settings }),
        _ => {
            faults.sort_by(|a, b| a.origin.cmp(&b.origin));
            Err(Faults(faults))
        }
    }
}

/// Where to listen. A port of the command line counts, then that of `listeners`.
fn listener(settings: &Settings, port: Option<u16>, faults: &mut Vec<Fault>) -> Option<Endpoint> {
    let (text, default_port) = (settings.text("listeners"), settings.number("clientPort"));
    if text.is_empty() {
        return Some(Endpoint { host: LOOPBACK.to_owned(), port: default_port });
    }
    let mut endpoint = match Endpoint::parse_listener(&text, default_port, "zookeeper") {
        Ok(endpoint) => endpoint,
        Err(problem) => {
            faults.push(settings.fault("listeners", problem));
            return None;
        }
    };
    match port {
        Some(port) => endpoint.port = port,
        None if endpoint.port != default_port && settings.get("clientPort").origin != Origin::Default => {
            let problem = format!("{default_port} contradicts listeners={text}");
            faults.push(settings.fault("clientPort", problem));
        }
        None => {}
    }
    Some(endpoint)
}

/// Whoever lost its connection is not given longer than whoever is silent.
fn check_times(settings: &Settings, faults: &mut Vec<Fault>) {
    let number = |key| settings.get(key).value.as_number().unwrap_or_default();
    let timeout = number("session.timeout.ms");
    if number("session.disconnect.grace.ms") > timeout {
        let problem = format!("is more than session.timeout.ms ({timeout})");
        faults.push(settings.fault("session.disconnect.grace.ms", problem));
    }
}

fn options(settings: &Settings, listener: Endpoint) -> ServerOptions {
    let flush = if settings.text("log.flush.mode") == "os" { FlushMode::Os } else { FlushMode::Sync };
    ServerOptions {
        host: listener.host,
        port: listener.port,
        data: PathBuf::from(settings.text("dataDir")),
        options: Options {
            controller: ControllerConfig { flush },
            limits: JournalLimits {
                lines: settings.number("journal.max.lines"),
                bytes: settings.number("journal.max.bytes"),
                history_bytes: settings.number("journal.history.bytes"),
            },
            ..Options::default()
        },
        sessions: SessionConfig {
            timeout_ms: settings.number("session.timeout.ms"),
            grace_ms: settings.number("session.disconnect.grace.ms"),
            ..SessionConfig::default()
        },
        rebalance: settings
            .get("auto.leader.rebalance.enable")
            .value
            .as_boolean()
            .unwrap_or(false)
            .then(|| Duration::from_secs(settings.number("leader.imbalance.check.interval.seconds"))),
        secret: settings.secret("cluster.secret"),
        max_connections: settings.number("max.connections"),
        max_connections_per_ip: settings.number("max.connections.per.ip"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn read(arguments: &str, environment: &[(&str, &str)]) -> Result<Loaded, String> {
        let words = ["yak-zookeeper"].into_iter().chain(arguments.split_whitespace());
        let args = ZookeeperArgs::try_parse_from(words).expect("a valid command line");
        let variables = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        load(&args, variables).map_err(|faults| faults.to_string())
    }

    #[test]
    fn without_anything_it_is_apache_zookeepers_port_and_a_directory_here() {
        let ServerOptions { host, port, data, options, sessions, secret, .. } =
            read("", &[]).unwrap().options;
        assert_eq!((host.as_str(), port, secret), ("127.0.0.1", 2_181, None));
        assert_eq!(data, PathBuf::from("data/zookeeper"));
        assert_eq!(sessions, SessionConfig::default());
        assert_eq!(options.controller.flush, FlushMode::Sync);
        assert_eq!(options.limits.lines, JournalLimits::default().lines);
        assert_eq!(options.limits.bytes, JournalLimits::default().bytes);
        assert_eq!(options.limits.history_bytes, JournalLimits::default().history_bytes);
    }

    #[test]
    fn leaders_are_rebalanced_only_if_that_is_asked_for() {
        let of = |arguments: &str| read(arguments, &[]).unwrap().options.rebalance;
        assert_eq!(of(""), None);
        let on = "--override auto.leader.rebalance.enable=true";
        assert_eq!(of(on), Some(Duration::from_secs(300)));
        let often = format!("{on} --override leader.imbalance.check.interval.seconds=2");
        assert_eq!(of(&often), Some(Duration::from_secs(2)));
    }

    #[test]
    fn each_layer_wins_over_those_before_it() {
        let environment = [("YAK_CLIENT_PORT", "1"), ("YAK_SESSION_TIMEOUT_MS", "2s"), ("YAK_DATA_DIR", "e")];
        let loaded =
            read("--port 3 --override log.flush.mode=os --override dataDir=o", &environment).unwrap();
        let options = loaded.options;
        assert_eq!((options.port, options.sessions.timeout_ms), (3, 2_000));
        assert_eq!((options.data, options.options.controller.flush), (PathBuf::from("o"), FlushMode::Os));
    }

    #[test]
    fn listeners_say_host_and_port_and_do_not_contradict_the_port() {
        let of =
            |arguments: &str| read(arguments, &[]).map(|loaded| (loaded.options.host, loaded.options.port));
        let any = "--override listeners=PLAINTEXT://0.0.0.0";
        assert_eq!(of(any), Ok(("0.0.0.0".to_owned(), 2_181)));
        assert_eq!(of(&format!("{any}:2182")), Ok(("0.0.0.0".to_owned(), 2_182)));
        assert_eq!(of(&format!("{any}:2182 --port 7")), Ok(("0.0.0.0".to_owned(), 7)));
        let fault = of(&format!("{any}:2182 --override clientPort=2183")).unwrap_err();
        assert!(fault.contains("clientPort") && fault.contains("contradicts listeners"), "{fault}");
        let fault = of("--override listeners=SSL://:1").unwrap_err();
        assert!(fault.contains("only PLAINTEXT"), "{fault}");
    }

    #[test]
    fn faults_are_reported_together_and_the_secret_is_never_shown() {
        let fault = read(
            "--override session.timeout.ms=500 --override ssl.keyStore.location=k --override nonsense=1",
            &[("YAK_CLUSTER_SECRET", &"x".repeat(300))],
        )
        .unwrap_err();
        for says in ["session.timeout.ms", "ssl.keyStore.location", "nonsense", "YAK_CLUSTER_SECRET"] {
            assert!(fault.contains(says), "{says}: {fault}");
        }
        assert!(!fault.contains("xxx"));
        let fault = read("--override session.disconnect.grace.ms=2s", &[]).unwrap_err();
        assert!(fault.contains("is more than session.timeout.ms (1000)"), "{fault}");
        let loaded = read("--override cluster.secret=swordfish", &[]).unwrap();
        assert_eq!(loaded.options.secret.as_deref(), Some("swordfish"));
        assert!(!yak_model::config::print_config(&loaded.settings).contains("swordfish"));
    }

    #[test]
    fn a_file_written_for_apache_zookeeper_is_read_with_warnings() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("zoo.cfg");
        let text = "tickTime=2000\ninitLimit=5\ndataDir=/tmp/zookeeper\nclientPort=2183\nmaxClientCnxns=0\n\
                    admin.enableServer=false\n";
        std::fs::write(&path, text).unwrap();
        let loaded = read(path.to_str().unwrap(), &[]).unwrap();
        assert_eq!((loaded.options.port, loaded.options.data), (2_183, PathBuf::from("/tmp/zookeeper")));
        assert_eq!(loaded.settings.warnings().len(), 4);
    }
}
