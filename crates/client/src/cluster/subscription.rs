//! The cluster's one subscription: news of leaders and brokers, from whichever broker is alive.
//!
//! ```text
//!   connect to a broker ─► subscribe ─► news into the cache ─► everybody looks who leads now
//!        ▲                                │ 1 s without a line, an end, an error
//!        └────────── the next broker ◄────┘
//! ```
//!
//! The task begins with the first topic that somebody follows, and ends with the cluster. A broker that does not
//! know of subscriptions is left for another; while there is none, metadata is asked for when it is wanted or old.

use std::sync::{PoisonError, Weak};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use yak_model::TopicName;
use yak_model::api::{Subscribe, SubscriptionEvent};
use yak_protocol::{encode_subscribe_request, parse_event};

use super::ask::QUICK;
use super::{Backoff, Cluster, Inner};
use crate::connection::{OpenError, ReplyError, plain};
use crate::{Address, ClientError, Connection};

/// A broker that says nothing for so long is taken for dead; it says that it is alive twice as often.
const SILENCE: Duration = Duration::from_secs(1);

/// Why listening to a broker ended.
enum Ended {
    /// There are more topics to follow.
    MoreTopics,
    /// The cluster is not used any more.
    Unused,
    /// Nothing more comes from this broker.
    Lost(ClientError),
}

/// Subscribes, and subscribes again elsewhere, for as long as the cluster is used.
pub(super) async fn run(inner: Weak<Inner>, mut followed: watch::Receiver<Vec<TopicName>>) {
    let Some(mut backoff) = inner.upgrade().map(|inner| Backoff::new(&inner.config)) else { return };
    // Who was listened to last, how many have been tried in vain since, and how many of them were not even reached.
    let (mut last, mut in_vain, mut unreached): (Option<Address>, usize, usize) = (None, 0, 0);
    loop {
        let Some(cluster) = inner.upgrade().map(|inner| Cluster { inner }) else { return };
        let candidates = cluster.addresses(last.as_ref());
        let topics = followed.borrow_and_update().clone();
        drop(cluster);
        let Some(address) = candidates.get(in_vain % candidates.len()) else { return };
        let begun = Instant::now();
        let mut listening =
            Listening { inner: &inner, address, named: address.clone(), is_reached: false, has_heard: false };
        let ended = tokio::select! {
            ended = listening.listen(topics) => ended,
            changed = followed.changed() => if changed.is_ok() { Ended::MoreTopics } else { Ended::Unused },
        };
        let Listening { named, is_reached, has_heard, .. } = listening;
        let Some(inner) = inner.upgrade() else { return };
        inner.is_subscribed.store(false, std::sync::atomic::Ordering::Relaxed);
        let error = match ended {
            Ended::Unused => return,
            // The same broker will do again.
            Ended::MoreTopics => continue,
            Ended::Lost(error) => error,
        };
        tracing::info!(%address, %error, "no more news from a broker; asking another");
        // (Who ends every subscription soon after its beginning is no use.)
        if has_heard && begun.elapsed() >= SILENCE {
            backoff.reset();
            (last, in_vain, unreached) = (Some(named), 0, 0);
            continue;
        }
        in_vain += 1;
        unreached += usize::from(!is_reached);
        if in_vain >= candidates.len() {
            // (Somebody who is reached and does not know of subscriptions, or does not want them now, is no silence.)
            if unreached == in_vain {
                Cluster { inner }.fell_silent(error);
            }
            (in_vain, unreached) = (0, 0);
            sleep(backoff.next()).await;
        }
    }
}

struct Listening<'a> {
    inner: &'a Weak<Inner>,
    address: &'a Address,
    /// What the cluster calls it, once that is known.
    named: Address,
    /// It has said hello.
    is_reached: bool,
    has_heard: bool,
}

