//! Addresses in `listeners`, `advertised.listeners` and `zookeeper.connect`.

use std::fmt;
use std::net::IpAddr;

/// A host and a port to listen on, or to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address, an IPv6 address without its brackets.
    pub host: String,
    /// The port; 0 stands for any free one.
    pub port: u16,
}

/// What an empty host means: only this machine, unless told otherwise.
pub const LOOPBACK: &str = "127.0.0.1";
/// The port of a broker when none is given.
pub const DEFAULT_BROKER_PORT: u16 = 9092;
/// The port of a zookeeper when none is given.
pub const DEFAULT_ZOOKEEPER_PORT: u16 = 2181;

impl Endpoint {
    /// Reads the one `PLAINTEXT://HOST:PORT` of `listeners`, where host and port may be left out; `server` is whose
    /// it is.
    ///
    /// # Errors
    /// A sentence fragment that quotes the text and says what is expected.
    pub fn parse_listener(text: &str, default_port: u16, server: &str) -> Result<Self, String> {
        if text.contains(',') {
            return Err(format!("\"{text}\" names several listeners, but a {server} has one"));
        }
        let Some((protocol, address)) = text.split_once("://") else {
            return Err(format!("\"{text}\" is not a listener (use PLAINTEXT://HOST:PORT)"));
        };
        if !protocol.eq_ignore_ascii_case("PLAINTEXT") {
            return Err(format!("\"{text}\" asks for {protocol}, but only PLAINTEXT is built yet"));
        }
        let (host, port) = split_port(address).ok_or_else(|| format!("\"{text}\" has a malformed host"))?;
        let port = match port {
            None => default_port,
            Some(digits) => digits
                .parse()
                .ok()
                .ok_or_else(|| format!("\"{text}\" has no valid port (a number from 0 to 65535)"))?,
        };
        let host = if host.is_empty() { LOOPBACK } else { host };
        Ok(Self { host: host.to_owned(), port })
    }

    /// Reads `HOST:PORT` of a zookeeper, where the port may be left out.
    ///
    /// # Errors
    /// A sentence fragment that quotes the text and says what is expected.
    pub fn parse_zookeeper(text: &str) -> Result<Self, String> {
        let malformed = || format!("\"{text}\" is not the address of a zookeeper (use HOST:PORT)");
        let (host, port) = split_port(text).filter(|(host, _)| !host.is_empty()).ok_or_else(malformed)?;
        let port = port.map_or(Some(DEFAULT_ZOOKEEPER_PORT), |digits| digits.parse().ok());
        let port = port.filter(|port| *port != 0).ok_or_else(malformed)?;
        Ok(Self { host: host.to_owned(), port })
    }

    /// Whether this stands for every interface of the machine, which nobody can connect to by that name.
    #[must_use]
    pub fn is_every_interface(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_unspecified())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Host and port of `host:port`, `[::1]:port`, `host`, `:port`; `None` if brackets or colons do not match.
fn split_port(address: &str) -> Option<(&str, Option<&str>)> {
    let (host, rest) = match address.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => match address.find(':') {
            Some(at) => address.split_at(at),
            None => (address, ""),
        },
    };
    let port = match rest {
        "" => None,
        _ => Some(rest.strip_prefix(':')?),
    };
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    host.chars().all(valid).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        Endpoint::parse_listener(text, DEFAULT_BROKER_PORT, "broker").map(|endpoint| endpoint.to_string())
    }

    #[test]
    fn hosts_and_ports() {
        for (text, address) in [
            ("PLAINTEXT://:9092", "127.0.0.1:9092"),
            ("plaintext://localhost:0", "localhost:0"),
            ("PLAINTEXT://kafka.example", "kafka.example:9092"),
            ("PLAINTEXT://[::1]:9093", "[::1]:9093"),
            ("PLAINTEXT://0.0.0.0:9092", "0.0.0.0:9092"),
        ] {
            assert_eq!(read(text), Ok(address.to_owned()));
        }
    }

    #[test]
    fn every_interface_however_it_is_written() {
        let is_every = |host: &str| Endpoint { host: host.to_owned(), port: 1 }.is_every_interface();
        assert!(["0.0.0.0", "::", "0::0", "::ffff:0.0.0.0"].into_iter().all(is_every));
        assert!(!["127.0.0.1", "::1", "localhost", "0.0.0.1"].into_iter().any(is_every));
    }

    #[test]
    fn faults() {
        let fault = |text: &str| read(text).expect_err("a fault");
        assert_eq!(
            fault("localhost:9092"),
            "\"localhost:9092\" is not a listener (use PLAINTEXT://HOST:PORT)"
        );
        assert_eq!(fault("SSL://:9093"), "\"SSL://:9093\" asks for SSL, but only PLAINTEXT is built yet");
        assert_eq!(
            fault("PLAINTEXT://a:70000"),
            "\"PLAINTEXT://a:70000\" has no valid port (a number from 0 to 65535)"
        );
        assert_eq!(fault("PLAINTEXT://[::1:9092"), "\"PLAINTEXT://[::1:9092\" has a malformed host");
        assert_eq!(fault(":1,:2"), "\":1,:2\" names several listeners, but a broker has one");
        assert_eq!(fault("PLAINTEXT://a b:1"), "\"PLAINTEXT://a b:1\" has a malformed host");
    }
}
