//! Addresses of brokers: `host[:port]`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use thiserror::Error;

/// Port of a broker that names none.
pub const DEFAULT_PORT: u16 = 9092;

/// Where a broker listens. Reads and prints `host:port`, an IPv6 address in brackets; the port is optional.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A text that is not `HOST[:PORT]`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{text}\" is not HOST[:PORT]")]
pub struct InvalidAddress {
    text: String,
}

impl Address {
    /// An address.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// Whether it is written as this very socket address, not by a name.
    pub(crate) fn is(&self, socket: SocketAddr) -> bool {
        self.port == socket.port() && self.host.parse::<IpAddr>() == Ok(socket.ip())
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let invalid = || InvalidAddress { text: text.to_owned() };
        let (host, port) = split(text).ok_or_else(invalid)?;
        let is_host_byte = |c: char| !c.is_whitespace() && !c.is_control() && c != '/' && c != '@';
        if host.is_empty() || !host.chars().all(is_host_byte) {
            return Err(invalid());
        }
        let port = match port {
            None => DEFAULT_PORT,
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(invalid)?,
        };
        Ok(Self::new(host, port))
    }
}

/// Host and port; several colons without brackets are an IPv6 address without port.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        return match after {
            "" => Some((host, None)),
            _ => Some((host, Some(after.strip_prefix(':')?))),
        };
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => Some((host, Some(port))),
        _ => Some((text, None)),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_printed() {
        for (text, shown) in [
            ("localhost", "localhost:9092"),
            ("127.0.0.1:9093", "127.0.0.1:9093"),
            ("[::1]:9094", "[::1]:9094"),
            ("[::1]", "[::1]:9092"),
            ("::1", "[::1]:9092"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), shown);
        }
        for bad in ["", ":9092", "a b", "h:", "h:0", "h:70000", "h:x", "http://h:1", "[::1", "[::1]9092"] {
            assert!(bad.parse::<Address>().is_err(), "{bad:?}");
        }
    }
}
