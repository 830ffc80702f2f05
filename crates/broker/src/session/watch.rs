//! The watch: the journal as it grows, applied line by line to an image of one's own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::timeout;
use yak_core::image::{Elections, Image};
use yak_model::api::{Watch, ZookeeperReport};
use yak_model::metadata::{JournalLine, MetadataRecord};
use yak_model::{BrokerId, MetadataIndex};
use yak_protocol::journal::Header;
use yak_protocol::{ControllerStatus, WatchEvent, WatchLine, encode_watch_request, parse_watch_line};

use super::backoff::Backoff;
use super::link::Link;
use super::{Found, Lost, Operations, Shared};

/// Without a line for so long, the connection is made anew: an `alive` comes every half second.
const SILENCE: Duration = Duration::from_millis(1_500);

/// What is known of the journal.
struct Watcher<'a> {
    shared: &'a Shared,
    operations: Operations,
    image: Image,
    elections: Elections,
    /// Lines of an image still to come.
    missing: u64,
    /// The text was asked for from its beginning.
    anew: bool,
    suspended: BTreeSet<BrokerId>,
    /// Raw lines not yet handed over, and whether a text begins with them.
    lines: BytesMut,
    begins: Option<MetadataIndex>,
    changed: bool,
}

/// Watches for as long as the session lasts.
pub(super) async fn run(shared: &Shared, found: Found, operations: Operations) {
    let mut watcher = Watcher {
        shared,
        operations,
        image: found.image,
        elections: found.elections,
        missing: 0,
        anew: true,
        suspended: BTreeSet::new(),
        lines: BytesMut::new(),
        begins: None,
        changed: false,
    };
    let mut backoff = Backoff::new();
    loop {
        let address = &shared.zookeepers[backoff.turn(shared.zookeepers.len())];
        let Lost(why) = match watcher.watch(address, &mut backoff).await {
            Ok(never) => match never {},
            Err(lost) => lost,
        };
        if backoff.is_news(&why) {
            if shared.caught_up.is_cancelled() {
                tracing::warn!(zookeeper = %address, reason = why, "zookeeper_lost");
            } else {
                tracing::info!("waiting for zookeeper at {}", shared.addresses());
                tracing::debug!(zookeeper = %address, reason = why, "zookeeper_not_reached");
            }
        }
        // Who is suspended is not known any more; what is not known to be suspended serves.
        watcher.suspended.clear();
        watcher.shared.publisher.suspend(BTreeSet::new());
        backoff.wait().await;
    }
}

