//! Latency of one record at a time, through one blocking socket at a fixed rate.
//!
//! The rate is kept whatever the broker does: if an answer takes longer than the interval, the records that should
//! have been sent meanwhile count with the time that they would have waited (correction for coordinated omission).

use std::io::Write as _;
use std::net::{TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use hdrhistogram::Histogram;
use yak_model::TopicName;
use yak_protocol::{ProduceLine, parse_produce_reply};

use crate::lines::{LineReader, fill, head};

/// Longest latency that is told apart, in nanoseconds.
const MAX_NANOS: u64 = 60_000_000_000;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// The broker, as `host:port`.
    pub address: String,
    /// The topic; created if it is missing.
    pub topic: TopicName,
    /// Records that are measured.
    pub count: u64,
    /// Records before these that are not.
    pub warm_up: u64,
    /// Records in a second.
    pub rate: f64,
    /// Bytes of a value.
    pub record_size: usize,
}

/// What was measured, in nanoseconds from the write of the line to the end of its reply.
#[derive(Debug)]
pub struct Measured {
    /// Corrected for coordinated omission.
    pub latency: Histogram<u64>,
    /// From the first record to the last reply.
    pub elapsed: Duration,
}

/// Sends the records one by one.
///
/// # Errors
/// If the broker cannot be reached or refuses a record.
pub fn measure(options: &Options) -> Result<Measured> {
    ensure!(options.rate > 0.0 && options.rate.is_finite(), "the rate must be above 0");
    let mut probe = Probe::connect(options)?;
    let interval = Duration::from_secs_f64(1.0 / options.rate);
    let expected = u64::try_from(interval.as_nanos()).unwrap_or(MAX_NANOS);
    let mut latency = Histogram::new_with_bounds(1, MAX_NANOS, 3)?;
    for number in 0..options.warm_up {
        probe.send(number)?;
    }
    let started = Instant::now();
    let mut due = started;
    for number in options.warm_up..options.warm_up + options.count {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let nanos = u64::try_from(probe.send(number)?.as_nanos()).unwrap_or(MAX_NANOS);
        latency.record_correct(nanos.min(MAX_NANOS), expected)?;
        // What fell behind was counted by the correction; it is not sent in a burst.
        due = (due + interval).max(Instant::now() - interval);
    }
    Ok(Measured { latency, elapsed: started.elapsed() })
}

/// One connection and what it needs to send a record.
struct Probe<'a> {
    options: &'a Options,
    socket: TcpStream,
    replies: LineReader<TcpStream>,
    line: ProduceLine,
}

impl<'a> Probe<'a> {
    fn connect(options: &'a Options) -> Result<Self> {
        let address = &options.address;
        let mut resolved =
            address.to_socket_addrs().with_context(|| format!("{address} does not resolve"))?;
        let resolved = resolved.next().with_context(|| format!("{address} has no address"))?;
        let socket =
            TcpStream::connect(resolved).with_context(|| format!("no broker answered at {address}"))?;
        socket.set_nodelay(true)?;
        let replies = LineReader::new(socket.try_clone()?);
        Ok(Self { options, socket, replies, line: ProduceLine::new() })
    }

    /// Sends one record and waits for its acknowledgement. The record is encoded within the measured time.
    fn send(&mut self, number: u64) -> Result<Duration> {
        let topic = &self.options.topic;
        let started = Instant::now();
        fill(&mut self.line, number, (1, self.options.record_size));
        self.socket.write_all(self.line.seal(&head(topic, number)))?;
        let line = self.replies.next_line()?.context("the broker closed the connection")?;
        let elapsed = started.elapsed();
        let response = parse_produce_reply(line, topic)?;
        ensure!(response.id.and_then(|id| id.as_number()) == Some(number), "the reply is another request's");
        match &response.result?.body.partitions[..] {
            [Ok(_)] => Ok(elapsed),
            other => bail!("one partition was expected: {other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn options(address: String) -> Options {
        let topic = "t".parse().unwrap();
        Options { address, topic, count: 20, warm_up: 2, rate: 2_000.0, record_size: 10 }
    }

    /// Answers every line like a broker; after the tenth it is slow once.
    fn serve(listener: &TcpListener, pause: Duration) {
        let (mut socket, _) = listener.accept().unwrap();
        let mut lines = LineReader::new(socket.try_clone().unwrap());
        let mut count = 0;
        while let Ok(Some(_)) = lines.next_line() {
            if count == 10 {
                thread::sleep(pause);
            }
            let reply = format!(
                "{{\"id\":{count},\"ok\":{{\"partitions\":[{{\"partition\":0,\"base_offset\":{count},\"count\":1}}],\
                 \"acks\":\"all\",\"acked_by\":[1],\"durable\":false}}}}\n"
            );
            socket.write_all(reply.as_bytes()).unwrap();
            count += 1;
        }
        assert_eq!(count, 22, "each record once, the warm-up included");
    }

    #[test]
    fn a_pause_counts_for_every_record_it_held_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let pause = Duration::from_millis(50);
        let server = thread::spawn(move || serve(&listener, pause));
        let measured = measure(&options(address)).unwrap();
        server.join().unwrap();
        assert!(u128::from(measured.latency.max()) >= pause.as_nanos() * 99 / 100);
        // 50 ms at 2,000 records/s: about 100 records would have waited.
        assert!(measured.latency.len() >= 100, "{}", measured.latency.len());
        assert!(measured.latency.value_at_quantile(0.5) > 1_000_000, "the pause dominates");
    }

    #[test]
    fn nobody_there_is_said_with_the_address() {
        let error = measure(&options("127.0.0.1:1".to_owned())).unwrap_err();
        assert_eq!(error.to_string(), "no broker answered at 127.0.0.1:1");
    }
}
