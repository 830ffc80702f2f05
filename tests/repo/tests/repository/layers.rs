//! The real dependency edges between our crates equal the table in ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use cargo_metadata::DependencyKind;
use yak_test_repo::workspace;

/// Each crate and those of ours that it depends on. Layer 1 (log, protocol, kafka, core, net) never imports itself.
const EDGES: &[(&str, &[&str])] = &[
    // Layer 0: the words and the batches.
    ("yak-model", &[]),
    ("yak-record", &["yak-model"]),
    // Layer 1: disk, wire, decisions, sockets.
    ("yak-log", &["yak-model", "yak-record"]),
    ("yak-protocol", &["yak-model", "yak-record"]),
    ("yak-kafka", &["yak-model"]),
    ("yak-core", &["yak-model"]),
    ("yak-net", &[]),
    // Layer 2: the client library, and what its programs share.
    ("yak-client", &["yak-model", "yak-protocol", "yak-record"]),
    ("yak-cli", &["yak-client", "yak-model"]),
    // Layer 3: the programs.
    ("yak-zookeeper", &["yak-cli", "yak-core", "yak-log", "yak-model", "yak-net", "yak-protocol"]),
    (
        "yak-broker",
        &[
            "yak-cli",
            "yak-core",
            "yak-kafka",
            "yak-log",
            "yak-model",
            "yak-net",
            "yak-protocol",
            "yak-record",
            "yak-zookeeper",
        ],
    ),
    ("yak-producer", &["yak-cli", "yak-client", "yak-model", "yak-protocol"]),
    ("yak-consumer", &["yak-cli", "yak-client", "yak-model", "yak-protocol"]),
    // What a coordinator keeps of groups is in Kafka's format, and yak-dump-log shows it.
    (
        "yak-admin",
        &["yak-cli", "yak-client", "yak-kafka", "yak-log", "yak-model", "yak-protocol", "yak-record"],
    ),
];

#[test]
fn dependency_edges_equal_the_table() -> Result<()> {
    let metadata = workspace()?;
    let mut real: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in &metadata.packages {
        if package.manifest_path.components().any(|part| part.as_str() == "crates") {
            let ours = package
                .dependencies
                .iter()
                .filter(|dependency| dependency.kind == DependencyKind::Normal)
                .map(|dependency| dependency.name.as_str())
                .filter(|name| name.starts_with("yak-"));
            real.insert(package.name.as_str(), ours.collect());
        }
    }
    let table: BTreeMap<&str, BTreeSet<&str>> =
        EDGES.iter().map(|(name, edges)| (*name, edges.iter().copied().collect())).collect();
    for (name, edges) in &table {
        assert_eq!(real.get(name), Some(edges), "dependencies of {name}");
    }
    assert_eq!(real.len(), table.len(), "a crate is missing from the table: {:?}", real.keys());
    Ok(())
}

#[test]
fn nothing_imports_the_tests() -> Result<()> {
    let metadata = workspace()?;
    let is_test = |name: &str| name.starts_with("yak-test") || name == "yak-bench";
    for package in metadata.packages.iter().filter(|package| !is_test(package.name.as_str())) {
        for dependency in &package.dependencies {
            let allowed = dependency.kind == DependencyKind::Development || !is_test(&dependency.name);
            assert!(allowed, "{} depends on {}", package.name, dependency.name);
        }
    }
    Ok(())
}

#[test]
fn packages_are_named_after_their_folders() -> Result<()> {
    for package in &workspace()?.packages {
        let folder = package.manifest_path.parent().and_then(|folder| folder.file_name()).unwrap_or_default();
        let inside = package.manifest_path.components().any(|part| part.as_str() == "crates");
        if inside {
            assert_eq!(package.name.as_str(), format!("yak-{folder}"));
        }
    }
    Ok(())
}
