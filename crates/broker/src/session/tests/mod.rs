//! The session against a zookeeper that a test tells what to do.

pub(crate) mod fake;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fake::{Fake, cluster};
use tempfile::TempDir;
use yak_core::controller::CreateTopics;
use yak_model::api::{self, LogProof, OpenSession, RegisterBroker, Rejection, SessionOpened, TopicDefaults};
use yak_model::config::{ConfigKind, ConfigValue, Secret};
use yak_model::{BrokerId, ClusterId, DirectoryId, ErrorCode, IncarnationId, MetadataIndex, TopicId};
use yak_protocol::WatchEvent;
use yak_zookeeper::{Ended, Handle};

use super::{Membership, Operations, Options, Session, Stuck};
use crate::clients::Clients;
use crate::clock::Clock;

const ME: BrokerId = BrokerId::new(1);

/// A broker without partitions: it applies what it is shown.
struct Rig {
    fake: Fake,
    session: Session,
    handle: Handle,
    membership: Arc<Membership>,
    clock: Clock,
    stuck: Arc<AtomicBool>,
    directory: TempDir,
}

impl Rig {
    async fn new() -> Self {
        Self::with(Fake::start().await, tempfile::tempdir().expect("a directory"), None)
    }

    fn with(fake: Fake, directory: TempDir, cluster_id: Option<ClusterId>) -> Self {
        Self::beating(Duration::from_millis(500), fake, directory, cluster_id)
    }

    fn beating(every: Duration, fake: Fake, directory: TempDir, cluster_id: Option<ClusterId>) -> Self {
        let clock = Clock::start();
        let membership = Membership::remote(clock);
        let stuck = Arc::new(AtomicBool::new(false));
        let hangs = Arc::clone(&stuck);
        let options = Options {
            zookeepers: vec![fake.endpoint.clone()],
            broker_id: ME,
            cluster_id,
            secret: secret(),
            heartbeat_interval: every,
            operations: Operations::open(directory.path()).expect("opens"),
            membership: Arc::clone(&membership),
            stuck: Stuck(Box::new(move || hangs.load(Ordering::Relaxed))),
        };
        let (session, handle) = Session::start(options).expect("starts");
        let mut published = handle.subscribe();
        let (follows, followed) = (Arc::clone(&membership), handle.clone());
        tokio::spawn(async move {
            follows.applied(followed.image().index());
            while published.changed().await.is_ok() {
                follows.applied(followed.image().index());
            }
        });
        Self { fake, session, handle, membership, clock, stuck, directory }
    }

    /// Registers, and recovers.
    async fn join(&self) -> SessionOpened {
        self.session.caught_up().await.expect("there is a zookeeper");
        let opened = self.session.register(registration()).await.expect("accepted");
        self.membership.recovered(&Arc::<Clients>::default());
        until("unfenced", || self.handle.image().is_live(ME)).await;
        opened
    }

    fn has_lease(&self) -> bool {
        self.membership.lease_until_ms() > self.clock.now_ms()
    }
}

/// What every broker of these tests shows.
fn secret() -> Secret {
    match ConfigKind::Secret.parse("open sesame") {
        Ok(ConfigValue::Secret(secret)) => secret,
        other => unreachable!("not a secret: {other:?}"),
    }
}

