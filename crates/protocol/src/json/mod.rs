//! The little JSON vocabulary of this crate: write objects, read fields by name, say precisely what is wrong.
//!
//! Parsing is `serde_json`'s, borrowed from the line. An object is captured as its raw fields first
//! ([`Fields`]), each of which is then read as what the operation expects ([`Node`]), so that an error can name
//! the path of the field and what stands there. Only records take a faster way (`ops::produce`, `ops::fetch`).

mod depth;
mod fields;
mod node;
mod path;
mod problem;
mod text;
mod write;

pub(crate) use depth::is_deeper_than;
pub(crate) use fields::{CapturedFields, Fields, NameSeed, unknown_field};
pub(crate) use node::Node;
pub(crate) use path::Path;
pub(crate) use problem::{Problem, line_text, near, not_json, not_json_line, shown, unexpected};
pub(crate) use text::{is_plain, push_escaped};
pub(crate) use write::{ArrayWriter, ObjectWriter, ToJson};