impl Listening<'_> {
    async fn listen(&mut self, topics: Vec<TopicName>) -> Ended {
        match self.try_listen(topics).await {
            Ok(ended) => ended,
            Err(error) => Ended::Lost(error),
        }
    }

    async fn try_listen(&mut self, topics: Vec<TopicName>) -> Result<Ended, ClientError> {
        let Some((config, cluster_id)) =
            self.inner.upgrade().map(|inner| (inner.config.clone(), inner.cluster_id))
        else {
            return Ok(Ended::Unused);
        };
        let opened = Connection::open_within(self.address, &config, QUICK.min(config.connect_timeout)).await;
        let connection = opened.map_err(|error| match error {
            OpenError::Dial(error) => self.lost(error.why()),
            OpenError::Talk(error) => error,
        })?;
        if connection.server().cluster_id != cluster_id {
            return Err(self.lost("it belongs to another cluster".to_owned()));
        }
        self.is_reached = true;
        let broker_id = connection.server().broker_id;
        let (mut stream, mut lines, id) = connection.into_parts();
        let mut request = BytesMut::new();
        encode_subscribe_request(&mut request, Some(id), &Subscribe { topics: Some(topics) });
        stream.write_all(&request).await.map_err(|error| self.lost(plain(&error)))?;
        loop {
            while let Some(len) = lines.next_len().map_err(|long| ReplyError::from(long).at(self.address))? {
                let event = parse_event(lines.line(len))
                    .map_err(|malformed| ReplyError::from(malformed).at(self.address))??;
                lines.consume(len);
                let Some(inner) = self.inner.upgrade() else { return Ok(Ended::Unused) };
                let cluster = Cluster { inner };
                cluster.heard(event.as_ref());
                if !std::mem::replace(&mut self.has_heard, true) {
                    self.named = cluster.address_of(broker_id).unwrap_or_else(|| self.address.clone());
                }
            }
            match timeout(SILENCE, stream.read_buf(lines.space())).await {
                Ok(Ok(0)) => return Err(self.lost("the broker closed the connection".to_owned())),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(self.lost(plain(&error))),
                Err(_elapsed) => {
                    return Err(self.lost(format!("nothing was heard for {} ms", SILENCE.as_millis())));
                }
            }
        }
    }

    fn lost(&self, why: String) -> ClientError {
        ClientError::Connection { address: self.address.clone(), why }
    }
}

impl Cluster {
    /// Hears news of these topics from now on, besides those followed already.
    pub(crate) fn follow(&self, topics: &[TopicName]) {
        let is_new = self.inner.followed.send_if_modified(|followed| {
            let before = followed.len();
            for topic in topics {
                if let Err(at) = followed.binary_search(topic) {
                    followed.insert(at, topic.clone());
                }
            }
            followed.len() > before
        });
        if !is_new {
            return;
        }
        let mut task = self.inner.subscription.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_none_or(tokio::task::AbortHandle::is_finished) {
            let followed = self.inner.followed.subscribe();
            let run = run(std::sync::Arc::downgrade(&self.inner), followed);
            *task = Some(tokio::spawn(run).abort_handle());
        }
    }

    /// Changes whenever there is news of a topic that somebody follows.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.inner.news.subscribe()
    }

    /// Whether news comes by itself.
    pub(crate) fn is_subscribed(&self) -> bool {
        self.inner.is_subscribed.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Why no broker at all was reached in the subscription's last round; `None` if one was, or nobody subscribed.
    pub(crate) fn silence(&self) -> Option<ClientError> {
        self.inner.silence.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// No broker can be reached. That is news.
    fn fell_silent(&self, error: ClientError) {
        *self.inner.silence.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        self.inner.news.send_modify(|count| *count += 1);
    }

    fn heard(&self, event: Option<&SubscriptionEvent>) {
        self.inner.is_subscribed.store(true, std::sync::atomic::Ordering::Relaxed);
        *self.inner.silence.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(SubscriptionEvent::Metadata(metadata)) = event {
            self.cache(|cache| cache.take_in(metadata));
            self.inner.news.send_modify(|count| *count += 1);
        }
    }
}
