//! Join: a member comes, or comes again.

use yak_model::api::{JoinGroup, JoinGroupReply, JoinRefused, JoinedMember, Rejection};
use yak_model::{ErrorCode, InstanceId, MemberId};

use super::member::{Member, Waiting};
use super::{ClassicGroup, Effect, State, Token};

/// What becomes of a join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Join {
    /// It is answered at once: nothing about the group has changed.
    Done(Box<JoinGroupReply>),
    /// It is answered when everybody has joined.
    Waiting(Token),
}

impl ClassicGroup {
    /// A member joins. `new_id` is what a new member is to be called, of the caller's drawing: nobody has it yet.
    ///
    /// # Errors
    ///
    /// `INVALID_SESSION_TIMEOUT`; `INCONSISTENT_GROUP_PROTOCOL` if it knows no protocol that all others know;
    /// `MEMBER_ID_REQUIRED` with the id that a new member is to join with; `UNKNOWN_MEMBER_ID`; `FENCED_INSTANCE_ID`
    /// if another member has its instance id; `GROUP_MAX_SIZE_REACHED`.
    pub fn handle_join(
        &mut self,
        now_ms: u64,
        request: &JoinGroup,
        new_id: MemberId,
    ) -> Result<Join, JoinRefused> {
        self.advance(now_ms);
        let refused = |rejection| JoinRefused { rejection, member_id: request.member_id.clone() };
        self.check_join(request).map_err(refused)?;
        let joined = match &request.member_id {
            None => self.join_new(request, new_id)?,
            Some(id) => self.join_known(request, id).map_err(refused)?,
        };
        self.check();
        Ok(joined)
    }

    /// Whether a member can be heard at all that says so of itself.
    ///
    /// # Errors
    ///
    /// `INVALID_SESSION_TIMEOUT`, `INCONSISTENT_GROUP_PROTOCOL`, as for [`ClassicGroup::handle_join`].
    pub fn check_join(&self, request: &JoinGroup) -> Result<(), Rejection> {
        let (least, most) = (self.config.min_session_timeout_ms, self.config.max_session_timeout_ms);
        if !(least..=most).contains(&request.session_timeout_ms) {
            let message = format!(
                "a session timeout is between {least} ms and {most} ms here, not {} ms",
                request.session_timeout_ms
            );
            return Err(Rejection::new(ErrorCode::InvalidSessionTimeout, message));
        }
        let inconsistent = |message| Err(Rejection::new(ErrorCode::InconsistentGroupProtocol, message));
        if request.protocol_type.is_empty() || request.protocols.is_empty() {
            return inconsistent(
                "a member says what its group is for, and which protocols it knows".to_owned(),
            );
        }
        if !self.members.is_empty() && self.protocol_type.as_ref() != Some(&request.protocol_type) {
            let ours = self.protocol_type.as_deref().unwrap_or_default();
            return inconsistent(format!(
                "the group is for \"{ours}\", the member for \"{}\"",
                request.protocol_type
            ));
        }
        let others: Vec<&Member> = self
            .members
            .iter()
            .filter(|(id, _)| Some(*id) != request.member_id.as_ref())
            .map(|(_, other)| other)
            .collect();
        let known_by_all =
            request.protocols.iter().any(|one| others.iter().all(|other| other.knows(&one.name)));
        if !known_by_all {
            return inconsistent("the member knows no protocol that all other members know".to_owned());
        }
        Ok(())
    }

    fn join_new(&mut self, request: &JoinGroup, new_id: MemberId) -> Result<Join, JoinRefused> {
        let refused = |rejection| JoinRefused { rejection, member_id: None };
        assert!(!self.members.contains_key(&new_id), "the id of a new member is new");
        if let Some(instance) = &request.instance_id {
            if let Some(old) = self.instances.get(instance).cloned() {
                return Ok(self.replace(request, instance, &old, new_id));
            }
            self.check_size().map_err(refused)?;
            return Ok(self.add(request, new_id));
        }
        self.check_size().map_err(refused)?;
        if request.requires_known_member_id {
            self.pending.insert(new_id.clone(), self.now_ms + u64::from(request.session_timeout_ms));
            let message = "join again with the member id of this answer";
            return Err(JoinRefused {
                rejection: Rejection::new(ErrorCode::MemberIdRequired, message),
                member_id: Some(new_id),
            });
        }
        Ok(self.add(request, new_id))
    }

    fn check_size(&self) -> Result<(), Rejection> {
        if self.members.len() + self.pending.len() >= self.config.max_size {
            let message = format!("no more members are allowed in the group than {}", self.config.max_size);
            return Err(Rejection::new(ErrorCode::GroupMaxSizeReached, message));
        }
        Ok(())
    }

