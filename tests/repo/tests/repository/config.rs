//! The configuration files that we ship are valid, and the reference of the keys is what the tables say.

use anyhow::Result;
use clap::Parser;
use yak_broker::args::BrokerArgs;
use yak_broker::config::{document, load};
use yak_test_repo::{read, root, tracked_files};

#[test]
fn shipped_configuration_files_have_no_faults_and_no_warnings() -> Result<()> {
    let files: Vec<_> = tracked_files()?.into_iter().filter(|path| path.starts_with("config")).collect();
    assert!(!files.is_empty());
    for path in files {
        let file = root().join(&path);
        if path.ends_with("zookeeper.properties") {
            continue;
        }
        let standalone = path.ends_with("standalone.properties").then_some("--standalone".as_ref());
        let words = ["yak-broker".as_ref(), file.as_os_str()].into_iter().chain(standalone);
        let args = BrokerArgs::try_parse_from(words)?;
        match load(&args, []) {
            Ok(loaded) => assert_eq!(loaded.settings.warnings(), [""; 0], "{}", path.display()),
            Err(faults) => assert_eq!(faults.lines(), [""; 0], "{}", path.display()),
        }
    }
    Ok(())
}

#[test]
fn the_reference_of_the_keys_is_what_the_tables_say() -> Result<()> {
    let written = read("docs/configuration.md")?;
    let hint = "write it anew: cargo run -p yak-broker --example configuration > docs/configuration.md";
    assert!(written == document(), "docs/configuration.md is not what the tables say; {hint}");
    Ok(())
}
