//! Writes `docs/configuration.md`: `cargo run -p yak-broker --example configuration > docs/configuration.md`.

use std::io::{Write, stdout};

fn main() -> std::io::Result<()> {
    stdout().write_all(yak_broker::config::document().as_bytes())
}
