//! Properties of a client, from a file (`--command-config`) and the command line (`-X key=value`).
//!
//! A tool takes the keys it knows; what then is left over is either a key of Kafka's that has no effect
//! here (one warning) or unknown (an error with a suggestion).

use std::path::Path;

use yak_model::config::parse_properties;

use crate::failure::Failure;
use crate::suggest::did_you_mean;

/// Keys of Kafka's clients that are accepted and have no effect: the settings they make are fixed here, or
/// belong to something that a YAK client does not do.
const INERT: &[&str] = &[
    "auto.commit.interval.ms",
    "auto.include.jmx.reporter",
    "client.dns.lookup",
    "connections.max.idle.ms",
    "heartbeat.interval.ms",
    "interceptor.classes",
    "key.deserializer",
    "key.serializer",
    "max.block.ms",
    "max.poll.interval.ms",
    "max.poll.records",
    "metadata.max.age.ms",
    "metadata.max.idle.ms",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "partition.assignment.strategy",
    "partitioner.class",
    "receive.buffer.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "retries",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "send.buffer.bytes",
    "session.timeout.ms",
    "socket.connection.setup.timeout.max.ms",
    "socket.connection.setup.timeout.ms",
    "value.deserializer",
    "value.serializer",
];

/// One setting and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    key: String,
    value: String,
    origin: String,
}

impl Property {
    /// A setting; `origin` is the flag it was given with, or `file:line`.
    pub fn new(key: &str, value: &str, origin: impl Into<String>) -> Self {
        Self { key: key.to_owned(), value: value.to_owned(), origin: origin.into() }
    }

    fn place(&self) -> String {
        let separator = if self.origin.starts_with('-') { " " } else { ": " };
        format!("{}{separator}{}", self.origin, self.key)
    }
}

/// Settings in the order in which they were given; a later one wins.
#[derive(Clone, Debug, Default)]
pub struct Properties {
    entries: Vec<Property>,
    /// Every key that was asked for, for suggestions.
    known: Vec<&'static str>,
}

impl Properties {
    /// Reads a file in the syntax of `server.properties`.
    ///
    /// # Errors
    /// When the file cannot be read, or a line of it is no property.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| Failure::local(&shown, &error))?;
        let (entries, faults) = parse_properties(&shown, &text);
        if let Some(fault) = faults.first() {
            return Err(Failure::usage(fault.to_string()));
        }
        let mut properties = Self::default();
        for entry in entries {
            let origin = format!("{shown}:{}", entry.line);
            properties.push(Property { key: entry.key, value: entry.value, origin });
        }
        Ok(properties)
    }

    /// Adds a setting, which wins over earlier ones of the same key.
    pub fn push(&mut self, property: Property) {
        self.entries.push(property);
    }

    /// Takes the value of `key` out, read by `parse`.
    ///
    /// # Errors
    /// When the value is not what `parse` reads; the message names the place.
    pub fn take<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Failure> {
        self.known.push(key);
        let mut found = None;
        for property in self.entries.extract_if(.., |property| property.key == key) {
            let value = parse(&property.value)
                .map_err(|problem| Failure::usage(format!("{}: {problem}", property.place())))?;
            found = Some(value);
        }
        Ok(found)
    }

    /// Ends the reading of a set of properties that has no others.
    ///
    /// # Errors
    /// When a key is left.
    pub fn finish_strictly(self) -> Result<(), Failure> {
        match self.entries.first() {
            Some(property) => Err(self.unknown(property, &[])),
            None => Ok(()),
        }
    }

    fn unknown(&self, property: &Property, others: &[&'static str]) -> Failure {
        let known = self.known.iter().chain(others).copied();
        Failure::usage(format!("{}: unknown property", property.place()))
            .maybe_hint(did_you_mean(&property.key, known))
    }

    /// Ends the reading: one warning for the keys that have no effect, if there are any.
    ///
    /// # Errors
    /// When a key is left that nobody knows.
    pub fn finish(self) -> Result<Option<String>, Failure> {
        let mut inert = Vec::new();
        for property in &self.entries {
            let key = property.key.as_str();
            if INERT.contains(&key) {
                inert.push(key);
                continue;
            }
            if let Some(failure) = refuse_security(property) {
                return Err(failure);
            }
            if key != "security.protocol" {
                return Err(self.unknown(property, INERT));
            }
        }
        inert.dedup();
        Ok((!inert.is_empty()).then(|| format!("without effect here: {}", inert.join(", "))))
    }
}

