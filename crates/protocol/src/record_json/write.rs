//! Writes the fields of a record: text where it is UTF-8, base64 where it is not.

use base64::Engine as _;
use bytes::BytesMut;
use serde::de::IgnoredAny;
use yak_model::limits::MAX_JSON_DEPTH;
use yak_record::Header;

use super::piece::BASE64;
use super::visitor::LEVELS_AROUND_A_VALUE;
use crate::json::{is_deeper_than, is_plain, push_escaped};

/// How values are written to a reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ValueStyle {
    /// As text.
    #[default]
    Text,
    /// Values that are a JSON object, array, number, `true` or `false` as that JSON (`"values":"json"`).
    Json,
}

/// Appends `"key":"..."`, `"key_base64":"..."` or `"key":null`.
#[inline]
pub(crate) fn push_key(out: &mut BytesMut, key: Option<&[u8]>) {
    push_bytes(out, (b"\"key\":", b"\"key_base64\":\""), key);
}

/// Appends `"value":"..."`, `"value_base64":"..."` or `"value":null`.
#[inline]
pub(crate) fn push_value(out: &mut BytesMut, value: Option<&[u8]>, style: ValueStyle) {
    if style == ValueStyle::Json && push_json_value(out, value) {
        return;
    }
    push_bytes(out, (b"\"value\":", b"\"value_base64\":\""), value);
}

/// Appends `[{"key":"k","value":"v"}, ...]`.
pub(crate) fn push_headers<'a>(out: &mut BytesMut, headers: impl IntoIterator<Item = Header<'a>>) {
    out.extend_from_slice(b"[");
    for (i, header) in headers.into_iter().enumerate() {
        out.extend_from_slice(if i == 0 { b"{" } else { b",{" });
        push_key(out, Some(header.key));
        out.extend_from_slice(b",");
        push_value(out, header.value, ValueStyle::Text);
        out.extend_from_slice(b"}");
    }
    out.extend_from_slice(b"]");
}

/// The beginning of a field as text, and as base64 with its opening quote.
type Names = (&'static [u8], &'static [u8]);

#[inline]
fn push_bytes(out: &mut BytesMut, (text_name, base64_name): Names, bytes: Option<&[u8]>) {
    let Some(bytes) = bytes else {
        out.extend_from_slice(text_name);
        return out.extend_from_slice(b"null");
    };
    if is_plain(bytes) {
        // Everything is appended without a look at the capacity in between.
        out.reserve(text_name.len() + bytes.len() + 2);
        out.extend_from_slice(text_name);
        out.extend_from_slice(b"\"");
        out.extend_from_slice(bytes);
        out.extend_from_slice(b"\"");
    } else {
        push_other_bytes(out, (text_name, base64_name), bytes);
    }
}

#[inline(never)]
fn push_other_bytes(out: &mut BytesMut, (text_name, base64_name): Names, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            out.extend_from_slice(text_name);
            out.extend_from_slice(b"\"");
            push_escaped(out, text);
        }
        Err(_) => {
            out.extend_from_slice(base64_name);
            out.extend_from_slice(BASE64.encode(bytes).as_bytes());
        }
    }
    out.extend_from_slice(b"\"");
}

/// Appends the value as the JSON that it is; false if it is not (or is a string or null, which stay text).
fn push_json_value(out: &mut BytesMut, value: Option<&[u8]>) -> bool {
    let Some(text) = value.and_then(|value| std::str::from_utf8(value).ok()) else { return false };
    let is_candidate = text.trim_ascii_start().starts_with(|c: char| !matches!(c, '"' | 'n'));
    let is_json = is_candidate
        && serde_json::from_str::<IgnoredAny>(text).is_ok()
        && !is_deeper_than(text, MAX_JSON_DEPTH - LEVELS_AROUND_A_VALUE);
    if is_json {
        out.extend_from_slice(b"\"value\":");
        // Line breaks can stand between tokens only; they must not end our line.
        out.extend(text.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
    }
    is_json
}
