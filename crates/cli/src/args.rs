//! Flags that every tool has.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};
use yak_client::{Address, ClientConfig};

use crate::failure::Failure;
use crate::human::parse_millis;
use crate::properties::{Properties, Property};

/// Environment variable with the brokers to begin with.
pub const BOOTSTRAP_ENV: &str = "YAK_BOOTSTRAP_SERVERS";
/// The broker that is asked when none is named.
pub const DEFAULT_BOOTSTRAP: &str = "localhost:9092";
/// How long a request may take, unless the user says otherwise.
pub const DEFAULT_REQUEST_TIMEOUT_MS: u64 = 10_000;

/// How to reach the cluster.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionArgs {
    /// Brokers to begin with [env: YAK_BOOTSTRAP_SERVERS] [default: localhost:9092]
    #[arg(
        short = 'b',
        long,
        aliases = ["bootstrap-servers", "broker-list"],
        value_name = "H:P[,H:P]",
        value_parser = parse_bootstrap
    )]
    pub bootstrap_server: Option<Bootstrap>,

    /// Properties of the client, `key=value` a line
    #[arg(long, aliases = ["producer.config", "consumer.config"], value_name = "FILE")]
    pub command_config: Option<PathBuf>,

    /// One property of the client; wins over the file
    #[arg(
        short = 'X',
        long,
        aliases = ["producer-property", "consumer-property"],
        value_name = "K=V",
        value_parser = parse_pair
    )]
    pub command_property: Vec<(String, String)>,

    /// The name by which the brokers list this client [default: the tool's]
    #[arg(long, value_name = "NAME")]
    pub client_id: Option<String>,

    /// How long the cluster may take to answer [default: 10000]
    #[arg(long, value_name = "MS", value_parser = parse_millis)]
    pub request_timeout_ms: Option<u64>,
}

/// How to talk to the user.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// One JSON object a line, on stdout and on stderr
    #[arg(long)]
    pub json: bool,

    /// Only data and errors
    #[arg(short, long)]
    pub quiet: bool,

    /// Say what the client does; twice says more
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Colours; NO_COLOR is respected
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub color: Color,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Even into a pipe.
    Always,
    /// Not even on a terminal.
    Never,
}

/// A list of addresses, as one value of a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstrap(pub Vec<Address>);

/// How to reach the cluster, after flags, environment and properties have been put together.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Brokers to begin with; at least one.
    pub bootstrap: Vec<Address>,
    /// The name by which the brokers list this client.
    pub client_id: String,
    /// How long the cluster may take to answer.
    pub request_timeout: Duration,
}

impl Connection {
    /// The client library's configuration, for a tool of this name.
    #[must_use]
    pub fn client_config(self, tool: &str) -> ClientConfig {
        ClientConfig {
            client_id: self.client_id,
            software: format!("{tool}/{}", env!("CARGO_PKG_VERSION")),
            request_timeout: self.request_timeout,
            ..ClientConfig::new(self.bootstrap)
        }
    }
}

impl ConnectionArgs {
    /// The properties of `--command-config` and `-X`, for the tool to take what it knows from.
    ///
    /// # Errors
    /// When the file cannot be read, or a line of it is no property.
    pub fn properties(&self) -> Result<Properties, Failure> {
        let mut properties = match &self.command_config {
            Some(path) => Properties::read(path)?,
            None => Properties::default(),
        };
        for (key, value) in &self.command_property {
            properties.push(Property::new(key, value, "-X"));
        }
        Ok(properties)
    }

    /// Puts flags, environment and properties together, the earlier winning.
    ///
    /// # Errors
    /// When the environment or a property holds no address or duration.
    pub fn resolve(&self, tool: &str, properties: &mut Properties) -> Result<Connection, Failure> {
        let from_properties = properties.take("bootstrap.servers", parse_bootstrap)?;
        let bootstrap = match &self.bootstrap_server {
            Some(list) => list.clone(),
            None => match (bootstrap_from_env()?, from_properties) {
                (Some(list), _) | (None, Some(list)) => list,
                (None, None) => parse_bootstrap(DEFAULT_BOOTSTRAP).map_err(Failure::usage)?,
            },
        };
        let client_id = properties.take("client.id", |text| Ok(text.to_owned()))?;
        let timeout = properties.take("request.timeout.ms", parse_millis)?;
        let timeout = self.request_timeout_ms.or(timeout).unwrap_or(DEFAULT_REQUEST_TIMEOUT_MS);
        Ok(Connection {
            bootstrap: bootstrap.0,
            client_id: self.client_id.clone().or(client_id).unwrap_or_else(|| tool.to_owned()),
            request_timeout: Duration::from_millis(timeout.max(1)),
        })
    }
}

/// The brokers that the environment names, if it does.
///
/// # Errors
/// When what it says is no address.
fn bootstrap_from_env() -> Result<Option<Bootstrap>, Failure> {
    match std::env::var(BOOTSTRAP_ENV) {
        Ok(text) if !text.trim().is_empty() => parse_bootstrap(&text)
            .map(Some)
            .map_err(|problem| Failure::usage(format!("env {BOOTSTRAP_ENV}: {problem}"))),
        _ => Ok(None),
    }
}

/// Reads `H:P[,H:P]`.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_bootstrap(text: &str) -> Result<Bootstrap, String> {
    let address = |one: &str| one.trim().parse::<Address>().map_err(|problem| problem.to_string());
    text.split(',').map(address).collect::<Result<_, _>>().map(Bootstrap)
}

/// Reads `key=value`; the value may be empty and may contain `=`.
///
/// # Errors
/// When there is no `=`, or no key before it.
pub fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err(format!("\"{text}\" is not key=value")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_needs_a_key_and_an_equals_sign() {
        assert_eq!(parse_pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(parse_pair("a="), Ok(("a".to_owned(), String::new())));
        for text in ["a", "=b", " =b", ""] {
            assert_eq!(parse_pair(text), Err(format!("\"{text}\" is not key=value")));
        }
    }

    #[test]
    fn flags_win_over_properties_and_properties_over_defaults() {
        let mut args = ConnectionArgs {
            command_property: vec![
                ("bootstrap.servers".to_owned(), "b:2".to_owned()),
                ("client.id".to_owned(), "from-property".to_owned()),
                ("request.timeout.ms".to_owned(), "5s".to_owned()),
            ],
            ..ConnectionArgs::default()
        };
        let resolve = |args: &ConnectionArgs| {
            let connection = args.resolve("tool", &mut args.properties().unwrap()).unwrap();
            connection.client_config("tool")
        };
        let config = resolve(&args);
        assert_eq!((config.bootstrap_text().as_str(), config.client_id.as_str()), ("b:2", "from-property"));
        assert_eq!(config.request_timeout, Duration::from_secs(5));
        args.bootstrap_server = Some(parse_bootstrap("a:1,c").unwrap());
        args.client_id = Some("flag".to_owned());
        args.request_timeout_ms = Some(7);
        let config = resolve(&args);
        assert_eq!((config.bootstrap_text().as_str(), config.client_id.as_str()), ("a:1, c:9092", "flag"));
        assert_eq!(config.request_timeout, Duration::from_millis(7));
        assert!(config.software.starts_with("tool/"));
    }
}
