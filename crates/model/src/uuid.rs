//! 16-byte ids, written as Kafka writes them: 22 characters of URL-safe base64 without padding.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

/// 16 bytes that name something for ever. The all-zero value means "none".
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

/// A text that is not a 22-character id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{0}\" is not an id of 22 base64url characters")]
pub struct InvalidUuid(pub String);

impl Uuid {
    /// "None".
    pub const ZERO: Self = Self([0; 16]);

    /// An id from random bytes of the caller's; made a version 4 UUID, so it is never zero.
    #[must_use]
    pub const fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// The id as it stands in a file or on the wire.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Whether this is the "none" value.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uuid {
    type Err = InvalidUuid;

    fn from_str(text: &str) -> Result<Self, InvalidUuid> {
        let mut bytes = [0; 16];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(16) => Ok(Self(bytes)),
            _ => Err(InvalidUuid(text.to_owned())),
        }
    }
}

macro_rules! uuid_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps an id.
            #[must_use]
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// A new id from random bytes of the caller's.
            #[must_use]
            pub const fn from_random(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_random(bytes))
            }

            /// The id itself.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidUuid;

            fn from_str(text: &str) -> Result<Self, InvalidUuid> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_type! {
    /// What brokers show each other: drawn by the zookeeper, told to registered brokers and to nobody else.
    ReplicationKey
}
uuid_type! {
    /// Names a topic for ever; a topic deleted and created again under the same name has another one.
    TopicId
}
uuid_type! {
    /// Names one log directory (one disk) of one broker, in `meta.properties`.
    DirectoryId
}
uuid_type! {
    /// Drawn by a broker process at its start; tells a reconnecting process from a new one.
    IncarnationId
}
uuid_type! {
    /// Names a cluster, in `meta.properties` and in the first line of the zookeeper's journal.
    ClusterId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_22_characters_and_comes_back() {
        let id = TopicId::from_random([7; 16]);
        let text = id.to_string();
        assert_eq!(text.len(), 22);
        assert_eq!(text.parse::<TopicId>().unwrap(), id);
    }

    #[test]
    fn other_lengths_and_alphabets_are_refused() {
        for text in
            ["", "short", "AAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAA+", "AAAAAAAAAAAAAAAAAAAAA="]
        {
            assert_eq!(text.parse::<Uuid>(), Err(InvalidUuid(text.to_owned())), "{text}");
        }
    }
}
