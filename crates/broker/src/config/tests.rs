//! Behaviour of loading a broker's configuration, layer by layer.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use yak_model::BrokerId;
use yak_model::api::{ConfigEntry, ConfigSource, ConfigSynonym, ConfigType};
use yak_model::config::{FlushMode, Settings, Written, print_config};

use super::{
    BROKER_KEYS, DataDirectory, Layers, Loaded, describe_broker, describe_default, describe_topic, load,
};
use crate::args::BrokerArgs;

/// Loads with a command line, where `FILE` stands for a file of this text.
fn try_load(command: &str, file: &str, environment: &[(&str, &str)]) -> Result<Loaded, Vec<String>> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("server.properties");
    fs::write(&path, file).expect("writable");
    let words = ["yak-broker", "--standalone"].into_iter().chain(command.split_whitespace());
    let mut args = BrokerArgs::try_parse_from(words).expect("a valid command line");
    if args.common.file.is_some() {
        args.common.file = Some(path.clone());
    }
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let loaded = load(&args, environment);
    loaded.map_err(|faults| {
        let name = path.display().to_string();
        faults.lines().iter().map(|line| line.replace(&name, "FILE")).collect()
    })
}

fn loaded(command: &str, file: &str, environment: &[(&str, &str)]) -> Loaded {
    try_load(command, file, environment).expect("no faults")
}

fn faults(command: &str, file: &str, environment: &[(&str, &str)]) -> Vec<String> {
    try_load(command, file, environment).expect_err("faults")
}

#[test]
fn with_nothing_written_a_standalone_broker_has_its_defaults() {
    let Loaded { config, settings } = loaded("", "", &[]);
    assert_eq!(config.node_id, BrokerId::new(1));
    assert_eq!(config.listener.to_string(), "127.0.0.1:9092");
    assert_eq!(config.advertised, None);
    assert_eq!(config.data, DataDirectory::Path(PathBuf::from("data/broker-1")));
    assert_eq!(config.rack, None);
    assert_eq!(config.topic_defaults.flush, FlushMode::Os);
    assert_eq!(config.topic_defaults.retention_ms, Some(604_800_000));
    assert_eq!(config.connections.max_idle, Duration::from_secs(600));
    assert!(config.auto_create_topics && config.delete_topics);
    assert_eq!(settings.warnings(), [""; 0]);
}

#[test]
fn port_and_directory_follow_the_number_unless_written() {
    let config = loaded("--id 3", "", &[]).config;
    assert_eq!(config.listener.to_string(), "127.0.0.1:9094");
    assert_eq!(config.data, DataDirectory::Path(PathBuf::from("data/broker-3")));
    let config = loaded("FILE --port 0", "listeners=PLAINTEXT://localhost:1234\nlog.dir=d", &[]).config;
    assert_eq!(config.listener.to_string(), "localhost:0");
    assert_eq!(config.data, DataDirectory::Path(PathBuf::from("d")));
    assert_eq!(loaded("--ephemeral", "", &[]).config.data, DataDirectory::Temporary);
}

/// Loads for a broker of a cluster.
fn member(command: &str) -> Result<Loaded, Vec<String>> {
    let words = ["yak-broker"].into_iter().chain(command.split_whitespace());
    let args = BrokerArgs::try_parse_from(words).expect("a valid command line");
    load(&args, []).map_err(|faults| faults.lines())
}

#[test]
fn with_nothing_written_a_broker_of_a_cluster_has_its_defaults() {
    let config = member("--id 2").expect("no faults").config;
    let zookeepers = config.zookeepers.expect("it has one elsewhere");
    assert_eq!(zookeepers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["localhost:2181"]);
    assert_eq!(
        (config.listener.to_string(), config.default_replication_factor),
        ("127.0.0.1:9093".to_owned(), 3)
    );
    assert_eq!(config.topic_defaults.min_insync_replicas, 2);
    assert_eq!(config.data, DataDirectory::Path(PathBuf::from("data/broker-2")));
    assert_eq!(loaded("", "", &[]).config.zookeepers, None, "standalone has its own");
}

fn described(settings: &Settings) -> Vec<ConfigEntry> {
    let nothing = BTreeMap::new();
    describe_broker(&Layers { settings, broker: &nothing, default: &nothing })
}

