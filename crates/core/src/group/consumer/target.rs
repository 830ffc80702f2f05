//! From what members want and what topics there are to what each is to have.

use std::collections::{BTreeMap, BTreeSet};

use yak_model::api::GroupState;
use yak_model::{MemberId, TopicId, TopicName};

use super::assignor::{self, Assignor, Wish};
use super::member::{Member, by_topic};
use super::reconcile::next;
use super::topics::Partition;
use super::{ConsumerGroup, StoredChange, Topics};

impl ConsumerGroup {
    /// Topics were made, deleted, or given partitions.
    pub fn handle_metadata(&mut self, now_ms: u64, topics: &Topics) {
        self.advance(now_ms);
        self.take_topics(topics);
        self.finish();
    }

    /// Takes over the topics that there are now. Members share anew if one that they want is another than before.
    pub(super) fn take_topics(&mut self, topics: &Topics) {
        if self.topics.is_same(topics) {
            return;
        }
        self.topics = topics.clone();
        self.patterns.resolve(topics);
        let wanted = self.wanted_now();
        if self.wanted != wanted {
            self.wanted = wanted;
            self.require_target("topics that it is subscribed to have changed".to_owned());
            self.make_target_if_time();
        }
    }

    /// The members' targets are to be made anew, for this reason: the group has another epoch from now on.
    pub(super) fn require_target(&mut self, cause: String) {
        self.epoch = next(self.epoch);
        self.changes.push(StoredChange::Epoch(Some(self.epoch)));
        self.is_due = true;
        // What began first is the cause of all that follows until everybody has what is theirs.
        self.rebalance.get_or_insert((cause, self.now_ms));
    }

    /// When a target that is due is to be made.
    pub(super) fn target_deadline_ms(&self) -> Option<u64> {
        let interval = u64::from(self.config.assignment_interval_ms);
        self.is_due.then(|| self.target_made_ms.map_or(0, |made| made + interval))
    }

    /// Makes a target if one is due and the group was calm for long enough.
    pub(super) fn make_target_if_time(&mut self) {
        if self.members.is_empty() {
            // The next member is the first one, and waits for nothing.
            self.target_made_ms = None;
        }
        if self.target_deadline_ms().is_some_and(|deadline| deadline <= self.now_ms) {
            self.make_target();
        }
    }

    /// Makes a target that is due at once.
    pub(super) fn settle_target(&mut self) {
        if self.is_due {
            self.make_target();
        }
    }

    fn make_target(&mut self) {
        self.is_due = false;
        self.wanted = self.wanted_now();
        let targets = self.assign();
        self.target_owners.clear();
        for (id, target) in targets {
            let partitions = target.iter().map(|partition| (*partition, id.clone()));
            self.target_owners.extend(partitions);
            let member = self.known(&id);
            if member.target != target {
                let stored = by_topic(&target);
                member.target = target;
                self.changes.push(StoredChange::Target(id, Some(stored)));
            }
        }
        self.target_epoch = self.epoch;
        self.changes.push(StoredChange::TargetEpoch(Some(self.target_epoch)));
        self.target_made_ms = Some(self.now_ms).filter(|_| self.state() != GroupState::Empty);
        self.check_target();
        self.take_from_the_absent();
        let ids: Vec<MemberId> = self.members.keys().filter(|id| self.has_news(id)).cloned().collect();
        self.news.extend(ids);
    }

    /// What each member is to have, by the assignor that most of them want.
    pub(super) fn assign(&self) -> BTreeMap<MemberId, BTreeSet<Partition>> {
        let wish = |member: &Member| Wish {
            instance_id: member.about.instance_id.clone(),
            topics: self.subscription(member),
            has: member.target.clone(),
        };
        let wishes = self.members.iter().map(|(id, member)| (id.clone(), wish(member))).collect();
        assignor::assign(self.assignor(), &wishes, &self.wanted_now())
    }

    /// The assignor that most members want; of several, the first that there is.
    pub(super) fn assignor(&self) -> Assignor {
        let mut votes = BTreeMap::<Assignor, usize>::new();
        for member in self.members.values() {
            let wanted = member.about.server_assignor.as_deref().and_then(Assignor::parse);
            *votes.entry(wanted.unwrap_or_default()).or_default() += 1;
        }
        let most = votes.values().max().copied().unwrap_or(0);
        votes.into_iter().find(|(_, count)| *count == most).map(|(assignor, _)| assignor).unwrap_or_default()
    }

    /// Static members that are away own nothing: what is not kept for them any more is free.
    fn take_from_the_absent(&mut self) {
        let absent = self.members.iter_mut().filter(|(_, member)| member.is_away());
        let mut free = Vec::new();
        for (id, member) in absent {
            let (kept, gone): (BTreeSet<Partition>, BTreeSet<Partition>) =
                member.assigned.iter().copied().partition(|partition| member.target.contains(partition));
            if !gone.is_empty() {
                member.assigned = kept;
                self.moved.insert(id.clone());
                free.extend(gone);
            }
        }
        self.release(free);
    }

    /// The topics that a member wants and there are.
    pub(super) fn subscription(&self, member: &Member) -> BTreeSet<TopicId> {
        let matched =
            member.about.topic_regex.as_deref().into_iter().flat_map(|text| self.patterns.matched(text));
        let names = member.about.topics.iter().chain(matched);
        names.filter_map(|name| self.topics.get(name)).map(|topic| topic.topic_id).collect()
    }

    /// The topics that anybody wants and there are, and how many partitions they have.
    pub(super) fn wanted_now(&self) -> BTreeMap<TopicId, u32> {
        let mut names = BTreeSet::<&TopicName>::new();
        for member in self.members.values() {
            names.extend(&member.about.topics);
            names.extend(
                member.about.topic_regex.as_deref().into_iter().flat_map(|text| self.patterns.matched(text)),
            );
        }
        let topics = names.into_iter().filter_map(|name| self.topics.get(name));
        topics.map(|topic| (topic.topic_id, topic.partitions)).collect()
    }

    /// Whether any member wants a topic.
    #[must_use]
    pub fn is_subscribed(&self, topic: &TopicName) -> bool {
        self.members.values().any(|member| {
            let regex = member.about.topic_regex.as_deref();
            member.about.topics.contains(topic)
                || regex.is_some_and(|regex| self.patterns.matches(regex, topic))
        })
    }
}
