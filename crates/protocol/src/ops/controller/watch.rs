//! watch: the journal as it grows. What follows is the text of a journal file, and events between its lines if they
//! were asked for:
//!
//! ```text
//! {"journal":"yak","version":1,"cluster_id":"...","image":{"index":56,"lines":12},"crc":"..."}
//! {"index":56,"time":"...","cause":"image","records":[...],"term":1,"synced":56,"crc":"..."}      twelve of them
//! {"index":57,"time":"...","cause":"broker 1 registered ...","records":[...],"term":1,"synced":56,"crc":"..."}
//! {"event":"alive"}
//! {"event":"suspended","broker_id":2}
//! ```
//!
//! A header in the middle begins the text again from another image: the watcher was too far behind.

use bytes::BytesMut;
use yak_model::BrokerId;
use yak_model::api::{Rejection, Watch};
use yak_model::metadata::JournalLine;

use crate::call;
use crate::journal::{Header, decode_header, decode_line};
use crate::json::{Fields, ObjectWriter, Problem};
use crate::ops::shared;
use crate::rejection;
use crate::reply::MalformedReply;

pub(crate) const NAME: &str = "watch";

/// Something that happens to sessions and is not in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    /// The zookeeper is there; it says so every half second.
    Alive,
    /// The broker's connection closed: its partitions count as leaderless until it is back or fenced.
    Suspended(BrokerId),
    /// The broker is back.
    Restored(BrokerId),
}

/// A line of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchLine {
    /// A text begins: forget everything if it has an image, which is in the lines that follow.
    Header(Header),
    /// A line of the journal.
    Line(JournalLine),
    /// Not of the journal.
    Event(WatchEvent),
    /// There is no stream, or no more of it.
    Refused(Rejection),
}

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<Watch, Problem> {
    Ok(Watch { after: shared::index(fields, "after")?, events: fields.flag("events")? })
}

/// Appends the request line of a watch.
pub fn encode_watch_request(out: &mut BytesMut, id: Option<u64>, watch: &Watch) {
    call::encode_request(out, id, NAME, |object| {
        object.optional("after", watch.after.map(yak_model::MetadataIndex::get).as_ref());
        if watch.events {
            object.field("events", &true);
        }
    });
}

/// Appends the line of an event.
pub fn encode_watch_event(out: &mut BytesMut, event: WatchEvent) {
    let (name, broker_id) = match event {
        WatchEvent::Alive => ("alive", None),
        WatchEvent::Suspended(id) => ("suspended", Some(id.get())),
        WatchEvent::Restored(id) => ("restored", Some(id.get())),
    };
    let mut object = ObjectWriter::begin(out);
    object.field("event", name);
    object.optional("broker_id", broker_id.as_ref());
    object.end();
    out.extend_from_slice(b"\n");
}

/// Reads a line of the stream, without its line break. An event that we do not know is `None`: the server may be newer.
///
/// # Errors
/// When the line is none of a stream; the connection is then of no further use.
pub fn parse_watch_line(line: &[u8]) -> Result<Option<WatchLine>, MalformedReply> {
    let malformed = |fault: crate::journal::LineFault| MalformedReply(fault.to_string());
    // Whole lines of a journal are checked as strictly as those of a file, and never captured field by field.
    if line.starts_with(b"{\"index\":") {
        return Ok(Some(WatchLine::Line(decode_line(line).map_err(malformed)?)));
    }
    if line.starts_with(b"{\"journal\":") {
        return Ok(Some(WatchLine::Header(decode_header(line).map_err(malformed)?)));
    }
    let mut fields = Fields::of_line(line)?;
    if let Some(rejection) = rejection::take(&mut fields)? {
        return Ok(Some(WatchLine::Refused(rejection)));
    }
    let event = fields.required("event", |node| node.string())?;
    let mut broker_id = || fields.required("broker_id", shared::broker_id);
    Ok(match &*event {
        "alive" => Some(WatchLine::Event(WatchEvent::Alive)),
        "suspended" => Some(WatchLine::Event(WatchEvent::Suspended(broker_id()?))),
        "restored" => Some(WatchLine::Event(WatchEvent::Restored(broker_id()?))),
        _newer => None,
    })
}
