//! The request to append batches, decoded in place: its records are slices of the frame, to be patched and
//! appended without a copy.

use std::mem;
use std::ops::RangeInclusive;

use bytes::{BufMut as _, BytesMut};
use yak_model::Uuid;

use crate::api::ApiKey;
use crate::choices::Choices;
use crate::cursor::{Cursor, MAX_ELEMENTS};
use crate::error::{DecodeError, Problem};
use crate::frame::{RequestHeader, append_frame, write_request_header};
use crate::wire::{Form, write_len, write_str};

/// The versions that can be decoded and encoded.
pub(crate) const VERSIONS: RangeInclusive<i16> = 3..=13;
/// The first flexible version.
pub(crate) const FLEXIBLE_FROM: i16 = 9;
/// The first version that has the ids of topics in place of their names.
const TOPIC_IDS_FROM: i16 = 13;

/// Appends batches to partitions (key 0, versions 3 to 13).
#[derive(Debug, PartialEq)]
pub struct ProduceRequest<'a> {
    /// The transaction's producer, or null.
    pub transactional_id: Option<&'a str>,
    /// 0: do not answer; 1: the leader has it; -1: all in-sync replicas have it.
    pub acks: i16,
    /// How long to wait for `acks`.
    pub timeout_ms: i32,
    /// What to append, by topic.
    pub topics: Vec<ProduceTopic<'a>>,
}

/// The partitions of a topic in a [`ProduceRequest`].
#[derive(Debug, PartialEq)]
pub struct ProduceTopic<'a> {
    /// The topic's name up to version 12, and empty from 13 on.
    pub name: &'a str,
    /// The topic's id from version 13 on, and zero before.
    pub topic_id: Uuid,
    /// What to append, by partition.
    pub partitions: Vec<ProducePartition<'a>>,
}

/// What to append to a partition.
#[derive(Debug, PartialEq)]
pub struct ProducePartition<'a> {
    /// Which partition.
    pub index: i32,
    /// Its batches, in the frame itself.
    pub records: Option<&'a mut [u8]>,
}

impl<'a> ProduceRequest<'a> {
    /// Decodes the body of a request; bytes behind it are ignored.
    ///
    /// # Errors
    /// The version is not one of 3 to 13, or the bytes are not the message.
    pub fn decode(body: &'a mut [u8], version: i16) -> Result<Self, DecodeError> {
        if !VERSIONS.contains(&version) {
            return Err(Problem::UnknownVersion(version).into());
        }
        let flexible = version >= FLEXIBLE_FROM;
        let mut cursor = FrameCursor::new(body);
        let transactional_id = cursor.str(flexible).map_err(|error| error.in_field("transactional_id"))?;
        let acks = cursor.i16().map_err(|error| error.in_field("acks"))?;
        let timeout_ms = cursor.i32().map_err(|error| error.in_field("timeout_ms"))?;
        let topics = cursor
            .elements(flexible, ProduceTopic::least(version), |cursor| ProduceTopic::read(cursor, version))
            .map_err(|error| error.in_field("topic_data"))?;
        cursor.end_of_struct(flexible)?;
        Ok(Self { transactional_id, acks, timeout_ms, topics })
    }

    /// Appends the body of a request of a version from 3 to 13.
    pub fn encode(&self, out: &mut BytesMut, version: i16) {
        let form = Form::new(version, FLEXIBLE_FROM).nullable(true);
        write_str(self.transactional_id, out, form);
        out.put_i16(self.acks);
        out.put_i32(self.timeout_ms);
        write_len(Some(self.topics.len()), out, form);
        for topic in &self.topics {
            topic.write(out, form);
        }
        end_of_struct(out, form);
    }

    /// Appends a request as a whole frame: the client's half.
    pub fn encode_frame(
        &self,
        out: &mut BytesMut,
        version: i16,
        correlation_id: i32,
        client_id: Option<&str>,
    ) {
        let api_key = ApiKey::Produce.number();
        let header = RequestHeader { api_key, api_version: version, correlation_id, client_id };
        append_frame(out, |out| {
            write_request_header(out, &header, version >= FLEXIBLE_FROM);
            self.encode(out, version);
        });
    }
}

impl<'a> ProduceTopic<'a> {
    fn least(version: i16) -> usize {
        match version {
            TOPIC_IDS_FROM.. => 16 + 1 + 1,
            FLEXIBLE_FROM.. => 1 + 1 + 1,
            _ => 2 + 4,
        }
    }

