//! Reading the input: big blocks on a thread of its own, cut at the last newline.
//!
//! ```text
//!   reader thread                                   the producer
//!   read ─► ....\n....\n...│tail   ── Block ──►      memchr over the lines, slices into batches
//!             ▲             └─ copied to the next block
//!             └──────────── storage given back ◄──
//! ```
//!
//! A line is what stands before `\n`: a CR stays, an empty line counts, and so does a last line without
//! newline. Nothing is decoded. A line that outgrows the limit is reported once and skipped up to its newline
//! without being kept, so an endless line costs no memory.

use std::io::{ErrorKind, Read};
use std::sync::mpsc as std_mpsc;

use memchr::{memchr, memrchr};
use tokio::sync::mpsc;

/// Bytes asked of one read.
const READ_BYTES: usize = 1024 * 1024;
/// Blocks that may wait for the producer.
const BLOCKS_AHEAD: usize = 3;

/// What the reader hands over, in the order of the input.
#[derive(Debug)]
pub enum Piece {
    /// Whole lines.
    Lines(Block),
    /// One line that is longer than the limit.
    TooLong,
    /// The input cannot be read any further.
    Failed(std::io::Error),
}

/// Whole lines in one piece of storage. The last one may lack its newline at the end of the input.
#[derive(Debug)]
pub struct Block {
    storage: Vec<u8>,
    end: usize,
}

impl Block {
    /// The lines, without their newlines.
    #[must_use]
    pub fn lines(&self) -> Lines<'_> {
        Lines { rest: &self.storage[..self.end] }
    }

    /// How many bytes the lines have, newlines included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.end
    }

    /// Whether there is no line; the reader never sends such a block.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.end == 0
    }
}

/// Iterates over the lines of a block.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    rest: &'a [u8],
}

impl Lines<'_> {
    /// Whether no line is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = match memchr(b'\n', self.rest) {
            Some(newline) => (&self.rest[..newline], &self.rest[newline + 1..]),
            None => (self.rest, &[][..]),
        };
        self.rest = rest;
        Some(line)
    }
}

/// The producer's end of the reader.
#[derive(Debug)]
pub struct Input {
    pieces: mpsc::Receiver<Piece>,
    storage: std_mpsc::Sender<Vec<u8>>,
}

impl Input {
    /// Starts to read `source` on a thread. Lines of more than `limit` bytes are not kept.
    ///
    /// # Errors
    /// When the process may not have another thread.
    pub fn start(source: Box<dyn Read + Send>, limit: usize) -> std::io::Result<Self> {
        let (pieces_in, pieces) = mpsc::channel(BLOCKS_AHEAD);
        let (storage, used_storage) = std_mpsc::channel();
        let reader = Reader {
            source,
            limit,
            pieces: pieces_in,
            used_storage,
            storage: vec![0; READ_BYTES],
            filled: 0,
            skipping: false,
        };
        std::thread::Builder::new().name("input".to_owned()).spawn(move || reader.run())?;
        Ok(Self { pieces, storage })
    }

    /// The next piece; `None` at the end of the input.
    pub async fn next(&mut self) -> Option<Piece> {
        self.pieces.recv().await
    }

    /// Whether a piece is there already.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// Gives a block's storage back to the reader.
    pub fn recycle(&self, block: Block) {
        // The reader may have come to its end: then the storage is simply freed.
        self.storage.send(block.storage).unwrap_or_default();
    }
}

/// The thread's side. `storage[..filled]` has been read and not handed over; there is no newline in it.
struct Reader {
    source: Box<dyn Read + Send>,
    limit: usize,
    pieces: mpsc::Sender<Piece>,
    used_storage: std_mpsc::Receiver<Vec<u8>>,
    storage: Vec<u8>,
    filled: usize,
    /// The line was too long; nothing is kept until its newline.
    skipping: bool,
}

impl Reader {
    /// Reads until the end of the input, an error, or until nobody listens any more.
    fn run(mut self) {
        loop {
            match self.read() {
                Ok(0) => break,
                Ok(count) if self.take(count).is_some() => {}
                Ok(_) => return,
                Err(error) => return self.send(Piece::Failed(error)).unwrap_or_default(),
            }
        }
        if self.filled > 0 {
            let last = Block { storage: std::mem::take(&mut self.storage), end: self.filled };
            self.send(Piece::Lines(last)).unwrap_or_default();
        }
    }

