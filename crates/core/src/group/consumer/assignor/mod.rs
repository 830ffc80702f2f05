//! Who gets which partitions. The same input gives the same result, in whatever order it came about.

mod range;
mod uniform;

use std::collections::{BTreeMap, BTreeSet};

use yak_model::{InstanceId, MemberId, TopicId};

use super::topics::Partition;

/// A way of assigning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assignor {
    /// As many partitions for each as can be, and each keeps as much of what it had as can be.
    #[default]
    Uniform,
    /// Of each topic a run of neighbouring partitions for each: partitions of the same number of topics with as many
    /// partitions and the same subscribers go to the same member.
    Range,
}

impl Assignor {
    /// All that there are.
    pub const ALL: [Self; 2] = [Self::Uniform, Self::Range];

    /// Kafka's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// The assignor of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|assignor| assignor.name() == name)
    }
}

/// What an assignor is told of a member.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Its name over restarts.
    pub instance_id: Option<InstanceId>,
    /// The topics that it wants.
    pub topics: BTreeSet<TopicId>,
    /// What it was to have before.
    pub has: BTreeSet<Partition>,
}

/// What each member is to have.
pub type Assigned = BTreeMap<MemberId, BTreeSet<Partition>>;

/// Assigns the partitions of topics, of which there are so many each, to the members that want them. Every partition of
/// a topic that anybody wants has exactly one owner; every member is named in the result.
#[must_use]
pub fn assign(
    assignor: Assignor,
    wishes: &BTreeMap<MemberId, Wish>,
    partitions: &BTreeMap<TopicId, u32>,
) -> Assigned {
    match assignor {
        Assignor::Uniform => uniform::assign(wishes, partitions),
        Assignor::Range => range::assign(wishes, partitions),
    }
}
