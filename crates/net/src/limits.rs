//! The limits of one connection.

use std::time::Duration;

/// What one connection may use. All are settings of the server.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    /// Largest request line or frame, in bytes, without its newline or length.
    pub max_request_bytes: usize,
    /// Requests in progress before reading stops.
    pub max_in_flight: usize,
    /// Reply bytes waiting before reading stops and no further held reply is made.
    pub max_outbox_bytes: usize,
    /// A started request must be complete after this time.
    pub request_deadline: Duration,
    /// A peer that takes no byte of the replies waiting for it for so long is closed. Streams are exempt.
    pub write_deadline: Duration,
    /// A connection without a request for so long is closed.
    pub max_idle: Duration,
    /// At shutdown, replies in progress get this long.
    pub shutdown_grace: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            max_request_bytes: 100 * 1024 * 1024,
            max_in_flight: 64,
            max_outbox_bytes: 1024 * 1024,
            request_deadline: Duration::from_secs(30),
            write_deadline: Duration::from_secs(60),
            max_idle: Duration::from_secs(600),
            shutdown_grace: Duration::from_secs(1),
        }
    }
}
