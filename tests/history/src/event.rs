//! The events of the verifiable clients, as far as the checker needs them.

use serde::Deserialize;

/// One line of a history.
#[derive(Debug, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub(crate) enum Event {
    StartupComplete {
        #[serde(default)]
        idempotent: Option<bool>,
    },
    ProducerSendSuccess {
        topic: String,
        partition: i32,
        offset: i64,
        value: String,
        #[serde(default)]
        number: Option<u64>,
    },
    ProducerSendError {
        topic: String,
        value: String,
        /// Kafka's own client does not say which; then it is unknown.
        #[serde(default)]
        outcome: Option<String>,
        #[serde(default)]
        number: Option<u64>,
    },
    RecordData {
        topic: String,
        partition: i32,
        offset: i64,
        value: Option<String>,
    },
    ShutdownComplete {
        #[serde(default)]
        reached_end: Option<bool>,
    },
    /// Anything else is of no interest here.
    #[serde(other)]
    Other,
}
