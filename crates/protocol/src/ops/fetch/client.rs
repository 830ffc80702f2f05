//! The client's side of a fetch reply: each record is handed over as it is read, borrowed from the line.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use yak_model::api::{Rejection, Reply};
use yak_model::{Offset, PartitionIndex, TimestampMs, TopicName};
use yak_record::{Header, TimestampType};

use crate::json::{NameSeed, Node, Path, Problem, line_text, not_json_line};
use crate::record_json::{Draft, FieldSet, RecordReader, RecordVisitor};
use crate::reply::{MalformedReply, Response};
use crate::{RequestId, rejection};

/// One record as a client gets it. It is gone when the callback returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchedRecord<'a> {
    /// Its place in the partition.
    pub offset: Offset,
    /// When it was created, or appended.
    pub timestamp: TimestampMs,
    /// Whose clock that is.
    pub timestamp_type: TimestampType,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null, a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: &'a [Header<'a>],
}

/// What stands before the records of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedHead {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// Where the next fetch begins.
    pub next_offset: Offset,
    /// First offset not known to be on the whole ISR.
    pub high_watermark: Offset,
    /// First offset still in the log.
    pub log_start_offset: Offset,
}

/// Takes what a fetch reply brings, in order: for each partition its head and then its records, or its refusal.
pub trait FetchSink {
    /// The records that follow are of this partition.
    fn partition(&mut self, head: FetchedHead);

    /// A record of the partition last begun.
    fn record(&mut self, record: &FetchedRecord<'_>);

    /// This partition was refused.
    fn refused(&mut self, topic: TopicName, partition: PartitionIndex, rejection: Rejection);
}

/// Room for parsing replies, used again for each line of a connection.
#[derive(Debug, Default)]
pub struct ReplyParser {
    pub(crate) scratch: Vec<u8>,
}

impl ReplyParser {
    /// Empty; it grows with the first text that has escapes.
    #[must_use]
    pub const fn new() -> Self {
        Self { scratch: Vec::new() }
    }
}

/// Reads a fetch reply, handing over what it brings as it goes.
///
/// # Errors
/// When the line is no reply to a fetch. What was handed over before the error may be incomplete.
pub fn parse_fetch_reply(
    line: &[u8],
    parser: &mut ReplyParser,
    sink: &mut impl FetchSink,
) -> Result<Response<()>, MalformedReply> {
    let text = line_text(line)?;
    let mut records = RecordReader::new(FieldSet::FETCHED, &mut parser.scratch);
    records.skips_unknown = true;
    let mut json = serde_json::Deserializer::from_str(text);
    let mut visitor = ReplyVisitor { records, sink, id: None, rejection: None, throttle_ms: 0, any: false };
    let parsed = json.deserialize_map(&mut visitor).and_then(|()| json.end());
    if let Err(error) = parsed {
        let problem = match visitor.records.problem(&error) {
            Ok(problem) if error.is_data() => problem,
            _ => not_json_line(text, &error),
        };
        return Err(problem.into());
    }
    let ReplyVisitor { id, rejection, throttle_ms, any, .. } = visitor;
    match rejection {
        Some(rejection) => Ok(Response { id, result: Err(rejection) }),
        None if any => Ok(Response { id, result: Ok(Reply { body: (), throttle_ms }) }),
        None => Err(MalformedReply("missing field \"ok\" or \"error\"".to_owned())),
    }
}

/// The line: `id`, `ok` or `error`, `throttle_ms`.
struct ReplyVisitor<'a, S> {
    records: RecordReader<'a>,
    sink: &'a mut S,
    id: Option<RequestId>,
    rejection: Option<Rejection>,
    throttle_ms: u32,
    any: bool,
}

impl<S> ReplyVisitor<'_, S> {
    /// Reads a small value in the usual way.
    fn read<'de, T, A: MapAccess<'de>>(
        &mut self,
        map: &mut A,
        name: &'static str,
        read: impl FnOnce(Node<'de, '_>) -> Result<T, Problem>,
    ) -> Result<T, A::Error> {
        let text = map.next_value::<&'de RawValue>()?.get();
        let node = Node { text, path: Path::Field(&Path::Root, name) };
        read(node).map_err(|problem| {
            self.records.place = Default::default();
            self.records.fail(problem.message)
        })
    }
}

impl<'de, S: FetchSink> Visitor<'de> for &mut ReplyVisitor<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(NameSeed)? {
            match &*name {
                "id" => self.id = Some(self.read(&mut map, "id", RequestId::read)?),
                "error" => self.rejection = Some(self.read(&mut map, "error", rejection::read)?),
                "throttle_ms" => {
                    self.throttle_ms = self.read(&mut map, "throttle_ms", |node| node.count())?
                }
                "ok" => {
                    self.any = true;
                    map.next_value_seed(OkVisitor { reply: self })?;
                }
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(())
    }
}

