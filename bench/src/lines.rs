//! Lines over blocking sockets, and produce lines of records that are all different.

use std::io::{self, Read};

use memchr::memchr;
use yak_model::api::Acks;
use yak_model::{PartitionIndex, TopicName};
use yak_protocol::{ProduceHead, ProduceLine};
use yak_record::{Compression, RecordParts};

/// Reads lines from a socket into one buffer that is used again.
#[derive(Debug)]
pub struct LineReader<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl<R: Read> LineReader<R> {
    /// Reads from `source`.
    pub fn new(source: R) -> Self {
        Self { source, buffer: vec![0; 256 * 1024], start: 0, end: 0 }
    }

    /// The next line without its newline; `None` at the end.
    ///
    /// # Errors
    /// If the source cannot be read, or ends within a line.
    pub fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        let mut scanned = self.start;
        loop {
            if let Some(at) = memchr(b'\n', &self.buffer[scanned..self.end]) {
                let line = self.start..scanned + at;
                self.start = line.end + 1;
                return Ok(Some(&self.buffer[line]));
            }
            scanned = self.end - self.start;
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, scanned);
            if self.end == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            match self.source.read(&mut self.buffer[self.end..])? {
                0 if self.end == 0 => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => self.end += n,
            }
        }
    }
}

/// Writes the value of record `number` into `value`: its number, then text that differs from record to record.
pub fn write_value(number: u64, value: &mut [u8]) {
    // A multiplicative generator is enough: nothing here is random, only different.
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for byte in value.iter_mut() {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        *byte = b"abcdefghijklmnopqrstuvwxyz 0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
            [usize::from(state.to_be_bytes()[0] >> 2)];
    }
    let digits = format!("{number:012}");
    let len = digits.len().min(value.len());
    value[..len].copy_from_slice(&digits.as_bytes()[digits.len() - len..]);
}

/// What stands before the records in the lines of both yardsticks.
#[must_use]
pub const fn head(topic: &TopicName, id: u64) -> ProduceHead<'_> {
    ProduceHead {
        id: Some(id),
        topic,
        partition: Some(PartitionIndex::new(0)),
        leader_epoch: None,
        producer: None,
        acks: Acks::All,
        timeout_ms: 30_000,
        compression: Compression::None,
        timestamp: None,
    }
}

/// Replaces the records of `line` by `count` new ones of `size` bytes, the first of which is number `first`.
pub fn fill(line: &mut ProduceLine, first: u64, (count, size): (u64, usize)) {
    line.clear();
    let mut value = vec![0; size];
    for number in first..first + count {
        write_value(number, &mut value);
        line.push(&RecordParts { value: Some(&value), ..RecordParts::default() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out a few bytes at a time, as sockets do.
    struct Dribble<'a>(&'a [u8]);

    impl Read for Dribble<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let len = self.0.len().min(3).min(buf.len());
            buf[..len].copy_from_slice(&self.0[..len]);
            self.0 = &self.0[len..];
            Ok(len)
        }
    }

    #[test]
    fn lines_come_whole() {
        let mut reader = LineReader::new(Dribble(b"one\n\nthree and more\n"));
        for expected in [Some("one"), Some(""), Some("three and more"), None] {
            assert_eq!(reader.next_line().unwrap(), expected.map(str::as_bytes));
        }
        let mut cut = LineReader::new(Dribble(b"one\ntw"));
        assert_eq!(cut.next_line().unwrap(), Some(b"one".as_slice()));
        assert_eq!(cut.next_line().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn values_differ_and_need_no_escapes() {
        let mut values = std::collections::BTreeSet::new();
        for number in 0..1_000 {
            let mut value = vec![0; 100];
            write_value(number, &mut value);
            assert!(value.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'"' && *byte != b'\\'));
            values.insert(value);
        }
        assert_eq!(values.len(), 1_000);
    }
}
