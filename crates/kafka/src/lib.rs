//! Kafka's wire format: requests and responses of the versions in [`APIS`], in both directions.
//!
//! The messages are a table that reads like the protocol guide
//! (<https://kafka.apache.org/protocol>): one file for each API under `messages/`, and in it for each field its
//! name, type, default, the versions that have it, the versions in which it may be null, and its tag. One macro
//! makes of a table the struct, its defaults, decoding and encoding. Two messages are written by hand because
//! record batches pass through them untouched: [`ProduceRequest`], whose records are slices of the frame
//! itself, and [`FetchResponse`], whose records are written straight into the outgoing buffer.
//!
//! ```text
//! frame     int32 length of what follows | header | body
//! request   int16 api key, int16 version, int32 correlation id, nullable string client id (never compact)
//!           | flexible versions: tagged section
//! response  int32 correlation id | flexible versions, except of ApiVersions: tagged section
//!
//!                 before flexible versions      in flexible versions
//! string          int16 length, UTF-8           unsigned varint length + 1, UTF-8
//! bytes, records  int32 length                  unsigned varint length + 1
//! array           int32 count                   unsigned varint count + 1
//! null            length or count -1            0
//! nullable struct int8 -1: null, 1: there       the same; in a tagged section 0: null, 1: there
//! tagged section  -                             after every struct: varint count, then for each field in
//!                                               ascending order: varint tag, varint size, content
//! ```
//!
//! Contract:
//!
//! - **No input panics**, and none makes the decoder allocate by a number that was not checked: a count never
//!   exceeds the bytes that remain divided by the least size of an element, all arrays of one message together
//!   have at most [`MAX_ELEMENTS`] elements, a tagged section at most [`MAX_TAGGED_FIELDS`] fields, a string at
//!   most [`MAX_STRING_LEN`] bytes, a varint five. Memory is bounded by the frame and that cap; recursion by the
//!   schema. The length of a frame is the caller's to check, before it reads the frame.
//! - **Decoding is lenient where Kafka is**: bytes behind the body, unknown tags and tags out of order are
//!   skipped, any byte but 0 is `true`, an error code that [`yak_model::ErrorCode`] does not know is
//!   `UnknownServerError`. Everything else is a [`DecodeError`], which names the field.
//! - **Encoding cannot fail.** A field that the version lacks is left out, whatever its value; a tagged field of
//!   default value too; null where the version does not allow it is written as empty; a string over
//!   [`MAX_STRING_LEN`] bytes is cut at a character.
//! - **`Default` is the protocol's**, with one exception: `error_message` is null, not empty. A field that the
//!   version lacks has its default after decoding.
//! - An `error_code` of `None` is Kafka's 0. Whether a version is advertised, and what to answer to one that is
//!   not, is the caller's business: it has [`APIS`].

mod api;
mod choices;
pub mod consumer_protocol;
mod cursor;
mod error;
mod fetch_response;
mod frame;
pub mod group_records;
#[cfg(test)]
mod hex;
mod kind;
pub mod messages;
mod produce_request;
mod table;
mod wire;

pub use api::{APIS, Api, ApiKey, api};
pub use choices::Choices;
pub use cursor::{MAX_ELEMENTS, MAX_STRING_LEN, MAX_TAGGED_FIELDS, Reader};
pub use error::{DecodeError, Problem};
pub use fetch_response::{
    FetchPartitionResponse, FetchRecords, FetchResponse, FetchTopicResponse, decode_fetch_response,
    encode_fetch_response,
};
pub use frame::{
    Message, RequestHeader, decode_body, decode_shared_body, encode_request, encode_response, split_header,
    split_response_header,
};
pub use kind::{Direction, KINDS, Kind};
pub use produce_request::{ProducePartition, ProduceRequest, ProduceTopic};
