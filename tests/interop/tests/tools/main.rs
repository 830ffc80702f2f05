//! Apache Kafka's own tools, of two lines, do what they say.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;
mod cluster;
mod groups;
mod records;
mod topics;

use bench::Line;

macro_rules! tools {
    ($($name:ident: $line:ident,)*) => {
        $(mod $name {
            use crate::bench::Bench;

            #[test]
            #[ignore = "needs scripts/interop-setup.sh"]
            fn topics_and_configuration() {
                if let Some(bench) = Bench::start(crate::Line::$line) {
                    crate::topics::run(bench);
                }
            }

            #[test]
            #[ignore = "needs scripts/interop-setup.sh"]
            fn records_and_offsets() {
                if let Some(bench) = Bench::start(crate::Line::$line) {
                    crate::records::run(bench);
                }
            }

            #[test]
            #[ignore = "needs scripts/interop-setup.sh"]
            fn the_cluster() {
                if let Some(bench) = Bench::start(crate::Line::$line) {
                    crate::cluster::run(bench);
                }
            }

            #[test]
            #[ignore = "needs scripts/interop-setup.sh"]
            fn groups() {
                if let Some(bench) = Bench::start(crate::Line::$line) {
                    crate::groups::run(bench);
                }
            }
        })*
    };
}

tools! {
    kafka_4: Four,
    kafka_3_9: ThreeNine,
}
