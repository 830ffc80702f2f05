//! The second stage of a server's configuration: every key with its value and where that came from.

use std::collections::BTreeMap;

use super::{ConfigKey, ConfigValue, Fault, Origin, Written, nearest, topic_key};

/// The keys a server knows.
#[derive(Clone, Copy, Debug)]
pub struct KeyTable {
    /// Keys with a row of their own, in order of name.
    pub keys: &'static [ConfigKey],
    /// Keys of Kafka that do nothing here.
    pub idle: &'static [IdleKeys],
}

/// Keys of Kafka that do nothing here, for one reason.
#[derive(Clone, Copy, Debug)]
pub struct IdleKeys {
    /// Why they do nothing.
    pub reason: &'static str,
    /// Whether ignoring them would be dangerous, so that setting one is a fault instead of a warning.
    pub refused: bool,
    /// Their names; a trailing `*` stands for anything.
    pub names: &'static [&'static str],
}

/// One value in effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The value.
    pub value: ConfigValue,
    /// Where it was written.
    pub origin: Origin,
}

/// Every key of a table with its value.
#[derive(Clone, Debug)]
pub struct Settings {
    table: KeyTable,
    values: BTreeMap<&'static str, Setting>,
    warnings: Vec<String>,
}

impl KeyTable {
    /// The names of the keys with a row of their own.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name)
    }

    /// The row of a key.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'static ConfigKey> {
        self.keys.binary_search_by(|key| key.name.cmp(name)).ok().map(|at| &self.keys[at])
    }

    /// Whether a key exists, with an effect or without.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.find(name).is_some() || self.idle(name).is_some()
    }

    fn idle(&self, name: &str) -> Option<&'static IdleKeys> {
        let matches = |pattern: &&str| match pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == *pattern,
        };
        self.idle.iter().find(|group| group.names.iter().any(matches))
    }

    /// What to say of a key that does not exist.
    fn unknown(&self, name: &str) -> String {
        if let Some(key) = self.keys.iter().find(|key| key.topic_key == Some(name)) {
            return format!("is a key of topics; the default of all topics is {}", key.name);
        }
        if topic_key(name).is_some() {
            return "is a key of topics, not of servers".to_owned();
        }
        match nearest(name, self.names()) {
            Some(near) => format!("unknown key, did you mean {near}?"),
            None => "unknown key".to_owned(),
        }
    }
}

impl Settings {
    /// Reads what was written against a table, with every fault found.
    #[must_use]
    pub fn check(table: KeyTable, written: Written) -> (Self, Vec<Fault>) {
        let Written { assignments, mut faults, warnings } = written;
        let mut settings = Self { table, values: defaults(table), warnings };
        for assignment in assignments {
            let fault = |problem| Fault::new(assignment.origin.clone(), &assignment.key, problem);
            let Some(key) = table.find(&assignment.key) else {
                match table.idle(&assignment.key) {
                    Some(group) if group.refused => faults.push(fault(group.reason.to_owned())),
                    Some(group) => settings.warn(&assignment.key, group.reason),
                    None => faults.push(fault(table.unknown(&assignment.key))),
                }
                continue;
            };
            match key.kind.parse(&assignment.text) {
                Ok(value) => settings.set(key, Setting { value, origin: assignment.origin }),
                Err(problem) => faults.push(fault(problem)),
            }
        }
        (settings, faults)
    }

    /// The value of a key of the table.
    ///
    /// # Panics
    ///
    /// When the table has no such key, which is a bug.
    #[must_use]
    pub fn get(&self, name: &str) -> &Setting {
        self.values.get(name).expect("the table has the key")
    }

    /// Of keys that say the same, the one that counts: written in the highest layer, then named first.
    ///
    /// # Panics
    ///
    /// When `names` is empty or the table lacks one, which is a bug.
    #[must_use]
    pub fn preferred(&self, names: &[&'static str]) -> (&'static str, &Setting) {
        let all = names.iter().map(|name| (*name, self.get(name)));
        all.reduce(|best, next| {
            let higher = !next.1.origin.same_layer(&best.1.origin) && next.1.origin > best.1.origin;
            if higher { next } else { best }
        })
        .expect("at least one name")
    }

    /// Every key with its row, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static ConfigKey, &Setting)> {
        self.table.keys.iter().map(|key| (key, self.get(key.name)))
    }