    fn join_known(&mut self, request: &JoinGroup, id: &MemberId) -> Result<Join, Rejection> {
        if request.instance_id.is_none() && self.pending.remove(id).is_some() {
            return Ok(self.add(request, id.clone()));
        }
        self.check_identity(id, request.instance_id.as_ref())?;
        let is_leader = self.leader.as_ref() == Some(id);
        let now_ms = self.now_ms;
        let member = self.known(id);
        member.heard(now_ms);
        let says_the_same = member.protocols == request.protocols;
        match self.state {
            State::Preparing => {}
            // It did not get the answer.
            State::Completing if says_the_same => return Ok(Join::Done(Box::new(self.reply(id)))),
            State::Stable if says_the_same && !is_leader => {
                return Ok(Join::Done(Box::new(self.reply(id))));
            }
            State::Completing | State::Stable | State::Empty => {
                let cause = if is_leader {
                    format!("the leader {id} joins again")
                } else {
                    format!("{id} knows other protocols than before")
                };
                self.prepare(cause);
            }
        }
        let token = self.await_join(id, Some(request));
        self.complete_if_all_joined();
        Ok(Join::Waiting(token))
    }

    fn add(&mut self, request: &JoinGroup, id: MemberId) -> Join {
        let joined = self.next_joined();
        let member = Member::new(request, self.now_ms, joined);
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type.clone());
        }
        if let Some(instance) = &request.instance_id {
            self.instances.insert(instance.clone(), id.clone());
        }
        self.members.insert(id.clone(), member);
        self.leader.get_or_insert_with(|| id.clone());
        match self.state {
            State::Preparing => self.prolong_delay(),
            _ => self.prepare(format!("{} joins as {id}", request.client_id)),
        }
        let token = self.await_join(&id, None);
        self.complete_if_all_joined();
        Join::Waiting(token)
    }

    /// A static member is back with a new id: whoever had its instance id is fenced.
    fn replace(
        &mut self,
        request: &JoinGroup,
        instance: &InstanceId,
        old_id: &MemberId,
        new_id: MemberId,
    ) -> Join {
        let mut member = self.members.remove(old_id).expect("an instance id names a member");
        let fenced = fenced(instance);
        match std::mem::replace(&mut member.waiting, Waiting::No) {
            Waiting::No => {}
            Waiting::Join(token) => self.effects.push_back(Effect::Joined {
                token,
                result: Err(JoinRefused { rejection: fenced, member_id: Some(old_id.clone()) }),
            }),
            Waiting::Sync(token) => {
                self.effects.push_back(Effect::Synced { token, result: Err(fenced) });
            }
        }
        member.heard(self.now_ms);
        let says_the_same = member.protocols == request.protocols;
        member.update(request);
        self.members.insert(new_id.clone(), member);
        self.instances.insert(instance.clone(), new_id.clone());
        let was_leader = self.leader.as_ref() == Some(old_id);
        if was_leader {
            self.leader = Some(new_id.clone());
        }
        if self.state == State::Stable && (says_the_same || self.choose_protocol() == self.protocol) {
            self.store();
            let mut reply = self.reply(&new_id);
            if was_leader && request.can_skip_assignment {
                reply.skip_assignment = true;
            } else if was_leader {
                // It must not assign anew what nobody would be told of: it is shown the id that it had as the leader's.
                reply.leader = old_id.clone();
                reply.members = Vec::new();
            }
            return Join::Done(Box::new(reply));
        }
        if self.state != State::Preparing {
            self.prepare(format!("static member {instance} is back as {new_id}"));
        }
        let token = self.await_join(&new_id, None);
        self.complete_if_all_joined();
        Join::Waiting(token)
    }

    /// The member waits from here on. Who asked before and has gone is answered, too.
    fn await_join(&mut self, id: &MemberId, says: Option<&JoinGroup>) -> Token {
        let token = self.token();
        let now_ms = self.now_ms;
        let member = self.members.get_mut(id).expect("it is a member");
        if let Some(request) = says {
            member.update(request);
        }
        member.heard(now_ms);
        if let Waiting::Join(older) = std::mem::replace(&mut member.waiting, Waiting::Join(token)) {
            let rejection = Rejection::new(ErrorCode::UnknownMemberId, "the member has asked again");
            let refused = JoinRefused { rejection, member_id: Some(id.clone()) };
            self.effects.push_back(Effect::Joined { token: older, result: Err(refused) });
        }
        token
    }

    /// What a member is told of the present generation.
    pub(super) fn reply(&self, id: &MemberId) -> JoinGroupReply {
        let protocol = self.protocol.clone().unwrap_or_default();
        let leader = self.leader.clone().expect("a group with members has a leader");
        let members = if leader == *id {
            let mut members: Vec<(&MemberId, &Member)> = self.members.iter().collect();
            members.sort_by_key(|(_, member)| member.joined);
            let joined = |(id, member): (&MemberId, &Member)| JoinedMember {
                member_id: id.clone(),
                instance_id: member.instance_id.clone(),
                metadata: member.metadata(&protocol),
            };
            members.into_iter().map(joined).collect()
        } else {
            Vec::new()
        };
        JoinGroupReply {
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol,
            leader,
            member_id: id.clone(),
            members,
            skip_assignment: false,
        }
    }
}

/// Another member has the instance id.
pub(super) fn fenced(instance: &InstanceId) -> Rejection {
    let message = format!("another member has the instance id {instance} now");
    Rejection::new(ErrorCode::FencedInstanceId, message)
}
