//! The cluster on one screen: plain text, 80 columns where the data allows, sections in a fixed order.

use std::time::Duration;

use yak_cli::human::{bytes, count, duration};
use yak_cli::table::{Cell, Column, Style, Table};
use yak_cli::text::one_line;
use yak_cli::time::show_clock;
use yak_model::api::{
    ClientRole, ClientStatus, ElectionStatus, PartitionPosition, PartitionStatus, ReplicaStatus, StatusReply,
};
use yak_model::{BrokerId, Offset};

/// Elections that are shown, the newest last.
const ELECTIONS_SHOWN: usize = 5;
/// Positions that are shown of each client.
const POSITIONS_SHOWN: usize = 3;

/// The whole screen. Sections without content are left out, but for brokers and partitions.
#[must_use]
pub fn render(status: &StatusReply, style: Style) -> String {
    let mut out = head(status, style);
    section(&mut out, &brokers(&status.brokers).render(style));
    if status.partitions.is_empty() {
        section(
            &mut out,
            "no topics yet; `yak-topics --create --topic t` makes one, or just produce to it\n",
        );
    } else {
        section(&mut out, &partitions(&status.partitions).render(style));
    }
    for table in [producers(&status.clients), consumers(&status.clients)] {
        if !table.is_empty() {
            section(&mut out, &table.render(style));
        }
    }
    if !status.elections.is_empty() {
        section(&mut out, &elections(&status.elections).render(style));
    }
    out
}

fn section(out: &mut String, text: &str) {
    out.push('\n');
    out.push_str(text);
}

fn head(status: &StatusReply, style: Style) -> String {
    format!(
        "{} {}\n{} {}, journal index {}\nanswered by broker {} (version {}, up {})\n",
        style.paint("cluster", "1"),
        status.cluster_id,
        style.paint("zookeeper", "1"),
        one_line(&status.zookeeper.address),
        status.zookeeper.index,
        status.broker_id,
        one_line(&status.version),
        duration(Duration::from_millis(status.uptime_ms)),
    )
}

fn brokers(brokers: &[ReplicaStatus]) -> Table {
    let mut table = Table::new(&[
        ("BROKER", Column::Left),
        ("ADDRESS", Column::Left),
        ("STATE", Column::Left),
        ("HEARTBEAT", Column::Left),
        ("DIRECTORY", Column::Shrinks),
    ]);
    for status in brokers {
        let broker = &status.broker;
        let heartbeat = status
            .heartbeat_age_ms
            .map_or_else(dash, |age| format!("{} ago", duration(Duration::from_millis(age))));
        table.row([
            broker.broker_id.to_string().into(),
            format!("{}:{}", broker.host, broker.port).into(),
            if status.fenced { Cell::bad("fenced") } else { "alive".into() },
            heartbeat.into(),
            status.directory.clone().unwrap_or_else(dash).into(),
        ]);
    }
    table
}

fn partitions(partitions: &[PartitionStatus]) -> Table {
    let mut table = Table::new(&[
        ("PARTITION", Column::Shrinks),
        ("LEADER", Column::Right),
        ("EPOCH", Column::Right),
        ("REPLICAS", Column::Left),
        ("ISR", Column::Left),
        ("START", Column::Right),
        ("HW", Column::Right),
        ("END", Column::Right),
        ("SIZE", Column::Right),
        ("", Column::Left),
    ]);
    for status in partitions {
        let behind = status.in_sync_replicas.len() < status.replicas.len();
        let isr = list(&status.in_sync_replicas);
        table.row([
            format!("{}-{}", status.topic, status.partition).into(),
            status.leader.map_or_else(|| Cell::bad("none"), |leader| leader.to_string().into()),
            status.leader_epoch.to_string().into(),
            list(&status.replicas).into(),
            if behind { Cell::bad(isr) } else { isr.into() },
            status.log_start_offset.to_string().into(),
            status.high_watermark.to_string().into(),
            status.log_end_offset.to_string().into(),
            bytes(status.size_bytes).into(),
            status.offline.as_ref().map_or_else(|| "".into(), |why| Cell::bad(format!("offline: {why}"))),
        ]);
    }
    table
}

fn producers(clients: &[ClientStatus]) -> Table {
    let mut table = Table::new(&[
        ("PRODUCER", Column::Shrinks),
        ("FROM", Column::Left),
        ("UP", Column::Right),
        ("SENT", Column::Right),
        ("AT", Column::Shrinks),
    ]);
    for status in clients.iter().filter(|status| status.role == ClientRole::Producer) {
        let [name, peer, up, records] = columns(status);
        table.row([name, peer, up, records, positions(status, |position| position.position).into()]);
    }
    table
}

