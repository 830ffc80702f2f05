//! The thread that owns controller and journal.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot, watch};
use yak_core::controller::{Command, CommandReply, Controller, CreateCluster};
use yak_core::image::{Elections, Image};
use yak_log::dir::Dir;
use yak_model::api::Rejection;
use yak_model::{BrokerId, ClusterId, ErrorCode, MetadataIndex, Term, TimestampMs};
use yak_protocol::journal::encode_line;

use crate::feed::Feed;
use crate::handle::{Message, QUEUE_LEN, Shared};
use crate::journal::NotWritten;
use crate::{Ended, Handle, Journal, JournalError, Options, StartError, Submission, random_bytes};

/// The term of a zookeeper that has no ensemble.
pub(crate) const TERM: Term = Term::new(1);

type ReplySender = oneshot::Sender<Result<CommandReply, Rejection>>;

#[derive(Debug)]
pub(crate) struct Worker {
    controller: Controller,
    journal: Journal,
    elections: Elections,
    /// The lines of the present group, ready to be written.
    lines: Vec<u8>,
    queue: mpsc::Receiver<Message>,
    images: watch::Sender<Arc<Image>>,
    shared: Arc<Shared>,
    feed: Arc<Feed>,
    /// Whether each change is told on stderr.
    tell_changes: bool,
    started: Instant,
}

/// Commands that were decided together and wait for the same sync.
#[derive(Debug)]
struct Group {
    replies: Vec<(ReplySender, Result<CommandReply, Rejection>)>,
    /// As of the group's last line; kept only if the group is written.
    elections: Elections,
    /// What each line is for; told only if the group is written.
    causes: Vec<(MetadataIndex, String)>,
}

impl Group {
    fn new(elections: Elections) -> Self {
        Self { replies: Vec::new(), elections, causes: Vec::new() }
    }
}

impl Worker {
    /// Opens or begins the journal.
    pub(crate) fn open(dir: Arc<dyn Dir>, options: Options) -> Result<(Self, Handle, Arc<Feed>), StartError> {
        let fresh = match options.cluster_id {
            Some(known) => known,
            None => ClusterId::from_random(random_bytes()?),
        };
        let (journal, recovered) = Journal::open(dir, &options, fresh)?;
        if let Some(expected) = options.cluster_id.filter(|expected| *expected != recovered.cluster_id) {
            return Err(StartError::OtherCluster { expected, found: recovered.cluster_id });
        }
        if let Some(cut) = &recovered.cut {
            tracing::warn!(
                file = %cut.path.display(),
                line = cut.line,
                bytes = cut.bytes,
                "journal_tail_cut: the last write was never finished, and so never acknowledged"
            );
        }
        let image = Arc::new(recovered.image);
        let (images, watching) = watch::channel(Arc::clone(&image));
        let (sender, queue) = mpsc::channel(QUEUE_LEN);
        let elections = Arc::new(recovered.elections.clone());
        let shared = Arc::new(Shared::new(Arc::clone(&image), elections));
        let feed = Arc::new(feed_of(&options, &image, &recovered.lines));
        feed.set_file(journal.path());
        let mut worker = Self {
            controller: Controller::new(options.controller, image.as_ref().clone()),
            journal,
            elections: recovered.elections,
            lines: Vec::new(),
            queue,
            images,
            shared: Arc::clone(&shared),
            feed: Arc::clone(&feed),
            tell_changes: options.tell_changes,
            started: Instant::now(),
        };
        if image.cluster_id().uuid().is_zero() {
            worker.begin(recovered.cluster_id)?;
        }
        Ok((worker, Handle::new(sender, shared, watching), feed))
    }

    /// Writes a new cluster's first line.
    fn begin(&mut self, cluster_id: ClusterId) -> Result<(), JournalError> {
        let (reply, _nobody) = oneshot::channel();
        let mut group = Group::new(Elections::default());
        self.decide(CreateCluster { cluster_id }.into(), reply, &mut group);
        self.write(group)
    }

    /// Serves until it is asked to stop, nobody can ask any more, or the disk fails.
    pub(crate) fn run(mut self) {
        // Says so if a panic unwinds through here; an outcome that is there already stays.
        let _guard = OutcomeGuard(Arc::clone(&self.shared));
        let outcome = match self.serve() {
            Ok(()) => Ended::InOrder,
            Err(error) => {
                tracing::error!(%error, "zookeeper_failed");
                Ended::Failed(Arc::new(error))
            }
        };
        self.shared.ended.set(outcome).expect("only this thread says how it ended");
    }

