//! The header and the lines of a journal file.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use yak_model::metadata::JournalLine;
use yak_model::{ClusterId, MetadataIndex, Term, TimestampMs};

use super::crc::{open, seal};
use super::records::RecordWire;
use super::{FORMAT_VERSION, LineFault, time};

const FORMAT: &str = "yak";

/// The first line of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The cluster whose journal it is.
    pub cluster_id: ClusterId,
    /// The image with which the file begins; `None` in a cluster's first file.
    pub image: Option<ImageSpan>,
}

/// The image at the beginning of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageSpan {
    /// The index up to which it tells everything.
    pub index: MetadataIndex,
    /// How many lines it takes.
    pub lines: u64,
}

#[derive(Deserialize)]
struct FormatWire<'a> {
    #[serde(borrow)]
    journal: Cow<'a, str>,
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderWire<'a> {
    #[serde(borrow)]
    journal: Cow<'a, str>,
    version: u32,
    #[serde(borrow)]
    cluster_id: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image: Option<ImageWire>,
    #[serde(rename = "crc", skip_serializing)]
    _crc: &'a str,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageWire {
    index: u64,
    lines: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineWire<'a> {
    index: u64,
    #[serde(with = "time")]
    time: TimestampMs,
    #[serde(borrow)]
    cause: Cow<'a, str>,
    records: Vec<RecordWire<'a>>,
    term: u64,
    synced: u64,
    #[serde(rename = "crc", skip_serializing)]
    _crc: &'a str,
}

/// Appends a header with its line break.
pub fn encode_header(header: &Header, out: &mut Vec<u8>) {
    let image = header.image.map(|image| ImageWire { index: image.index.get(), lines: image.lines });
    let cluster_id = Cow::Owned(header.cluster_id.to_string());
    encode(&HeaderWire { journal: FORMAT.into(), version: FORMAT_VERSION, cluster_id, image, _crc: "" }, out);
}

/// Appends a line with its line break.
pub fn encode_line(line: &JournalLine, out: &mut Vec<u8>) {
    let wire = LineWire {
        index: line.index.get(),
        term: line.term.get(),
        synced: line.synced.get(),
        time: line.time,
        cause: Cow::Borrowed(&line.cause),
        records: line.records.iter().map(RecordWire::from).collect(),
        _crc: "",
    };
    encode(&wire, out);
}

fn encode<T: Serialize>(wire: &T, out: &mut Vec<u8>) {
    let start = out.len();
    serde_json::to_writer(&mut *out, wire).expect("plain values are written to memory");
    seal(out, start);
}

/// Reads a header, without its line break.
///
/// # Errors
///
/// What is wrong with it.
pub fn decode_header(line: &[u8]) -> Result<Header, LineFault> {
    let text = open(line)?;
    let FormatWire { journal, version } = serde_json::from_str(text)?;
    if journal != FORMAT || version != FORMAT_VERSION {
        return Err(LineFault::Version { format: journal.into_owned(), version });
    }
    let wire: HeaderWire<'_> = serde_json::from_str(text)?;
    let cluster_id = wire.cluster_id.parse().map_err(LineFault::value)?;
    let span = |image: ImageWire| ImageSpan { index: MetadataIndex::new(image.index), lines: image.lines };
    Ok(Header { cluster_id, image: wire.image.map(span) })
}

/// Reads a line, without its line break.
///
/// # Errors
///
/// What is wrong with it.
pub fn decode_line(line: &[u8]) -> Result<JournalLine, LineFault> {
    let wire: LineWire<'_> = serde_json::from_str(open(line)?)?;
    Ok(JournalLine {
        index: MetadataIndex::new(wire.index),
        term: Term::new(wire.term),
        synced: MetadataIndex::new(wire.synced),
        time: wire.time,
        cause: wire.cause.into_owned(),
        records: wire.records.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
    })
}
