//! What the tests of one client share.

use serde_json::{Value, json};
use yak_test_interop::{Answer, Cells, Client, Program, Setup, Speaker, Target, unique};

/// A client's program, a broker, and who knows better.
pub(crate) struct Trial {
    pub(crate) target: Target,
    pub(crate) program: Program,
    pub(crate) witness: Box<dyn Speaker>,
    pub(crate) cells: Cells,
    /// What the client's records cannot hold: feature to reason.
    cannot_read: Value,
}

impl Trial {
    /// `None` if there are no programs.
    pub(crate) fn start(client: Client) -> Option<Self> {
        let setup = Setup::find()?;
        let target = Target::start(&setup);
        let mut program = target.program(client);
        let mut hello = program.ask(json!({ "op": "hello" })).done();
        let title = format!("{} {}", hello["client"].as_str().unwrap(), hello["version"].as_str().unwrap());
        assert_eq!(title, client.title());
        let cannot_read = hello["cannot_read"].take();
        let witness = target.witness();
        Some(Self { target, program, witness, cells: Cells::of(client.title()), cannot_read })
    }

    /// A topic that was not there before.
    pub(crate) fn topic(&mut self, name: &str, partitions: usize) -> String {
        let topic = unique(name);
        let made = json!({ "op": "create_topic", "topic": topic, "partitions": partitions, "replication_factor": 1,
            "configs": {} });
        drop(self.witness.ask(made).done());
        topic
    }

    /// What the client answers; `None`, and a cell that says so, if it lacks that.
    pub(crate) fn ask(&mut self, feature: &str, request: Value) -> Option<Value> {
        match self.program.ask(request) {
            Answer::Done(done) => Some(done),
            Answer::Lacks(why) => {
                self.cells.lacks(feature, &why);
                None
            }
            Answer::Failed(why) => panic!("{feature}: {why}"),
        }
    }

    /// Whether the client's records can hold that; a cell says so if not.
    pub(crate) fn can_read(&mut self, feature: &str, kind: &str) -> bool {
        let reason = self.cannot_read[kind].as_str().map(str::to_owned);
        if let Some(why) = &reason {
            self.cells.lacks(feature, why);
        }
        reason.is_none()
    }
}
