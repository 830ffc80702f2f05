//! A consumer that can do nothing but wait does nothing but wait.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use yak_model::{Offset, PartitionIndex, TopicPartition};

use super::engine::Done;
use super::partition::Partition;
use super::*;
use crate::{Address, ClientConfig};

/// More often than this nobody needs to look within some seconds in which nothing happens.
const FEW: usize = 100;

/// A consumer of `t-0`, which nobody leads, of a cluster that nobody reaches.
fn stranded(metadata_max_age: Duration) -> Consumer {
    let config = ClientConfig::new(vec![Address::new("127.0.0.1", 1)]);
    let cluster = Cluster::out_of_reach(ClientConfig { metadata_max_age, ..config });
    let mut consumer = Consumer::new(&cluster, ConsumerConfig::default()).unwrap();
    let id = TopicPartition::new("t".parse().unwrap(), PartitionIndex::new(0));
    consumer.partitions.push(Partition::new(id, Offset::ZERO, None, &cluster));
    consumer
}

/// The next event within so long, having looked at most so often as is decent.
async fn next(consumer: &mut Consumer, within: Duration) -> Option<Event> {
    let mut looks = 0;
    let mut next = pin!(consumer.next());
    let counted = poll_fn(|context| {
        looks += 1;
        assert!(looks < FEW, "it looks again and again for nothing");
        match next.as_mut().poll(context) {
            Poll::Ready(event) => Poll::Ready(event.unwrap()),
            Poll::Pending => Poll::Pending,
        }
    });
    timeout(within, counted).await.ok().flatten()
}

#[tokio::test]
async fn while_metadata_is_asked_for_in_vain_it_sleeps() {
    // What is known is old at once.
    let mut consumer = stranded(Duration::ZERO);
    consumer.refresh.is_under_way = true;
    consumer.tasks.spawn(async {
        sleep(Duration::from_secs(3_600)).await;
        Done::Refreshed(Err(ClientError::Closed))
    });
    assert!(next(&mut consumer, Duration::from_millis(300)).await.is_none());
}

#[tokio::test]
async fn an_outage_is_said_once_and_so_is_its_end() {
    let mut consumer = stranded(Duration::ZERO);
    consumer.refresh.is_under_way = true;
    // It began long enough ago to be worth a word.
    consumer.outage.failed(ClientError::Closed, Instant::now() - Duration::from_secs(1));
    let said = next(&mut consumer, Duration::from_secs(60)).await;
    assert!(matches!(said, Some(Event::Waiting { error: ClientError::Closed })), "{said:?}");
    assert!(next(&mut consumer, Duration::from_millis(100)).await.is_none());
    consumer.outage_ended();
    let said = next(&mut consumer, Duration::from_secs(60)).await;
    assert!(matches!(said, Some(Event::Resumed)), "{said:?}");
    consumer.outage_ended();
    assert!(next(&mut consumer, Duration::from_millis(100)).await.is_none());
}
