//! Frames that are almost right: made up or golden, then damaged, decoded, and what could be decoded encoded again.
//!
//! A frame is all that its seed says, so that a failure is repeated by its seed alone. For a long run:
//! `YAK_FUZZ_FRAMES=10000000 cargo test --release -p yak-kafka --test wire damaged -- --nocapture`.

use std::ops::Range;
use std::{env, fs, thread};

use bytes::BytesMut;
use yak_kafka::{Choices, Direction, KINDS, Kind, split_header, split_response_header};

use crate::damage::{Chance, damage};
use crate::golden;

/// A message in its frame, of which the length is left out.
struct Content {
    kind: &'static Kind,
    version: i16,
    bytes: Vec<u8>,
}

impl Content {
    fn made_up(chance: &mut Chance) -> Self {
        let kind = &KINDS[chance.below(KINDS.len())];
        let version = pick_version(kind, chance);
        let choices: Vec<u8> = (0..chance.below(200)).map(|_| chance.byte()).collect();
        let (mut body, mut frame) = (BytesMut::new(), BytesMut::new());
        (kind.sample)(&mut Choices::new(&choices), version, &mut body);
        let client_id = [None, Some(""), Some("client-é")][chance.below(3)];
        (kind.frame)(&mut body, version, chance.edge(), client_id, &mut frame).unwrap();
        Self { kind, version, bytes: frame[4..].to_vec() }
    }

    fn golden() -> Vec<Self> {
        let content = |golden: golden::Golden| Self {
            kind: golden.kind,
            version: golden.version,
            bytes: golden.frame[4..].to_vec(),
        };
        golden::all().into_iter().map(content).collect()
    }

    /// Whether it is a message, as a broker sees a request, and a client a response.
    fn is_decoded(&mut self) -> bool {
        match self.kind.direction {
            Direction::Request => {
                let Ok((header, body)) = split_header(&mut self.bytes) else { return false };
                let (key, version) = (header.api_key, header.api_version);
                let of_key = |kind: &&Kind| kind.key.number() == key && kind.direction == Direction::Request;
                let kind = KINDS.iter().find(of_key).filter(|kind| kind.versions.contains(&version));
                kind.is_some_and(|kind| recode(body, kind, version))
            }
            Direction::Response => match split_response_header(&self.bytes, self.kind.key, self.version) {
                Ok((_, body)) => recode(&mut body.to_vec(), self.kind, self.version),
                Err(_) => false,
            },
        }
    }
}

fn pick_version(kind: &Kind, chance: &mut Chance) -> i16 {
    let versions: Vec<i16> = kind.versions.clone().collect();
    versions[chance.below(versions.len())]
}

/// Decodes a body. If that goes well, what is made of it must be the same after another round.
fn recode(body: &mut [u8], kind: &Kind, version: i16) -> bool {
    let (mut first, mut second) = (BytesMut::new(), BytesMut::new());
    if (kind.recode)(body, version, &mut first).is_err() {
        return false;
    }
    let again = (kind.recode)(&mut first, version, &mut second);
    assert_eq!(again, Ok(()), "{:?} {:?} v{version}", kind.key, kind.direction);
    assert_eq!(first, second, "{:?} {:?} v{version}", kind.key, kind.direction);
    true
}

fn damaged(golden: &[Content], seed: u64) -> Content {
    let chance = &mut Chance(seed);
    let mut content = match chance.below(4) {
        0 => {
            let Content { kind, version, ref bytes } = golden[chance.below(golden.len())];
            Content { kind, version, bytes: bytes.clone() }
        }
        _ => Content::made_up(chance),
    };
    for _ in 0..chance.below(5) {
        let other = Content::made_up(chance);
        damage(&mut content.bytes, &other.bytes, chance);
    }
    if chance.below(20) == 0 {
        content.version = pick_version(content.kind, chance);
    }
    content
}

/// What to damage: by default 30,000 frames.
pub(crate) fn seeds() -> Range<u64> {
    let number = |name| env::var(name).ok().and_then(|text: String| text.parse().ok());
    let (frames, first) = (number("YAK_FUZZ_FRAMES").unwrap_or(30_000), number("YAK_FUZZ_SEED").unwrap_or(0));
    first..first + frames
}

/// Names the frame that ended the test.
pub(crate) struct Seed(pub(crate) u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the seed of the frame is {}", self.0);
        }
    }
}

/// The most memory that this process ever had, in KiB, if the system tells.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
fn damaged_frames_are_refused_or_come_back() {
    let seeds = seeds();
    let frames = seeds.end - seeds.start;
    let golden = Content::golden();
    let mut decoded = 0;
    for seed in seeds {
        let guard = Seed(seed);
        decoded += u64::from(damaged(&golden, seed).is_decoded());
        drop(guard);
    }
    let peak = peak_memory();
    println!("{frames} frames: {decoded} decoded, {} refused, peak memory {peak:?} KiB", frames - decoded);
    // Both must be common, or the damage is too slight or too great to test anything.
    assert!(frames < 1_000 || (frames / 5..frames / 5 * 4).contains(&decoded), "{decoded} of {frames}");
    // Other tests run in this process too, with messages of as many elements as are allowed.
    assert!(peak.is_none_or(|kibibytes| kibibytes < 256 * 1024), "{peak:?} KiB");
}
