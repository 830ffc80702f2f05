//! From command line, file and environment to a validated configuration.

use yak_model::config::{
    ConfigValue, DEFAULT_BROKER_PORT, Fault, Faults, LOOPBACK, Origin, Setting, Settings, Written,
};

use super::broker::BrokerConfig;
use super::keys::BROKER_KEYS;
use crate::args::BrokerArgs;

/// A configuration without faults.
#[derive(Debug)]
pub struct Loaded {
    /// What the broker works with.
    pub config: BrokerConfig,
    /// Every key with its value and origin, for printing and describing; also what to warn about.
    pub settings: Settings,
}

/// The first key of each row is what counts; the others say the same in another unit or by an older name.
const SYNONYMS: [(&str, &[(&str, i64)]); 5] = [
    ("log.dirs", &[("log.dir", 1)]),
    ("log.retention.ms", &[("log.retention.minutes", 60_000), ("log.retention.hours", 3_600_000)]),
    ("log.roll.jitter.ms", &[("log.roll.jitter.hours", 3_600_000)]),
    ("log.roll.ms", &[("log.roll.hours", 3_600_000)]),
    ("node.id", &[("broker.id", 1)]),
];

/// Reads and validates the configuration of a broker that was started with `args`.
///
/// # Errors
///
/// Every fault of every layer.
pub fn load(
    args: &BrokerArgs,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, Faults> {
    let written = write_down(args, environment);
    let (mut settings, mut faults) = Settings::check(BROKER_KEYS, written);
    for (main, others) in SYNONYMS {
        merge_synonyms(&mut settings, main, others, &mut faults);
    }
    fill_in_defaults(&mut settings);
    let config = BrokerConfig::validate(&mut settings, args, &mut faults);
    match config {
        Some(config) if faults.is_empty() => Ok(Loaded { config, settings }),
        _ => {
            faults.sort_by(|a, b| a.origin.cmp(&b.origin));
            Err(Faults(faults))
        }
    }
}

/// The first stage: every layer, as it was written.
fn write_down(args: &BrokerArgs, environment: impl IntoIterator<Item = (String, String)>) -> Written {
    let mut written = Written::default();
    if args.standalone {
        written.default_value("log.flush.mode", "os");
        written.default_value("offsets.topic.num.partitions", "4");
        written.default_value("offsets.topic.replication.factor", "1");
    } else if args.common.file.is_none() {
        // A broker of a cluster that was told nothing else, as in config/broker-1.properties.
        written.default_value("default.replication.factor", "3");
        written.default_value("min.insync.replicas", "2");
    }
    args.common.write_down(&mut written, &BROKER_KEYS, environment);
    if let Some(id) = args.id {
        written.flag("--id", "node.id", id.to_string());
    }
    if let Some(zookeeper) = &args.zookeeper {
        written.flag("--zookeeper", "zookeeper.connect", zookeeper.clone());
    }
    if let Some(data) = &args.data {
        written.flag("--data", "log.dirs", data.display().to_string());
    }
    written
}

/// Gives the main key the value of whichever synonym counts.
fn merge_synonyms(
    settings: &mut Settings,
    main: &'static str,
    others: &[(&'static str, i64)],
    faults: &mut Vec<Fault>,
) {
    let names: Vec<&'static str> =
        std::iter::once(main).chain(others.iter().map(|(name, _)| *name)).collect();
    let (winner, setting) = settings.preferred(&names);
    let setting = setting.clone();
    let is_name = others.iter().all(|(_, factor)| *factor == 1);
    for name in names.iter().filter(|name| is_name && **name != winner) {
        let other = settings.get(name);
        let written = other.origin != Origin::Default && other.origin.same_layer(&setting.origin);
        if written && other.value.to_string() != setting.value.to_string() {
            let problem = format!("\"{}\" contradicts {winner}={}", other.value, setting.value);
            faults.push(Fault::new(other.origin.clone(), *name, problem));
        }
    }
    let Some((_, factor)) = others.iter().find(|(name, _)| *name == winner) else { return };
    let value = match setting.value {
        ConfigValue::Number(-1) => ConfigValue::Number(-1),
        ConfigValue::Number(number) => ConfigValue::Number(number * factor),
        other => other,
    };
    settings.replace(main, Setting { value, origin: setting.origin });
}

/// Defaults that follow from the broker's number.
fn fill_in_defaults(settings: &mut Settings) {
    let id = settings.get("node.id").value.as_number().unwrap_or(1);
    let defaults = [
        ("listeners", format!("PLAINTEXT://{LOOPBACK}:{}", default_port(id))),
        ("log.dirs", format!("data/broker-{id}")),
    ];
    for (key, text) in defaults {
        if settings.get(key).origin == Origin::Default {
            settings.replace(key, Setting { value: ConfigValue::Text(text), origin: Origin::Default });
        }
    }
}

/// 9092 for broker 1; brokers of large numbers share 9092, which they will want to change.
fn default_port(id: i64) -> u16 {
    u16::try_from(9091 + id).unwrap_or(DEFAULT_BROKER_PORT)
}
