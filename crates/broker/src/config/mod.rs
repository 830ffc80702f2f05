//! The broker's configuration: its keys, its layers, and what they come to.
//!
//! ```text
//!  defaults < FILE < environment YAK_* < --override < flags
//!      └───────┴──────────┴────────────────┴──────────┴──► Written ──check──► Settings ──► BrokerConfig
//!                                                                │ key, value, origin      typed, validated
//!                                                                └──► --print-config, DescribeConfigs
//! ```
//!
//! The mechanism is [`yak_model::config`]'s; here are the broker's table, its special cases and its types.
//! Every fault of every layer is reported at once.

mod broker;
mod describe;
mod document;
mod groups;
mod kafka_keys;
mod keys;
mod load;
#[cfg(test)]
mod tests;

pub use broker::{BrokerConfig, ConnectionSettings, DataDirectory};
pub use describe::{Layers, describe_broker, describe_default, describe_topic};
pub use document::document;
pub use groups::GroupsConfig;
pub use keys::BROKER_KEYS;
pub use load::{Loaded, load};
pub use yak_model::config::Endpoint;
