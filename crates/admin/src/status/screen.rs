//! The cluster on one screen: plain text, 80 columns where the data allows, sections in a fixed order.

use std::time::Duration;

use yak_cli::human::{count, duration};
use yak_cli::table::{Cell, Column, Style, Table};
use yak_cli::text::one_line;
use yak_cli::time::show_clock;
use yak_model::BrokerId;
use yak_model::Offset;
use yak_model::api::{ClientRole, ClientStatus, ElectionStatus, PartitionPosition};

use super::overview::{BrokerView, ClientView, GroupSummary, Overview, PartitionView};

/// Elections that are shown, the newest last.
const ELECTIONS_SHOWN: usize = 5;
/// Positions that are shown of each client.
const POSITIONS_SHOWN: usize = 3;

/// The whole screen. Sections without content are left out, but for brokers and partitions.
pub(super) fn render(overview: &Overview, style: Style) -> String {
    let mut out = head(overview, style);
    section(&mut out, &brokers(&overview.brokers).render(style));
    out.push_str(&silences(overview, style));
    if overview.partitions.is_empty() {
        section(
            &mut out,
            "no topics yet; `yak-topics --create --topic t` makes one, or just produce to it\n",
        );
    } else {
        section(&mut out, &partitions(&overview.partitions).render(style));
    }
    for table in [producers(&overview.clients), consumers(&overview.clients)] {
        if !table.is_empty() {
            section(&mut out, &table.render(style));
        }
    }
    if !overview.groups.is_empty() {
        section(&mut out, &groups(&overview.groups).render(style));
    }
    if !overview.elections.is_empty() {
        section(&mut out, &elections(&overview.elections).render(style));
    }
    out
}

fn section(out: &mut String, text: &str) {
    out.push('\n');
    out.push_str(text);
}

fn head(overview: &Overview, style: Style) -> String {
    let zookeeper = &overview.zookeeper;
    let (answered, silent): (Vec<&BrokerView>, Vec<&BrokerView>) =
        overview.brokers.iter().partition(|broker| broker.answer.is_ok());
    let ids = |brokers: &[&BrokerView]| list(brokers.iter().map(|broker| broker.broker.broker_id));
    let plural = if answered.len() == 1 { "" } else { "s" };
    let mut head = format!(
        "{} {}\n{} {}, journal index {}\nanswered by broker{plural} {}",
        style.paint("cluster", "1"),
        overview.cluster_id,
        style.paint("zookeeper", "1"),
        one_line(&zookeeper.address),
        zookeeper.index,
        ids(&answered),
    );
    if !silent.is_empty() {
        head.push_str(&format!(", not by {}", ids(&silent)));
    }
    head.push('\n');
    head
}

/// Who does not answer, and what that means for the rest of the screen.
fn silences(overview: &Overview, style: Style) -> String {
    let mut lines = Vec::new();
    if let Some(Err(why)) = &overview.zookeeper.answer {
        lines.push(format!("the zookeeper does not answer: {why}"));
        lines.push("leaders are as the brokers heard last; none is elected meanwhile".to_owned());
    }
    for broker in &overview.brokers {
        if let Err(why) = &broker.answer {
            lines.push(format!("broker {} does not answer: {why}", broker.broker.broker_id));
        }
    }
    lines.iter().map(|line| style.paint(&one_line(line), "31") + "\n").collect()
}

fn brokers(brokers: &[BrokerView]) -> Table {
    let mut table = Table::new(&[
        ("BROKER", Column::Left),
        ("ADDRESS", Column::Left),
        ("STATE", Column::Left),
        ("HEARTBEAT", Column::Left),
        ("DIRECTORY", Column::Shrinks),
    ]);
    for view in brokers {
        let broker = &view.broker;
        let heartbeat = view
            .heartbeat_age_ms
            .map_or_else(dash, |age| format!("{} ago", duration(Duration::from_millis(age))));
        let state = match (view.fenced, view.answer.is_ok()) {
            (false, true) => "alive".into(),
            (true, true) => Cell::bad("fenced"),
            (false, false) => Cell::bad("silent"),
            (true, false) => Cell::bad("dead"),
        };
        let directory = view.answer.as_ref().ok().and_then(|own| own.directory.clone());
        table.row([
            broker.broker_id.to_string().into(),
            format!("{}:{}", broker.host, broker.port).into(),
            state,
            heartbeat.into(),
            directory.unwrap_or_else(dash).into(),
        ]);
    }
    table
}

fn partitions(partitions: &[PartitionView]) -> Table {
    let mut table = Table::new(&[
        ("PARTITION", Column::Shrinks),
        ("LEADER", Column::Right),
        ("EPOCH", Column::Right),
        ("REPLICAS", Column::Left),
        ("ISR", Column::Left),
        ("START", Column::Right),
        ("HW", Column::Right),
        ("END", Column::Right),
        ("LAG", Column::Left),
        ("", Column::Left),
    ]);
    for view in partitions {
        let status = &view.status;
        let behind = status.in_sync_replicas.len() < status.replicas.len();
        let isr = list(status.in_sync_replicas.iter().copied());
        let number = |offset: Offset| -> Cell {
            if view.measured_by.is_some() { offset.to_string().into() } else { "?".into() }
        };
        let offline: Vec<_> =
            view.offline.iter().map(|(broker, why)| format!("offline on {broker}: {why}")).collect();
        table.row([
            format!("{}-{}", status.topic, status.partition).into(),
            status.leader.map_or_else(|| Cell::bad("none"), |leader| leader.to_string().into()),
            status.leader_epoch.to_string().into(),
            list(status.replicas.iter().copied()).into(),
            if behind { Cell::bad(isr) } else { isr.into() },
            number(status.log_start_offset),
            number(status.high_watermark),
            number(status.log_end_offset),
            lags(view),
            if offline.is_empty() { "".into() } else { Cell::bad(offline.join("; ")) },
        ]);
    }
    table
}

