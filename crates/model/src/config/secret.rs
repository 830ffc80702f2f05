//! A value that is used and never shown.

use std::fmt;

use crate::limits::MAX_LABEL_LEN;

/// What a secret prints as.
const SHOWN: &str = "(hidden)";

/// A secret text. However it is printed, in a fault, a listing or for debugging, it says at most that it is there.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Reads one, as long as a label of the wire at most.
    ///
    /// # Errors
    /// A sentence fragment that does not quote the text.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if text.len() > MAX_LABEL_LEN {
            return Err(format!("has {} bytes, at most {MAX_LABEL_LEN} are allowed", text.len()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The text itself; `None` where none was set.
    #[must_use]
    pub fn reveal(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(self.0.as_str())
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "" } else { SHOWN })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ConfigKind, ConfigValue};

    #[test]
    fn a_secret_is_read_and_never_shown() {
        let value = ConfigKind::Secret.parse(" swordfish ").expect("a secret");
        assert_eq!(
            (value.to_string(), format!("{value:?}")),
            (SHOWN.into(), "Secret(Secret((hidden)))".into())
        );
        let ConfigValue::Secret(secret) = value else { unreachable!("of its kind") };
        assert_eq!(secret.reveal(), Some("swordfish"));
        assert_eq!((Secret::default().to_string(), Secret::default().reveal()), (String::new(), None));
        let fault = ConfigKind::Secret.parse(&"x".repeat(256)).expect_err("too long for a label");
        assert_eq!(fault, "has 256 bytes, at most 255 are allowed");
    }
}
