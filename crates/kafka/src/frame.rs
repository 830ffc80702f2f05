//! Frames: the header in front of a body, and the length in front of both.

use std::ops::RangeInclusive;

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::api::{APIS, Api, ApiKey};
use crate::choices::Choices;
use crate::cursor::{Cursor, Reader};
use crate::error::{DecodeError, Problem};
use crate::produce_request::FrameCursor;
use crate::wire::{Field, Form, write_str};

/// A request or response.
pub trait Message: Field {
    /// The API that it belongs to.
    const KEY: ApiKey;
    /// The versions that can be decoded and encoded.
    const VERSIONS: RangeInclusive<i16>;
    /// The first flexible version; `i16::MAX` if there is none.
    const FLEXIBLE_FROM: i16;

    /// Decodes the body of a version; what is behind it is left to the reader.
    ///
    /// # Errors
    /// The version is not one of [`Message::VERSIONS`], or the bytes are not the message.
    fn decode(reader: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        if !Self::VERSIONS.contains(&version) {
            return Err(Problem::UnknownVersion(version).into());
        }
        Self::read(reader, Form::new(version, Self::FLEXIBLE_FROM))
    }

    /// Appends the body of a version, which must be one of [`Message::VERSIONS`].
    fn encode(&self, out: &mut BytesMut, version: i16) {
        debug_assert!(Self::VERSIONS.contains(&version), "version {version}");
        self.write(out, Form::new(version, Self::FLEXIBLE_FROM));
    }

    /// Makes up a message of a version: what that version lacks has its default.
    #[must_use]
    fn sample(choices: &mut Choices<'_>, version: i16) -> Self {
        <Self as Field>::sample(choices, Form::new(version, Self::FLEXIBLE_FROM))
    }
}

/// What stands in front of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHeader<'a> {
    /// Which API; see [`ApiKey::from_number`].
    pub api_key: i16,
    /// Which version of it.
    pub api_version: i16,
    /// Comes back in the response.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<&'a str>,
}

/// Splits a frame, without its length, into header and body.
///
/// Of a request whose key is not known here, or whose version is above what is known, the first three fields are
/// enough to answer or to close by: a client id that cannot be read is then `None`, and the body is whatever
/// follows. That is for ApiVersions, which is answered in every version.
///
/// # Errors
/// The header is not whole, or its client id is not a string.
pub fn split_header(frame: &mut [u8]) -> Result<(RequestHeader<'_>, &mut [u8]), DecodeError> {
    let mut cursor = FrameCursor::new(frame);
    let api_key = cursor.i16().map_err(|error| error.in_field("api_key"))?;
    let api_version = cursor.i16().map_err(|error| error.in_field("api_version"))?;
    let correlation_id = cursor.i32().map_err(|error| error.in_field("correlation_id"))?;
    let api = known(api_key);
    let client_id = match (cursor.str(false), api) {
        (Ok(client_id), Some(api)) if api.accepted.contains(&api_version) => {
            if api_version >= api.flexible_from {
                cursor.skip_tagged_fields().map_err(|error| error.in_field("header"))?;
            }
            client_id
        }
        (Err(error), Some(api)) if api.accepted.contains(&api_version) => {
            return Err(error.in_field("client_id"));
        }
        (client_id, _) => client_id.unwrap_or(None),
    };
    Ok((RequestHeader { api_key, api_version, correlation_id, client_id }, cursor.into_rest()))
}

/// Splits a response, without its length, into correlation id and body: the client's half.
///
/// # Errors
/// The header is not whole.
pub fn split_response_header(
    response: &[u8],
    key: ApiKey,
    version: i16,
) -> Result<(i32, &[u8]), DecodeError> {
    let mut reader = Reader::new(response);
    let correlation_id = reader.i32().map_err(|error| error.in_field("correlation_id"))?;
    let flexible_from = known(key.number()).map_or(i16::MAX, |api| api.flexible_from);
    if has_tagged_response_header(key, version, flexible_from) {
        reader.skip_tagged_fields().map_err(|error| error.in_field("header"))?;
    }
    Ok((correlation_id, reader.rest()))
}

fn known(key: i16) -> Option<&'static Api> {
    APIS.iter().find(|api| api.key.number() == key)
}

/// Decodes a body; bytes behind it are ignored, as Kafka does.
///
/// # Errors
/// The version is not one of the message's, or the bytes are not the message.
pub fn decode_body<M: Message>(body: &[u8], version: i16) -> Result<M, DecodeError> {
    M::decode(&mut Reader::new(body), version)
}

/// Decodes a body whose bytes fields share its memory.
///
/// # Errors
/// As [`decode_body`].
pub fn decode_shared_body<M: Message>(body: &Bytes, version: i16) -> Result<M, DecodeError> {
    M::decode(&mut Reader::of_shared(body), version)
}

/// Appends a response as a whole frame.
pub fn encode_response<M: Message>(
    out: &mut BytesMut,
    key: ApiKey,
    version: i16,
    correlation_id: i32,
    body: &M,
) {
    debug_assert_eq!(key, M::KEY, "of another API");
    append_frame(out, |out| {
        write_response_header(
            out,
            correlation_id,
            has_tagged_response_header(key, version, M::FLEXIBLE_FROM),
        );
        body.encode(out, version);
    });
}

/// Appends a request as a whole frame: the client's half.
#[expect(clippy::too_many_arguments, reason = "the fields of a header, and the body")]
pub fn encode_request<M: Message>(
    out: &mut BytesMut,
    key: ApiKey,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
    body: &M,
) {
    debug_assert_eq!(key, M::KEY, "of another API");
    let header = RequestHeader { api_key: key.number(), api_version: version, correlation_id, client_id };
    append_frame(out, |out| {
        write_request_header(out, &header, version >= M::FLEXIBLE_FROM);
        body.encode(out, version);
    });
}

/// The response to ApiVersions never has a tagged section in its header: it is read by clients that do not know
/// yet which versions the broker has.
pub(crate) fn has_tagged_response_header(key: ApiKey, version: i16, flexible_from: i16) -> bool {
    key != ApiKey::ApiVersions && version >= flexible_from
}

pub(crate) fn write_request_header(out: &mut BytesMut, header: &RequestHeader<'_>, flexible: bool) {
    out.put_i16(header.api_key);
    out.put_i16(header.api_version);
    out.put_i32(header.correlation_id);
    // The client id is never compact, so that brokers can read it without knowing the version.
    write_str(header.client_id, out, Form::new(header.api_version, i16::MAX).nullable(true));
    if flexible {
        out.put_u8(0);
    }
}

pub(crate) fn write_response_header(out: &mut BytesMut, correlation_id: i32, flexible: bool) {
    out.put_i32(correlation_id);
    if flexible {
        out.put_u8(0);
    }
}

/// Appends what `content` appends, behind its length.
pub(crate) fn append_frame(out: &mut BytesMut, content: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_i32(0);
    content(out);
    let len = i32::try_from(out.len() - start - 4).expect("a frame is far below 2 GiB");
    out[start..start + 4].copy_from_slice(&len.to_be_bytes());
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