    /// Reads behind what is there; how many bytes came.
    fn read(&mut self) -> std::io::Result<usize> {
        if self.storage.len() - self.filled < READ_BYTES / 2 {
            self.storage.resize(self.filled + READ_BYTES, 0);
        }
        loop {
            match self.source.read(&mut self.storage[self.filled..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                outcome => return outcome,
            }
        }
    }

    /// Hands over what `count` fresh bytes complete; `None` when nobody listens any more.
    fn take(&mut self, count: usize) -> Option<()> {
        let start = self.filled;
        self.filled += count;
        if self.skipping {
            let Some(newline) = memchr(b'\n', &self.storage[..count]) else {
                self.filled = 0;
                return Some(());
            };
            self.storage.copy_within(newline + 1..count, 0);
            self.filled = count - newline - 1;
            self.skipping = false;
        }
        match memrchr(b'\n', &self.storage[start..self.filled]) {
            Some(newline) => self.cut(start + newline + 1),
            None if self.filled > self.limit => {
                (self.filled, self.skipping) = (0, true);
                self.send(Piece::TooLong)
            }
            None => Some(()),
        }
    }

    /// Hands over the lines before `end` and begins new storage with what follows.
    fn cut(&mut self, end: usize) -> Option<()> {
        let rest = self.filled - end;
        let mut next = self.fresh_storage(rest);
        next[..rest].copy_from_slice(&self.storage[end..self.filled]);
        self.filled = rest;
        let storage = std::mem::replace(&mut self.storage, next);
        self.send(Piece::Lines(Block { storage, end }))
    }

    /// Storage with room for `carried` bytes and more, used before if there is some.
    fn fresh_storage(&self, carried: usize) -> Vec<u8> {
        let mut storage = self.used_storage.try_recv().unwrap_or_default();
        if storage.len() < carried.max(READ_BYTES) {
            storage.resize(carried.max(READ_BYTES), 0);
        }
        storage
    }

    /// Hands a piece over, waiting for room; `None` when nobody listens any more.
    fn send(&self, piece: Piece) -> Option<()> {
        self.pieces.blocking_send(piece).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes in pieces of the given sizes, over and over.
    struct Dribble {
        bytes: Vec<u8>,
        at: usize,
        sizes: Vec<usize>,
        turn: usize,
    }

    impl Read for Dribble {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let size = self.sizes[self.turn % self.sizes.len()];
            self.turn += 1;
            let count = size.min(buffer.len()).min(self.bytes.len() - self.at);
            buffer[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
            self.at += count;
            Ok(count)
        }
    }

    /// The lines as they arrive; a line that was too long is `None`.
    fn read_all(bytes: &[u8], sizes: &[usize], limit: usize) -> Vec<Option<Vec<u8>>> {
        let source = Dribble { bytes: bytes.to_vec(), at: 0, sizes: sizes.to_vec(), turn: 0 };
        let mut input = Input::start(Box::new(source), limit).unwrap();
        let mut lines = Vec::new();
        while let Some(piece) = input.pieces.blocking_recv() {
            match piece {
                Piece::Lines(block) => {
                    assert!(!block.is_empty());
                    lines.extend(block.lines().map(|line| Some(line.to_vec())));
                    input.recycle(block);
                }
                Piece::TooLong => lines.push(None),
                Piece::Failed(error) => panic!("{error}"),
            }
        }
        lines
    }

    fn some(lines: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
        lines.iter().map(|line| Some(line.to_vec())).collect()
    }

    #[test]
    fn a_line_is_what_stands_before_the_newline() {
        for sizes in [&[1][..], &[2, 3], &[1 << 20]] {
            assert_eq!(read_all(b"", sizes, 100), some(&[]));
            assert_eq!(read_all(b"\n", sizes, 100), some(&[b""]));
            assert_eq!(read_all(b"a\n\nb", sizes, 100), some(&[b"a", b"", b"b"]));
            assert_eq!(read_all(b"a\r\nb\r\n", sizes, 100), some(&[b"a\r", b"b\r"]));
            assert_eq!(read_all(b"\xff\xfe\0\n\x80", sizes, 100), some(&[b"\xff\xfe\0", b"\x80"]));
        }
    }

    #[test]
    fn long_lines_cross_reads_and_blocks() {
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for (length, letter) in [(1_000_000, b'a'), (3, b'b'), (2_500_000, b'c'), (0, b'd'), (70_000, b'e')] {
            expected.push(Some(vec![letter; length]));
            bytes.extend(std::iter::repeat_n(letter, length));
            bytes.push(b'\n');
        }
        for sizes in [&[65_536][..], &[1 << 20], &[7, 100_003]] {
            assert_eq!(read_all(&bytes, sizes, 3_000_000), expected);
        }
    }

    #[test]
    fn a_line_over_the_limit_is_reported_once_and_skipped() {
        let mut bytes = b"before\n".to_vec();
        bytes.extend(std::iter::repeat_n(b'x', 5_000_000));
        bytes.extend(b"\nafter\nlast");
        for sizes in [&[1 << 20][..], &[65_536], &[999_983]] {
            let lines = read_all(&bytes, sizes, 100_000);
            assert_eq!(
                lines,
                [Some(b"before".to_vec()), None, Some(b"after".to_vec()), Some(b"last".to_vec())]
            );
        }
    }

    #[test]
    fn an_endless_line_is_not_kept() {
        let source = std::io::repeat(b'x').take(64 << 20);
        let mut input = Input::start(Box::new(source), 1_000).unwrap();
        assert!(matches!(input.pieces.blocking_recv(), Some(Piece::TooLong)));
        assert!(input.pieces.blocking_recv().is_none());
    }
}
