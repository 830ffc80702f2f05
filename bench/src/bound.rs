//! The bound of NDJSON throughput: what is left when everything that makes a broker is taken away.
//!
//! ```text
//!   sender thread                            receiver thread
//!   lines encoded beforehand ──loopback──►   read, parse, build the batch, append to a file (page cache)
//!   at most `window` in flight   ◄──────     acknowledge
//! ```

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::BytesMut;
use yak_model::api::{ProduceReply, Produced, Reply};
use yak_model::{BrokerId, Offset, TimestampMs, TopicName};
use yak_protocol::{Parser, ProduceLine, Request, encode_reply, parse_produce_reply, parse_request};
use yak_record::{BatchHeader, patch_base_offset};

use crate::lines::{LineReader, fill, head};

/// Lines that are encoded beforehand, and sent in turn.
const LINES: u64 = 16;
/// The file begins anew after so many bytes, as segments do.
const FILE_BYTES: u64 = 1024 * 1024 * 1024;

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Records in all; rounded up to whole lines.
    pub records: u64,
    /// Records of one line.
    pub records_per_line: u64,
    /// Bytes of a value.
    pub record_size: usize,
    /// Lines in flight.
    pub window: usize,
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Records acknowledged.
    pub records: u64,
    /// From the first byte sent to the last acknowledgement.
    pub elapsed: Duration,
}

impl Measured {
    /// Records acknowledged in a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate is for people")]
    pub fn records_per_second(&self) -> f64 {
        self.records as f64 / self.elapsed.as_secs_f64()
    }
}

/// Runs the loop, with its file in `directory`.
///
/// # Errors
/// If a socket or the file fails.
pub fn measure(options: Options, directory: &Path) -> Result<Measured> {
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen on loopback")?;
    let address = listener.local_addr()?;
    let path = directory.join("bound.log");
    let mut file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    let receiver = thread::spawn(move || receive(&listener, &mut file));
    let measured = send(options, TcpStream::connect(address)?);
    let received = receiver.join().unwrap_or_else(|_panic| bail!("the receiver panicked"));
    let measured = measured?;
    ensure!(received? == measured.records, "the receiver got another number of records");
    Ok(measured)
}

/// The sender's side.
fn send(options: Options, mut socket: TcpStream) -> Result<Measured> {
    socket.set_nodelay(true)?;
    let topic: TopicName = "bound".parse()?;
    let mut line = ProduceLine::new();
    let mut encoded = Vec::new();
    for number in 0..LINES {
        fill(&mut line, number * options.records_per_line, (options.records_per_line, options.record_size));
        encoded.push(line.seal(&head(&topic, number)).to_vec());
    }
    let mut replies = LineReader::new(socket.try_clone()?);
    let lines = options.records.div_ceil(options.records_per_line);
    let (mut in_flight, mut records) = (0, 0);
    let started = Instant::now();
    for line in encoded.iter().cycle().take(usize::try_from(lines)?) {
        if in_flight == options.window {
            records += acknowledged(&mut replies, &topic)?;
            in_flight -= 1;
        }
        socket.write_all(line)?;
        in_flight += 1;
    }
    for _ in 0..in_flight {
        records += acknowledged(&mut replies, &topic)?;
    }
    Ok(Measured { records, elapsed: started.elapsed() })
}

/// Records that the next reply acknowledges.
fn acknowledged(replies: &mut LineReader<TcpStream>, topic: &TopicName) -> Result<u64> {
    let line = replies.next_line()?.context("the receiver is gone")?;
    let reply = parse_produce_reply(line, topic)?.result?;
    let [Ok(produced)] = &reply.body.partitions[..] else { bail!("one partition was expected: {reply:?}") };
    Ok(produced.count.into())
}

/// The receiver's side. Returns the records it appended.
fn receive(listener: &TcpListener, file: &mut File) -> Result<u64> {
    let (mut socket, _) = listener.accept()?;
    socket.set_nodelay(true)?;
    let mut lines = LineReader::new(socket.try_clone()?);
    let mut parser = Parser::new();
    let (mut records, mut written) = (0, 0);
    let mut answer = BytesMut::new();
    while let Some(line) = lines.next_line()? {
        let envelope = parse_request(line, TimestampMs::new(0), &mut parser)
            .map_err(|bad| anyhow::anyhow!("not a request: {}", bad.rejection))?;
        let Request::Produce(mut produce) = envelope.request else { bail!("only produce is answered") };
        let Some(entry) = produce.entries.first_mut() else { bail!("a produce has an entry") };
        let base_offset = Offset::new(i64::try_from(records)?);
        patch_base_offset(&mut entry.batches, base_offset);
        if written > FILE_BYTES {
            written = 0;
            file.seek(SeekFrom::Start(0))?;
        }
        file.write_all(&entry.batches)?;
        written += entry.batches.len() as u64;
        let count = u32::try_from(BatchHeader::parse(&entry.batches)?.record_count)?;
        records += u64::from(count);
        let produced = Produced {
            topic: entry.topic.clone(),
            partition: 0.into(),
            base_offset,
            count,
            log_append_time: None,
            log_start_offset: Offset::ZERO,
            acked_by: vec![BrokerId::new(1)],
            durable: false,
        };
        let reply = Reply::new(ProduceReply { partitions: vec![Ok(produced)], acks: produce.acks });
        answer.clear();
        encode_reply(&mut answer, envelope.id.as_ref(), &Ok(reply));
        socket.write_all(&answer)?;
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_acknowledged_and_written() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options { records: 1_050, records_per_line: 100, record_size: 30, window: 4 };
        let measured = measure(options, directory.path()).unwrap();
        assert_eq!(measured.records, 1_100, "whole lines");
        let log = std::fs::read(directory.path().join("bound.log")).unwrap();
        let mut next = Offset::ZERO;
        for batch in yak_record::Batches::new(&log) {
            let header = BatchHeader::parse(batch.unwrap()).unwrap();
            assert_eq!(header.base_offset, next);
            next = header.next_offset();
        }
        assert_eq!(next, Offset::new(1_100));
    }
}