#[test]
fn the_secret_of_the_cluster_is_used_and_never_shown() {
    let Loaded { config, settings } = member("--override cluster.secret=swordfish").expect("no faults");
    assert_eq!(config.cluster_secret.reveal(), Some("swordfish"));
    let shown = [format!("{config:?}"), print_config(&settings), format!("{:?}", described(&settings))];
    for shown in shown {
        assert!(!shown.contains("swordfish"), "{shown}");
    }
    assert_eq!(member("").expect("no faults").config.cluster_secret.reveal(), None);
    let fault = member(&format!("--override cluster.secret={}", "x".repeat(300))).expect_err("too long");
    assert!(fault[0].contains("cluster.secret") && !fault[0].contains("xxx"), "{fault:?}");
}

#[test]
fn heartbeats_are_twice_a_second_or_more_often() {
    let interval = |flags: &str| member(flags).map(|loaded| loaded.config.heartbeat_interval.as_millis());
    assert_eq!(interval("").expect("no faults"), 500);
    assert_eq!(interval("--override broker.heartbeat.interval.ms=100ms").expect("no faults"), 100);
    for wrong in ["9", "501", "2s", "often"] {
        let fault =
            interval(&format!("--override broker.heartbeat.interval.ms={wrong}")).expect_err("refused");
        assert!(fault[0].contains("broker.heartbeat.interval.ms"), "{fault:?}");
    }
}

#[test]
fn zookeepers_are_addresses() {
    let config = member("--zookeeper one:1,[::1]:2,three").expect("no faults").config;
    let zookeepers = config.zookeepers.expect("named");
    assert_eq!(
        zookeepers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["one:1", "[::1]:2", "three:2181"]
    );
    for (wrong, problem) in [
        ("one:1/kafka", "\"one:1/kafka\" is not the address of a zookeeper (use HOST:PORT)"),
        ("one:0", "\"one:0\" is not the address of a zookeeper (use HOST:PORT)"),
        (",", "names no zookeeper"),
    ] {
        let faults = member(&format!("--zookeeper {wrong}")).expect_err("faults");
        assert!(faults.len() == 1 && faults[0].ends_with(problem), "{wrong}: {faults:?}");
    }
}

#[test]
fn each_layer_takes_precedence_over_those_before_it() {
    let file = "num.partitions=2\nbroker.id=7\nlog.dirs=/file\nlog.retention.hours=1";
    let environment = [("YAK_NUM_PARTITIONS", "3"), ("YAK_LOG_DIRS", "/env")];
    let config = loaded("FILE", file, &environment).config;
    assert_eq!((config.num_partitions, config.node_id.get()), (3, 7));
    assert_eq!(config.data, DataDirectory::Path(PathBuf::from("/env")));
    assert_eq!(config.topic_defaults.retention_ms, Some(3_600_000));
    let command = "FILE --override num.partitions=4 --override log.retention.ms=-1 --id 8 --data /flag";
    let config = loaded(command, file, &environment).config;
    assert_eq!((config.num_partitions, config.node_id.get()), (4, 8));
    assert_eq!(config.data, DataDirectory::Path(PathBuf::from("/flag")));
    assert_eq!(config.topic_defaults.retention_ms, None);
}

#[test]
fn every_fault_of_every_layer_is_reported_at_once() {
    let file = "log.segment.bytes=1GB\n\n# comment\nmin.insync.replica=2\nlisteners=SSL://:9093\n\
                log.cleaner.min.cleanable.ratio=2\nlog.dirs=/a,/b\nauthorizer.class.name=x\n";
    let found =
        faults("FILE --override default.replication.factor=0", file, &[("YAK_NUM_PARTITIONS", "three")]);
    assert_eq!(
        found,
        [
            "FILE:1: log.segment.bytes: \"1GB\" is not a size (use bytes, or 1GiB)",
            "FILE:4: min.insync.replica: unknown key, did you mean min.insync.replicas?",
            "FILE:5: listeners: \"SSL://:9093\" asks for SSL, but only PLAINTEXT is built yet",
            "FILE:6: log.cleaner.min.cleanable.ratio: \"2\" is not a number from 0 to 1",
            "FILE:7: log.dirs: \"/a,/b\" names several directories, but a broker has one so far",
            "FILE:8: authorizer.class.name: access control is not built yet, and without it everybody may do \
             everything",
            "env YAK_NUM_PARTITIONS: \"three\" is not a whole number >= 1",
            "--override default.replication.factor: \"0\" is not a whole number >= 1",
        ]
    );
}

