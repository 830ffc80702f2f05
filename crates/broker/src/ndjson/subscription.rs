//! Subscribe over NDJSON: the connection becomes a stream of events.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::BytesMut;
use yak_model::api::{Rejection, Subscribe};
use yak_net::{StreamStep, Streamer};
use yak_protocol::{RequestId, encode_event};

use super::encode_refusal;
use crate::addresses::Caller;
use crate::broker::Broker;
use crate::ops::subscribe::Subscription;

/// The stream that follows a `subscribe`.
#[derive(Debug)]
pub(super) struct SubscriptionStream {
    id: Option<RequestId>,
    caller: Caller,
    /// The subscription, or why there is none.
    subscription: Result<Subscription, Rejection>,
}

impl SubscriptionStream {
    pub(super) fn new(
        broker: Arc<Broker>,
        (id, request, caller): (Option<RequestId>, Subscribe, Caller),
    ) -> Self {
        Self { id, caller, subscription: Subscription::start(broker, request) }
    }
}

impl Streamer for SubscriptionStream {
    fn next<'a>(
        &'a mut self,
        out: &'a mut BytesMut,
    ) -> Pin<Box<dyn Future<Output = StreamStep> + Send + 'a>> {
        Box::pin(async move {
            let next = match &mut self.subscription {
                Ok(subscription) => subscription.next().await,
                Err(rejection) => Err(rejection.clone()),
            };
            match next {
                Ok(Some(mut event)) => {
                    self.caller.tell(&mut event);
                    encode_event(out, &event);
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