    fn serve(&mut self) -> Result<(), JournalError> {
        while let Some(message) = self.queue.blocking_recv() {
            let mut stop = false;
            let mut group = Group::new(self.elections.clone());
            let mut next = Some(message);
            while let Some(message) = next {
                match message {
                    Message::Submit(Submission { command, reply }) => self.decide(command, reply, &mut group),
                    Message::Stop => stop = true,
                }
                let full = stop || group.replies.len() >= QUEUE_LEN;
                next = if full { None } else { self.queue.try_recv().ok() };
            }
            self.write(group)?;
            self.journal.compact_if_due(self.controller.image(), TERM, wall_clock())?;
            self.feed.set_file(self.journal.path());
            if stop {
                return Ok(());
            }
        }
        Ok(())
    }

    fn decide(&mut self, command: Command, reply: ReplySender, group: &mut Group) {
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).expect("no process runs that long");
        let before = self.controller.image().clone();
        let mut decision = self.controller.handle(now_ms, wall_clock(), command);
        if let Some(line) = decision.line(TERM, self.journal.synced()) {
            group.elections.observe(&before, &line);
            encode_line(&line, &mut self.lines);
            if self.tell_changes {
                group.causes.push((line.index, line.cause));
            }
        }
        group.replies.push((reply, decision.reply));
    }

    /// Makes a group durable, publishes its image and sends its replies, in this order.
    fn write(&mut self, mut group: Group) -> Result<(), JournalError> {
        let lines = std::mem::take(&mut self.lines);
        if !lines.is_empty() {
            match self.journal.append(&lines, self.controller.image().index()) {
                Ok(()) => {
                    self.feed.push(&lines, self.controller.image().index());
                    for (index, cause) in group.causes {
                        tracing::info!(%index, cause, "metadata_changed");
                    }
                    self.publish(group.elections);
                }
                Err(NotWritten::NoRoom(error)) => {
                    self.controller.restore(self.shared.image.load().as_ref().clone());
                    // Also what changed nothing was decided on top of what is now undone.
                    let refusal = no_room(&error);
                    group.replies.iter_mut().for_each(|(_, result)| *result = Err(refusal.clone()));
                }
                Err(NotWritten::Failed(error)) => return Err(error),
            }
        }
        self.lines = lines;
        self.lines.clear();
        self.lines.shrink_to(64 * 1024);
        for (reply, result) in group.replies {
            // Who does not wait any more does not mind.
            reply.send(result).ok();
        }
        Ok(())
    }

    fn publish(&mut self, elections: Elections) {
        let image = Arc::new(self.controller.image().clone());
        tell(&elections, elections.total() - self.elections.total());
        self.elections = elections;
        self.shared.elections.store(Arc::new(self.elections.clone()));
        self.shared.image.store(Arc::clone(&image));
        self.images.send_replace(image);
    }
}

/// Tells of the newest elections, as many as are remembered.
fn tell(elections: &Elections, new: u64) {
    let newest = elections.iter().rev().take(usize::try_from(new).unwrap_or(usize::MAX)).collect::<Vec<_>>();
    for election in newest.into_iter().rev() {
        let name = |broker: Option<BrokerId>| broker.map_or_else(|| "none".to_owned(), |id| id.to_string());
        tracing::info!(
            topic = %election.topic,
            partition = %election.partition,
            from = name(election.from),
            to = name(election.to),
            epoch = %election.leader_epoch,
            cause = election.cause,
            "leader_changed"
        );
    }
}

/// The lines of the file, as many as are kept.
fn feed_of(options: &Options, image: &Image, lines: &[u8]) -> Feed {
    let feed = Feed::new(options.feed_bytes, image.index());
    feed.push(lines, image.index());
    feed
}

fn no_room(error: &JournalError) -> Rejection {
    let message = format!("nothing was changed: {error}");
    Rejection::new(ErrorCode::KafkaStorageError, message).retry_after(1_000)
}

pub(crate) fn wall_clock() -> TimestampMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimestampMs::new(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Says that the thread panicked, unless it has said how it ended.
#[derive(Debug)]
struct OutcomeGuard(Arc<Shared>);

impl Drop for OutcomeGuard {
    fn drop(&mut self) {
        self.0.ended.get_or_init(|| Ended::Panicked);
    }
}
