//! Group stream over NDJSON: the connection becomes a membership.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::BytesMut;
use yak_model::api::Reply;
use yak_net::{StreamStep, Streamer};
use yak_protocol::{RequestId, encode_group_event};

use super::{encode, encode_refusal};
use crate::addresses::Caller;
use crate::clients::Registration;
use crate::ops::group_stream::{Membership, Said};

/// The stream that follows a `group_stream`.
#[derive(Debug)]
pub(super) struct MembershipStream {
    membership: Membership,
    id: Option<RequestId>,
    caller: Caller,
    /// The client is known for as long as the stream lasts.
    _registration: Arc<Registration>,
}

impl MembershipStream {
    pub(super) fn new(
        membership: Membership,
        (id, caller, registration): (Option<RequestId>, Caller, Arc<Registration>),
    ) -> Self {
        Self { membership, id, caller, _registration: registration }
    }
}

impl Streamer for MembershipStream {
    fn next<'a>(
        &'a mut self,
        out: &'a mut BytesMut,
    ) -> Pin<Box<dyn Future<Output = StreamStep> + Send + 'a>> {
        Box::pin(async move {
            match self.membership.next().await {
                Ok(Some(Said::Joined(reply))) => {
                    encode(out, self.id.as_ref(), &self.caller, Ok(Reply::new(reply)));
                    StreamStep::Bytes
                }
                Ok(Some(Said::Event(event))) => {
                    encode_group_event(out, &event);
                    StreamStep::Bytes
                }
                Ok(None) => StreamStep::End,
                Err(rejection) => {
                    encode_refusal(out, self.id.as_ref(), &self.caller, rejection);
                    StreamStep::End
                }
            }
        })
    }
}
