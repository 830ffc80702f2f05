//! Our error codes are Kafka's: number, name, and whether a client may retry.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use yak_model::ErrorCode;
use yak_test_repo::read;

/// Every code of ours equals Kafka's. Kafka has more: those belong to what is not built yet.
#[test]
fn error_codes_equal_kafkas() -> Result<()> {
    let table = read("tests/repo/data/kafka-errors.tsv")?;
    let mut kafka = BTreeMap::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t');
        let number: i16 = fields.next().context("a number")?.parse()?;
        let name = fields.next().context("a name")?;
        let retriable: bool = fields.next().context("true or false")?.parse()?;
        kafka.insert(number, (name, retriable));
    }
    assert_eq!(kafka.len(), 135, "Kafka 4.3.1 has 135 codes, with NONE and UNKNOWN_SERVER_ERROR");
    for code in ErrorCode::ALL {
        let ours = (code.name(), code.is_retriable());
        assert_eq!(kafka.get(&code.number()), Some(&ours), "code {}", code.number());
    }
    Ok(())
}
