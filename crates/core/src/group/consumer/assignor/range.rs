//! Neighbouring partitions of each topic.

use std::collections::BTreeMap;

use yak_model::{MemberId, TopicId};

use super::{Assigned, Wish};
use crate::group::consumer::topics::partitions_of;

pub(super) fn assign(wishes: &BTreeMap<MemberId, Wish>, partitions: &BTreeMap<TopicId, u32>) -> Assigned {
    // Static members come first, by the name that they keep: a restart changes nobody's place.
    let mut order: Vec<(&MemberId, &Wish)> = wishes.iter().collect();
    order.sort_by_key(|(id, wish)| (wish.instance_id.is_none(), &wish.instance_id, *id));
    let mut assigned: Assigned = wishes.keys().map(|id| (id.clone(), Default::default())).collect();
    for (topic_id, count) in partitions {
        let wants = |(_, wish): &&(&MemberId, &Wish)| wish.topics.contains(topic_id);
        let subscribers: Vec<&MemberId> = order.iter().filter(wants).map(|(id, _)| *id).collect();
        let mut rest = partitions_of(*topic_id, *count);
        for (place, id) in subscribers.iter().enumerate() {
            let share = share(*count as usize, subscribers.len(), place);
            if let Some(has) = assigned.get_mut(*id) {
                has.extend(rest.by_ref().take(share));
            }
        }
    }
    assigned
}

/// How many of `count` the one in this place gets: the first get one more if they cannot be divided evenly.
const fn share(count: usize, subscribers: usize, place: usize) -> usize {
    count / subscribers + if place < count % subscribers { 1 } else { 0 }
}
