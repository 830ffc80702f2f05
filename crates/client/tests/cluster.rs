//! Reaching a cluster, and saying exactly why not.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use support::{FakeCluster, Fault};
use tokio::net::TcpSocket;
use yak_client::{
    Address, Admin, ClientConfig, ClientError, Cluster, Consumer, ConsumerConfig, Producer, ProducerConfig,
    Stop,
};
use yak_model::api::TailStart;
use yak_model::{BrokerId, ErrorCode};

/// A port on which nobody listens, for as long as the socket that has it lives.
fn silent_port() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

fn impatient(bootstrap: Vec<Address>) -> ClientConfig {
    ClientConfig { request_timeout: Duration::from_millis(300), ..ClientConfig::new(bootstrap) }
}

#[tokio::test]
async fn nobody_there() {
    let (_silent, port) = silent_port();
    let address = Address::new("127.0.0.1", port);
    let error = Cluster::connect(impatient(vec![address.clone()])).await.unwrap_err();
    assert_eq!(error.to_string(), format!("no broker answered at {address}: connection refused"));
    assert_eq!(error.hint().unwrap(), "start one with `yak-broker --standalone`, or pass --bootstrap-server");
    assert_eq!((error.code(), error.is_retriable()), (ErrorCode::NetworkException, true));
}

#[tokio::test]
async fn a_name_that_means_nothing_fails_at_once() {
    let config = ClientConfig::new(vec![Address::new("no-such-host.invalid", 1)]);
    let error = Cluster::connect(config).await.unwrap_err();
    let expected = "no broker answered at no-such-host.invalid:1: the name does not resolve";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn somebody_who_never_answers() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::new("127.0.0.1", listener.local_addr().unwrap().port());
    let config =
        ClientConfig { connect_timeout: Duration::from_millis(100), ..impatient(vec![address.clone()]) };
    let error = Cluster::connect(config).await.unwrap_err().to_string();
    let begin = format!("no broker answered at {address}: connected, but no answer within ");
    assert!(error.starts_with(&begin), "{error}");
}

#[tokio::test]
async fn somebody_else_on_the_port() {
    let cluster = FakeCluster::start(1).await;
    cluster.script("hello", [Fault::Say("HTTP/1.1 400 Bad Request\r\n")]);
    let error = Cluster::connect(cluster.config()).await.unwrap_err();
    assert!(error.to_string().contains("does not answer as a YAK broker"), "{error}");
    assert_eq!(error.code(), ErrorCode::UnsupportedVersion);
}

#[tokio::test]
async fn any_bootstrap_broker_will_do() {
    let cluster = FakeCluster::start(1).await;
    let mut config = cluster.config();
    let (_silent, port) = silent_port();
    config.bootstrap.insert(0, Address::new("127.0.0.1", port));
    let reached = Cluster::connect(config.clone()).await.unwrap();
    assert_eq!(reached.connected_to(), config.bootstrap[1]);
}

/// What a producer and a consumer say that find a cluster by broker 1, and a partition's leader, at the place that they are
/// told, not.
async fn not_there(cluster: &FakeCluster, leader: i32, told: &Address) -> ClientError {
    let topic = cluster.create("t", 1);
    cluster.lead(&topic, 0, Some(leader));
    let bootstrap = vec![cluster.lock().addresses[&BrokerId::new(1)].clone()];
    cluster.lock().addresses.insert(BrokerId::new(leader), told.clone());
    let client = Cluster::connect(impatient(bootstrap)).await.unwrap();
    let mut producer = Producer::start(&client, ProducerConfig::default(), |_| {}).await.unwrap();
    let produce = producer.open(&topic).await.unwrap_err();
    let mut consumer = Consumer::new(&client, ConsumerConfig::default()).unwrap();
    let consume = consumer.assign_topic(&topic, TailStart::End, Stop::Never).await.unwrap_err();
    assert_eq!(consume, produce);
    produce
}

#[tokio::test]
async fn an_address_that_is_told_and_cannot_be_reached_is_named_with_the_one_that_answered() {
    let (_silent, port) = silent_port();
    let nowhere = Address::new("127.0.0.1", port);
    let refused = "cannot be reached from here: connection refused";
    let set = "set advertised.listeners on broker";
    for (leader, told, why, hint) in [
        (1, Address::new("kafka.invalid", 9092), "does not resolve from here", format!("{set} 1")),
        (2, Address::new("kafka.invalid", 9092), "does not resolve from here", format!("{set} 2")),
        // It answers, but not there.
        (1, nowhere.clone(), refused, format!("behind a port mapping, {set} 1")),
        (2, nowhere, refused, format!("if it runs, {set} 2")),
    ] {
        let cluster = FakeCluster::start(2).await;
        let bootstrap = cluster.config().bootstrap[0].clone();
        let error = not_there(&cluster, leader, &told).await;
        let expected = format!(
            "connected to {bootstrap}, which says that broker {leader} is at \"{told}\", but that {why}"
        );
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.hint(), Some(format!("{hint} to an address this machine can reach")));
    }
}

#[tokio::test]
async fn a_broker_of_another_cluster_is_not_taken_for_ours() {
    let (cluster, other) = (FakeCluster::start(1).await, FakeCluster::start(1).await);
    other.lock().cluster = 1;
    let told = other.config().bootstrap[0].clone();
    let error = not_there(&cluster, 1, &told).await;
    assert!(error.to_string().ends_with(&format!("\"{told}\", but that is in another cluster")), "{error}");
    assert!(error.hint().unwrap().starts_with("behind a port mapping, "), "{error}");
    assert_eq!(other.requests("produce"), 0);
}

#[tokio::test]
async fn questions_survive_a_broken_connection() {
    let cluster = FakeCluster::start(1).await;
    cluster.create("t", 2);
    let client = Cluster::connect(cluster.config()).await.unwrap();
    let retriable = Fault::Reject(ErrorCode::LeaderNotAvailable);
    cluster.script("metadata", [Fault::CloseInReply, retriable, Fault::CloseBefore]);
    let metadata = Admin::new(&client).metadata(None).await.unwrap();
    assert_eq!(metadata.topics.len(), 1);
    assert_eq!(cluster.requests("metadata"), 4);
}

#[tokio::test]
async fn a_question_that_was_given_up_does_not_answer_the_next() {
    let cluster = FakeCluster::start(1).await;
    cluster.create("t", 1);
    let client = Cluster::connect(cluster.config()).await.unwrap();
    let admin = Admin::new(&client);
    cluster.script("metadata", [Fault::Slow(Duration::from_millis(50))]);
    assert!(tokio::time::timeout(Duration::from_millis(10), admin.metadata(Some(vec![]))).await.is_err());
    assert_eq!(admin.metadata(None).await.unwrap().topics.len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_none_ends_the_connection() {
    let cluster = FakeCluster::start(1).await;
    let client = Cluster::connect(cluster.config()).await.unwrap();
    cluster.script("metadata", [Fault::Say("{\"id\":99,\"ok\":{}}\n")]);
    let error = Admin::new(&client).metadata(None).await.unwrap_err();
    assert!(matches!(error, ClientError::Protocol { .. }), "{error}");
    assert!(Admin::new(&client).metadata(None).await.is_ok(), "a new one is made");
}
