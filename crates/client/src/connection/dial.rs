//! Making a TCP connection, and saying in plain words why it cannot be made.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;

use crate::Address;

/// What is said of an address whose name means nothing here. Waiting does not help.
pub(crate) const DOES_NOT_RESOLVE: &str = "does not resolve from here";

/// Why nobody could be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DialError {
    /// The name means nothing here.
    DoesNotResolve,
    /// It means something, but nobody is there.
    Unreachable(String),
}

impl DialError {
    /// As the end of "... no broker answered at h:p: ".
    pub(crate) fn why(&self) -> String {
        match self {
            Self::DoesNotResolve => "the name does not resolve".to_owned(),
            Self::Unreachable(why) => why.clone(),
        }
    }

    /// As the end of "... says that broker 1 is at "kafka:9092", but that ".
    pub(crate) fn which(&self) -> String {
        match self {
            Self::DoesNotResolve => DOES_NOT_RESOLVE.to_owned(),
            Self::Unreachable(why) => format!("cannot be reached from here: {why}"),
        }
    }
}

/// Connects to the first of the name's addresses that accepts.
pub(crate) async fn dial(address: &Address) -> Result<TcpStream, DialError> {
    let mut failure = DialError::DoesNotResolve;
    for target in resolve(address).await? {
        match TcpStream::connect(target).await {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(|error| DialError::Unreachable(plain(&error)))?;
                return Ok(stream);
            }
            Err(error) => failure = DialError::Unreachable(plain(&error)),
        }
    }
    Err(failure)
}

/// An IP address needs no lookup (which would take a thread).
async fn resolve(address: &Address) -> Result<Vec<SocketAddr>, DialError> {
    if let Ok(ip) = address.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, address.port)]);
    }
    match tokio::net::lookup_host((address.host.as_str(), address.port)).await {
        Ok(found) => Ok(found.collect()),
        Err(_unknown) => Err(DialError::DoesNotResolve),
    }
}

/// An I/O error without its number: "connection refused".
pub(crate) fn plain(error: &io::Error) -> String {
    let known = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset",
        io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => "the broker closed the connection",
        io::ErrorKind::TimedOut => "timed out",
        io::ErrorKind::HostUnreachable => "host unreachable",
        io::ErrorKind::NetworkUnreachable => "network unreachable",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn failures_are_plain_words() {
        // Bound and not listening: nobody else gets the port meanwhile.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = socket.local_addr().unwrap().port();
        let refused = dial(&Address::new("127.0.0.1", port)).await.unwrap_err();
        assert_eq!(refused.why(), "connection refused");
        assert_eq!(refused.which(), "cannot be reached from here: connection refused");
        let unknown = dial(&Address::new("no-such-host.invalid", 1)).await.unwrap_err();
        assert_eq!(unknown.which(), "does not resolve from here");
        assert_eq!(plain(&io::Error::from_raw_os_error(24)), "too many open files");
    }
}
