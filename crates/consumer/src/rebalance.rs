//! `--show-rebalances`: what a member is given, gives up and loses, as one line each, or as one JSON object a line.

use yak_client::{Event, StartedPartition};
use yak_model::{Offset, TopicPartition};

/// An event of membership, for people and for programs; `None` for any other.
#[must_use]
pub fn show(event: &Event) -> Option<(String, String)> {
    Some(match event {
        Event::Assigned { partitions, member_epoch, .. } => {
            let places: Vec<_> = partitions
                .iter()
                .map(|StartedPartition { partition, offset, .. }| (partition.clone(), *offset))
                .collect();
            (
                format!("assigned: {} (epoch {member_epoch})", list(&places)),
                line("assigned", &format!("\"epoch\":{member_epoch}"), &places),
            )
        }
        Event::Revoked { partitions, member_epoch } => (
            format!("revoked: {} (epoch {member_epoch})", list(partitions)),
            line("revoked", &format!("\"epoch\":{member_epoch}"), partitions),
        ),
        Event::Lost { partitions, error } => (
            format!("lost: {} ({error})", list(partitions)),
            line("lost", &format!("\"error\":{}", serde_json::Value::from(error.to_string())), partitions),
        ),
        _ => return None,
    })
}

/// `orders-0@120, orders-2@7`.
fn list(partitions: &[(TopicPartition, Offset)]) -> String {
    if partitions.is_empty() {
        return "nothing".to_owned();
    }
    let places: Vec<_> = partitions.iter().map(|(id, offset)| format!("{id}@{offset}")).collect();
    places.join(", ")
}

/// One object: what happened, a field about it, and the partitions. (Names of topics need no escapes.)
fn line(event: &str, about: &str, partitions: &[(TopicPartition, Offset)]) -> String {
    let place = |(id, offset): &(TopicPartition, Offset)| {
        format!(r#"{{"topic":"{}","partition":{},"offset":{offset}}}"#, id.topic, id.partition)
    };
    let places: Vec<_> = partitions.iter().map(place).collect();
    format!(r#"{{"event":"{event}",{about},"partitions":[{}]}}"#, places.join(","))
}

#[cfg(test)]
mod tests {
    use yak_client::{ClientError, StartedAt};
    use yak_model::{MemberEpoch, PartitionIndex};

    use super::*;

    fn at(partition: i32, offset: i64) -> (TopicPartition, Offset) {
        let id = TopicPartition::new("orders".parse().unwrap(), PartitionIndex::new(partition));
        (id, Offset::new(offset))
    }

    #[test]
    fn lines_name_partitions_and_offsets() {
        let partitions = [at(0, 120), at(2, 7)].map(|(partition, offset)| StartedPartition {
            partition,
            offset,
            at: StartedAt::Committed,
        });
        let member_epoch = MemberEpoch::new(4);
        let assigned = Event::Assigned { partitions: partitions.to_vec(), member_epoch, is_complete: true };
        let (text, json) = show(&assigned).unwrap();
        assert_eq!(text, "assigned: orders-0@120, orders-2@7 (epoch 4)");
        assert_eq!(
            json,
            r#"{"event":"assigned","epoch":4,"partitions":[{"topic":"orders","partition":0,"offset":120},{"topic":"orders","partition":2,"offset":7}]}"#
        );
        let nothing = Event::Assigned { partitions: vec![], member_epoch, is_complete: true };
        assert_eq!(show(&nothing).unwrap().0, "assigned: nothing (epoch 4)");
        let revoked = Event::Revoked { partitions: vec![at(0, 130)], member_epoch };
        assert_eq!(show(&revoked).unwrap().0, "revoked: orders-0@130 (epoch 4)");
        let lost = Event::Lost { partitions: vec![at(0, 130)], error: ClientError::Closed };
        let (text, json) = show(&lost).unwrap();
        assert_eq!(text, "lost: orders-0@130 (the client is closed)");
        assert_eq!(
            json,
            r#"{"event":"lost","error":"the client is closed","partitions":[{"topic":"orders","partition":0,"offset":130}]}"#
        );
        assert!(show(&Event::Resumed).is_none());
    }
}
