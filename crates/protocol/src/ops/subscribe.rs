//! subscribe: metadata, and every change of it, as a stream of events.

use bytes::BytesMut;
use yak_model::api::{Rejection, Subscribe, SubscriptionEvent};

use super::{metadata, shared};
use crate::call;
use crate::json::{Fields, ObjectWriter, Problem};
use crate::rejection;
use crate::reply::MalformedReply;

pub(crate) const NAME: &str = "subscribe";

const METADATA: &str = "metadata";
const ALIVE: &str = "alive";

/// Reads a request.
pub(crate) fn read_request(fields: &mut Fields<'_, '_>) -> Result<Subscribe, Problem> {
    Ok(Subscribe { topics: shared::topic_or_topics(fields)? })
}

/// Appends the request line of a subscription.
pub fn encode_subscribe_request(out: &mut BytesMut, id: Option<u64>, subscribe: &Subscribe) {
    call::encode_request(out, id, NAME, |object| {
        object.optional("topics", subscribe.topics.as_deref().map(shared::names).as_ref());
    });
}

/// Appends the line of an event.
pub fn encode_event(out: &mut BytesMut, event: &SubscriptionEvent) {
    let mut object = ObjectWriter::begin(out);
    match event {
        SubscriptionEvent::Metadata(reply) => {
            object.field("event", METADATA);
            metadata::write_reply(&mut object, reply);
        }
        SubscriptionEvent::Alive => _ = object.field("event", ALIVE),
    }
    object.end();
    out.extend_from_slice(b"\n");
}

/// Reads a line of a subscription: an event (`None` if it is one that we do not know, of a newer broker), or why
/// there will be no more.
///
/// # Errors
/// When it is neither.
pub fn parse_event(line: &[u8]) -> Result<Result<Option<SubscriptionEvent>, Rejection>, MalformedReply> {
    let mut fields = Fields::of_line(line)?;
    if let Some(rejection) = rejection::take(&mut fields)? {
        return Ok(Err(rejection));
    }
    let event = fields.required("event", |node| node.string())?;
    Ok(Ok(match &*event {
        METADATA => Some(SubscriptionEvent::Metadata(metadata::read_reply(&mut fields)?)),
        ALIVE => Some(SubscriptionEvent::Alive),
        _ => None,
    }))
}
