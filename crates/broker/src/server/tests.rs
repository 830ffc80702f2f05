//! A whole broker against a zookeeper that a test tells what to do.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use tokio_util::sync::CancellationToken;
use yak_model::api::{LeaderHint, Rejection, Subscribe, SubscriptionEvent};
use yak_model::{BrokerId, ClusterId, ErrorCode};

use super::{Options, Server, StartError};
use crate::addresses::Caller;
use crate::args::BrokerArgs;
use crate::broker::Broker;
use crate::config::load;
use crate::ops::subscribe::Subscription;
use crate::session::tests::fake::Fake;

const ME: BrokerId = BrokerId::new(1);

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(20);

fn options(fake: &Fake, data: &Path) -> Options {
    options_with(fake, data, &[])
}

fn options_with(fake: &Fake, data: &Path, more: &[&str]) -> Options {
    let zookeeper = fake.endpoint.to_string();
    let data = data.to_str().expect("UTF-8");
    let words = ["yak-broker", "--id", "1", "--port", "0", "--zookeeper", &zookeeper, "--data", data];
    let args = BrokerArgs::try_parse_from(words.iter().chain(more)).expect("a valid command line");
    Options { loaded: load(&args, []).expect("no faults"), ports_file: None }
}

async fn run_and_stop(fake: &Fake, data: &Path) {
    let shutdown = CancellationToken::new();
    let server = Server::start(options(fake, data), shutdown.clone()).await.expect("a zookeeper is there");
    assert!(server.ready().line().starts_with("YAK_READY "));
    let broker = Arc::clone(&server.broker);
    assert!(broker.image().is_live(ME), "ready is unfenced, by the metadata it works by");
    assert_eq!(broker.image().cluster_id(), fake.state().cluster_id);
    shutdown.cancel();
    server.run().await.expect("it ends in order");
    assert!(!broker.image().is_live(ME), "it left before it stopped, and saw that it had");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_joins_leaves_and_proves_its_logs_when_it_is_back() {
    let fake = Fake::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    run_and_stop(&fake, directory.path()).await;
    let index = fake.state().index();
    run_and_stop(&fake, directory.path()).await;
    let state = fake.state();
    let [first, second] = &state.registered[..] else { unreachable!("each process registers once") };
    assert_ne!(first.registration.incarnation_id, second.registration.incarnation_id);
    assert_eq!(first.registration.directory_ids, second.registration.directory_ids);
    assert!(second.registration.proof.undamaged && second.registration.proof.page_cache_kept);
    assert_eq!((second.registration.cluster_id, second.seen), (Some(state.cluster_id), index));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_of_another_cluster_does_not_join() {
    let fake = Fake::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    run_and_stop(&fake, directory.path()).await;
    let other = Fake::of(ClusterId::from_random([8; 16])).await;
    let error = Server::start(options(&other, directory.path()), CancellationToken::new()).await;
    let said = error.expect_err("another cluster").to_string();
    assert!(said.contains("belongs to cluster"), "{said}");
    assert!(other.state().registered.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_zookeeper_can_be_told_to_stop() {
    let fake = Fake::start().await;
    fake.state().silent = true;
    let directory = tempfile::tempdir().expect("a directory");
    let shutdown = CancellationToken::new();
    let starting = tokio::spawn(Server::start(options(&fake, directory.path()), shutdown.clone()));
    shutdown.cancel();
    assert!(matches!(starting.await.expect("no panic"), Err(StartError::Stopped)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_refused_for_good_says_why() {
    let fake = Fake::start().await;
    let refusal = Rejection::new(ErrorCode::InconsistentClusterId, "another cluster");
    fake.state().refusals.push_back(refusal);
    let directory = tempfile::tempdir().expect("a directory");
    let error = Server::start(options(&fake, directory.path()), CancellationToken::new()).await;
    let said = error.expect_err("refused").to_string();
    assert!(said.contains("refused broker 1: another cluster"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_shows_its_secret_and_no_other_than_its_own() {
    let fake = Fake::start().await;
    for (more, shown) in
        [(&[][..], None), (&["--override", "cluster.secret=open sesame"][..], Some("open sesame"))]
    {
        let directory = tempfile::tempdir().expect("a directory");
        let shutdown = CancellationToken::new();
        let options = options_with(&fake, directory.path(), more);
        let server =
            Server::start(options, shutdown.clone()).await.expect("this zookeeper lets everybody in");
        assert_eq!(fake.state().registered.last().and_then(|open| open.secret.as_deref()), shown);
        assert!(!format!("{server:?}").contains("sesame"), "nothing that is printed has it");
        shutdown.cancel();
        server.run().await.expect("it ends in order");
    }
}

/// A subscription, as soon as it is accepted.
async fn subscribe(broker: &Arc<Broker>) -> Subscription {
    let accepted = async {
        loop {
            match Subscription::start(Arc::clone(broker), Subscribe { topics: Some(vec![]) }) {
                Ok(subscription) => return subscription,
                Err(rejection) => assert_eq!(rejection.code, ErrorCode::NetworkException),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, accepted).await.expect("the zookeeper is heard")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_cut_off_from_the_zookeeper_ends_and_refuses_subscriptions() {
    let fake = Fake::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let shutdown = CancellationToken::new();
    let server = Server::start(options(&fake, directory.path()), shutdown.clone()).await.expect("it joins");
    let broker = Arc::clone(&server.broker);
    let mut subscription = subscribe(&broker).await;
    let first = subscription.next().await.expect("the zookeeper is heard");
    assert!(matches!(first, Some(SubscriptionEvent::Metadata(_))), "{first:?}");
    fake.state().silent = true;
    let ended = async {
        loop {
            if let Err(rejection) = subscription.next().await {
                return rejection;
            }
        }
    };
    let said = tokio::time::timeout(PATIENCE, ended).await.expect("silence is noticed");
    assert_eq!(said.code, ErrorCode::NetworkException);
    assert!(said.message.starts_with("broker 1 does not hear from the zookeeper"), "{}", said.message);
    let refused = Subscription::start(Arc::clone(&broker), Subscribe { topics: None });
    assert!(refused.is_err());
    fake.state().silent = false;
    // What it was not answered it never will be.
    fake.cut();
    subscribe(&broker).await;
    shutdown.cancel();
    server.run().await.expect("it ends in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_told_where_it_came_to_and_a_broker_what_is_registered() {
    let fake = Fake::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let shutdown = CancellationToken::new();
    let server = Server::start(options(&fake, directory.path()), shutdown.clone()).await.expect("it starts");
    let broker = Arc::clone(&server.broker);
    let port = server.listener.address().port();
    let hint = LeaderHint { broker_id: ME, leader_epoch: 0.into(), host: "127.0.0.1".to_owned(), port };
    let refusal = Rejection::new(ErrorCode::NotLeaderOrFollower, "elsewhere").with_leader(hint.clone());
    let mut caller = Caller::new(Arc::clone(&broker), "127.0.0.9:1".parse().expect("an address"));
    let mut told = refusal.clone();
    caller.tell(&mut told);
    assert_eq!(told.leader, Some(LeaderHint { host: "127.0.0.9".to_owned(), ..hint }));
    caller.is_a_broker();
    let mut told = refusal.clone();
    caller.tell(&mut told);
    assert_eq!(told, refusal);
    shutdown.cancel();
    server.run().await.expect("it ends in order");
}
