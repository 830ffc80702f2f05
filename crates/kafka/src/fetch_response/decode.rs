//! The client's half of a response to Fetch: its records share the memory of the body.

use bytes::Bytes;

use super::{
    FLEXIBLE_FROM, FetchPartitionResponse, FetchResponse, FetchTopicResponse, TOPIC_IDS_FROM, VERSIONS,
};
use crate::cursor::{Cursor as _, Reader};
use crate::error::{DecodeError, Problem};
use crate::table::read_tagged;
use crate::wire::{Field, Form};

/// Decodes the body of a response: the client's half. Records share the memory of `body`; null is read as none.
///
/// # Errors
/// The version is not one of 4 to 17, or the bytes are not the message.
pub fn decode_fetch_response(body: &Bytes, version: i16) -> Result<FetchResponse<Bytes>, DecodeError> {
    if !VERSIONS.contains(&version) {
        return Err(Problem::UnknownVersion(version).into());
    }
    let form = Form::new(version, FLEXIBLE_FROM);
    let mut reader = Reader::of_shared(body);
    let reader = &mut reader;
    let mut response = FetchResponse {
        throttle_time_ms: reader.i32().map_err(|error| error.in_field("throttle_time_ms"))?,
        ..FetchResponse::default()
    };
    if version >= 7 {
        response.error_code = field(reader, form, "error_code")?;
        response.session_id = field(reader, form, "session_id")?;
    }
    response.topics = elements(reader, form, "responses", if form.flexible { 3 } else { 6 }, read_topic)?;
    if form.flexible {
        read_tagged(reader, |reader, tag, content| {
            if tag == 0 && version >= 16 {
                response.node_endpoints =
                    reader.within(content, |reader| field(reader, form, "node_endpoints"))?;
            }
            Ok(())
        })?;
    }
    Ok(response)
}

fn read_topic(reader: &mut Reader<'_>, form: Form) -> Result<FetchTopicResponse<Bytes>, DecodeError> {
    let mut topic = FetchTopicResponse::default();
    if form.version >= TOPIC_IDS_FROM {
        topic.topic_id = field(reader, form, "topic_id")?;
    } else {
        topic.topic = field(reader, form, "topic")?;
    }
    let least = if form.flexible { 4 + 2 + 8 + 8 + 1 + 1 + 1 } else { 4 + 2 + 8 + 8 + 4 + 4 };
    topic.partitions = elements(reader, form, "partitions", least, read_partition)?;
    if form.flexible {
        reader.skip_tagged_fields()?;
    }
    Ok(topic)
}

fn read_partition(reader: &mut Reader<'_>, form: Form) -> Result<FetchPartitionResponse<Bytes>, DecodeError> {
    let mut partition = FetchPartitionResponse {
        partition_index: field(reader, form, "partition_index")?,
        error_code: field(reader, form, "error_code")?,
        high_watermark: field(reader, form, "high_watermark")?,
        last_stable_offset: field(reader, form, "last_stable_offset")?,
        ..FetchPartitionResponse::default()
    };
    if form.version >= 5 {
        partition.log_start_offset = field(reader, form, "log_start_offset")?;
    }
    partition.aborted_transactions = field(reader, form.nullable(true), "aborted_transactions")?;
    if form.version >= 11 {
        partition.preferred_read_replica = field(reader, form, "preferred_read_replica")?;
    }
    let records: Option<Bytes> = field(reader, form.nullable(true), "records")?;
    partition.records = records.unwrap_or_default();
    if form.flexible {
        read_tagged(reader, |reader, tag, content| {
            match tag {
                0 => {
                    partition.diverging_epoch =
                        reader.within(content, |r| field(r, form, "diverging_epoch"))?
                }
                1 => {
                    partition.current_leader = reader.within(content, |r| field(r, form, "current_leader"))?
                }
                2 => partition.snapshot_id = reader.within(content, |r| field(r, form, "snapshot_id"))?,
                _ => {}
            }
            Ok(())
        })?;
    }
    Ok(partition)
}

fn field<T: Field>(reader: &mut Reader<'_>, form: Form, name: &'static str) -> Result<T, DecodeError> {
    T::read(reader, form).map_err(|error| error.in_field(name))
}

fn elements<T>(
    reader: &mut Reader<'_>,
    form: Form,
    name: &'static str,
    least: usize,
    read: impl Fn(&mut Reader<'_>, Form) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count =
        reader.count(form.flexible, least).and_then(|count| count.ok_or_else(|| Problem::Null.into()));
    let count = count.map_err(|error| error.in_field(name))?;
    let mut elements = Vec::with_capacity(count.min(256));
    for index in 0..count {
        elements.push(read(reader, form).map_err(|error| error.in_element(index).in_field(name))?);
    }
    Ok(elements)
}
