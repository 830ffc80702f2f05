//! `--list`: the groups of every broker.

use std::collections::BTreeMap;

use serde::Serialize;
use yak_cli::Failure;
use yak_cli::text::one_line;
use yak_client::Admin;
use yak_model::GroupId;
use yak_model::api::{GroupKind, ListGroups, ListedGroup};

use super::args::GroupsArgs;
use super::table::Table;
use crate::watch::Screen;

#[derive(Serialize)]
struct JsonListed<'a> {
    group: &'a str,
    kind: &'static str,
    state: &'static str,
    protocol_type: &'a str,
}

/// The groups that are wanted, one a line.
pub(super) async fn list(admin: &Admin, args: &GroupsArgs) -> Result<Screen, Failure> {
    let request = ListGroups {
        states: args.shown.state.clone().unwrap_or_default(),
        kinds: args.shown.r#type.clone().unwrap_or_default(),
    };
    let mut screen = Screen::default();
    let groups = groups(admin, &request, &mut screen.failures).await?;
    screen.text = if args.output.json {
        groups.iter().map(json).collect()
    } else if args.shown.state.is_none() && args.shown.r#type.is_none() {
        groups.iter().map(|group| one_line(group.group_id.as_str()) + "\n").collect()
    } else {
        table(args, &groups)
    };
    Ok(screen)
}

fn json(group: &ListedGroup) -> String {
    let listed = JsonListed {
        group: group.group_id.as_str(),
        kind: group.kind.name(),
        state: group.state.name(),
        protocol_type: &group.protocol_type,
    };
    serde_json::to_string(&listed).expect("texts are always serializable") + "\n"
}

fn table(args: &GroupsArgs, groups: &[ListedGroup]) -> String {
    let mut headings = vec![("GROUP", 15)];
    headings.extend(args.shown.r#type.as_ref().map(|_| ("TYPE", 15)));
    headings.extend(args.shown.state.as_ref().map(|_| ("STATE", 0)));
    let mut table = Table::new(&headings);
    for group in groups {
        let mut row = vec![group.group_id.to_string()];
        row.extend(args.shown.r#type.as_ref().map(|_| kind(group.kind).to_owned()));
        row.extend(args.shown.state.as_ref().map(|_| group.state.name().to_owned()));
        table.row(row);
    }
    table.render().trim_start_matches('\n').to_owned()
}

/// As Kafka's tool writes it.
const fn kind(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Classic => "Classic",
        GroupKind::Consumer => "Consumer",
    }
}

/// The groups of all brokers, by name. A broker that does not answer is a failure of its own.
pub(super) async fn groups(
    admin: &Admin,
    request: &ListGroups,
    failures: &mut Vec<Failure>,
) -> Result<Vec<ListedGroup>, Failure> {
    let mut groups: BTreeMap<GroupId, ListedGroup> = BTreeMap::new();
    for (broker, answer) in admin.list_groups(request).await? {
        match answer {
            Ok(listed) => groups.extend(listed.into_iter().map(|group| (group.group_id.clone(), group))),
            Err(error) => {
                failures.push(Failure::from(error).at(format_args!("the groups of broker {broker}")))
            }
        }
    }
    Ok(groups.into_values().collect())
}
