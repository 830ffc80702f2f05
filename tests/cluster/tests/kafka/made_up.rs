//! Requests of every API and version, made up by chance and often damaged, to a living broker: whatever they ask for, it
//! goes on, and others are served as ever.
//!
//! `YAK_MADE_UP` is how many there are, `YAK_MADE_UP_SEED` where chance begins.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::time::Duration;

use bytes::BytesMut;
use yak_kafka::messages::FetchRequest;
use yak_kafka::{ApiKey, Choices, Direction, KINDS, Kind, Message, api, encode_request};
use yak_testkit::{KafkaSocket, Random};

use crate::Setting;
use crate::batch::plain;

/// Names that made-up requests come upon now and then.
const TOPICS: [&str; 6] = ["a", "0", "a0", "0a", "aa", "00"];
/// Requests over one connection.
const TOGETHER: usize = 16;

/// A made-up frame without its length.
fn frame(random: &mut Random, kind: &Kind, correlation_id: i32) -> Vec<u8> {
    let versions = kind.versions.clone();
    let versions: Vec<i16> = versions.collect();
    let version = *random.pick(&versions).unwrap();
    let bytes: Vec<u8> = (0..random.below(400)).map(|_| byte(random)).collect();
    let (mut body, mut frame) = (BytesMut::new(), BytesMut::new());
    let mut choices = Choices::new(&bytes);
    if kind.key == ApiKey::Fetch {
        // It might ask to be held for as long as a fetch can be.
        let fetch =
            FetchRequest { max_wait_ms: 0, ..<FetchRequest as Message>::sample(&mut choices, version) };
        encode_request(&mut frame, kind.key, version, correlation_id, Some("made up"), &fetch);
    } else {
        (kind.sample)(&mut choices, version, &mut body);
        (kind.frame)(&mut body, version, correlation_id, Some("made up"), &mut frame).unwrap();
    }
    let mut frame = frame[4..].to_vec();
    if random.chance(30) {
        for _ in 0..=random.below(3) {
            // Not in key, version and correlation id.
            let at = 8 + random.below(frame.len() - 8);
            frame[at] = byte(random);
        }
    }
    frame
}

fn byte(random: &mut Random) -> u8 {
    u8::try_from(random.below(256)).unwrap()
}

/// Sends a few frames, hears the answers, and says how many there were.
fn talk(setting: &Setting, frames: &[Vec<u8>]) -> usize {
    let socket = setting.broker.connect_kafka();
    let mut stream = socket.stream().try_clone().unwrap();
    // A close in the middle is an answer like any other.
    for frame in frames {
        let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
        if stream.write_all(&[&length, &frame[..]].concat()).is_err() {
            break;
        }
    }
    stream.shutdown(std::net::Shutdown::Write).ok();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).ok();
    let (mut count, mut rest) = (0, &answers[..]);
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap();
        let Some(after) = after.get(length..) else { break };
        (count, rest) = (count + 1, after);
    }
    count
}

#[test]
fn whatever_is_asked_for_the_broker_goes_on() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let count = number("YAK_MADE_UP").unwrap_or(4_000_usize);
    let seed = number("YAK_MADE_UP_SEED").unwrap_or(1);
    let setting = Setting::with(&[("num.partitions", "3")]);
    let mut neighbour = setting.broker.connect_kafka();
    for topic in TOPICS {
        setting.broker.connect().ok(&format!(r#"{{"op":"create_topics","topic":"{topic}"}}"#));
        assert_eq!(neighbour.produce(9, (topic, 0), &mut plain(&["x"])).error_code, None);
    }
    let mut random = Random::new(u64::try_from(seed).unwrap());
    let is_served = |one: &&Kind| one.direction == Direction::Request && api(one.key).is_some();
    let kinds: Vec<&Kind> = KINDS.iter().filter(is_served).collect();
    let mut asked = BTreeMap::<ApiKey, usize>::new();
    let mut answered = 0;
    for round in 0..count / TOGETHER {
        let frames: Vec<_> = (0..TOGETHER)
            .map(|at| {
                let kind = *random.pick(&kinds).unwrap();
                *asked.entry(kind.key).or_default() += 1;
                frame(&mut random, kind, i32::try_from(at).unwrap())
            })
            .collect();
        answered += talk(&setting, &frames);
        assert!(is_undisturbed(&mut neighbour), "after round {round} of seed {seed}");
    }
    let log = setting.broker.stderr();
    assert!(!log.contains("panicked"), "{log}");
    assert_eq!(asked.len(), kinds.len());
    println!("made-up totals: {count} requests of {} APIs, {answered} answered", asked.len());
    assert!(answered > count / 20, "{answered} of {count} were answered");
}

fn is_undisturbed(neighbour: &mut KafkaSocket) -> bool {
    neighbour.produce(9, ("t", 0), &mut plain(&["fine"])).error_code.is_none()
}
