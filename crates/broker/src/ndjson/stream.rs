//! Tail over NDJSON: the connection becomes a stream of record lines.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::BytesMut;
use yak_model::Offset;
use yak_model::api::{Rejection, Tail};
use yak_net::{StreamStep, Streamer};
use yak_protocol::{RequestId, TailEncoder, TailWindow, ValueStyle};

use super::encode_refusal;
use crate::addresses::Caller;
use crate::broker::Broker;
use crate::clients::Registration;
use crate::ops::tail::{Chunk, Tailing};

/// The stream that follows a `tail`.
#[derive(Debug)]
pub(super) struct TailStream {
    id: Option<RequestId>,
    caller: Caller,
    state: State,
    client: Arc<Registration>,
    encoder: TailEncoder,
    /// Batches as read from disk, used again for each chunk.
    batches: BytesMut,
}

#[derive(Debug)]
enum State {
    /// Topics and starting points are not yet known.
    Asked(Arc<Broker>, Tail),
    /// Records flow.
    Tailing(Box<Tailing>),
    /// An error was said; nothing follows.
    Ended,
}

impl TailStream {
    pub(super) fn new(
        broker: Arc<Broker>,
        (id, request, caller): (Option<RequestId>, Tail, Caller),
        client: Arc<Registration>,
    ) -> Self {
        Self {
            id,
            caller,
            state: State::Asked(broker, request),
            client,
            encoder: TailEncoder::default(),
            batches: BytesMut::new(),
        }
    }

    async fn step(&mut self, out: &mut BytesMut) -> Result<StreamStep, Rejection> {
        loop {
            match &mut self.state {
                State::Asked(broker, request) => {
                    let tailing = Tailing::start(Arc::clone(broker), request.clone()).await?;
                    self.state = State::Tailing(Box::new(tailing));
                }
                State::Tailing(tailing) => {
                    let Some(chunk) = tailing.next().await? else { return Ok(StreamStep::End) };
                    let values = if tailing.json_values() { ValueStyle::Json } else { ValueStyle::Text };
                    self.batches.clear();
                    chunk.load(&mut self.batches)?;
                    let window = TailWindow {
                        from: chunk.from,
                        before: chunk.stop.unwrap_or(Offset::new(i64::MAX)),
                        max_records: chunk.most,
                    };
                    let encoded = self.encoder.encode(
                        out,
                        (&chunk.topic, chunk.partition, values),
                        &self.batches,
                        window,
                    );
                    let progress = encoded.map_err(|error| {
                        Rejection::new(error.code(), format!("{}: {error}", name(&chunk)))
                    })?;
                    tailing.advance(&chunk, progress.next_offset, progress.records);
                    // Everything before was taken by the peer's window, or this chunk would not be asked for.
                    self.client.asked(&chunk.topic, chunk.partition, chunk.from);
                    self.client.sent(&chunk.topic, chunk.partition, progress.next_offset, progress.records);
                    return Ok(StreamStep::Bytes);
                }
                State::Ended => return Ok(StreamStep::End),
            }
        }
    }
}

fn name(chunk: &Chunk) -> String {
    format!("{}-{}", chunk.topic, chunk.partition)
}

impl Streamer for TailStream {
    fn next<'a>(
        &'a mut self,
        out: &'a mut BytesMut,
    ) -> Pin<Box<dyn Future<Output = StreamStep> + Send + 'a>> {
        Box::pin(async move {
            match self.step(out).await {
                Ok(step) => step,
                Err(rejection) => {
                    self.state = State::Ended;
                    encode_refusal(out, self.id.as_ref(), &self.caller, rejection);
                    StreamStep::End
                }
            }
        })
    }
}
