//! The follower's side of the reply: the line, and which bytes behind it belong to whom.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use yak_model::Offset;
use yak_model::api::{EpochEnd, Rejection, ReplicaData, ReplicaFetchReply, ReplicaFetched, Reply};
use yak_model::limits::MAX_ATTACHMENT_BYTES;

use super::{epoch, topic_id};
use crate::json::{Fields, Node, Problem};
use crate::ops::shared;
use crate::reply::{MalformedReply, Response};
use crate::{RequestId, rejection};

/// A reply line, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaFetchAnswer {
    /// The reply. Records are ranges of the buffer that holds the attachment, or what was decoded from the line.
    pub response: Response<ReplicaFetchReply<Range<usize>>>,
    /// How many bytes follow the line and are to be appended to `records`; at most [`MAX_ATTACHMENT_BYTES`].
    pub attachment: usize,
}

/// Reads a reply line. Records that stand in the line itself are decoded into `records`, which is emptied first;
/// those behind the line are for the caller to put there: [`ReplicaFetchAnswer::attachment`] bytes, no more.
///
/// # Errors
/// When the line is no reply to a replica fetch, or announces what cannot be. The connection is then of no further
/// use: where the next line begins is not known.
pub fn parse_replica_fetch_reply(
    line: &[u8],
    records: &mut BytesMut,
) -> Result<ReplicaFetchAnswer, MalformedReply> {
    records.clear();
    let mut fields = Fields::of_line(line)?;
    let id = fields.optional("id", RequestId::read)?;
    let attachment = fields.optional_count::<u64>("attachment")?.unwrap_or(0);
    let attachment = usize::try_from(attachment).unwrap_or(usize::MAX);
    if attachment > MAX_ATTACHMENT_BYTES {
        let problem =
            format!("attachment: {attachment} bytes are announced, at most {MAX_ATTACHMENT_BYTES} are taken");
        return Err(MalformedReply(problem));
    }
    if let Some(rejection) = rejection::take(&mut fields)? {
        check_sum(0, attachment)?;
        return Ok(ReplicaFetchAnswer { response: Response { id, result: Err(rejection) }, attachment });
    }
    let mut reader = Reader { records, attached: 0 };
    let partitions = fields.required("ok", |node| {
        node.fields()?.required("partitions", |node| node.array(|node| reader.read_fetched(node)))
    })?;
    check_sum(reader.attached, attachment)?;
    let throttle_ms = fields.optional_count("throttle_ms")?.unwrap_or(0);
    let result = Ok(Reply { body: ReplicaFetchReply { partitions }, throttle_ms });
    Ok(ReplicaFetchAnswer { response: Response { id, result }, attachment })
}

fn check_sum(attached: usize, attachment: usize) -> Result<(), MalformedReply> {
    if attached == attachment {
        return Ok(());
    }
    Err(MalformedReply(format!(
        "attachment: {attachment} bytes are announced, the partitions have {attached}"
    )))
}

/// Hands out the ranges.
struct Reader<'a> {
    /// What was decoded from the line.
    records: &'a mut BytesMut,
    /// Bytes of the attachment that belong to the partitions so far.
    attached: usize,
}

impl Reader<'_> {
    fn read_fetched(&mut self, node: Node<'_, '_>) -> Result<ReplicaFetched<Range<usize>>, Problem> {
        let mut fields = node.fields()?;
        Ok(ReplicaFetched {
            topic_id: topic_id(&mut fields)?,
            partition: shared::partition(&mut fields)?,
            outcome: self.read_outcome(&mut fields)?,
        })
    }

    fn read_outcome(
        &mut self,
        fields: &mut Fields<'_, '_>,
    ) -> Result<Result<ReplicaData<Range<usize>>, Rejection>, Problem> {
        shared::entry_result(fields, |fields| {
            let diverging = fields.optional("diverging", read_epoch_end)?;
            let data = ReplicaData {
                high_watermark: offset(fields, "high_watermark")?,
                log_start_offset: offset(fields, "log_start_offset")?,
                diverging,
                records: self.read_records(fields)?,
            };
            if data.diverging.is_some() && !data.records.is_empty() {
                return Err(fields.problem("records with \"diverging\""));
            }
            Ok(data)
        })
    }

    fn read_records(&mut self, fields: &mut Fields<'_, '_>) -> Result<Range<usize>, Problem> {
        let bytes = fields.optional("bytes", |node| node.number(0, MAX_ATTACHMENT_BYTES))?.unwrap_or(0);
        let encoded = fields.optional("batches_base64", |node| {
            let text = node.string()?;
            STANDARD.decode(text.as_bytes()).map_err(|error| node.problem(format!("not base64: {error}")))
        })?;
        match encoded {
            Some(_) if bytes > 0 || self.attached > 0 => {
                Err(fields.problem("both an attachment and \"batches_base64\""))
            }
            Some(decoded) => {
                let start = self.records.len();
                self.records.extend_from_slice(&decoded);
                Ok(start..self.records.len())
            }
            None if bytes > 0 && !self.records.is_empty() => {
                Err(fields.problem("both an attachment and \"batches_base64\""))
            }
            None => {
                // At most as many elements as a line may have, each at most the limit: the sum cannot overflow.
                let start = self.attached;
                self.attached += bytes;
                Ok(start..self.attached)
            }
        }
    }
}

fn offset(fields: &mut Fields<'_, '_>, name: &'static str) -> Result<Offset, Problem> {
    Ok(fields.required(name, |node| node.count::<i64>())?.into())
}

fn read_epoch_end(node: Node<'_, '_>) -> Result<EpochEnd, Problem> {
    let mut fields = node.fields()?;
    Ok(EpochEnd {
        leader_epoch: epoch(&mut fields, "leader_epoch")?,
        end_offset: offset(&mut fields, "end_offset")?,
    })
}