    fn read(cursor: &mut FrameCursor<'a>, version: i16) -> Result<Self, DecodeError> {
        let flexible = version >= FLEXIBLE_FROM;
        let (mut name, mut topic_id) = ("", Uuid::ZERO);
        if version >= TOPIC_IDS_FROM {
            topic_id = cursor.array().map(Uuid::from_bytes).map_err(|error| error.in_field("topic_id"))?;
        } else {
            name = cursor
                .str(flexible)
                .and_then(|name| name.ok_or_else(|| Problem::Null.into()))
                .map_err(|error| error.in_field("name"))?;
        }
        let least = if flexible { 4 + 1 + 1 } else { 4 + 4 };
        let partitions = cursor
            .elements(flexible, least, |cursor| ProducePartition::read(cursor, flexible))
            .map_err(|error| error.in_field("partition_data"))?;
        cursor.end_of_struct(flexible)?;
        Ok(Self { name, topic_id, partitions })
    }

    fn write(&self, out: &mut BytesMut, form: Form) {
        if form.version >= TOPIC_IDS_FROM {
            out.put_slice(self.topic_id.as_bytes());
        } else {
            write_str(Some(self.name), out, form);
        }
        write_len(Some(self.partitions.len()), out, form);
        for partition in &self.partitions {
            out.put_i32(partition.index);
            write_len(partition.records.as_ref().map(|records| records.len()), out, form);
            out.put_slice(partition.records.as_deref().unwrap_or_default());
            end_of_struct(out, form);
        }
        end_of_struct(out, form);
    }
}

impl<'a> ProducePartition<'a> {
    fn read(cursor: &mut FrameCursor<'a>, flexible: bool) -> Result<Self, DecodeError> {
        let index = cursor.i32().map_err(|error| error.in_field("index"))?;
        let records = cursor.records(flexible).map_err(|error| error.in_field("records"))?;
        cursor.end_of_struct(flexible)?;
        Ok(Self { index, records })
    }
}

fn end_of_struct(out: &mut BytesMut, form: Form) {
    if form.flexible {
        out.put_u8(0);
    }
}

/// Appends the body of a request that is made up.
pub(crate) fn sample(choices: &mut Choices<'_>, version: i16, out: &mut BytesMut) {
    let by_name = version < TOPIC_IDS_FROM;
    let transactional_id = choices.flag().then(|| choices.text());
    let (acks, timeout_ms) = (i16::from_be_bytes(choices.number()), i32::from_be_bytes(choices.number()));
    let mut topics: Vec<_> = (0..choices.len())
        .map(|_| {
            let name = if by_name { choices.text() } else { String::new() };
            let topic_id = if by_name { Uuid::ZERO } else { Uuid::from_bytes(choices.array()) };
            let partitions: Vec<_> = (0..choices.len())
                .map(|_| (i32::from_be_bytes(choices.number()), choices.flag().then(|| choices.bytes())))
                .collect();
            (name, topic_id, partitions)
        })
        .collect();
    let topics = topics.iter_mut().map(|(name, topic_id, partitions)| {
        let partitions = partitions.iter_mut();
        let partitions = partitions
            .map(|(index, records)| ProducePartition { index: *index, records: records.as_deref_mut() });
        ProduceTopic { name: name.as_str(), topic_id: *topic_id, partitions: partitions.collect() }
    });
    let transactional_id = transactional_id.as_deref();
    ProduceRequest { transactional_id, acks, timeout_ms, topics: topics.collect() }.encode(out, version);
}

/// A frame that is taken apart into slices that may be changed.
pub(crate) struct FrameCursor<'a> {
    rest: &'a mut [u8],
    elements_left: usize,
}

impl<'a> FrameCursor<'a> {
    pub(crate) fn new(frame: &'a mut [u8]) -> Self {
        Self { rest: frame, elements_left: MAX_ELEMENTS }
    }

    pub(crate) fn into_rest(self) -> &'a mut [u8] {
        self.rest
    }

    fn advance_mut(&mut self, len: usize) -> &'a mut [u8] {
        let (taken, rest) = mem::take(&mut self.rest).split_at_mut(len);
        self.rest = rest;
        taken
    }

    fn records(&mut self, flexible: bool) -> Result<Option<&'a mut [u8]>, DecodeError> {
        let Some(len) = self.len(flexible)? else { return Ok(None) };
        self.check(len)?;
        Ok(Some(self.advance_mut(len)))
    }

    fn elements<T>(
        &mut self,
        flexible: bool,
        least: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.count(flexible, least)?.ok_or(Problem::Null)?;
        let mut elements = Vec::with_capacity(count.min(256));
        for index in 0..count {
            elements.push(read(self).map_err(|error| error.in_element(index))?);
        }
        Ok(elements)
    }

    fn end_of_struct(&mut self, flexible: bool) -> Result<(), DecodeError> {
        if flexible { self.skip_tagged_fields() } else { Ok(()) }
    }
}

impl<'a> Cursor<'a> for FrameCursor<'a> {
    fn remaining(&self) -> usize {
        self.rest.len()
    }

    fn advance(&mut self, len: usize) -> &'a [u8] {
        self.advance_mut(len)
    }

    fn elements_left(&mut self) -> &mut usize {
        &mut self.elements_left
    }
}
