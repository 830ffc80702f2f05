//! Our files, read by other implementations: what the tests write, and how they ask the foreign readers.
//!
//! [`write_logs`] writes partitions of every kind through `yak-log` and remembers every record. kafka-python
//! ([`Python`]) and Apache Kafka's dump tool ([`KafkaDump`]) then say what they find in the files. Both come from
//! `scripts/interop-setup.sh`; without them the tests say `SKIPPED: reason` and pass, unless `YAK_REQUIRE_ALL=1`.

#![expect(clippy::missing_panics_doc, clippy::panic, reason = "a test fails by panicking")]

mod oracle;
mod written;

pub use oracle::{Damaged, Dump, KafkaDump, Python, PythonLine};
pub use written::{Partition, Record, write_logs};
