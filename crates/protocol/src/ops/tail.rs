//! tail: records as they come, each a line of its own. The lines are `record_line`'s.

use bytes::BytesMut;
use yak_model::PartitionIndex;
use yak_model::api::{Tail, TailStart};

use super::shared;
use crate::ValueStyle;
use crate::call;
use crate::json::{Fields, Node, ObjectWriter, Problem};
use crate::record_line::VALUES;

pub(crate) const NAME: &str = "tail";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<Tail, Problem> {
    let topics = if fields.has("topics") {
        fields.required("topics", shared::topics)?
    } else {
        vec![shared::topic(fields)?]
    };
    if topics.is_empty() {
        return Err(fields.problem("topics: must not be empty"));
    }
    let partitions = if fields.has("partition") {
        Some(vec![shared::partition(fields)?])
    } else {
        fields.optional("partitions", |node| node.array(|p| Ok(PartitionIndex::new(p.count()?))))?
    };
    Ok(Tail {
        topics,
        partitions,
        from: fields.optional("from", read_start)?.unwrap_or_default(),
        read_from: shared::read_from(fields)?,
        max_records: fields.optional_count("max_records")?,
        stop_at_end: fields.flag("stop_at_end")?,
        json_values: fields.optional("values", |node| node.one_of(&VALUES))? == Some(ValueStyle::Json),
    })
}

fn read_start(node: Node<'_, '_>) -> Result<TailStart, Problem> {
    const EXPECTED: &str =
        "\"beginning\", \"end\", {\"offset\": n}, {\"last\": n} or {\"time\": milliseconds}";
    if !node.is_object() {
        let words = [("beginning", TailStart::Beginning), ("end", TailStart::End)];
        return node.one_of(&words).map_err(|_words_only| node.expected(EXPECTED));
    }
    let mut fields = node.fields()?;
    let starts = [
        fields.optional_count::<i64>("offset")?.map(|offset| TailStart::Offset(offset.into())),
        fields.optional_count::<u64>("last")?.map(TailStart::Last),
        fields.optional_count::<i64>("time")?.map(|time| TailStart::Time(time.into())),
    ];
    fields.finish("from")?;
    let mut given = starts.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(start), None) => Ok(start),
        _ => Err(node.problem(format!("expected exactly one of {EXPECTED}"))),
    }
}

/// Appends the request line of a tail.
pub fn encode_tail_request(out: &mut BytesMut, id: Option<u64>, tail: &Tail) {
    call::encode_request(out, id, NAME, |object| {
        object.field("topics", &shared::names(&tail.topics));
        let partitions =
            tail.partitions.as_ref().map(|all| all.iter().map(|p| p.get()).collect::<Vec<i32>>());
        object.optional("partitions", partitions.as_ref());
        write_start(object, tail.from);
        shared::write_read_from(object, tail.read_from);
        object.optional("max_records", tail.max_records.as_ref());
        if tail.stop_at_end {
            object.field("stop_at_end", &true);
        }
        if tail.json_values {
            object.field("values", "json");
        }
    });
}

fn write_start(object: &mut ObjectWriter<'_>, from: TailStart) {
    match from {
        TailStart::Beginning => object.field("from", "beginning"),
        TailStart::End => object.field("from", "end"),
        TailStart::Offset(offset) => object.object("from", |from| _ = from.field("offset", &offset.get())),
        TailStart::Last(count) => object.object("from", |from| _ = from.field("last", &count)),
        TailStart::Time(time) => object.object("from", |from| _ = from.field("time", &time.get())),
    };
}
