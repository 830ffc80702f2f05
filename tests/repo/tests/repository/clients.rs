//! `docs/kafka-compatibility.md` is what the last full run found.

use anyhow::{Context, Result};
use yak_test_interop::{Setup, document, read_cells, untried};
use yak_test_repo::read;

#[test]
#[ignore = "needs a run of tests/interop"]
fn the_page_of_clients_is_what_the_run_found() -> Result<()> {
    let results = Setup::results();
    let cells = read_cells(&results).with_context(|| format!("{}: run the tests", results.display()))?;
    assert_eq!(untried(&cells), [""; 0], "no test has tried these");
    let written = read("docs/kafka-compatibility.md")?;
    let hint = "cargo run -p yak-test-interop --example compatibility > docs/kafka-compatibility.md";
    assert!(
        written == document(&cells),
        "docs/kafka-compatibility.md is not what was found; write it anew: {hint}"
    );
    Ok(())
}
