//! A request as its response needs it.

use std::future::Future;

use bytes::BytesMut;
use yak_kafka::{ApiKey, Message, encode_response};
use yak_net::Outbox;

/// Which API was called, in which version, and what names the call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// The API.
    pub(super) key: ApiKey,
    /// The version of request and response.
    pub(super) version: i16,
    /// The client's name for the request, echoed.
    pub(super) correlation_id: i32,
}

impl Call {
    /// Answers now.
    pub(super) fn reply<M: Message>(self, outbox: &mut Outbox, response: &M) {
        outbox.reply(|out| self.encode(out, response));
    }

    /// Answers when the response is there.
    pub(super) fn hold<M: Message>(
        self,
        outbox: &mut Outbox,
        response: impl Future<Output = M> + Send + 'static,
    ) {
        outbox.hold(async move {
            let response = response.await;
            let mut out = BytesMut::new();
            self.encode(&mut out, &response);
            out
        });
    }

    fn encode<M: Message>(self, out: &mut BytesMut, response: &M) {
        encode_response(out, self.key, self.version, self.correlation_id, response);
    }
}
