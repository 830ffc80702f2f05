//! The journal as a stream: byte for byte what the file says, from where the watcher left off.

use std::sync::Arc;

use yak_log::dir::MemDir;
use yak_protocol::WatchLine;

use super::rig::*;
use crate::tests::rig::journal_text;

const CREATE: &str = r#"{"op":"create_topics","topic":"#;

fn create(peer: &mut Peer, topic: &str) {
    let reply = peer.ask(&format!("{CREATE}\"{topic}\"}}"));
    assert!(reply.contains("\"ok\""), "{reply}");
}

/// A server with a live broker, which stays connected.
fn with_broker(server: &Running) -> Peer {
    let mut peer = server.peer();
    Process::new(1).join(&mut peer);
    peer
}

#[test]
fn a_watcher_sees_the_file_byte_for_byte() {
    let dir = MemDir::new();
    let server = Running::start(&dir);
    let mut early = server.peer().watch(None, false);
    let _broker = with_broker(&server);
    let mut peer = server.peer();
    (0..20).for_each(|number| create(&mut peer, &format!("t{number}")));
    let mut late = server.peer().watch(None, false);
    let text = String::from_utf8(journal_text(&dir)).unwrap();
    assert_eq!(text.lines().count(), 1 + 1 + 2 + 20, "header, cluster, broker, topics");
    for line in text.lines() {
        assert_eq!(early.peer.line().unwrap(), line);
        assert_eq!(late.peer.line().unwrap(), line);
    }
    server.stop().unwrap();
    assert_eq!(early.peer.line(), None, "the stream ends with the server");
}

#[test]
fn a_watcher_goes_on_from_where_it_is_also_after_a_restart() {
    let dir = MemDir::new();
    let server = Running::start(&dir);
    let _broker = with_broker(&server);
    server.stop().unwrap();
    let server = Running::start(&dir);
    let mut watching = server.peer().watch(Some(2), false);
    assert!(matches!(watching.next(), WatchLine::Header(header) if header.image.is_none()));
    assert!(matches!(watching.next(), WatchLine::Line(line) if line.index.get() == 3));
    let index = server.status().index.get();
    let mut watching = server.peer().watch(Some(index), false);
    assert!(matches!(watching.next(), WatchLine::Header(_)));
    create(&mut server.peer(), "t");
    assert!(matches!(watching.next(), WatchLine::Line(line) if line.index.get() > index));
    server.stop().unwrap();
}

#[test]
fn whoever_lacks_lines_that_are_gone_gets_an_image() {
    let dir = MemDir::new();
    let mut small = options();
    small.options.limits.lines = 5;
    let server = Running::with(Arc::new(dir.clone()), small.clone());
    let broker = with_broker(&server);
    let mut peer = server.peer();
    (0..10).for_each(|number| create(&mut peer, &format!("t{number}")));
    drop(broker);
    server.wait("fenced", |status| status.brokers[0].fenced);
    server.stop().unwrap();

    // The newest file begins with an image: the lines before it are history, and not at hand after a restart.
    let server = Running::with(Arc::new(dir.clone()), small);
    let status = server.status();
    for after in [None, Some(1)] {
        let mut watching = server.peer().watch(after, false);
        let WatchLine::Header(header) = watching.next() else { panic!("a text begins with a header") };
        let span = header.image.expect("an image");
        assert_eq!(span.index, status.index);
        for _ in 0..span.lines {
            assert!(matches!(watching.next(), WatchLine::Line(line) if line.cause == "image"));
        }
        let (topic, mut peer) = (format!("new-{}", after.unwrap_or(0)), server.peer());
        // No broker lives, so what is said is a refusal, and a registration is news.
        assert!(peer.ask(&format!("{CREATE}\"{topic}\"}}")).contains("error"));
    }
    let mut watching = server.peer().watch(None, false);
    let WatchLine::Header(header) = watching.next() else { panic!("a text begins with a header") };
    (0..header.image.expect("an image").lines).for_each(|_| drop(watching.next()));
    let mut peer = server.peer();
    Process::new(2).register(&mut peer).unwrap();
    assert!(matches!(watching.next(), WatchLine::Line(line) if line.index == status.index.next()));
    server.stop().unwrap();
}

#[test]
fn a_watcher_that_wants_no_events_gets_none_and_one_that_wants_them_hears_twice_a_second() {
    let server = Running::start(&MemDir::new());
    let mut watching = server.peer().watch(None, true);
    let begun = std::time::Instant::now();
    let mut alive = 0;
    while alive < 3 {
        alive += u32::from(matches!(watching.next(), WatchLine::Event(_)));
    }
    let after = begun.elapsed();
    assert!(after.as_millis() >= 990, "the third comes a second after the first: {after:?}");
    let mut quiet = server.peer().watch(None, false);
    assert!(quiet.news().starts_with("header"));
    assert!(!quiet.news().is_empty());
    drop(with_broker(&server));
    assert!(quiet.news().starts_with("broker 1 registered"));
    assert_eq!(quiet.news(), "broker 1 is ready");
    assert!(quiet.news().starts_with("broker 1 fenced"), "no event between lines");
    server.stop().unwrap();
}

#[test]
fn a_line_that_is_not_there_yet_cannot_be_gone_on_from() {
    let server = Running::start(&MemDir::new());
    let mut watching = server.peer().watch(Some(1_000), false);
    assert!(watching.news().contains("the journal ends at 1, there is no line 1000 yet"));
    assert_eq!(watching.peer.line(), None);
    assert_eq!(server.status().index.get(), 1, "and nobody is refused for it");
    Process::new(1).register(&mut server.peer()).unwrap();
    server.stop().unwrap();
}
