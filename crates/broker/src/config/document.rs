//! The reference of all keys, from the tables that read them.

use yak_model::config::{ConfigKey, Effect, TOPIC_KEYS};

use super::kafka_keys::IDLE_KEYS;
use super::keys::BROKER_KEYS;
use yak_zookeeper::config::ZOOKEEPER_KEYS;

const INTRODUCTION: &str = "\
# Configuration

Written from the tables in `crates/broker/src/config` and `crates/model/src/config`, which read the values; do not
edit it by hand.

A broker takes each setting from the highest of these layers that has it: its defaults, the file named on its
command line, the environment (`YAK_LOG_DIRS` is `log.dirs`), `--override key=value`, and flags of their own
(`--id`, `--port`, `--data`). `yak-broker --standalone --print-config` shows every key with its value and where
it comes from. Every fault of every layer is reported at once, with file and line.

Sizes are bytes, or `64KiB`, `1MiB`, `1GiB`; durations are a number of the unit named, or `30s`, `12h`, `7d`.
Names, and defaults unless said otherwise, are Kafka's.
";

const BROKERS: &str = "
## Brokers

What is marked with * can also be changed while brokers run, on one or on all (`alter_configs`, Kafka's `kafka-configs`):
it is kept in the zookeeper's journal, counts at once and after a restart, and before what was written. What is set on one
broker counts before what is set on all; of several names for the same, that in milliseconds counts first. Topics that set
their own value keep it. `min.insync.replicas` above 1 is written on each topic when it is created, and stays there.
";

const TOPICS: &str = "
## Topics

Set with `yak-topics --create --config key=value` or `--alter`. A topic that does not set a key takes the
broker's value, from the key in the last column.
";

const ZOOKEEPERS: &str = "
## Zookeepers

Keys of `yak-zookeeper`, in the same layers (`YAK_DATA_DIR` is `dataDir`). Other keys of Apache ZooKeeper's file are
accepted with a warning.
";

const IDLE: &str = "
## Keys of Kafka that do nothing here

They are accepted, so that a file written for Kafka needs no editing, and each is warned about once. Those marked
*refused* are faults: ignoring them would leave open what they were meant to close.
";

/// `docs/configuration.md`.
#[must_use]
pub fn document() -> String {
    let mut text = INTRODUCTION.to_owned();
    text.push_str(BROKERS);
    text.push_str("\n| key | value | default | what it does |\n|---|---|---|---|\n");
    for key in BROKER_KEYS.keys {
        let ConfigKey { name, kind, documentation, .. } = key;
        let mark = if key.read_only { "" } else { " *" };
        text.push_str(&format!("| `{name}`{mark} | {kind} | {} | {documentation} |\n", default(key)));
    }
    text.push_str(ZOOKEEPERS);
    text.push_str("\n| key | value | default | what it does |\n|---|---|---|---|\n");
    for key in ZOOKEEPER_KEYS.keys {
        let ConfigKey { name, kind, documentation, .. } = key;
        text.push_str(&format!("| `{name}` | {kind} | {} | {documentation} |\n", default(key)));
    }
    text.push_str(TOPICS);
    text.push_str("\n| key | value | default | what it does | broker's key |\n|---|---|---|---|---|\n");
    for key in TOPIC_KEYS.iter().filter(|key| key.effect == Effect::Works) {
        let ConfigKey { name, kind, documentation, .. } = key;
        let broker = BROKER_KEYS.keys.iter().find(|row| row.topic_key == Some(name));
        let broker = broker.map(|row| format!("`{}`", row.name)).unwrap_or_default();
        text.push_str(&format!("| `{name}` | {kind} | {} | {documentation} | {broker} |\n", default(key)));
    }
    text.push_str(IDLE);
    text.push_str("\n| keys | why |\n|---|---|\n");
    for group in IDLE_KEYS {
        let refused = if group.refused { " (*refused*)" } else { "" };
        text.push_str(&format!("| {} | {}{refused} |\n", quoted(group.names.iter().copied()), group.reason));
    }
    for key in TOPIC_KEYS {
        if let Effect::None(reason) = key.effect {
            text.push_str(&format!("| `{}` (of topics) | {reason} |\n", key.name));
        }
    }
    text
}

fn default(key: &ConfigKey) -> String {
    if key.default.is_empty() { String::new() } else { quoted([key.default]) }
}

fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