fn registration() -> OpenSession {
    let registration = RegisterBroker {
        broker_id: ME,
        incarnation_id: IncarnationId::from_random([1; 16]),
        cluster_id: None,
        directory_ids: vec![DirectoryId::from_random([2; 16])],
        host: "localhost".to_owned(),
        port: 9092,
        advertised: false,
        rack: None,
        proof: LogProof::default(),
    };
    OpenSession { registration, seen: MetadataIndex::new(0), secret: None }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_broker_registers_is_unfenced_and_holds_its_lease() {
    let rig = Rig::new().await;
    assert!(!rig.has_lease() && !rig.membership.is_connected());
    let opened = rig.join().await;
    assert_eq!(rig.membership.keys().current(), Some(opened.key));
    until("the lease is held", || rig.has_lease()).await;
    assert!(rig.membership.heartbeat_age_ms().is_some());
    let seen = rig.fake.state().registered[0].clone();
    assert_eq!(seen, registration());
}

#[tokio::test]
async fn whoever_looks_at_the_journal_shows_the_secret() {
    let rig = Rig::new().await;
    rig.session.caught_up().await.expect("there is a zookeeper");
    let asked = rig.fake.state().asked.clone();
    let shows = |(_, secret): &(MetadataIndex, Option<String>)| secret.as_deref() == Some("open sesame");
    assert!(!asked.is_empty() && asked.iter().all(shows), "{asked:?}");
}

#[tokio::test]
async fn a_lost_connection_ends_the_lease_and_the_session_is_resumed() {
    let rig = Rig::new().await;
    rig.join().await;
    until("the lease is held", || rig.has_lease()).await;
    rig.fake.state().silent = true;
    rig.fake.cut();
    until("the lease is gone", || rig.membership.lease_until_ms() == 0).await;
    assert!(!rig.membership.is_connected());
    rig.fake.state().silent = false;
    rig.fake.cut();
    until("the lease is back", || rig.has_lease()).await;
    let state = rig.fake.state();
    assert_eq!((state.registered.len(), state.resumed), (1, 1), "a process registers once");
}

#[tokio::test]
async fn while_nothing_is_answered_the_lease_runs_out() {
    let rig = Rig::new().await;
    rig.join().await;
    until("the lease is held", || rig.has_lease()).await;
    rig.fake.state().silent = true;
    until("the lease ran out", || !rig.has_lease()).await;
}

#[tokio::test]
async fn a_lease_waits_until_the_partitions_work_by_what_the_answer_knew() {
    let rig = Rig::new().await;
    rig.join().await;
    until("the lease is held", || rig.has_lease()).await;
    // The zookeeper knows more than this broker is shown.
    rig.membership.applied(MetadataIndex::new(1));
    until("the lease ran out", || !rig.has_lease()).await;
    rig.membership.applied(rig.handle.image().index());
    until("the lease is back", || rig.has_lease()).await;
}

#[tokio::test]
async fn a_hanging_disk_withholds_heartbeats() {
    let rig = Rig::new().await;
    rig.join().await;
    rig.stuck.store(true, Ordering::Relaxed);
    until("the lease ran out", || !rig.has_lease()).await;
    let told = rig.fake.state().heartbeats;
    rig.stuck.store(false, Ordering::Relaxed);
    until("the lease is back", || rig.has_lease()).await;
    // The lease may have come back by an answer that was late; heartbeats go on only now.
    until("heartbeats go on", || rig.fake.state().heartbeats > told).await;
}

/// At twice a second this would take more than three times as long as a test waits for anything.
#[tokio::test]
async fn heartbeats_come_as_often_as_configured() {
    let directory = tempfile::tempdir().expect("a directory");
    let rig = Rig::beating(Duration::from_millis(10), Fake::start().await, directory, None);
    rig.join().await;
    until("two hundred heartbeats", || rig.fake.state().heartbeats >= 200).await;
    assert_eq!(rig.fake.state().registered.len(), 1, "one session all the time");
}

#[tokio::test]
async fn whoever_is_refused_for_now_keeps_trying() {
    let rig = Rig::new().await;
    for code in [
        ErrorCode::DuplicateBrokerRegistration,
        ErrorCode::InvalidRegistration,
        ErrorCode::ClusterAuthorizationFailed,
    ] {
        rig.fake.state().refusals.extend([Rejection::new(code, "not yet"), Rejection::new(code, "not yet")]);
    }
    rig.join().await;
    assert!(rig.fake.state().refusals.is_empty());
}

#[tokio::test]
async fn whoever_is_refused_for_good_ends_and_says_why() {
    let rig = Rig::new().await;
    let refusal = Rejection::new(ErrorCode::InconsistentClusterId, "this is another cluster");
    rig.fake.state().refusals.push_back(refusal);
    let ended = rig.session.register(registration()).await.expect_err("refused");
    assert!(matches!(ended, Ended::Session(_)));
    let said = ended.to_string();
    assert!(said.contains("refused broker 1: this is another cluster"), "{said}");
}

#[tokio::test]
async fn a_session_that_is_not_continued_ends_the_process() {
    let rig = Rig::new().await;
    rig.join().await;
    let refusal = Rejection::new(ErrorCode::StaleBrokerEpoch, "broker 1 registered anew");
    rig.fake.state().no_resumption = Some(refusal);
    rig.fake.cut();
    let said = rig.handle.ended().await.to_string();
    assert!(said.contains("broker 1 registered anew"), "{said}");
}

#[tokio::test]
async fn the_zookeeper_of_another_cluster_is_refused() {
    let fake = Fake::start().await;
    let other = ClusterId::from_random([6; 16]);
    let rig = Rig::with(fake, tempfile::tempdir().expect("a directory"), Some(other));
    let said = rig.session.caught_up().await.expect_err("another cluster").to_string();
    assert!(said.contains(&other.to_string()) && said.contains(&cluster().to_string()), "{said}");
    assert_eq!(
        rig.fake.state().asked,
        [],
        "nor is it told what another cluster's journal has, or the secret"
    );
}

#[tokio::test]
async fn an_older_journal_is_waited_out() {
    let rig = Rig::new().await;
    rig.fake.state().change();
    let index = rig.fake.state().index();
    until("the image is new", || rig.handle.image().index() == index).await;
    let lost = rig.fake.state().lines.pop();
    rig.fake.cut();
    until("the zookeeper was asked", || rig.handle.image().index() == index).await;
    assert_eq!(rig.handle.image().index(), index, "what was seen stays");
    rig.fake.state().lines.extend(lost);
    rig.fake.state().change();
    until("the journal goes on", || rig.handle.image().index() == index.next()).await;
}

#[tokio::test]
async fn a_command_is_answered_once_its_effect_is_seen() {
    let rig = Rig::new().await;
    rig.join().await;
    let topic = api::CreateTopic {
        name: "t".to_owned(),
        partitions: None,
        replication_factor: None,
        assignment: None,
        configs: BTreeMap::new(),
    };
    let topic_ids = vec![TopicId::from_random([4; 16])];
    let request = api::CreateTopics { topics: vec![topic], validate_only: false, timeout_ms: 1_000 };
    let defaults = TopicDefaults { partitions: 1, replication_factor: 1, min_insync_replicas: 1 };
    let create = CreateTopics { request, topic_ids, defaults, on_first_use: false };
    let handle = rig.handle.clone();
    let asking = tokio::spawn(async move { handle.submit(create).await });
    until("it was decided", || !rig.fake.state().withheld.is_empty()).await;
    assert!(!asking.is_finished(), "its effect cannot be seen yet");
    let index = rig.fake.state().release();
    assert!(asking.await.expect("no panic").expect("created").is_empty());
    assert!(rig.handle.image().index() >= index);
}

#[tokio::test]
async fn what_was_sent_over_a_connection_that_broke_has_an_unknown_outcome() {
    let rig = Rig::new().await;
    rig.join().await;
    rig.fake.state().silent = true;
    let ask = api::AllocateProducerIds { broker_id: ME, broker_epoch: 2.into() };
    let handle = rig.handle.clone();
    let asking = tokio::spawn(async move { handle.submit(ask).await });
    // Cut again and again: when the request was sent is not to be seen from here.
    while !asking.is_finished() {
        rig.fake.cut();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let refused = asking.await.expect("no panic").expect_err("nobody answered");
    assert_eq!(refused.code, ErrorCode::RequestTimedOut);
    assert!(refused.message.contains("is unknown"), "{}", refused.message);
}

#[tokio::test]
async fn the_watch_goes_on_after_silence_and_its_lines_are_kept_without_a_gap() {
    let rig = Rig::new().await;
    rig.session.caught_up().await.expect("there is a zookeeper");
    for round in 0..4 {
        (0..5).for_each(|_| rig.fake.state().change());
        if round == 1 {
            rig.fake.cut();
        }
        if round == 2 {
            rig.fake.state().silent = true;
            let before = rig.fake.state().accepted;
            until("the watch is made anew", || rig.fake.state().accepted > before).await;
            rig.fake.state().silent = false;
        }
    }
    let index = rig.fake.state().index();
    until("everything was seen", || rig.handle.image().index() == index).await;
    let path = rig.directory.path().join("operations.ndjson");
    let text = rig.fake.text();
    until("everything was kept", || std::fs::read(&path).is_ok_and(|kept| kept == text)).await;
}

#[tokio::test]
async fn a_later_process_goes_on_with_what_was_kept() {
    let rig = Rig::new().await;
    (0..5).for_each(|_| rig.fake.state().change());
    let index = rig.fake.state().index();
    until("everything was seen", || rig.handle.image().index() == index).await;
    let Rig { fake, session, directory, .. } = rig;
    session.stop();
    fake.state().change();
    let rig = Rig::with(fake, directory, Some(cluster()));
    assert_eq!(rig.handle.image().index(), index, "known without a zookeeper");
    rig.session.caught_up().await.expect("there is a zookeeper");
    let path = rig.directory.path().join("operations.ndjson");
    let text = rig.fake.text();
    until("everything was kept", || std::fs::read(&path).is_ok_and(|kept| kept == text)).await;
}

#[tokio::test]
async fn suspended_brokers_are_shown_until_they_are_back() {
    let rig = Rig::new().await;
    let (two, three) = (BrokerId::new(2), BrokerId::new(3));
    rig.fake.state().events.extend([WatchEvent::Suspended(two), WatchEvent::Suspended(three)]);
    until("both are suspended", || rig.handle.suspended().len() == 2).await;
    rig.fake.state().events.push(WatchEvent::Restored(two));
    until("one is back", || rig.handle.suspended().iter().eq([&three])).await;
}
