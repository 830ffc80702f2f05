//! Tokio plumbing: listener, connection, ordered replies, limits, shutdown. It knows lines and frames, but no protocol.
//!
//! ```text
//!   Listener ──accept──► Connection task (one per socket, owns everything it touches)
//!                          │  ReadBuffer: bytes as they arrive, bounded, charged to a shared Budget
//!                          │  Service::handle_line, ::handle_frame    (the broker's code, inline)
//!                          ▼
//!                        Outbox: replies in order of arrival; a held one holds those behind it
//! ```
//!
//! Contract:
//! - One task owns a connection. A request is handled inline on it, so that a request which can be answered
//!   at once costs no hand-over to another task: read, handle, write.
//! - Replies leave in the order of their requests. A request that must wait puts a future into the outbox;
//!   later requests are still handled (they may be executed), their replies wait behind it.
//! - Reading stops while too many requests are in progress or too many reply bytes wait, and a held reply is
//!   not even made while too many bytes wait. A slow reader is thereby bounded, at about one reply over the
//!   limit, and never dropped for being slow. Only a peer that takes no byte of its replies for the write
//!   deadline is; the reader of a stream may pause for as long as it likes.
//! - A peer that closes its sending half still gets every reply, or its stream. One that is gone is noticed,
//!   also on a stream with nothing to send.
//! - Nothing is allocated by a size that a peer announced; buffers grow as bytes arrive, up to a limit.

mod budget;
mod connection;
mod limits;
mod listener;
mod outbox;
mod read_buffer;
mod service;
mod sniff;

pub use budget::{Budget, Charge};
pub use connection::serve_connection;
pub use limits::ConnectionLimits;
pub use listener::{BindError, Host, Listener, ServiceFactory};
pub use outbox::Outbox;
pub use service::{Flow, Refusal, Service, StreamStep, Streamer};
pub use sniff::{Speaks, sniff};
