//! Join: a member comes, comes again, or takes over from its former self.

use yak_model::api::{ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply, Rejection};
use yak_model::{ErrorCode, InstanceId, MemberId};

use super::member::{Member, described};
use super::{ConsumerGroup, StoredChange};

impl ConsumerGroup {
    pub(super) fn join(
        &mut self,
        request: &ConsumerGroupHeartbeat,
    ) -> Result<ConsumerGroupHeartbeatReply, Rejection> {
        check_join(request)?;
        if let Some(regex) = request.subscribed_regex.as_deref().filter(|regex| !regex.is_empty()) {
            self.patterns.learn(regex, &self.topics)?;
        }
        let joined = self.admit(request);
        // Also of one that was not admitted.
        self.forget_patterns();
        joined?;
        let id = &request.member_id;
        self.make_target_if_time();
        self.reconcile(id);
        self.news.insert(id.clone());
        Ok(self.reply(id, true))
    }

    fn admit(&mut self, request: &ConsumerGroupHeartbeat) -> Result<(), Rejection> {
        let id = &request.member_id;
        let named = request.instance_id.as_ref().and_then(|instance| self.instances.get(instance)).cloned();
        if let Some(former) = named.filter(|named| named != id) {
            return self.take_over(&former, request);
        }
        let Some(member) = self.members.get(id) else { return self.join_new(request) };
        let mut about = described(request);
        if request.instance_id.is_none() {
            about.instance_id.clone_from(&member.about.instance_id);
        }
        if about.instance_id != member.about.instance_id {
            let message = format!("{id} is a member already, and not by this instance id");
            return Err(Rejection::new(ErrorCode::InvalidRequest, message));
        }
        if member.is_away() {
            self.come_back(id);
        }
        let now_ms = self.now_ms;
        self.known(id).heard_ms = now_ms;
        self.update(id, about)
    }

    fn join_new(&mut self, request: &ConsumerGroupHeartbeat) -> Result<(), Rejection> {
        if self.members.len() >= self.config.max_size {
            let message = format!("no more members are allowed in the group than {}", self.config.max_size);
            return Err(Rejection::new(ErrorCode::GroupMaxSizeReached, message));
        }
        let id = &request.member_id;
        self.require_target(format!("{id} joins"));
        // Later than any epoch that a member of this id had before: who goes leaves a later one behind.
        let member = Member::new(described(request), self.epoch, self.now_ms);
        self.insert(id, member);
        Ok(())
    }

    /// A static member that has left is back as another process: it gets what was kept for it.
    fn take_over(&mut self, former: &MemberId, request: &ConsumerGroupHeartbeat) -> Result<(), Rejection> {
        if !self.members.get(former).is_some_and(Member::is_away) {
            let message = format!("{former} has this instance id, and has not left");
            return Err(Rejection::new(ErrorCode::UnreleasedInstanceId, message));
        }
        if self.members.contains_key(&request.member_id) {
            let message = format!("{} is a member already, and not by this instance id", request.member_id);
            return Err(Rejection::new(ErrorCode::InvalidRequest, message));
        }
        self.settle_target();
        let Some(mut member) = self.remove(former) else { return Ok(()) };
        member.epoch = self.target_epoch;
        member.previous_epoch = member.epoch;
        member.heard_ms = self.now_ms;
        let id = &request.member_id;
        self.owners.extend(member.assigned.iter().map(|partition| (*partition, id.clone())));
        self.target_owners.extend(member.target.iter().map(|partition| (*partition, id.clone())));
        self.changes.push(StoredChange::Target(id.clone(), Some(super::member::by_topic(&member.target))));
        self.insert(id, member);
        self.update(id, described(request))
    }

    /// A static member that has left is back under the same id: what it said and committed before is of the past.
    fn come_back(&mut self, id: &MemberId) {
        self.settle_target();
        self.begin_epoch();
        let epoch = self.target_epoch;
        let member = self.known(id);
        member.epoch = epoch;
        member.previous_epoch = epoch;
        self.moved.insert(id.clone());
    }

    fn insert(&mut self, id: &MemberId, member: Member) {
        if let Some(instance) = member.instance_id() {
            self.instances.insert(instance.clone(), id.clone());
        }
        self.changes.push(StoredChange::Member(id.clone(), Some(member.about.clone())));
        self.members.insert(id.clone(), member);
        self.moved.insert(id.clone());
    }
}

fn check_join(request: &ConsumerGroupHeartbeat) -> Result<(), Rejection> {
    let invalid = |message: &str| Err(Rejection::new(ErrorCode::InvalidRequest, message));
    if request.owned.as_ref().is_some_and(|owned| owned.iter().any(|topic| !topic.partitions.is_empty())) {
        return invalid("a member that joins owns no partitions");
    }
    if request.subscribed_topics.is_none() && request.subscribed_regex.is_none() {
        return invalid("a member that joins says which topics it wants, by name or by an expression");
    }
    if request.rebalance_timeout_ms == Some(0) {
        return invalid("a member needs some time to give partitions up");
    }
    Ok(())
}

/// Another member has an instance id now.
pub(super) fn fenced(instance: &InstanceId) -> Rejection {
    let message = format!("another member has the instance id {instance} now");
    Rejection::new(ErrorCode::FencedInstanceId, message)
}
