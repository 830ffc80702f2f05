//! What every client needs to know: where to begin, what it is called, how patient it is.

use std::time::Duration;

use crate::{Address, DEFAULT_PORT};

/// How a client reaches its cluster.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Brokers to begin with; any one that answers will do. At least one.
    pub bootstrap: Vec<Address>,
    /// The name by which the brokers list this client.
    pub client_id: String,
    /// Name and version of the program, for the brokers' list: `yak-producer/0.1.0`.
    pub software: String,
    /// How long one connection attempt may take, name lookup included.
    pub connect_timeout: Duration,
    /// How long a request may go unanswered before its connection is given up, and how long a question is
    /// asked again (elsewhere, later) before it fails.
    pub request_timeout: Duration,
    /// Pause before a first retry; doubles with each further one.
    pub retry_backoff: Duration,
    /// Longest pause between retries.
    pub retry_backoff_max: Duration,
    /// How old metadata may grow before it is asked for again, so that new partitions are found.
    pub metadata_max_age: Duration,
    /// Longest reply line that is accepted.
    pub max_reply_bytes: usize,
}

impl Default for ClientConfig {
    /// `localhost:9092`, 10 s, as every tool has it.
    fn default() -> Self {
        Self {
            bootstrap: vec![Address::new("localhost", DEFAULT_PORT)],
            client_id: "yak-client".to_owned(),
            software: concat!("yak-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            retry_backoff: Duration::from_millis(20),
            retry_backoff_max: Duration::from_secs(1),
            metadata_max_age: Duration::from_secs(5),
            max_reply_bytes: 256 * 1024 * 1024,
        }
    }
}

impl ClientConfig {
    /// The default configuration with other brokers to begin with.
    #[must_use]
    pub fn new(bootstrap: Vec<Address>) -> Self {
        Self { bootstrap, ..Self::default() }
    }

    /// The addresses as text, for messages: `a:9092, b:9092`.
    #[must_use]
    pub fn bootstrap_text(&self) -> String {
        self.bootstrap.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}
