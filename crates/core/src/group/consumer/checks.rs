//! Who may speak, and what is always true.

use std::collections::BTreeMap;

use yak_model::api::{MemberIdentity, Rejection};
use yak_model::{ErrorCode, InstanceId, MemberId};

use super::ConsumerGroup;
use super::join::fenced;
use super::topics::Partition;

impl ConsumerGroup {
    /// Whether somebody is the member that it says it is.
    pub(super) fn check_identity(
        &self,
        id: &MemberId,
        instance: Option<&InstanceId>,
    ) -> Result<(), Rejection> {
        match instance.map(|instance| (instance, self.instances.get(instance))) {
            Some((instance, Some(named))) if named != id => Err(fenced(instance)),
            None | Some((_, Some(_))) if self.members.contains_key(id) => Ok(()),
            _ => Err(Rejection::new(ErrorCode::UnknownMemberId, format!("the group has no member {id}"))),
        }
    }

    /// Whether a member may commit or fetch offsets: it is one, and says its present epoch. That is no sign of life.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`: it is none. `STALE_MEMBER_EPOCH`: it is, and its next heartbeat or its
    /// stream tells it its epoch.
    pub fn check_member(&self, identity: &MemberIdentity) -> Result<(), Rejection> {
        let id = &identity.member_id;
        self.check_identity(id, identity.instance_id.as_ref())?;
        let epoch = self.members.get(id).map(|member| member.epoch.get());
        let said = identity.generation_id.get();
        if epoch == Some(said) {
            return Ok(());
        }
        let message = format!("{id} is in another epoch than {said}");
        Err(Rejection::new(ErrorCode::StaleMemberEpoch, message))
    }

    /// Whether a commit may be made: by a member; or, `None`, by somebody who is none, while nobody else is.
    ///
    /// # Errors
    ///
    /// As for a member; `UNKNOWN_MEMBER_ID` for one who is none while others are.
    pub fn check_commit(&self, identity: Option<&MemberIdentity>) -> Result<(), Rejection> {
        match identity {
            Some(identity) => self.check_member(identity),
            None if self.members.is_empty() => Ok(()),
            None => {
                let message = "the group has members, and only they commit";
                Err(Rejection::new(ErrorCode::UnknownMemberId, message))
            }
        }
    }

    /// The invariants at the head of the module.
    pub(super) fn check(&self) {
        let mut owners = BTreeMap::<Partition, &MemberId>::new();
        let mut targets = BTreeMap::<Partition, &MemberId>::new();
        for (id, member) in &self.members {
            for partition in member.reserved() {
                let other = owners.insert(partition, id);
                assert_eq!(other, None, "{partition:?} has one owner besides {id}");
            }
            for partition in &member.target {
                let other = targets.insert(*partition, id);
                assert_eq!(other, None, "{partition:?} is to have one owner besides {id}");
            }
            assert!(member.assigned.is_disjoint(&member.revoking), "{id} keeps or gives up");
            assert!(member.epoch <= self.epoch, "{id} is in an epoch of the group");
            let has_any = member.reserved().next().is_some();
            assert!(!has_any || member.epoch <= self.target_epoch, "{id} has nothing of a later target");
            if let Some(instance) = member.instance_id() {
                assert_eq!(self.instances.get(instance), Some(id), "an instance id names its member");
            }
        }
        let is_same = |ours: &BTreeMap<Partition, MemberId>, seen: &BTreeMap<Partition, &MemberId>| {
            ours.len() == seen.len() && ours.iter().zip(seen).all(|(a, b)| a.0 == b.0 && a.1 == *b.1)
        };
        assert!(is_same(&self.owners, &owners), "owners are what members have");
        assert!(is_same(&self.target_owners, &targets), "targets are what members are to have");
        let named = self.members.values().filter(|member| member.instance_id().is_some()).count();
        assert_eq!(self.instances.len(), named, "an instance id names one member");
        assert!(self.target_epoch <= self.epoch, "a target is of an epoch of the group");
        assert_eq!(self.is_due, self.target_epoch != self.epoch, "a target is due or of this epoch");
    }

    /// What an assignor has made is whole: each partition of each topic that anybody wants has an owner who wants it.
    pub(super) fn check_target(&self) {
        let wanted: u64 = self.wanted.values().map(|count| u64::from(*count)).sum();
        assert_eq!(self.target_owners.len() as u64, wanted, "every partition has an owner");
        for ((topic_id, partition), id) in &self.target_owners {
            let count = self.wanted.get(topic_id).copied().unwrap_or(0);
            let exists = u32::try_from(partition.get()).is_ok_and(|index| index < count);
            assert!(exists, "partition {partition} of {topic_id} exists");
            let wants =
                self.members.get(id).is_some_and(|member| self.subscription(member).contains(topic_id));
            assert!(wants, "{id} wants {topic_id}");
        }
    }
}
