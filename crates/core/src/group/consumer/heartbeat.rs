//! Heartbeats: the one operation of members.

use yak_model::api::{ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply, Rejection, TopicPartitions};
use yak_model::{ErrorCode, MemberEpoch, MemberId};

use super::assignor::Assignor;
use super::member::{Member, MemberState, by_topic, describe, one_by_one};
use super::{ConsumerGroup, StoredChange, StoredMember, Topics};

impl ConsumerGroup {
    /// A member joins, says that it lives and what it owns, or leaves; `topics` are those that there are now.
    ///
    /// The answer tells the assignment if the member joins, if it is another than before, if the member seems not to have
    /// got an answer, or if it says that it owns something else.
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST` with an epoch that there is not, or a join without topics, with partitions, without time to give
    /// partitions up; `UNKNOWN_MEMBER_ID`; `FENCED_MEMBER_EPOCH`: it is to join again; `FENCED_INSTANCE_ID`,
    /// `UNRELEASED_INSTANCE_ID` if another member has its instance id; `UNSUPPORTED_ASSIGNOR`;
    /// `INVALID_REGULAR_EXPRESSION`; `GROUP_MAX_SIZE_REACHED`.
    pub fn handle_heartbeat(
        &mut self,
        now_ms: u64,
        request: &ConsumerGroupHeartbeat,
        topics: &Topics,
    ) -> Result<ConsumerGroupHeartbeatReply, Rejection> {
        self.advance(now_ms);
        self.take_topics(topics);
        let answered = self.answer(request);
        self.finish();
        answered
    }

    fn answer(&mut self, request: &ConsumerGroupHeartbeat) -> Result<ConsumerGroupHeartbeatReply, Rejection> {
        check_assignor(request)?;
        match request.member_epoch {
            MemberEpoch::JOIN => self.join(request),
            MemberEpoch::LEAVE | MemberEpoch::LEAVE_STATIC => self.leave(request),
            epoch if epoch > MemberEpoch::JOIN => self.beat(request),
            epoch => {
                Err(Rejection::new(ErrorCode::InvalidRequest, format!("{epoch} is no epoch of a member")))
            }
        }
    }

    /// A member goes on.
    fn beat(&mut self, request: &ConsumerGroupHeartbeat) -> Result<ConsumerGroupHeartbeatReply, Rejection> {
        let id = &request.member_id;
        self.check_identity(id, request.instance_id.as_ref())?;
        let now_ms = self.now_ms;
        let member = self.known(id);
        check_epoch(member, request)?;
        member.heard_ms = now_ms;
        member.previous_epoch = request.member_epoch;
        let (told_epoch, told) = (member.epoch, member.assigned.clone());
        let mut about = member.about.clone();
        describe(&mut about, request);
        self.update(id, about)?;
        if has_given_up(self.known(id), request) {
            self.give_up(id);
        }
        self.make_target_if_time();
        self.reconcile(id);
        let member = self.known(id);
        let is_new = (member.epoch, &member.assigned) != (told_epoch, &told);
        let is_lost = request.member_epoch != told_epoch || is_full(request);
        let owns_else = request.owned.as_ref().is_some_and(|owned| one_by_one(owned) != member.assigned);
        let tells = member.assigned != told || is_lost || owns_else;
        if is_new {
            self.news.insert(id.clone());
        }
        Ok(self.reply(id, tells))
    }

    /// Takes over what a member says of itself.
    pub(super) fn update(&mut self, id: &MemberId, about: StoredMember) -> Result<(), Rejection> {
        let was = self.known(id).about.clone();
        if was == about {
            return Ok(());
        }
        let wants = |about: &StoredMember| {
            (about.topics.clone(), about.topic_regex.clone(), about.server_assignor.clone())
        };
        if let Some(regex) = &about.topic_regex {
            self.patterns.learn(regex, &self.topics)?;
        }
        let is_other_wish = wants(&was) != wants(&about);
        self.changes.push(StoredChange::Member(id.clone(), Some(about.clone())));
        self.known(id).about = about;
        if is_other_wish {
            self.forget_patterns();
            self.require_target(format!("{id} wants other topics or another assignor"));
        }
        Ok(())
    }

    pub(super) fn forget_patterns(&mut self) {
        let members = &self.members;
        let uses =
            |text: &str| members.values().any(|member| member.about.topic_regex.as_deref() == Some(text));
        self.patterns.retain(uses);
    }

    pub(super) fn reply(&self, id: &MemberId, tells: bool) -> ConsumerGroupHeartbeatReply {
        let member = self.members.get(id);
        ConsumerGroupHeartbeatReply {
            member_id: id.clone(),
            member_epoch: member.map_or(MemberEpoch::LEAVE, |member| member.epoch),
            heartbeat_interval_ms: self.config.heartbeat_interval_ms,
            assignment: member.filter(|_| tells).map(|member| by_topic(&member.assigned)),
        }
    }
}

fn check_assignor(request: &ConsumerGroupHeartbeat) -> Result<(), Rejection> {
    let Some(name) = request.server_assignor.as_deref() else { return Ok(()) };
    if Assignor::parse(name).is_some() {
        return Ok(());
    }
    let known = Assignor::ALL.map(Assignor::name).join(", ");
    let message = format!("there is no assignor \"{name}\"; there are: {known}");
    Err(Rejection::new(ErrorCode::UnsupportedAssignor, message))
}

/// Whether a member is in the epoch that it says, or may not have been told of a later one: then it says that it owns
/// nothing but what is still kept for it.
fn check_epoch(member: &Member, request: &ConsumerGroupHeartbeat) -> Result<(), Rejection> {
    let said = request.member_epoch;
    if said == member.epoch {
        return Ok(());
    }
    let keeps = |owned: &Vec<TopicPartitions>| {
        let mut owned = one_by_one(owned).into_iter();
        owned.all(|partition| member.assigned.contains(&partition) || member.revoking.contains(&partition))
    };
    let is_open = (member.previous_epoch..member.epoch).contains(&said);
    if is_open && request.owned.as_ref().is_some_and(keeps) {
        return Ok(());
    }
    let message = format!(
        "{} is in epoch {}, not {said}: it is to give up everything and to join again",
        request.member_id, member.epoch
    );
    Err(Rejection::new(ErrorCode::FencedMemberEpoch, message))
}

/// Whether a member has given up what it was told to: it was told, for it says the epoch of that, and owns none of it.
fn has_given_up(member: &Member, request: &ConsumerGroupHeartbeat) -> bool {
    let owned = request.owned.as_deref().map(one_by_one);
    member.state == MemberState::Revoking
        && member.epoch == request.member_epoch
        && owned.is_some_and(|owned| owned.is_disjoint(&member.revoking))
}

/// Whether a member says everything: it has not got its last answer (KIP-848).
const fn is_full(request: &ConsumerGroupHeartbeat) -> bool {
    request.rebalance_timeout_ms.is_some()
        && (request.subscribed_topics.is_some() || request.subscribed_regex.is_some())
        && request.owned.is_some()
}