fn consumers(clients: &[ClientStatus]) -> Table {
    let mut table = Table::new(&[
        ("CONSUMER", Column::Shrinks),
        ("FROM", Column::Left),
        ("UP", Column::Right),
        ("READ", Column::Right),
        ("BEHIND", Column::Right),
        ("AT", Column::Shrinks),
    ]);
    for status in clients.iter().filter(|status| status.role == ClientRole::Consumer) {
        let [name, peer, up, records] = columns(status);
        let behind = count(behind(&status.positions)).into();
        let positions = positions(status, |position| position.received).into();
        table.row([name, peer, up, records, behind, positions]);
    }
    table
}

/// What both kinds of client have: name, address, age, records.
fn columns(status: &ClientStatus) -> [Cell; 4] {
    let name = match &status.group {
        Some(group) => format!("{} ({group})", status.client_id),
        None => status.client_id.clone(),
    };
    let up = duration(Duration::from_millis(status.connected_ms));
    [name.into(), status.peer.as_str().into(), up.into(), count(status.records).into()]
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

fn list(brokers: &[BrokerId]) -> String {
    brokers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn dash() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use yak_model::api::{BrokerMetadata, ZookeeperStatus};
    use yak_model::{BrokerEpoch, ClusterId, LeaderEpoch, MetadataIndex, PartitionIndex, TimestampMs};

    use super::*;

    fn broker(id: i32, fenced: bool) -> ReplicaStatus {
        ReplicaStatus {
            broker: BrokerMetadata {
                broker_id: BrokerId::new(id),
                host: "127.0.0.1".to_owned(),
                port: 9091 + u16::try_from(id).unwrap(),
                rack: None,
            },
            broker_epoch: BrokerEpoch::new(1),
            fenced,
            heartbeat_age_ms: Some(if fenced { 3_200 } else { 140 }),
            directory: (!fenced).then(|| format!("data/broker-{id}")),
        }
    }

    fn partition(number: i32, leader: Option<i32>) -> PartitionStatus {
        PartitionStatus {
            topic: "orders".parse().unwrap(),
            partition: PartitionIndex::new(number),
            leader: leader.map(BrokerId::new),
            leader_epoch: LeaderEpoch::new(4),
            replicas: vec![BrokerId::new(1), BrokerId::new(2)],
            in_sync_replicas: leader.map(BrokerId::new).into_iter().collect(),
            log_start_offset: Offset::ZERO,
            high_watermark: Offset::new(1041),
            log_end_offset: Offset::new(1041),
            size_bytes: 123_456,
            segments: 1,
            offline: None,
        }
    }

    fn client(role: ClientRole, partitions: i32) -> ClientStatus {
        let position = |number| PartitionPosition {
            topic: "orders".parse().unwrap(),
            partition: PartitionIndex::new(number),
            position: Offset::new(1_041),
            received: Offset::new(1_000),
            log_end_offset: Offset::new(1_041),
        };
        ClientStatus {
            registration: 1,
            role,
            client_id: if role == ClientRole::Producer { "yak-producer" } else { "yak-consumer" }.to_owned(),
            software: None,
            peer: "127.0.0.1:50412".to_owned(),
            group: None,
            connected_ms: 123_000,
            topics: vec!["orders".parse().unwrap()],
            records: 1_041,
            positions: (0..partitions).map(position).collect(),
        }
    }

    fn status() -> StatusReply {
        StatusReply {
            cluster_id: ClusterId::from_random([7; 16]),
            broker_id: BrokerId::new(1),
            version: "0.1.0".to_owned(),
            uptime_ms: 123_000,
            zookeeper: ZookeeperStatus { address: "embedded".to_owned(), index: MetadataIndex::new(42) },
            brokers: vec![broker(1, false), broker(2, true)],
            partitions: vec![partition(0, Some(1)), partition(1, None)],
            clients: vec![client(ClientRole::Producer, 0), client(ClientRole::Consumer, 5)],
            elections: vec![ElectionStatus {
                time: TimestampMs::new(1_700_000_000_123),
                topic: "orders".parse().unwrap(),
                partition: PartitionIndex::new(0),
                from: Some(BrokerId::new(2)),
                to: Some(BrokerId::new(1)),
                leader_epoch: LeaderEpoch::new(4),
                cause: "broker 2 was silent for 1.0 s".to_owned(),
            }],
        }
    }

    #[test]
    fn the_whole_cluster_fits_eighty_columns() {
        let shown = render(&status(), Style { width: Some(80), color: false });
        assert_eq!(shown, include_str!("screen.golden.txt"));
        assert!(shown.lines().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn an_empty_cluster_says_what_to_do() {
        let empty = StatusReply { partitions: vec![], clients: vec![], elections: vec![], ..status() };
        let shown = render(&empty, Style::default());
        assert!(
            shown.ends_with(
                "no topics yet; `yak-topics --create --topic t` makes one, or just produce to it\n"
            )
        );
    }

    #[test]
    fn an_offline_partition_says_why() {
        let mut offline = status();
        offline.partitions[0].offline = Some("segment 0 is damaged\x1b[2J".to_owned());
        let shown = render(&offline, Style::default());
        assert!(shown.contains("  offline: segment 0 is damaged\\x1b[2J\n"), "{shown}");
    }
}
