//! The last elections, read off the journal's lines as they are applied.

use std::collections::VecDeque;

use yak_model::api::ElectionStatus;
use yak_model::metadata::{JournalLine, MetadataRecord};

use super::Image;

/// How many elections are remembered.
const REMEMBERED: usize = 64;

/// The last 64 elections, newest last. Not part of the image: it knows what is, not what was.
#[derive(Clone, Debug, Default)]
pub struct Elections {
    last: VecDeque<ElectionStatus>,
    total: u64,
}

impl Elections {
    /// Takes note of the elections in a line that is about to be applied to `before`.
    pub fn observe(&mut self, before: &Image, line: &JournalLine) {
        for record in &line.records {
            let MetadataRecord::Partition(after) = record else { continue };
            let from = before
                .topic_by_id(after.topic_id)
                .and_then(|topic| topic.partition(after.partition))
                .map(|partition| (partition.leader, partition.leader_epoch));
            // A new partition's first leader is no event; a change of epoch is, also to the same leader.
            if from.is_none_or(|(_, epoch)| epoch == after.leader_epoch) {
                continue;
            }
            if self.last.len() == REMEMBERED {
                self.last.pop_front();
            }
            self.total += 1;
            self.last.push_back(ElectionStatus {
                time: line.time,
                topic: after.topic.clone(),
                partition: after.partition,
                from: from.and_then(|(leader, _)| leader),
                to: after.leader,
                leader_epoch: after.leader_epoch,
                cause: line.cause.clone(),
            });
        }
    }

    /// How many there were, remembered or not.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The elections remembered, newest last.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &ElectionStatus> {
        self.last.iter()
    }
}