#[test]
fn contradictions_are_faults() {
    assert_eq!(
        faults("FILE", "node.id=1\nbroker.id=2", &[]),
        ["FILE:2: broker.id: \"2\" contradicts node.id=1"]
    );
    assert_eq!(
        faults(
            "FILE",
            "message.max.bytes=64MiB\nsocket.request.max.bytes=1MiB\nqueued.max.request.bytes=1KiB",
            &[]
        ),
        [
            "FILE:1: message.max.bytes: is more than socket.request.max.bytes (1048576)",
            "FILE:3: queued.max.request.bytes: is less than socket.request.max.bytes (1048576)",
        ]
    );
    assert_eq!(
        faults("", "", &[("YAK_ADVERTISED_LISTENERS", "PLAINTEXT://0.0.0.0:1")]),
        ["env YAK_ADVERTISED_LISTENERS: nobody can connect to 0.0.0.0"]
    );
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault_beside_the_others() {
    let args =
        BrokerArgs::try_parse_from(["yak-broker", "--standalone", "missing.properties", "--override", "a=1"]);
    let found = load(&args.expect("valid"), []).expect_err("faults").lines();
    assert_eq!(found.len(), 2);
    assert!(found[0].starts_with("missing.properties: cannot be read: "), "{}", found[0]);
    assert_eq!(found[1], "--override a: unknown key");
}

#[test]
fn every_key_of_kafkas_brokers_is_known() {
    let kafka = include_str!("../../tests/data/kafka-broker-keys.txt");
    for key in kafka.lines() {
        let mut written = Written::default();
        written.override_with(&format!("{key}=x"));
        let (settings, faults) = Settings::check(BROKER_KEYS, written);
        let unknown = faults.iter().any(|fault| fault.problem.starts_with("unknown"));
        assert!(!unknown, "{key} is a key of Kafka");
        if BROKER_KEYS.find(key).is_none() {
            assert_eq!(settings.warnings().len() + faults.len(), 1, "{key}");
        }
    }
}

#[test]
fn what_is_printed_names_key_value_and_source() {
    let loaded = loaded("FILE --port 5 --override log.roll.hours=2", "\nnum.partitions = 3", &[]);
    let text = print_config(&loaded.settings);
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let row = |key: &str| rows.iter().find(|row| row[0] == key).expect(key);
    assert_eq!(rows[0], ["KEY", "VALUE", "SOURCE"]);
    assert!(row("num.partitions")[2].ends_with("server.properties:2"));
    assert_eq!(row("listeners")[1..], ["PLAINTEXT://127.0.0.1:5", "--port"]);
    assert_eq!(row("log.roll.ms")[1..], ["7200000", "--override"]);
    assert_eq!(row("log.flush.mode")[1..], ["os", "default"]);
    assert!(!rows.iter().any(|row| row[0] == "broker.rack"));
}

/// What is described, as `source:key=value` of all synonyms.
fn synonyms(entry: &ConfigEntry) -> Vec<String> {
    let show = |synonym: &ConfigSynonym| {
        format!("{:?}:{}={}", synonym.source, synonym.key, synonym.value.as_deref().unwrap_or("?"))
    };
    entry.synonyms.iter().map(show).collect()
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[track_caller]
fn find<'a>(entries: &'a [ConfigEntry], key: &str) -> &'a ConfigEntry {
    entries.iter().find(|entry| entry.key == key).expect("it is described")
}

#[test]
fn configuration_is_described_from_the_same_table() {
    let Loaded { settings, .. } = loaded("--override log.retention.hours=1", "", &[]);
    let nothing = BTreeMap::new();
    let layers = Layers { settings: &settings, broker: &nothing, default: &nothing };
    let entries = describe_topic(&layers, &map(&[("segment.bytes", "64KiB"), ("preallocate", "true")]));
    let shown = |key: &str| {
        let entry = find(&entries, key);
        (entry.value.as_deref().expect("a value"), entry.source, entry.config_type)
    };
    assert_eq!(shown("segment.bytes"), ("65536", ConfigSource::Topic, ConfigType::Int));
    assert_eq!(shown("retention.ms"), ("3600000", ConfigSource::StaticBroker, ConfigType::Long));
    assert_eq!(shown("min.insync.replicas"), ("1", ConfigSource::Default, ConfigType::Int));
    assert_eq!(shown("preallocate"), ("true", ConfigSource::Topic, ConfigType::Boolean));
    assert_eq!(shown("min.cleanable.dirty.ratio"), ("0.5", ConfigSource::Default, ConfigType::Double));
    assert_eq!(shown("cleanup.policy"), ("delete", ConfigSource::Default, ConfigType::List));
    assert_eq!(
        shown("unclean.leader.election.enable"),
        ("false", ConfigSource::Default, ConfigType::Boolean)
    );
    assert!(find(&entries, "preallocate").documentation.contains("no effect here"));
    assert_eq!(
        synonyms(find(&entries, "retention.ms")),
        [
            "StaticBroker:log.retention.ms=3600000",
            "StaticBroker:log.retention.hours=1",
            "Default:log.retention.ms=604800000"
        ]
    );
    assert_eq!(
        synonyms(find(&entries, "segment.bytes")),
        ["Topic:segment.bytes=65536", "Default:log.segment.bytes=1073741824"]
    );
    let broker = describe_broker(&layers);
    let node = find(&broker, "node.id");
    assert_eq!(
        (node.value.as_deref(), node.source, node.read_only),
        (Some("1"), ConfigSource::Default, true)
    );
    assert!(node.documentation.ends_with('.'));
    assert_eq!(find(&broker, "broker.rack").value, None, "every key is there, with a value or without");
    assert!(!find(&broker, "log.segment.bytes").read_only && find(&broker, "log.flush.mode").read_only);
}