    /// What to say once: keys that have no effect, variables that look misspelt.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Adds something to say once.
    pub fn warn(&mut self, key: &str, reason: &str) {
        let warning = format!("{key} has no effect: {reason}");
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Replaces a value, whatever is there: for what follows from other keys.
    ///
    /// # Panics
    ///
    /// When the table has no such key, which is a bug.
    pub fn replace(&mut self, name: &str, setting: Setting) {
        *self.values.get_mut(name).expect("the table has the key") = setting;
    }

    /// Replaces a value, unless what is there was written in a higher layer.
    fn set(&mut self, key: &'static ConfigKey, setting: Setting) {
        if let super::Effect::None(reason) = key.effect {
            self.warn(key.name, reason);
        }
        let current = self.get(key.name);
        if current.origin.same_layer(&setting.origin) || current.origin < setting.origin {
            self.values.insert(key.name, setting);
        }
    }
}

fn defaults(table: KeyTable) -> BTreeMap<&'static str, Setting> {
    let default = |key: &'static ConfigKey| {
        let value = if key.default.is_empty() {
            ConfigValue::Text(String::new())
        } else {
            key.kind.parse(key.default).expect("the table's defaults are valid (tested)")
        };
        (key.name, Setting { value, origin: Origin::Default })
    };
    table.keys.iter().map(default).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{ConfigKind, Effect, Faults};
    use super::*;

    const fn key(name: &'static str, kind: ConfigKind, default: &'static str) -> ConfigKey {
        ConfigKey {
            name,
            kind,
            default,
            documentation: ".",
            effect: Effect::Works,
            read_only: true,
            topic_key: None,
        }
    }

    static KEYS: &[ConfigKey] = &[
        ConfigKey { topic_key: Some("retention.ms"), ..key("log.retention.ms", ConfigKind::Text, "") },
        key("num.partitions", ConfigKind::Whole { min: 1, max: i64::MAX }, "1"),
        key("roll.hours", ConfigKind::Whole { min: 1, max: i64::MAX }, "168"),
        key("roll.ms", ConfigKind::Whole { min: 1, max: i64::MAX }, "604800000"),
    ];
    static TABLE: KeyTable = KeyTable {
        keys: KEYS,
        idle: &[
            IdleKeys { reason: "there is no TLS yet", refused: false, names: &["ssl.*"] },
            IdleKeys { reason: "there is no authorization yet", refused: true, names: &["super.users"] },
        ],
    };

    fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn every_layer_takes_precedence_over_those_before_it() {
        let mut written = Written::default();
        let value = |written: &Written| {
            let (settings, faults) = Settings::check(TABLE, written.clone());
            assert_eq!(faults, []);
            let setting = settings.get("num.partitions");
            (setting.value.to_string(), setting.origin.to_string())
        };
        let expect = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
        assert_eq!(value(&written), expect("1", "default"));
        written.flag("--partitions", "num.partitions", "6");
        assert_eq!(value(&written), expect("6", "--partitions"));
        written.override_with("num.partitions=5");
        written.environment(&TABLE, environment(&[("YAK_NUM_PARTITIONS", "4"), ("HOME", "/")]));
        written.file("f", "num.partitions=3");
        written.default_value("num.partitions", "2");
        assert_eq!(value(&written), expect("6", "--partitions"));

        let mut lower = Written::default();
        lower.default_value("num.partitions", "2");
        assert_eq!(value(&lower), expect("2", "default"));
        lower.file("f", "\nnum.partitions=3");
        assert_eq!(value(&lower), expect("3", "f:2"));
        lower.environment(&TABLE, environment(&[("YAK_NUM_PARTITIONS", "4")]));
        assert_eq!(value(&lower), expect("4", "env YAK_NUM_PARTITIONS"));
        lower.override_with("num.partitions=5");
        assert_eq!(value(&lower), expect("5", "--override"));
        lower.override_with("num.partitions=7");
        assert_eq!(value(&lower), expect("7", "--override"));
    }

    #[test]
    fn all_faults_are_found_at_once() {
        let mut written = Written::default();
        written.file("f", "num.partition=3\nretention.ms=1\nsuper.users=me\nflush=os\nnonsense\ncolour=red");
        written.environment(&TABLE, environment(&[("YAK_NUM_PARTITIONS", "three")]));
        written.override_with("what");
        let (_, faults) = Settings::check(TABLE, written);
        let mut lines = Faults(faults).lines();
        lines.sort();
        assert_eq!(
            lines,
            [
                "--override \"what\" is not key=value",
                "env YAK_NUM_PARTITIONS: \"three\" is not a whole number >= 1",
                "f:1: num.partition: unknown key, did you mean num.partitions?",
                "f:2: retention.ms: is a key of topics; the default of all topics is log.retention.ms",
                "f:3: super.users: there is no authorization yet",
                "f:4: flush: is a key of topics, not of servers",
                "f:5: \"nonsense\" is not key=value",
                "f:6: colour: unknown key",
            ]
        );
    }

    #[test]
    fn warnings_are_said_once() {
        let mut written = Written::default();
        written.file("f", "ssl.protocol=x\nssl.keystore=y");
        written.override_with("ssl.protocol=z");
        written.environment(&TABLE, environment(&[("YAK_NUM_PARTITION", "4"), ("YAK_UNRELATED", "")]));
        let (settings, faults) = Settings::check(TABLE, written);
        assert_eq!(faults, []);
        assert_eq!(
            settings.warnings(),
            [
                "env YAK_NUM_PARTITION: unknown key, did you mean YAK_NUM_PARTITIONS?",
                "ssl.protocol has no effect: there is no TLS yet",
                "ssl.keystore has no effect: there is no TLS yet",
            ]
        );
    }

    #[test]
    fn of_two_keys_that_say_the_same_the_higher_layer_counts_then_the_first_named() {
        let names = ["roll.ms", "roll.hours"];
        let winner = |file: &str, over: &[&str]| {
            let mut written = Written::default();
            written.file("f", file);
            over.iter().for_each(|argument| written.override_with(argument));
            Settings::check(TABLE, written).0.preferred(&names).0
        };
        assert_eq!(winner("", &[]), "roll.ms");
        assert_eq!(winner("roll.hours=2", &[]), "roll.hours");
        assert_eq!(winner("roll.hours=2\nroll.ms=7200000", &[]), "roll.ms");
        assert_eq!(winner("roll.ms=7200000", &["roll.hours=2"]), "roll.hours");
    }
}