/// `{"partitions":[...]}`
struct OkVisitor<'r, 'a, S> {
    reply: &'r mut ReplyVisitor<'a, S>,
}

impl<'de, S: FetchSink> DeserializeSeed<'de> for OkVisitor<'_, '_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, S: FetchSink> Visitor<'de> for OkVisitor<'_, '_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(NameSeed)? {
            if name == "partitions" {
                map.next_value_seed(PartitionsVisitor { reply: self.reply })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// `[{...}, ...]`
struct PartitionsVisitor<'r, 'a, S> {
    reply: &'r mut ReplyVisitor<'a, S>,
}

impl<'de, S: FetchSink> DeserializeSeed<'de> for PartitionsVisitor<'_, '_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, S: FetchSink> Visitor<'de> for PartitionsVisitor<'_, '_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut partitions: A) -> Result<(), A::Error> {
        while partitions.next_element_seed(PartitionVisitor { reply: self.reply })?.is_some() {}
        Ok(())
    }
}

/// `{"topic":...,"partition":...,...,"records":[...]}` or the same with `error`.
struct PartitionVisitor<'r, 'a, S> {
    reply: &'r mut ReplyVisitor<'a, S>,
}

#[derive(Default)]
struct HeadDraft {
    topic: Option<TopicName>,
    partition: Option<PartitionIndex>,
    next_offset: Option<Offset>,
    high_watermark: Option<Offset>,
    log_start_offset: Option<Offset>,
}

impl HeadDraft {
    fn finish(&self) -> Option<FetchedHead> {
        Some(FetchedHead {
            topic: self.topic.clone()?,
            partition: self.partition?,
            next_offset: self.next_offset?,
            high_watermark: self.high_watermark?,
            log_start_offset: self.log_start_offset?,
        })
    }
}

impl<'de, S: FetchSink> DeserializeSeed<'de> for PartitionVisitor<'_, '_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, S: FetchSink> Visitor<'de> for PartitionVisitor<'_, '_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let reply = self.reply;
        let mut head = HeadDraft::default();
        let mut rejection = None;
        let offset = |node: Node<'_, '_>| Ok(Offset::new(node.number(-1, i64::MAX)?));
        while let Some(name) = map.next_key_seed(NameSeed)? {
            match &*name {
                "topic" => head.topic = Some(reply.read(&mut map, "topic", |node| node.topic())?),
                "partition" => {
                    let number: i32 = reply.read(&mut map, "partition", |node| node.count())?;
                    head.partition = Some(number.into());
                }
                "next_offset" => head.next_offset = Some(reply.read(&mut map, "next_offset", offset)?),
                "high_watermark" => {
                    head.high_watermark = Some(reply.read(&mut map, "high_watermark", offset)?);
                }
                "log_start_offset" => {
                    head.log_start_offset = Some(reply.read(&mut map, "log_start_offset", offset)?);
                }
                "error" => rejection = Some(reply.read(&mut map, "error", rejection::read)?),
                "records" => {
                    let Some(head) = head.finish() else { return Err(incomplete(&mut reply.records)) };
                    reply.sink.partition(head);
                    map.next_value_seed(RecordsVisitor { reply })?;
                }
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        if let Some(rejection) = rejection {
            let (Some(topic), Some(partition)) = (head.topic, head.partition) else {
                return Err(incomplete(&mut reply.records));
            };
            reply.sink.refused(topic, partition, rejection);
        }
        Ok(())
    }
}

fn incomplete<E: Error>(records: &mut RecordReader<'_>) -> E {
    records.place = Default::default();
    records.fail(
        "a partition needs topic, partition, next_offset, high_watermark, log_start_offset before records",
    )
}

/// `[{"offset":...,...}, ...]`
struct RecordsVisitor<'r, 'a, S> {
    reply: &'r mut ReplyVisitor<'a, S>,
}

impl<'de, S: FetchSink> DeserializeSeed<'de> for RecordsVisitor<'_, '_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, S: FetchSink> Visitor<'de> for RecordsVisitor<'_, '_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let ReplyVisitor { records, sink, .. } = self.reply;
        let mut draft = Draft::default();
        let mut count = 0;
        loop {
            records.place.record = Some(count);
            let record = RecordVisitor { reader: records, draft: &mut draft };
            if elements.next_element_seed(record)?.is_none() {
                break;
            }
            let (Some(offset), Some(timestamp)) = (draft.offset, draft.timestamp) else {
                return Err(records.fail("missing field \"offset\" or \"timestamp\""));
            };
            let timestamp_type = draft.timestamp_type();
            draft.with_parts(records.scratch, |parts| {
                sink.record(&FetchedRecord {
                    offset: Offset::new(offset),
                    timestamp,
                    timestamp_type,
                    key: parts.key,
                    value: parts.value,
                    headers: parts.headers,
                });
            });
            count += 1;
        }
        records.place = Default::default();
        Ok(())
    }
}
