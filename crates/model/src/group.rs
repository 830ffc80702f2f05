//! Names of consumer groups and of their members.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::limits::MAX_GROUP_ID_LEN;

/// Why a text names no group or member.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidGroupName {
    /// The empty text.
    #[error("it must not be empty")]
    Empty,
    /// So long that no protocol could say it.
    #[error("it has at most {MAX_GROUP_ID_LEN} bytes, this one has {0}")]
    TooLong(usize),
}

macro_rules! group_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks a name.
            ///
            /// # Errors
            /// It is empty or too long.
            pub fn new(name: impl Into<Arc<str>>) -> Result<Self, InvalidGroupName> {
                let name = name.into();
                match name.len() {
                    0 => Err(InvalidGroupName::Empty),
                    long if long > MAX_GROUP_ID_LEN => Err(InvalidGroupName::TooLong(long)),
                    _ => Ok(Self(name)),
                }
            }

            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

group_name! {
    /// Names a consumer group (`group.id`). Never a part of a path.
    GroupId
}
group_name! {
    /// Names a member of a group for as long as it is one; chosen by the coordinator, in newer protocols by the member.
    MemberId
}
group_name! {
    /// Names a static member (`group.instance.id`, KIP-345) over its restarts.
    InstanceId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_not_empty() {
        assert_eq!(GroupId::new("g").map(|id| id.to_string()), Ok("g".to_owned()));
        assert_eq!(GroupId::new(""), Err(InvalidGroupName::Empty));
        let long = "x".repeat(MAX_GROUP_ID_LEN + 1);
        assert_eq!(MemberId::new(long), Err(InvalidGroupName::TooLong(MAX_GROUP_ID_LEN + 1)));
    }
}
