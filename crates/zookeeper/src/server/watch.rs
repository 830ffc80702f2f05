//! watch: the journal as it grows, byte for byte, and between its lines what happens to sessions.
//!
//! A watcher is sent the lines that it does not have, if they are still at hand, or an image. One that falls further
//! behind than the lines that are kept is sent an image in the middle. Events come after the lines that are durable
//! by then, so that a suspension that ended by fencing is never told after the fencing.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use yak_core::image::Image;
use yak_model::api::{Rejection, Watch};
use yak_model::{BrokerId, ErrorCode, MetadataIndex};
use yak_net::{StreamStep, Streamer};
use yak_protocol::journal::{Header, encode_header};
use yak_protocol::{RequestId, WatchEvent, encode_error, encode_watch_event};

use super::desk::Desk;
use crate::feed::Feed;

/// How often a watcher who wants events is told that the zookeeper is there.
const ALIVE_EVERY: Duration = Duration::from_millis(500);
/// About how much is handed to the socket at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// The stream that follows a `watch`.
#[derive(Debug)]
pub(super) struct WatchStream {
    id: Option<RequestId>,
    request: Watch,
    desk: Arc<Desk>,
    feed: Arc<Feed>,
    images: watch::Receiver<Arc<Image>>,
    suspended: watch::Receiver<BTreeSet<BrokerId>>,
    /// Who was told to be suspended.
    told: BTreeSet<BrokerId>,
    /// The last line that was sent; `None` before the beginning.
    at: Option<MetadataIndex>,
    /// What is left to be sent of the image up to there.
    image: Bytes,
    alive_at: Instant,
    ended: bool,
}

impl WatchStream {
    pub(super) fn new(id: Option<RequestId>, request: Watch, desk: Arc<Desk>, feed: Arc<Feed>) -> Self {
        let (images, suspended) = (desk.handle().subscribe(), desk.suspended());
        let (told, alive_at) = (BTreeSet::new(), Instant::now());
        let image = Bytes::new();
        Self { id, request, desk, feed, images, suspended, told, at: None, image, alive_at, ended: false }
    }

    /// Appends what there is to be sent now.
    fn append(&mut self, out: &mut BytesMut) -> Result<(), Rejection> {
        // Before anything is looked at: what comes later wakes again.
        self.images.mark_unchanged();
        self.suspended.mark_unchanged();
        self.desk.refuse_if_older()?;
        if self.image.is_empty() {
            let at = match self.at {
                Some(at) => at,
                None => self.begin(out)?,
            };
            // What a beginning left to be sent comes first.
            let read = if self.image.is_empty() { self.feed.read(at, CHUNK_BYTES, out) } else { Some(at) };
            self.at = Some(read.unwrap_or_else(|| self.begin_anew()));
        }
        if !self.image.is_empty() {
            let chunk = self.image.split_to(self.image.len().min(CHUNK_BYTES));
            out.extend_from_slice(&chunk);
        } else if let (true, Some(at)) = (self.request.events, self.at) {
            self.append_events(at, out);
        }
        Ok(())
    }

    /// The header, and where the lines go on after it.
    fn begin(&mut self, out: &mut BytesMut) -> Result<MetadataIndex, Rejection> {
        let image = self.desk.handle().image();
        let after = self.request.after.unwrap_or_default();
        if after > image.index() {
            let message =
                format!("after: the journal ends at {}, there is no line {after} yet", image.index());
            return Err(Rejection::new(ErrorCode::InvalidRequest, message));
        }
        // With no bytes at all to be read this asks whether the lines are kept.
        if self.feed.read(after, 0, &mut BytesMut::new()).is_none() {
            return Ok(self.begin_anew());
        }
        let mut header = Vec::new();
        encode_header(&Header { cluster_id: image.cluster_id(), image: None }, &mut header);
        out.extend_from_slice(&header);
        Ok(after)
    }

    /// A header with the present image is to be sent next, piece by piece.
    fn begin_anew(&mut self) -> MetadataIndex {
        let image = self.desk.handle().image();
        self.image = self.feed.image_text(&image);
        image.index()
    }

    fn append_events(&mut self, at: MetadataIndex, out: &mut BytesMut) {
        let image = self.desk.handle().image();
        if at < image.index() {
            // There are lines that come first.
            return;
        }
        let present = self.suspended.borrow().clone();
        // Who was fenced or registers anew is told so by a line.
        let stands = |broker: &&BrokerId| image.is_live(**broker);
        for broker in present.difference(&self.told).filter(stands) {
            encode_watch_event(out, WatchEvent::Suspended(*broker));
        }
        for broker in self.told.difference(&present).filter(stands) {
            encode_watch_event(out, WatchEvent::Restored(*broker));
        }
        self.told = present;
        if self.alive_at <= Instant::now() {
            self.alive_at = Instant::now() + ALIVE_EVERY;
            encode_watch_event(out, WatchEvent::Alive);
        }
    }

    async fn step(&mut self, out: &mut BytesMut) -> StreamStep {
        if self.ended {
            return StreamStep::End;
        }
        let begin = out.len();
        loop {
            if let Err(rejection) = self.append(out) {
                self.ended = true;
                encode_error(out, self.id.as_ref(), &rejection);
                return StreamStep::End;
            }
            if out.len() > begin {
                return StreamStep::Bytes;
            }
            tokio::select! {
                changed = self.images.changed() => if changed.is_err() {
                    return StreamStep::End;
                },
                _ = self.suspended.changed(), if self.request.events => {}
                () = sleep_until(self.alive_at), if self.request.events => {}
            }
        }
    }
}

impl Streamer for WatchStream {
    fn next<'a>(
        &'a mut self,
        out: &'a mut BytesMut,
    ) -> Pin<Box<dyn Future<Output = StreamStep> + Send + 'a>> {
        Box::pin(self.step(out))
    }
}
