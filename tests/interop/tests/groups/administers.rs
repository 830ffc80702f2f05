//! What a client has to look at groups, and to change what they have committed.

use serde_json::{Value, json};
use yak_test_interop::{Client, unique};

use crate::stage::{Join, places};
use crate::trial::Trial;

pub(crate) fn run(client: Client) {
    let Some(mut trial) = Trial::start(client) else { return };
    let topic = trial.topic("administered", 2);
    let group = unique("group");
    let places = places(&[&topic], 2);
    let join = Join::new(&group, &[&topic], "classic");
    if trial.stage.join(0, "member", &join).is_ok() {
        let written = trial.write(&places, 0..5);
        trial.stage.wait("five records of each", |stage| stage.read(&["member"]).len() >= written.len());
    }
    let on_group = |op: &str| json!({ "op": op, "group": group });
    describes(&mut trial, &group, ("Stable", 1));
    if let Some(found) = trial.ask("lists groups", &json!({ "op": "list_groups" })) {
        assert!(found["groups"].as_array().is_some_and(|groups| groups.contains(&json!(group))), "{found}");
        trial.cells.passes("lists groups");
    }
    if trial.stage.has("member") {
        trial.stage.leave("member");
    }
    describes(&mut trial, &group, ("Empty", 0));
    offsets(
        &mut trial,
        "lists what a group has committed",
        &on_group("group_offsets"),
        &json!([[topic, 0, 5], [topic, 1, 5]]),
    );

    let change =
        json!({ "op": "alter_group_offset", "group": group, "topic": topic, "partition": 1, "offset": 2 });
    if trial.ask("alters what a group has committed", &change).is_some() {
        offsets(
            &mut trial,
            "alters what a group has committed",
            &on_group("group_offsets"),
            &json!([[topic, 0, 5], [topic, 1, 2]]),
        );
    }
    let delete = json!({ "op": "delete_group_offset", "group": group, "topic": topic, "partition": 0 });
    if trial.ask("deletes what a group has committed", &delete).is_some() {
        offsets(
            &mut trial,
            "deletes what a group has committed",
            &on_group("group_offsets"),
            &json!([[topic, 1, 2]]),
        );
    }
    if trial.ask("deletes a group", &on_group("delete_group")).is_some() {
        let found = trial.ask("lists groups", &json!({ "op": "list_groups" })).expect("it does");
        assert!(found["groups"].as_array().is_some_and(|groups| !groups.contains(&json!(group))), "{found}");
        trial.cells.passes("deletes a group");
    }
}

fn describes(trial: &mut Trial, group: &str, (state, members): (&str, usize)) {
    let feature = "describes a group";
    if let Some(found) = trial.ask(feature, &json!({ "op": "describe_group", "group": group })) {
        assert_eq!((found["state"].as_str(), &found["members"]), (Some(state), &json!(members)), "{found}");
        trial.cells.passes(feature);
    }
}

/// What the group has committed is this.
fn offsets(trial: &mut Trial, feature: &str, request: &Value, expected: &Value) {
    if let Some(found) = trial.ask(feature, request) {
        assert_eq!(found["offsets"], *expected, "{feature}");
        trial.cells.passes(feature);
    }
}