#[test]
fn every_key_of_kafkas_topics_is_described() {
    let Loaded { settings, .. } = loaded("", "", &[]);
    let nothing = BTreeMap::new();
    let layers = Layers { settings: &settings, broker: &nothing, default: &nothing };
    let entries = describe_topic(&layers, &nothing);
    let keys: Vec<&str> =
        entries.iter().map(|entry| entry.key.as_str()).filter(|key| *key != "flush").collect();
    // As Apache Kafka 4.3 lists them.
    let kafka = "cleanup.policy compression.gzip.level compression.lz4.level compression.type compression.zstd.level \
        delete.retention.ms file.delete.delay.ms flush.messages flush.ms follower.replication.throttled.replicas \
        index.interval.bytes leader.replication.throttled.replicas local.retention.bytes local.retention.ms \
        max.compaction.lag.ms max.message.bytes message.timestamp.after.max.ms message.timestamp.before.max.ms \
        message.timestamp.type min.cleanable.dirty.ratio min.compaction.lag.ms min.insync.replicas preallocate \
        remote.log.copy.disable remote.log.delete.on.disable remote.storage.enable retention.bytes retention.ms \
        segment.bytes segment.index.bytes segment.jitter.ms segment.ms unclean.leader.election.enable";
    assert_eq!(keys, kafka.split_whitespace().collect::<Vec<_>>());
    assert!(entries.iter().all(|entry| entry.value.is_some() && !entry.sensitive));
}

#[test]
fn what_was_set_while_the_broker_runs_counts_before_what_was_written() {
    let Loaded { settings, .. } = loaded("--override log.segment.bytes=2048", "", &[]);
    let own = map(&[("log.segment.bytes", "4KiB"), ("log.retention.hours", "1")]);
    let all = map(&[("log.segment.bytes", "8192"), ("log.retention.ms", "5")]);
    let layers = Layers { settings: &settings, broker: &own, default: &all };
    let topic = describe_topic(&layers, &BTreeMap::new());
    let broker = describe_broker(&layers);
    for (entries, key) in [(&topic, "segment.bytes"), (&broker, "log.segment.bytes")] {
        let entry = find(entries, key);
        assert_eq!((entry.value.as_deref(), entry.source), (Some("4096"), ConfigSource::DynamicBroker));
        assert_eq!(
            synonyms(entry),
            [
                "DynamicBroker:log.segment.bytes=4KiB",
                "DynamicDefault:log.segment.bytes=8192",
                "StaticBroker:log.segment.bytes=2048",
                "Default:log.segment.bytes=1073741824"
            ]
        );
    }
    let retention = find(&topic, "retention.ms");
    assert_eq!(
        (retention.value.as_deref(), retention.source),
        (Some("3600000"), ConfigSource::DynamicBroker)
    );
    let default = describe_default(&all);
    assert_eq!(default.len(), 2);
    assert_eq!(synonyms(&default[0]), ["DynamicDefault:log.retention.ms=5"]);
}

#[test]
fn a_secret_is_described_without_its_value() {
    let Loaded { settings, .. } = member("--override cluster.secret=swordfish").expect("no faults");
    let nothing = BTreeMap::new();
    let broker = describe_broker(&Layers { settings: &settings, broker: &nothing, default: &nothing });
    let secret = find(&broker, "cluster.secret");
    assert!(secret.sensitive && secret.config_type == ConfigType::Password);
    assert_eq!((secret.value.as_deref(), secret.source), (None, ConfigSource::StaticBroker));
    assert_eq!(synonyms(secret), ["StaticBroker:cluster.secret=?"]);
    assert!(!format!("{broker:?}").contains("swordfish"));
}