impl Watcher<'_> {
    /// Follows one connection.
    async fn watch(
        &mut self,
        address: &crate::config::Endpoint,
        backoff: &mut Backoff,
    ) -> Result<std::convert::Infallible, Lost> {
        let mut link = Link::dial(address).await?;
        self.shared.local.get_or_init(|| link.local());
        self.check_cluster(&ask(&mut link, ControllerStatus::default()).await?)?;
        // An older journal must serve nobody: not those either who have seen less of it. Another cluster's is not older,
        // and neither what was seen nor the secret is its business.
        let secret = self.shared.secret.reveal().map(str::to_owned);
        let report = ask(&mut link, ControllerStatus { seen: Some(self.seen()), secret }).await?;
        self.check_index(&report)?;
        self.anew = self.operations.wants_anew() || self.missing > 0 || self.image.index().get() == 0;
        let after = (!self.anew).then(|| self.image.index());
        let mut request = BytesMut::new();
        encode_watch_request(&mut request, None, &Watch { after, events: true });
        link.send(&request).await?;
        (self.missing, self.begins) = (0, None);
        self.lines.clear();
        loop {
            let line = match link.received_line() {
                Some(line) => line,
                None => {
                    // Everything that had arrived is applied: now it is shown.
                    self.show(report.index);
                    match timeout(SILENCE, link.line()).await {
                        Ok(line) => line?,
                        Err(_elapsed) => return Err(Lost::new("is silent")),
                    }
                }
            };
            backoff.reset();
            self.take(&line)?;
            if self.operations.wants_anew() && self.missing == 0 && self.lines.is_empty() {
                return Err(Lost::new("is asked for its image anew"));
            }
        }
    }

    /// The highest journal index that this broker has ever seen.
    fn seen(&self) -> MetadataIndex {
        self.shared.seen.max(self.image.index())
    }

    /// Whether this is the zookeeper of our cluster.
    fn check_cluster(&self, report: &ZookeeperReport) -> Result<(), Lost> {
        let ours = self.shared.cluster_id.unwrap_or(self.image.cluster_id());
        if !ours.uuid().is_zero() && ours != report.cluster_id {
            let (id, theirs) = (self.shared.broker_id, report.cluster_id);
            self.shared.give_up(format!(
                "broker {id} belongs to cluster {ours}, the zookeeper at {} to cluster {theirs}",
                self.shared.addresses()
            ));
            return Err(Lost::new("belongs to another cluster"));
        }
        Ok(())
    }

    /// Whether it has all that we know of.
    fn check_index(&self, report: &ZookeeperReport) -> Result<(), Lost> {
        let seen = self.seen();
        if report.index < seen {
            let why = format!(
                "has an older journal: it ends at {}, this broker has seen {seen}; waiting for the newer one",
                report.index
            );
            tracing::error!("the zookeeper at {} {why}", self.shared.addresses());
            return Err(Lost(why));
        }
        Ok(())
    }

    fn take(&mut self, raw: &[u8]) -> Result<(), Lost> {
        let text = raw.strip_suffix(b"\n").unwrap_or(raw);
        match parse_watch_line(text).map_err(|malformed| Lost(malformed.to_string()))? {
            Some(WatchLine::Header(header)) => self.begin(header, raw),
            Some(WatchLine::Line(line)) => {
                self.apply(&line)?;
                self.lines.extend_from_slice(raw);
            }
            Some(WatchLine::Event(WatchEvent::Suspended(broker))) => {
                self.suspended.insert(broker);
                self.shared.publisher.suspend(self.suspended.clone());
            }
            Some(WatchLine::Event(WatchEvent::Restored(broker))) => self.restore(broker),
            Some(WatchLine::Event(WatchEvent::Alive)) | None => {}
            Some(WatchLine::Refused(rejection)) => {
                return Err(Lost(format!("does not let itself be watched: {rejection}")));
            }
        }
        Ok(())
    }

    /// A text begins: from an image, from the journal's beginning, or where ours ends.
    fn begin(&mut self, header: Header, raw: &[u8]) {
        let first = match header.image {
            Some(image) => {
                self.missing = image.lines;
                image.index
            }
            None if !self.anew => return,
            None => MetadataIndex::new(0),
        };
        self.image = Image::default();
        self.image.set_index(first);
        self.lines.clear();
        self.lines.extend_from_slice(raw);
        self.begins = Some(first.next());
        self.operations.begins();
    }

    fn apply(&mut self, line: &JournalLine) -> Result<(), Lost> {
        let contradicts = |error| Lost(format!("sent a line that contradicts the ones before: {error}"));
        if self.missing > 0 {
            line.records.iter().try_for_each(|record| self.image.apply(record)).map_err(contradicts)?;
            self.missing -= 1;
        } else {
            self.elections.observe(&self.image, line);
            if let Err(error) = self.image.apply_line(line) {
                // Half of a line may be in it.
                self.image = Image::default();
                return Err(contradicts(error));
            }
            line.records.iter().filter_map(settles).for_each(|broker| self.restore(broker));
        }
        self.changed = true;
        Ok(())
    }

    fn restore(&mut self, broker: BrokerId) {
        if self.suspended.remove(&broker) {
            self.shared.publisher.suspend(self.suspended.clone());
        }
    }

    /// Publishes what was applied, and hands its lines over to be kept.
    fn show(&mut self, caught_up_at: MetadataIndex) {
        if self.missing > 0 {
            return;
        }
        if self.changed {
            self.changed = false;
            let image = Arc::new(self.image.clone());
            self.shared.publisher.publish(image, Arc::new(self.elections.clone()));
            self.operations.keep(self.begins.take(), self.lines.split().freeze());
        }
        if self.image.index() >= caught_up_at {
            self.shared.caught_up.cancel();
        }
    }
}

/// Asks the zookeeper how it is.
async fn ask(link: &mut Link, question: ControllerStatus) -> Result<ZookeeperReport, Lost> {
    let report = link.call(&question).await?.result;
    Ok(report.map_err(|rejection| Lost(format!("does not serve: {rejection}")))?.body)
}

/// Whose suspension a record puts an end to.
fn settles(record: &MetadataRecord) -> Option<BrokerId> {
    match record {
        MetadataRecord::BrokerRegistered(registration) => Some(registration.broker_id),
        MetadataRecord::BrokerFenced { broker_id, .. } => Some(*broker_id),
        _ => None,
    }
}
