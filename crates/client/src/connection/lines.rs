//! Reply lines out of a stream of bytes, without copying them.

use bytes::{Buf as _, Bytes, BytesMut};
use memchr::memchr;

/// Room that a read has at least.
const READ_BYTES: usize = 64 * 1024;

/// Bytes received and not yet consumed.
///
/// Invariant: `buffer[..scanned]` holds no newline.
#[derive(Debug)]
pub(crate) struct Lines {
    buffer: BytesMut,
    scanned: usize,
    max_line: usize,
}

/// A line that does not end within the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineTooLong(pub(crate) usize);

impl Lines {
    pub(crate) fn new(max_line: usize) -> Self {
        Self { buffer: BytesMut::new(), scanned: 0, max_line }
    }

    /// Where to read into.
    pub(crate) fn space(&mut self) -> &mut BytesMut {
        self.buffer.reserve(READ_BYTES);
        &mut self.buffer
    }

    /// Bytes received and not yet consumed.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Length of the first line, newline included, if it is there whole.
    pub(crate) fn next_len(&mut self) -> Result<Option<usize>, LineTooLong> {
        if let Some(at) = memchr(b'\n', &self.buffer[self.scanned..]) {
            // A second look at the same line begins where the newline is.
            self.scanned += at;
            return Ok(Some(self.scanned + 1));
        }
        self.scanned = self.buffer.len();
        if self.scanned > self.max_line { Err(LineTooLong(self.max_line)) } else { Ok(None) }
    }

    /// The first `len` bytes, without the newline that ends them.
    pub(crate) fn line(&self, len: usize) -> &[u8] {
        &self.buffer[..len - 1]
    }

    /// Takes the first `len` bytes out, without the newline that ends them. Once the line is dropped, its memory
    /// is used again.
    pub(crate) fn take(&mut self, len: usize) -> Bytes {
        self.scanned = 0;
        let mut line = self.buffer.split_to(len).freeze();
        line.truncate(len - 1);
        line
    }

    /// Forgets the first `len` bytes.
    pub(crate) fn consume(&mut self, len: usize) {
        self.buffer.advance(len);
        self.scanned = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_however_the_bytes_came_in() {
        let mut lines = Lines::new(100);
        let mut seen = Vec::new();
        for byte in b"one\n\nthree\nrest" {
            lines.space().extend_from_slice(&[*byte]);
            while let Some(len) = lines.next_len().unwrap() {
                assert_eq!(lines.next_len(), Ok(Some(len)), "looking twice changes nothing");
                seen.push(lines.line(len).to_vec());
                lines.consume(len);
            }
        }
        assert_eq!(seen, [b"one".to_vec(), b"".to_vec(), b"three".to_vec()]);
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut lines = Lines::new(10);
        lines.space().extend_from_slice(b"0123456789");
        assert_eq!(lines.next_len(), Ok(None));
        lines.space().extend_from_slice(b"x");
        assert_eq!(lines.next_len(), Err(LineTooLong(10)));
    }
}
