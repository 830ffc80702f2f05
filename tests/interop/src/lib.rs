//! Our files, read by other implementations, and our brokers, used by their clients.
//!
//! - [`write_logs`] writes partitions of every kind through `yak-log` and remembers every record. kafka-python
//!   ([`Python`]) and Apache Kafka's dump tool ([`KafkaDump`]) then say what they find in the files.
//! - [`Program`] is a [`Client`] that is asked by `clients/README.md`, [`Target`] and [`Three`] are what it connects to. What
//!   it could do goes into [`Cells`], and from there into `docs/kafka-compatibility.md` ([`document`]).
//! - [`Examples`] runs the programs that we ship for users of other clients.
//!
//! All that is foreign comes from `scripts/interop-setup.sh` ([`Setup`]); without it the tests say `SKIPPED: reason` and
//! pass, unless `YAK_REQUIRE_ALL=1`.

#![expect(clippy::missing_panics_doc, clippy::panic, reason = "a test fails by panicking")]

mod apache;
mod bytes;
mod cells;
mod compatibility;
mod ndjson;
mod oracle;
mod page;
mod program;
mod recorder;
pub mod samples;
mod setup;
mod speaker;
mod target;
mod written;

pub use apache::Apache;
pub use cells::{Cell, Cells, read_cells};
pub use compatibility::{document, untried};
pub use ndjson::Ndjson;
pub use oracle::{Damaged, Dump, KafkaDump, Python, PythonLine};
pub use page::{Example, Examples, Finished};
pub use program::{Client, Line, Program};
pub use recorder::{Frames, Recorder};
pub use setup::Setup;
pub use speaker::{Answer, Speaker};
pub use target::{OFFSETS_TOPIC, Target, Three, unique};
pub use written::{Partition, Record, compact_logs, write_logs};
