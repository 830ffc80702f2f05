//! The leader's side of the reply: the line first, then the records as they lie on disk.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use yak_model::api::{Rejection, ReplicaFetchReply, ReplicaFetched, Reply};
use yak_record::Records;

use super::{write_epoch_end, write_partition};
use crate::RequestId;
use crate::json::{ArrayWriter, ObjectWriter, ToJson as _};
use crate::ops::shared;
use crate::reply::begin_ok;

/// Appends the reply: a line, and with `attachments` the records behind it, read from where they are straight into
/// `out`.
///
/// `load` appends the records of one partition, told by its place in the reply, exactly as many bytes as [`Records::len`] says, or nothing and why
/// not: the partition is then refused with that, and the reply written anew.
pub fn encode_replica_fetch_reply(
    out: &mut BytesMut,
    id: Option<&RequestId>,
    mut reply: Reply<ReplicaFetchReply<Records>>,
    attachments: bool,
    mut load: impl FnMut(usize, &Records, &mut BytesMut) -> Result<(), Rejection>,
) {
    let start = out.len();
    let mut encoded = Vec::new();
    loop {
        let failed = if attachments {
            write_line(out, id, &reply, &Written::Attached);
            attach(out, &reply, &mut load)
        } else {
            encoded.clear();
            let loaded = encode_records(&reply, &mut load, &mut encoded);
            if loaded.is_none() {
                write_line(out, id, &reply, &Written::Base64(&encoded));
            }
            loaded
        };
        // Each time round one partition less has records.
        let Some((at, rejection)) = failed else { return };
        out.truncate(start);
        reply.body.partitions[at].outcome = Err(rejection);
    }
}

/// How the records of the partitions are told.
enum Written<'a> {
    Attached,
    Base64(&'a [String]),
}

/// Appends every partition's records; which could not be read, if one could not.
fn attach(
    out: &mut BytesMut,
    reply: &Reply<ReplicaFetchReply<Records>>,
    load: &mut impl FnMut(usize, &Records, &mut BytesMut) -> Result<(), Rejection>,
) -> Option<(usize, Rejection)> {
    out.reserve(reply.body.partitions.iter().map(len).sum());
    for (at, fetched) in reply.body.partitions.iter().enumerate() {
        let Ok(data) = &fetched.outcome else { continue };
        let before = out.len();
        if !data.records.is_empty()
            && let Err(rejection) = load(at, &data.records, out)
        {
            return Some((at, rejection));
        }
        assert_eq!(out.len() - before, data.records.len(), "what is announced is what follows");
    }
    None
}

/// The records of every partition as text; which could not be read, if one could not.
fn encode_records(
    reply: &Reply<ReplicaFetchReply<Records>>,
    load: &mut impl FnMut(usize, &Records, &mut BytesMut) -> Result<(), Rejection>,
    encoded: &mut Vec<String>,
) -> Option<(usize, Rejection)> {
    let mut bytes = BytesMut::new();
    for (at, fetched) in reply.body.partitions.iter().enumerate() {
        bytes.clear();
        if let Ok(data) = &fetched.outcome
            && !data.records.is_empty()
            && let Err(rejection) = load(at, &data.records, &mut bytes)
        {
            return Some((at, rejection));
        }
        encoded.push(STANDARD.encode(&bytes));
    }
    None
}

fn len(fetched: &ReplicaFetched<Records>) -> usize {
    fetched.outcome.as_ref().map_or(0, |data| data.records.len())
}

fn write_line(
    out: &mut BytesMut,
    id: Option<&RequestId>,
    reply: &Reply<ReplicaFetchReply<Records>>,
    written: &Written<'_>,
) {
    begin_ok(out, id);
    out.extend_from_slice(b"{\"partitions\":");
    let mut array = ArrayWriter::begin(out);
    for (at, fetched) in reply.body.partitions.iter().enumerate() {
        write_fetched(array.next(), fetched, at, written);
    }
    array.end();
    out.extend_from_slice(b"}");
    if reply.throttle_ms > 0 {
        out.extend_from_slice(b",\"throttle_ms\":");
        reply.throttle_ms.write_json(out);
    }
    let attachment: usize = reply.body.partitions.iter().map(len).sum();
    if matches!(written, Written::Attached) && attachment > 0 {
        out.extend_from_slice(b",\"attachment\":");
        (attachment as u64).write_json(out);
    }
    out.extend_from_slice(b"}\n");
}

fn write_fetched(out: &mut BytesMut, fetched: &ReplicaFetched<Records>, at: usize, written: &Written<'_>) {
    let mut object = ObjectWriter::begin(out);
    write_partition(&mut object, fetched.topic_id, fetched.partition);
    match &fetched.outcome {
        Err(rejection) => shared::write_error(&mut object, rejection),
        Ok(data) => {
            object.field("high_watermark", &data.high_watermark.get());
            object.field("log_start_offset", &data.log_start_offset.get());
            if let Some(end) = data.diverging {
                object.object("diverging", |object| write_epoch_end(object, end));
            }
            match written {
                _ if data.records.is_empty() => {}
                Written::Attached => _ = object.field("bytes", &(data.records.len() as u64)),
                Written::Base64(texts) => _ = object.optional("batches_base64", texts.get(at)),
            }
        }
    }
    object.end();
}
