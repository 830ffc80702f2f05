//! A broker, a client's members, and who knows better.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::{Value, json};
use yak_test_interop::samples::record;
use yak_test_interop::{Answer, Cells, Client, Setup, Speaker, Target, unique};

use crate::stage::{Place, Stage};

pub(crate) struct Trial {
    pub(crate) stage: Stage,
    pub(crate) cells: Cells,
    witness: Box<dyn Speaker>,
    _target: Target,
}

impl Trial {
    /// `None` if there are no programs.
    pub(crate) fn start(client: Client) -> Option<Self> {
        let setup = Setup::find()?;
        let target = Target::start(&setup);
        let stage = Stage::new(client, &setup, target.bootstrap());
        Some(Self { stage, cells: Cells::of(client.title()), witness: target.witness(), _target: target })
    }

    /// A topic that was not there before.
    pub(crate) fn topic(&mut self, name: &str, partitions: i64) -> String {
        let topic = unique(name);
        let made = json!({ "op": "create_topic", "topic": topic, "partitions": partitions,
            "replication_factor": 1, "configs": {} });
        drop(self.witness.ask(made).done());
        topic
    }

    /// Writes records to each of these partitions; these numbers are their offsets.
    pub(crate) fn write(&mut self, places: &BTreeSet<Place>, offsets: Range<i64>) -> Vec<(Place, i64)> {
        let records: Vec<_> =
            offsets.clone().map(|number| record(None, Some(number.to_string().as_bytes()), &[])).collect();
        let expected: Vec<_> = offsets.collect();
        for (topic, partition) in places {
            let written = self.witness.ask(json!({ "op": "produce", "topic": topic, "partition": partition,
                "compression": "none", "idempotent": false, "records": records }));
            assert_eq!(written.done()["offsets"], json!(expected));
        }
        let of_place =
            |place: &Place| expected.iter().map(|offset| (place.clone(), *offset)).collect::<Vec<_>>();
        places.iter().flat_map(of_place).collect()
    }

    /// What the client answers; `None`, and a cell that says so, if it lacks that.
    pub(crate) fn ask(&mut self, feature: &str, request: &Value) -> Option<Value> {
        match self.stage.ask(0, request) {
            Answer::Done(done) => Some(done),
            Answer::Lacks(why) => {
                self.cells.lacks(feature, &why);
                None
            }
            Answer::Failed(why) => panic!("{feature}: {why}"),
        }
    }
}