/// Each other replica with how many records it lacks: `2:0 3:17`, or `3:?` if it does not say.
fn lags(view: &PartitionView) -> Cell {
    if view.followers.is_empty() {
        return dash().into();
    }
    let one = |follower: &super::overview::Follower| match follower.end_and_lag {
        Some((_, lag)) => format!("{}:{lag}", follower.broker_id),
        None => format!("{}:?", follower.broker_id),
    };
    let text = view.followers.iter().map(one).collect::<Vec<_>>().join(" ");
    if view.followers.iter().all(|follower| follower.end_and_lag.is_some()) {
        text.into()
    } else {
        Cell::bad(text)
    }
}

fn producers(clients: &[ClientView]) -> Table {
    let mut table = Table::new(&[
        ("PRODUCER", Column::Shrinks),
        ("FROM", Column::Left),
        ("ON", Column::Right),
        ("UP", Column::Right),
        ("SENT", Column::Right),
        ("AT", Column::Shrinks),
    ]);
    for view in clients.iter().filter(|view| view.status.role == ClientRole::Producer) {
        let [name, peer, broker, up, records] = columns(view);
        let positions = positions(&view.status, |position| position.position).into();
        table.row([name, peer, broker, up, records, positions]);
    }
    table
}

fn consumers(clients: &[ClientView]) -> Table {
    let mut table = Table::new(&[
        ("CONSUMER", Column::Shrinks),
        ("FROM", Column::Left),
        ("ON", Column::Right),
        ("UP", Column::Right),
        ("READ", Column::Right),
        ("BEHIND", Column::Right),
        ("AT", Column::Shrinks),
    ]);
    for view in clients.iter().filter(|view| view.status.role == ClientRole::Consumer) {
        let [name, peer, broker, up, records] = columns(view);
        let behind = if view.is_hearsay { dash() } else { count(behind(&view.status.positions)) };
        let positions = positions(&view.status, |position| position.received).into();
        table.row([name, peer, broker, up, records, behind.into(), positions]);
    }
    table
}

/// What both kinds of client have: name, address, its broker, age, records.
fn columns(view: &ClientView) -> [Cell; 5] {
    let status = &view.status;
    let name = match &status.group {
        Some(group) => format!("{} ({group})", status.client_id),
        None => status.client_id.clone(),
    };
    let (up, records) = if view.is_hearsay {
        (dash(), dash())
    } else {
        (duration(Duration::from_millis(status.connected_ms)), count(status.records))
    };
    [name.into(), status.peer.as_str().into(), view.broker_id.to_string().into(), up.into(), records.into()]
}

/// Records that a consumer has not got yet. The end is read last, so it is never before what was received.
fn behind(positions: &[PartitionPosition]) -> u64 {
    let one = |position: &PartitionPosition| position.log_end_offset.since(position.received);
    positions.iter().map(|position| u64::try_from(one(position)).unwrap_or(0)).sum()
}

/// `orders-0@1041 orders-1@7 and 2 more`, or the topics while there is no position.
fn positions(status: &ClientStatus, offset: impl Fn(&PartitionPosition) -> Offset) -> String {
    if status.positions.is_empty() {
        return status.topics.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    }
    let at = |position: &PartitionPosition| {
        format!("{}-{}@{}", position.topic, position.partition, offset(position))
    };
    let mut shown: Vec<String> = status.positions.iter().take(POSITIONS_SHOWN).map(at).collect();
    let more = status.positions.len() - shown.len();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(" ")
}

fn groups(groups: &[GroupSummary]) -> Table {
    let mut table = Table::new(&[
        ("GROUP", Column::Shrinks),
        ("TYPE", Column::Left),
        ("STATE", Column::Left),
        ("ON", Column::Right),
        ("MEMBERS", Column::Right),
        ("LAG", Column::Right),
    ]);
    for group in groups {
        table.row([
            group.group.as_str().into(),
            group.kind.name().into(),
            group.state.name().into(),
            group.coordinator.map_or_else(dash, |broker| broker.to_string()).into(),
            group.members.to_string().into(),
            count(group.lag).into(),
        ]);
    }
    table
}

fn elections(elections: &[ElectionStatus]) -> Table {
    let mut table = Table::new(&[
        ("ELECTION", Column::Left),
        ("PARTITION", Column::Shrinks),
        ("LEADER", Column::Left),
        ("EPOCH", Column::Right),
        ("CAUSE", Column::Shrinks),
    ]);
    let older = elections.len().saturating_sub(ELECTIONS_SHOWN);
    for election in &elections[older..] {
        let broker = |id: Option<BrokerId>| id.map_or_else(|| "none".to_owned(), |id| id.to_string());
        table.row([
            show_clock(election.time).into(),
            format!("{}-{}", election.topic, election.partition).into(),
            format!("{} -> {}", broker(election.from), broker(election.to)).into(),
            election.leader_epoch.to_string().into(),
            election.cause.as_str().into(),
        ]);
    }
    table
}

fn list(brokers: impl Iterator<Item = BrokerId>) -> String {
    brokers.map(|broker| broker.to_string()).collect::<Vec<_>>().join(",")
}

fn dash() -> String {
    "-".to_owned()
}
