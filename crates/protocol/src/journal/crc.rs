//! The checksum at the end of each line.

use std::io::Write as _;

use thiserror::Error;

const FIELD: &[u8] = b",\"crc\":\"";
const END: &[u8] = b"\"}";
const DIGITS: usize = 8;
/// Bytes of a line that are not summed.
const TAIL: usize = FIELD.len() + DIGITS + END.len();

/// Why a line cannot be read.
#[derive(Debug, Error)]
pub enum LineFault {
    /// It does not end as a line must: torn, or not a line at all.
    #[error("it is not a whole line: it does not end in \"crc\":\"<8 hex digits>\"}}")]
    NotWhole,
    /// It was changed, or only partly written.
    #[error("its checksum is {found:08x}, its bytes sum up to {computed:08x}")]
    Checksum {
        /// As it stands in the line.
        found: u32,
        /// Of the bytes that are there.
        computed: u32,
    },
    /// It is whole, but not what a line of this version can be.
    #[error("{0}")]
    Content(#[from] serde_json::Error),
    /// It is whole, but its values cannot be.
    #[error("{0}")]
    Value(String),
    /// It is of another version of the format.
    #[error(
        "its format is \"{format}\" version {version}, this program reads \"yak\" version {}",
        super::FORMAT_VERSION
    )]
    Version {
        /// The name of the format.
        format: String,
        /// Its version.
        version: u32,
    },
}

/// Closes the JSON object that was appended to `out` from `start` on, with its checksum and a line break.
pub(super) fn seal(out: &mut Vec<u8>, start: usize) {
    assert_eq!(out.pop(), Some(b'}'), "a line is a JSON object");
    let sum = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(FIELD);
    write!(out, "{sum:08x}").expect("writing to memory does not fail");
    out.extend_from_slice(END);
    out.push(b'\n');
}

/// Checks a line (without its line break) and gives its JSON.
pub(super) fn open(line: &[u8]) -> Result<&str, LineFault> {
    let at = line.len().checked_sub(TAIL).ok_or(LineFault::NotWhole)?;
    let (summed, tail) = line.split_at(at);
    let digits =
        tail.strip_prefix(FIELD).and_then(|rest| rest.strip_suffix(END)).ok_or(LineFault::NotWhole)?;
    let found = hex(digits).ok_or(LineFault::NotWhole)?;
    let computed = crc32c::crc32c(summed);
    if found != computed {
        return Err(LineFault::Checksum { found, computed });
    }
    std::str::from_utf8(line).map_err(LineFault::value)
}

/// Eight lower-case digits; another way to write the same number is another line.
fn hex(digits: &[u8]) -> Option<u32> {
    let lower = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    let text =
        std::str::from_utf8(digits).ok().filter(|_| digits.len() == DIGITS && digits.iter().all(lower))?;
    u32::from_str_radix(text, 16).ok()
}
