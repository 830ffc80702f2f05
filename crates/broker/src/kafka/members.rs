//! Groups and members as Kafka names them: by texts that may be empty, and numbers of which -1 is none.

use std::net::SocketAddr;

use yak_model::api::{MemberIdentity, Rejection};
use yak_model::limits::{MAX_ENTRIES_PER_REQUEST, at_most_entries};
use yak_model::{ErrorCode, GenerationId, GroupId, InstanceId, MemberId};

use super::places::unanswered;

/// A client as a group remembers it.
#[derive(Clone, Debug)]
pub(super) struct GroupClient {
    /// What it calls itself.
    pub(super) id: String,
    /// Where it comes from, written as Kafka writes it.
    pub(super) host: String,
}

impl GroupClient {
    pub(super) fn new(client_id: Option<&str>, peer: SocketAddr) -> Self {
        let host = format!("/{}", peer.ip().to_canonical());
        Self { id: client_id.unwrap_or_default().to_owned(), host }
    }
}

/// A group's name.
pub(super) fn group(name: String) -> Result<GroupId, Rejection> {
    GroupId::new(name).map_err(|invalid| {
        Rejection::new(ErrorCode::InvalidGroupId, format!("the name of a group: {invalid}"))
    })
}

/// Groups that a request names, each of which is answered by itself.
pub(super) struct Named(Vec<(String, Result<GroupId, Rejection>)>);

impl Named {
    /// More than a request may name are all refused; and not all of them are told so.
    pub(super) fn new(mut names: Vec<String>) -> Self {
        let too_many = at_most_entries(names.len());
        names.truncate(MAX_ENTRIES_PER_REQUEST);
        let named = |name: String| (name.clone(), too_many.clone().and_then(|()| group(name)));
        Self(names.into_iter().map(named).collect())
    }

    /// Those that are names of groups.
    pub(super) fn groups(&self) -> Vec<GroupId> {
        self.0.iter().filter_map(|(_, group)| group.as_ref().ok().cloned()).collect()
    }

    /// Each name with its answer, given those of the groups in their order, or one for all.
    pub(super) fn fill<T>(
        self,
        answers: Result<Vec<Result<T, Rejection>>, Rejection>,
    ) -> Vec<(String, Result<T, Rejection>)> {
        let (mut answers, refused) = match answers {
            Ok(answers) => (answers.into_iter(), unanswered()),
            Err(rejection) => (Vec::new().into_iter(), rejection),
        };
        let mut fill = |group: Result<GroupId, Rejection>| {
            group.and_then(|_| answers.next().unwrap_or_else(|| Err(refused.clone())))
        };
        self.0.into_iter().map(|(name, group)| (name, fill(group))).collect()
    }
}

/// A member's id.
pub(super) fn member(id: String) -> Result<MemberId, Rejection> {
    MemberId::new(id).map_err(|invalid| {
        Rejection::new(ErrorCode::UnknownMemberId, format!("the id of a member: {invalid}"))
    })
}

/// A static member's name, if it has one.
pub(super) fn instance(id: Option<String>) -> Result<Option<InstanceId>, Rejection> {
    let instance = id.map(InstanceId::new).transpose();
    instance.map_err(|invalid| {
        Rejection::new(ErrorCode::InvalidRequest, format!("the name of a static member: {invalid}"))
    })
}

/// Who speaks, of which generation.
pub(super) fn identity(
    member_id: String,
    instance_id: Option<String>,
    generation_id: i32,
) -> Result<MemberIdentity, Rejection> {
    Ok(MemberIdentity {
        member_id: member(member_id)?,
        instance_id: instance(instance_id)?,
        generation_id: GenerationId::new(generation_id),
    })
}

/// A time in milliseconds that must not be negative.
pub(super) fn timeout(ms: i32, code: ErrorCode) -> Result<u32, Rejection> {
    u32::try_from(ms).map_err(|_negative| Rejection::new(code, format!("{ms} ms is no time to wait")))
}
