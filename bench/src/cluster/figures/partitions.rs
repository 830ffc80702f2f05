//! Thousands of partitions: their creation, and the end of a broker that leads a third of them.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use yak_client::Cluster as Client;
use yak_model::TopicName;

use crate::cluster::load::Volley;
use crate::cluster::plan::Plan;
use crate::cluster::report::{Report, Row};
use crate::cluster::rig::{builder, create_topic, led_by, sizes, wait_whole};
use crate::cluster::said;

const TOPIC: &str = "many";
const PATIENCE: Duration = Duration::from_secs(60);
const CREATE: Row = Row::median("3,000 partitions on three brokers (RF 3): creation to its reply", "", "ms");
const WHOLE: Row =
    Row::median("3,000 partitions: creation until each has a leader and a whole ISR", "", "ms");
const FIRST: Row =
    Row::median("3,000 partitions: then a record to each of them, until all are acknowledged", "", "ms");
const LEADERS: Row = Row::max(
    "kill -9 of the broker that leads 1,000 of them, until each has a live leader, as a client hears it",
    "<= 3,000 ms",
    "ms",
);
const ANSWERED: Row = Row::max(
    "failover of 1,000 partitions: a record to each, sent at once after the kill, until all are acknowledged",
    "<= 3,000 ms",
    "ms",
);
const FIRST_ANSWERED: Row =
    Row::median("failover of 1,000 partitions: until the first is acknowledged", "", "ms");
const RETURN: Row = Row::median("start of that broker again until it is in every ISR", "", "ms");

pub(super) fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    (0..plan.partition_runs).try_for_each(|_| one(plan.partitions, report))
}

fn one(partitions: i32, report: &mut Report) -> Result<()> {
    let mut cluster = builder().start();
    let topic: TopicName = TOPIC.parse()?;
    let begin = Instant::now();
    create_topic(&cluster, TOPIC, partitions, "");
    report.read_ms(CREATE, begin.elapsed())?;
    wait_whole(&cluster, 1)?;
    report.read_ms(WHOLE, begin.elapsed())?;

    let mut volley = Volley::open(&cluster.bootstrap(), &topic)?;
    let begin = Instant::now();
    let all: Vec<i32> = (0..partitions).collect();
    let answered = volley.fire(&all)?;
    report.read_ms(FIRST, *answered.last().context("there are partitions")? - begin)?;
    report.say(&sizes(&cluster))?;

    let victim = 1;
    let led = led_by(&cluster, TOPIC, victim);
    report.say(&format!("broker {victim} leads {} of {partitions}", led.len()))?;
    ensure!(!led.is_empty(), "broker {victim} leads nothing");
    let client = volley.cluster().context("a producer has a cluster")?;
    let begin = Instant::now();
    cluster.kill(victim);
    let watch = std::thread::spawn(move || wait_led(&client, &topic, victim));
    let answered = volley.fire(&led)?;
    let led_again = watch.join().unwrap_or_else(|panic| Err(said(&*panic)))?;
    report.read_ms(LEADERS, led_again - begin)?;
    report.read_ms(FIRST_ANSWERED, *answered.first().context("there are some")? - begin)?;
    report.read_ms(ANSWERED, *answered.last().context("there are some")? - begin)?;

    let begin = Instant::now();
    cluster.restart(victim);
    wait_whole(&cluster, 2)?;
    report.read_ms(RETURN, begin.elapsed())?;
    report.say(&sizes(&cluster))
}

/// Waits until each partition has a leader other than `former`, as brokers have told the client; when that was so.
fn wait_led(client: &Client, topic: &TopicName, former: i32) -> Result<Instant> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let known = client.known_topic(topic).context("the producer follows it")?;
        let led = |leader: Option<yak_model::BrokerId>| leader.is_some_and(|leader| leader.get() != former);
        let missing = known.partitions.iter().filter(|partition| !led(partition.leader)).count();
        if missing == 0 {
            return Ok(Instant::now());
        }
        ensure!(Instant::now() < deadline, "{missing} partitions have no leader after {PATIENCE:?}");
        sleep(Duration::from_millis(5));
    }
}
