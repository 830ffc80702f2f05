//! Records as JSON, both ways, fast: the one place on the hot path of produce, fetch and tail.
//!
//! ```text
//!   line ──serde_json──► RecordVisitor ──Draft──► RecordParts ──► BatchBuilder (produce) or callback (fetch)
//!                          │ text without escapes: borrowed from the line
//!                          └ anything else: copied once into one scratch buffer, used again for each record
//!   RecordRef / RecordParts ──► push_fields: one look at each field decides text, escaped text or base64
//! ```

mod draft;
mod field;
mod headers;
mod piece;
mod reader;
mod visitor;
mod write;

pub(crate) use draft::Draft;
pub(crate) use field::FieldSet;
pub(crate) use reader::{CaptureValues, RecordReader};
pub(crate) use visitor::RecordVisitor;
pub use write::ValueStyle;
pub(crate) use write::{push_headers, push_key, push_value};
