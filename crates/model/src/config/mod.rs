//! Configuration: one table of keys that drives parsing, printing, documentation and descriptions.
//!
//! A [`ConfigKey`] says everything about a key: its [`ConfigKind`] reads and checks a value, its default is
//! text like any other value, its [`Effect`] tells Kafka's keys that work here from those that do not.
//! [`TOPIC_KEYS`] is the table of topics and [`TopicConfig`] what it means once read.
//!
//! A server's configuration has two stages. [`Written`] is what was written, layer by layer, each value with
//! its [`Origin`]; [`Settings`] is every key of the server's [`KeyTable`] with the value in effect. All
//! [`Fault`]s of both stages are reported at once. The server then makes its typed configuration of it.
//!
//! Everything here is pure: whoever calls reads the files and the environment.

mod dynamic;
mod endpoint;
mod key;
mod kind;
mod origin;
mod print;
mod properties;
mod secret;
mod settings;
mod suggest;
mod topic;
mod topic_keys;
mod typed;
mod units;
mod written;

pub use dynamic::{DynamicKey, dynamic_broker_key, dynamic_broker_keys};
pub use endpoint::{DEFAULT_BROKER_PORT, DEFAULT_ZOOKEEPER_PORT, Endpoint, LOOPBACK};
pub use key::{ConfigKey, ConfigProblem, Effect};
pub use kind::{ConfigKind, ConfigValue, TimeUnit};
pub use origin::{Fault, Faults, Origin};
pub use print::print_config;
pub use properties::{Property, parse_properties};
pub use secret::Secret;
pub use settings::{IdleKeys, KeyTable, Setting, Settings};
pub use suggest::nearest;
pub use topic::{
    CleanupPolicy, FlushMode, MessageTimestampType, TopicCompression, TopicConfig, topic_key,
    validate_topic_config,
};
pub use topic_keys::TOPIC_KEYS;
pub use written::{Assignment, Written};
