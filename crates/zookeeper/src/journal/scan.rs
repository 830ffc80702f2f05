//! Reading a journal file: what it says, and where it stops being whole.

use std::path::PathBuf;

use yak_core::image::{Elections, Image};
use yak_model::MetadataIndex;
use yak_model::metadata::JournalLine;
use yak_protocol::journal::{Header, LineFault, decode_header, decode_line};

/// What a file says.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) header: Header,
    pub(super) image: Image,
    pub(super) elections: Elections,
    /// Where header and image end.
    pub(super) lines_begin: usize,
    /// Where the first line begins that is not known to have been synced.
    pub(super) in_doubt: usize,
    /// Where the last whole line ends.
    pub(super) end: usize,
    /// The line at which an unfinished write begins, if there is one.
    pub(super) torn_line: Option<u64>,
}

/// The unfinished end of a journal that was cut off at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The file.
    pub path: PathBuf,
    /// Its first line that is gone.
    pub line: u64,
    /// How many bytes are gone.
    pub bytes: u64,
}

/// A fault that is not the end of an unfinished write.
#[derive(Debug)]
pub(super) struct Damage {
    pub(super) line: u64,
    pub(super) offset: usize,
    pub(super) fault: String,
    pub(super) place: Place,
}

/// What a fault tells of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A line was damaged, and those before it are whole.
    Line,
    /// The header or the image was damaged, which are put in place whole.
    Start,
    /// Nothing was damaged: the header is whole and of another version of the format.
    Version,
}

/// The lines of a file with their numbers and places.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    number: u64,
}

#[derive(Clone, Copy)]
struct RawLine<'a> {
    /// Without the line break.
    text: &'a [u8],
    number: u64,
    start: usize,
    /// After the line break, if there is one.
    end: usize,
    terminated: bool,
}

impl<'a> Iterator for Lines<'a> {
    type Item = RawLine<'a>;

    fn next(&mut self) -> Option<RawLine<'a>> {
        let (start, rest) = (self.at, &self.bytes[self.at..]);
        if rest.is_empty() {
            return None;
        }
        let (text, terminated) = match rest.iter().position(|byte| *byte == b'\n') {
            Some(len) => (&rest[..len], true),
            None => (rest, false),
        };
        self.at += text.len() + usize::from(terminated);
        self.number += 1;
        Some(RawLine { text, number: self.number, start, end: self.at, terminated })
    }
}

impl RawLine<'_> {
    fn damage(&self, fault: impl ToString, place: Place) -> Damage {
        Damage { line: self.number, offset: self.start, fault: fault.to_string(), place }
    }
}

/// Reads a file from its first byte to its last whole line.
pub(super) fn scan(bytes: &[u8]) -> Result<Scan, Damage> {
    let mut lines = Lines { bytes, at: 0, number: 0 };
    let (header, image) = read_start(&mut lines)?;
    let begin = lines.at;
    let mut scan = Scan {
        header,
        image,
        elections: Elections::default(),
        lines_begin: begin,
        in_doubt: begin,
        end: begin,
        torn_line: None,
    };
    // Where each line since the last known sync begins.
    let mut unsynced: Vec<(MetadataIndex, usize)> = Vec::new();
    for raw in lines {
        let line = match decode_line(raw.text) {
            Ok(line) if raw.terminated => line,
            Ok(_) => {
                // Whole but for its line break: never acknowledged.
                scan.torn_line = Some(raw.number);
                break;
            }
            Err(fault) => {
                if !is_unfinished(&raw, &bytes[raw.start..], scan.image.index().next()) {
                    return Err(raw.damage(fault, Place::Line));
                }
                scan.torn_line = Some(raw.number);
                break;
            }
        };
        apply(&mut scan, &line).map_err(|fault| raw.damage(fault, Place::Line))?;
        unsynced.retain(|(index, _)| *index > line.synced);
        unsynced.push((line.index, raw.start));
        scan.end = raw.end;
    }
    scan.in_doubt = unsynced.first().map_or(scan.end, |(_, start)| *start);
    Ok(scan)
}

fn apply(scan: &mut Scan, line: &JournalLine) -> Result<(), String> {
    scan.elections.observe(&scan.image, line);
    scan.image.apply_line(line).map_err(|fault| fault.to_string())
}

/// The header and, if it announces one, the image.
fn read_start(lines: &mut Lines<'_>) -> Result<(Header, Image), Damage> {
    let nothing = RawLine { text: b"", number: 1, start: 0, end: 0, terminated: false };
    let first = lines.next().unwrap_or(nothing);
    let header = decode_header(first.text).map_err(|fault| {
        let other_version = matches!(fault, LineFault::Version { .. });
        first.damage(fault, if other_version { Place::Version } else { Place::Start })
    })?;
    let mut image = Image::default();
    let Some(span) = header.image else { return Ok((header, image)) };
    for _ in 0..span.lines {
        let Some(raw) = lines.next() else {
            return Err(first.damage("its image is not complete", Place::Start));
        };
        let line = decode_line(raw.text).map_err(|fault| raw.damage(fault, Place::Start))?;
        if line.index != span.index {
            return Err(raw.damage("it does not belong to the image", Place::Start));
        }
        for record in &line.records {
            image.apply(record).map_err(|fault| raw.damage(fault, Place::Start))?;
        }
    }
    image.set_index(span.index);
    Ok((header, image))
}

/// Whether a line that cannot be read, and everything after it (`rest` begins with it), may be what is left of a
/// write that was never finished, and so was never acknowledged.
///
/// Bytes that were not written are missing at the end or read as zero, and then not a single one among others. A
/// later line that was written when this index was known to be on disk proves the opposite, and so does a bad line
/// without either.
fn is_unfinished(bad: &RawLine<'_>, rest: &[u8], index: MetadataIndex) -> bool {
    let later = Lines { bytes: &rest[bad.end - bad.start..], at: 0, number: 0 };
    let proven = later.filter_map(|raw| decode_line(raw.text).ok()).any(|line| line.synced >= index);
    if proven {
        return false;
    }
    if rest.starts_with(&[0]) || rest.ends_with(&[0]) || rest.windows(2).any(|pair| pair == [0, 0]) {
        return true;
    }
    // Not cut short by its very last byte: that one was changed.
    let without_last = bad.text.split_last().map_or(bad.text, |(_, rest)| rest);
    !bad.terminated && decode_line(without_last).is_err()
}
