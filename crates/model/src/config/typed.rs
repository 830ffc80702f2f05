//! Values in effect, as the fields of a server's typed configuration.
//!
//! Their kinds have checked them: a key that the table lacks, or a value of another kind, is a bug in the table and
//! panics.

use std::time::Duration;

use super::{ConfigValue, Fault, Settings};

impl Settings {
    /// A value as it is printed.
    ///
    /// # Panics
    /// When the table has no such key.
    #[must_use]
    pub fn text(&self, key: &str) -> String {
        self.get(key).value.to_string()
    }

    /// A truth.
    ///
    /// # Panics
    /// When the table has no such key of this kind.
    #[must_use]
    pub fn boolean(&self, key: &str) -> bool {
        self.get(key).value.as_boolean().expect("the kind is a boolean")
    }

    /// A number, which the kind's limits fit into the field.
    ///
    /// # Panics
    /// When the table has no such key of this kind.
    #[must_use]
    pub fn number<T: TryFrom<i64>>(&self, key: &str) -> T {
        T::try_from(self.whole(key)).ok().expect("the kind's limits fit the field")
    }

    /// A duration in milliseconds.
    ///
    /// # Panics
    /// When the table has no such key of this kind.
    #[must_use]
    pub fn span(&self, key: &str) -> Duration {
        Duration::from_millis(self.number(key))
    }

    /// A limit, where -1 means that there is none, which `none` stands for.
    ///
    /// # Panics
    /// When the table has no such key of this kind.
    #[must_use]
    pub fn limit<T: TryFrom<i64>>(&self, key: &str, none: T) -> T {
        T::try_from(self.whole(key)).unwrap_or(none)
    }

    /// A secret, if one is set.
    ///
    /// # Panics
    /// When the table has no such key.
    #[must_use]
    pub fn secret(&self, key: &str) -> Option<String> {
        match &self.get(key).value {
            ConfigValue::Secret(secret) => secret.reveal().map(str::to_owned),
            _unset => None,
        }
    }

    /// A fault of a key, where its value was written.
    ///
    /// # Panics
    /// When the table has no such key.
    #[must_use]
    pub fn fault(&self, key: &str, problem: impl Into<String>) -> Fault {
        Fault::new(self.get(key).origin.clone(), key, problem)
    }

    fn whole(&self, key: &str) -> i64 {
        self.get(key).value.as_number().expect("the kind is a number")
    }
}
