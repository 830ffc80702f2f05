//! The NDJSON wire format of every operation and of the zookeeper's journal.
//!
//! One JSON object a line. `docs/protocol.md` describes the lines for people; this crate converts them to and from
//! the operations of [`yak_model::api`], on both sides:
//!
//! ```text
//!             server                                             client
//!   line ──► parse_request ──► Request         ProduceLine, encode_*_request, Call::encode_request ──► line
//!            encode_reply, FetchEncoder,       parse_produce_reply, parse_fetch_reply, Call::parse_reply,
//!   line ◄── TailEncoder, encode_error         parse_record_line                                   ◄── line
//! ```
//!
//! The zookeeper's port has its own entry, `parse_controller_request`; its commands are called as [`AtController`] and
//! answered as [`Indexed`], and `watch` streams the text of a journal.
//!
//! Contract:
//! - No line makes a function panic, allocate by a number in it, or recurse by its nesting.
//! - A request's error names the field by its path, what was expected, and what stands there. Fields that an
//!   operation does not have, and duplicates, are refused; a client skips fields that it does not know.
//! - Records cost no allocation each: texts are borrowed from the line, and a text with escapes is unescaped into
//!   a buffer that is used again.

mod call;
mod controller_request;
mod id;
pub mod journal;
mod json;
mod ops;
mod record_json;
mod record_line;
mod rejection;
mod reply;
mod request;

pub use call::Call;
pub use controller_request::{ControllerRequest, parse_controller_request};
pub use id::RequestId;
pub use ops::controller::indexed::{AtController, Indexed};
pub use ops::controller::status::ControllerStatus;
pub use ops::controller::watch::{
    WatchEvent, WatchLine, encode_watch_event, encode_watch_request, parse_watch_line,
};
pub use ops::deregister::{Deregister, Done};
pub use ops::fetch::{
    FetchEncoder, FetchSink, FetchedHead, FetchedRecord, ReplyParser, SentPartition, encode_fetch_request,
    parse_fetch_reply,
};
pub use ops::forwarded_by::encode_forwarded;
pub use ops::groups::group_stream::{encode_group_event, parse_group_event};
pub use ops::hello::{Hello, HelloReply};
pub use ops::produce::{ProduceHead, ProduceLine, parse_produce_reply};
pub use ops::replica_fetch::{
    ReplicaFetchAnswer, encode_replica_fetch_reply, encode_replica_fetch_request, parse_replica_fetch_reply,
};
pub use ops::status::Status;
pub use ops::subscribe::{encode_event, encode_subscribe_request, parse_event};
pub use ops::tail::encode_tail_request;
pub use record_json::ValueStyle;
pub use record_line::{
    RecordLine, TailEncoder, TailProgress, TailWindow, encode_record_line, parse_record_line,
};
pub use reply::{MalformedReply, ReplyBody, Response, encode_error, encode_reply};
pub use request::{BadRequest, Envelope, FetchRequest, GroupRequest, Parser, Request, parse_request};