/// Settings that would make a connection safer must not be ignored silently.
fn refuse_security(property: &Property) -> Option<Failure> {
    let key = property.key.as_str();
    let asked = key.starts_with("ssl.") || key.starts_with("sasl.");
    let protocol = key == "security.protocol" && property.value != "PLAINTEXT";
    (asked || protocol).then(|| {
        Failure::usage(format!(
            "{}: connections are PLAINTEXT, without encryption or login",
            property.place()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(entries: &[(&str, &str)]) -> Properties {
        let mut properties = Properties::default();
        for (key, value) in entries {
            properties.push(Property::new(key, value, "-X"));
        }
        properties
    }

    fn whole(text: &str) -> Result<u32, String> {
        text.parse().map_err(|_not_a_number| format!("\"{text}\" is not a whole number"))
    }

    #[test]
    fn the_last_value_wins() {
        let mut properties = properties(&[("linger.ms", "5"), ("linger.ms", "7")]);
        assert_eq!(properties.take("linger.ms", whole).unwrap(), Some(7));
        assert_eq!(properties.take("linger.ms", whole).unwrap(), None);
        assert_eq!(properties.finish().unwrap(), None);
    }

    #[test]
    fn a_bad_value_names_its_place() {
        let failure = properties(&[("linger.ms", "abc")]).take("linger.ms", whole).unwrap_err();
        assert_eq!(failure.message, "-X linger.ms: \"abc\" is not a whole number");
    }

    #[test]
    fn what_is_left_over_is_a_warning_or_an_error() {
        let warning = properties(&[("retries", "3"), ("metric.reporters", "")]).finish().unwrap();
        assert_eq!(warning.as_deref(), Some("without effect here: retries, metric.reporters"));

        let mut unknown = properties(&[("linger.mss", "3")]);
        unknown.take("linger.ms", whole).unwrap();
        let failure = unknown.finish().unwrap_err();
        assert_eq!(failure.message, "-X linger.mss: unknown property");
        assert_eq!(failure.hint.as_deref(), Some("did you mean 'linger.ms'?"));
    }

    #[test]
    fn security_that_is_not_there_is_refused() {
        for (key, value) in [("security.protocol", "SSL"), ("sasl.mechanism", "PLAIN"), ("ssl.key", "x")] {
            let failure = properties(&[(key, value)]).finish().unwrap_err();
            assert!(failure.message.ends_with("connections are PLAINTEXT, without encryption or login"));
        }
        assert_eq!(properties(&[("security.protocol", "PLAINTEXT")]).finish(), Ok(None));
    }

    #[test]
    fn a_file_is_read_line_by_line() {
        let directory = std::env::temp_dir().join(format!("yak-properties-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("client.properties");
        std::fs::write(&path, "# comment\n\nlinger.ms = 5\nclient.id:me\n").unwrap();
        let mut properties = Properties::read(&path).unwrap();
        assert_eq!(properties.take("linger.ms", whole).unwrap(), Some(5));
        assert_eq!(properties.take("client.id", |t| Ok(t.to_owned())).unwrap().as_deref(), Some("me"));
        std::fs::write(&path, "linger.ms=1\nnonsense\n").unwrap();
        let failure = Properties::read(&path).unwrap_err();
        assert!(failure.message.ends_with("client.properties:2: \"nonsense\" is not key=value"));
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
