//! As evenly as subscriptions allow, moving little.
//!
//! Everybody keeps what it had and still wants; what is left goes to whoever has least. Then partitions move from members
//! that have more to members that have at least two less: directly, or, where subscriptions differ, over others that pass
//! one on for each that they get. When no such way is left, no other assignment is more even: that is what a bipartite
//! semi-matching of least cost is (Harvey, Ladner, Lovász, Tamir 2006).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use yak_model::{MemberId, PartitionIndex, TopicId};

use super::{Assigned, Wish};
use crate::group::consumer::topics::{Partition, partitions_of};

pub(super) fn assign(wishes: &BTreeMap<MemberId, Wish>, partitions: &BTreeMap<TopicId, u32>) -> Assigned {
    let mut balance = Balance::new(wishes);
    let kept = balance.keep(wishes, partitions);
    balance.fill(partitions, &kept);
    balance.even_out();
    wishes.keys().cloned().zip(balance.shares.into_iter().map(Share::into_partitions)).collect()
}

/// What a member gets.
#[derive(Debug, Default)]
struct Share {
    topics: BTreeMap<TopicId, BTreeSet<PartitionIndex>>,
    /// How many partitions that are.
    load: usize,
}

impl Share {
    fn add(&mut self, (topic_id, partition): Partition) {
        if self.topics.entry(topic_id).or_default().insert(partition) {
            self.load += 1;
        }
    }

    /// Gives away a partition of a topic: the last one.
    fn take(&mut self, topic_id: TopicId) -> Option<Partition> {
        let partition = self.topics.get_mut(&topic_id)?.pop_last()?;
        self.load -= 1;
        Some((topic_id, partition))
    }

    fn count(&self, topic_id: TopicId) -> usize {
        self.topics.get(&topic_id).map_or(0, BTreeSet::len)
    }

    /// The topics that it has partitions of, most first: what a member gives away comes from all of them alike.
    fn topics_by_count(&self) -> Vec<TopicId> {
        let mut topics: Vec<TopicId> = self.topics.keys().copied().filter(|id| self.count(*id) > 0).collect();
        topics.sort_by_key(|topic_id| (Reverse(self.count(*topic_id)), *topic_id));
        topics
    }

    fn into_partitions(self) -> BTreeSet<Partition> {
        let topics = self.topics.into_iter();
        topics.flat_map(|(topic_id, of)| of.into_iter().map(move |partition| (topic_id, partition))).collect()
    }
}

/// The members by number, in order of their ids.
struct Balance {
    shares: Vec<Share>,
    /// Who wants a topic.
    subscribers: BTreeMap<TopicId, Vec<usize>>,
}

impl Balance {
    fn new(wishes: &BTreeMap<MemberId, Wish>) -> Self {
        let mut subscribers = BTreeMap::<TopicId, Vec<usize>>::new();
        for (member, wish) in wishes.values().enumerate() {
            for topic_id in &wish.topics {
                subscribers.entry(*topic_id).or_default().push(member);
            }
        }
        Self { shares: wishes.values().map(|_| Share::default()).collect(), subscribers }
    }

    /// Everybody keeps what it had, wants and can still have.
    fn keep(
        &mut self,
        wishes: &BTreeMap<MemberId, Wish>,
        partitions: &BTreeMap<TopicId, u32>,
    ) -> BTreeSet<Partition> {
        let exists = |(topic_id, partition): &Partition| {
            let count = partitions.get(topic_id).copied().unwrap_or(0);
            u32::try_from(partition.get()).is_ok_and(|index| index < count)
        };
        let mut kept = BTreeSet::new();
        for (share, wish) in self.shares.iter_mut().zip(wishes.values()) {
            let still = wish.has.iter().filter(|one| wish.topics.contains(&one.0) && exists(one));
            for partition in still {
                if kept.insert(*partition) {
                    share.add(*partition);
                }
            }
        }
        kept
    }

    /// What nobody has goes to whoever has least, and of those to who has least of the same topic.
    fn fill(&mut self, partitions: &BTreeMap<TopicId, u32>, kept: &BTreeSet<Partition>) {
        for (topic_id, count) in partitions {
            let Some(subscribers) = self.subscribers.get(topic_id) else { continue };
            let mut free = partitions_of(*topic_id, *count).filter(|one| !kept.contains(one)).peekable();
            if free.peek().is_none() {
                continue;
            }
            let room = |share: &Share, member: usize| (share.load, share.count(*topic_id), member);
            let mut by_room: BTreeSet<(usize, usize, usize)> =
                subscribers.iter().map(|member| room(&self.shares[*member], *member)).collect();
            for partition in free {
                if let Some((_, _, member)) = by_room.pop_first() {
                    self.shares[member].add(partition);
                    by_room.insert(room(&self.shares[member], member));
                }
            }
        }
    }

    /// Shortens who has most for who has at least two less, until nobody can be shortened any more. Whoever cannot be,
    /// cannot be later either: a way found later, from somebody with as much or less, leads past everybody whom the
    /// first one reaches.
    fn even_out(&mut self) {
        let mut open: BTreeSet<usize> = (0..self.shares.len()).collect();
        let by_load = |shares: &[Share], open: &BTreeSet<usize>| {
            open.iter().copied().max_by_key(|member| (shares[*member].load, Reverse(*member)))
        };
        while let Some(member) = by_load(&self.shares, &open) {
            let least = self.shares.iter().map(|share| share.load).min().unwrap_or(0);
            if self.shares[member].load < least + 2 {
                return;
            }
            match self.way_from(member) {
                Some(way) => self.shift(member, &way),
                None => {
                    open.remove(&member);
                }
            }
        }
    }

    /// The shortest way to somebody who has at least two less: each step a topic that one has and the next one wants.
    fn way_from(&self, start: usize) -> Option<Vec<(TopicId, usize)>> {
        let enough = self.shares[start].load - 2;
        let mut came = BTreeMap::<usize, (usize, TopicId)>::new();
        let mut seen_topics = BTreeSet::new();
        let mut queue = VecDeque::from([start]);
        while let Some(member) = queue.pop_front() {
            for topic_id in self.shares[member].topics_by_count() {
                if !seen_topics.insert(topic_id) {
                    continue;
                }
                let subscribers = self.subscribers.get(&topic_id).map(Vec::as_slice).unwrap_or_default();
                let new: Vec<usize> = subscribers
                    .iter()
                    .copied()
                    .filter(|next| *next != start && !came.contains_key(next))
                    .collect();
                came.extend(new.iter().map(|next| (*next, (member, topic_id))));
                let poorest = new.iter().min_by_key(|next| (self.shares[**next].load, **next));
                if let Some(end) = poorest.filter(|end| self.shares[**end].load <= enough) {
                    return Some(way_back(&came, start, *end));
                }
                queue.extend(new);
            }
        }
        None
    }

    /// Each on the way gives a partition to the next one.
    fn shift(&mut self, start: usize, way: &[(TopicId, usize)]) {
        let mut from = start;
        let mut moves = Vec::new();
        for (topic_id, to) in way {
            moves.extend(self.shares[from].take(*topic_id).map(|partition| (*to, partition)));
            from = *to;
        }
        for (to, partition) in moves {
            self.shares[to].add(partition);
        }
    }
}

fn way_back(came: &BTreeMap<usize, (usize, TopicId)>, start: usize, end: usize) -> Vec<(TopicId, usize)> {
    let mut way = Vec::new();
    let mut at = end;
    while at != start {
        let Some((from, topic_id)) = came.get(&at) else { break };
        way.push((*topic_id, at));
        at = *from;
    }
    way.reverse();
    way
}
