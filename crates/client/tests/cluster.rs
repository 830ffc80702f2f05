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

#[tokio::test]
async fn an_advertised_address_that_cannot_be_reached_is_named_with_the_one_that_answered() {
    let cluster = FakeCluster::start(1).await;
    let topic = cluster.create("t", 1);
    let config = ClientConfig { request_timeout: Duration::from_millis(300), ..cluster.config() };
    let bootstrap = config.bootstrap[0].clone();
    let (_silent, port) = silent_port();
    for (advertised, why) in [
        (Address::new("kafka.invalid", 9092), "does not resolve from here".to_owned()),
        (Address::new("127.0.0.1", port), "cannot be reached from here: connection refused".to_owned()),
    ] {
        cluster.lock().addresses.insert(BrokerId::new(1), advertised.clone());
        let client = Cluster::connect(config.clone()).await.unwrap();
        let mut producer = Producer::start(&client, ProducerConfig::default(), |_| {}).await.unwrap();
        let produce = producer.open(&topic).await.unwrap_err();
        let expected = format!(
            "connected to {bootstrap}, but the cluster advertises broker 1 as \"{advertised}\", which {why}"
        );
        assert_eq!(produce.to_string(), expected);
        let hint = "set advertised.listeners on broker 1 to an address this machine can reach";
        assert_eq!(produce.hint().as_deref(), Some(hint));
        let mut consumer = Consumer::new(&client, ConsumerConfig::default()).unwrap();
        let consume = consumer.assign_topic(&topic, TailStart::End, Stop::Never).await.unwrap_err();
        assert_eq!(consume, produce);
    }
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
