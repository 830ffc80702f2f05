//! Data on stdout: locked, buffered, flushed when nothing more is to be printed at once.
//!
//! SIGPIPE stays ignored (a write to a dead peer would kill the process in the middle of a failover), so a
//! reader that went away shows as an error of the write: [`OutputError::Closed`], which is a clean stop.

use std::io::{ErrorKind, StdoutLock, Write};

use crate::failure::Failure;

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 256 * 1024;

/// Why stdout takes no more.
#[derive(Debug)]
pub enum OutputError {
    /// Who read it went away: stop, in order, with success.
    Closed,
    /// It cannot be written: a full disk, for instance.
    Failed(std::io::Error),
}

impl OutputError {
    /// A clean stop is no failure; anything else is one.
    ///
    /// # Errors
    /// The failure, unless the reader merely went away.
    pub fn into_result(self) -> Result<(), Failure> {
        match self {
            Self::Closed => Ok(()),
            Self::Failed(error) => Err(Failure::local("cannot write to stdout", &error)),
        }
    }
}

impl From<std::io::Error> for OutputError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == ErrorKind::BrokenPipe { Self::Closed } else { Self::Failed(error) }
    }
}

/// Where data goes: stdout, or anything that can be written to in tests.
#[derive(Debug)]
pub struct Output<W: Write = StdoutLock<'static>> {
    sink: W,
    buffer: Vec<u8>,
    written: u64,
}

impl Output {
    /// The process's stdout, locked for as long as this value lives.
    #[must_use]
    pub fn stdout() -> Self {
        Self::new(std::io::stdout().lock())
    }
}

impl<W: Write> Output<W> {
    /// Buffers what goes to `sink`.
    pub fn new(sink: W) -> Self {
        Self { sink, buffer: Vec::with_capacity(BUFFER_BYTES + BUFFER_BYTES / 4), written: 0 }
    }

    /// The buffer to append to. Call [`Output::spill`] after each record.
    pub const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Writes the buffer if it is full.
    ///
    /// # Errors
    /// When stdout takes no more.
    #[inline]
    pub fn spill(&mut self) -> Result<(), OutputError> {
        if self.buffer.len() < BUFFER_BYTES { Ok(()) } else { self.flush() }
    }

    /// Writes everything now.
    ///
    /// # Errors
    /// When stdout takes no more.
    pub fn flush(&mut self) -> Result<(), OutputError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let written = self.write_out();
        self.buffer.clear();
        if self.buffer.capacity() > 8 * BUFFER_BYTES {
            self.buffer.shrink_to(BUFFER_BYTES);
        }
        written.map_err(OutputError::from)
    }

    /// Writes the buffer and counts what was taken of it, also if in the end not all is.
    fn write_out(&mut self) -> std::io::Result<()> {
        let mut rest = &self.buffer[..];
        while !rest.is_empty() {
            match self.sink.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(taken) => {
                    self.written += taken as u64;
                    rest = &rest[taken..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.sink.flush().inspect_err(|_| {
            // Stdout gathers what follows the last newline until it is flushed.
            let tail = self.buffer.iter().rev().take_while(|byte| **byte != b'\n').count();
            self.written -= tail as u64;
        })
    }

    /// Bytes that stdout has taken so far. (Those in the buffer are to come, or lost after an error.)
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// Bytes that were ever put into the buffer, those that were written included.
    pub const fn position(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Appends a line and a newline, and writes the buffer if it is full.
    ///
    /// # Errors
    /// When stdout takes no more.
    pub fn line(&mut self, text: &str) -> Result<(), OutputError> {
        self.buffer.extend_from_slice(text.as_bytes());
        self.buffer.push(b'\n');
        self.spill()
    }

    /// What was written so far, for tests.
    pub const fn sink(&self) -> &W {
        &self.sink
    }
}

/// Completes when who reads stdout has gone away, so that a tool with nothing to print need not wait for its
/// next write to find out. Never completes for a file or a terminal.
pub async fn reader_gone() {
    #[cfg(unix)]
    if let Some(gone) = watch_reader() {
        // A watch that failed says nothing, so it must not end the tool.
        if gone.await.is_ok() {
            return;
        }
    }
    std::future::pending::<()>().await;
}

/// Watches stdout on a thread that sleeps in `poll` until the other end of the pipe is closed.
#[cfg(unix)]
fn watch_reader() -> Option<tokio::sync::oneshot::Receiver<()>> {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::fs::{FileType, fstat};

    let kind = FileType::from_raw_mode(fstat(rustix::stdio::stdout()).ok()?.st_mode);
    if !matches!(kind, FileType::Fifo | FileType::Socket) {
        return None;
    }
    let (gone, told) = tokio::sync::oneshot::channel();
    let watch = move || {
        let stdout = rustix::stdio::stdout();
        let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
        loop {
            match poll(&mut watched, None) {
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
                Ok(_) => return gone.send(()).unwrap_or_default(),
            }
        }
    };
    std::thread::Builder::new().name("stdout".to_owned()).spawn(watch).ok()?;
    Some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn small_lines_wait_for_the_flush() {
        let mut output = Output::new(Vec::new());
        output.line("one").unwrap();
        assert!(output.sink().is_empty());
        output.flush().unwrap();
        assert_eq!(output.sink(), b"one\n");
    }

    /// Takes so many bytes and then no more.
    #[derive(Debug)]
    struct Full(usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            if taken == 0 { Err(ErrorKind::BrokenPipe.into()) } else { Ok(taken) }
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_was_taken_is_counted_to_the_byte() {
        let mut output = Output::new(Full(7));
        output.line("one").unwrap();
        assert_eq!((output.written(), output.position()), (0, 4));
        output.flush().unwrap();
        assert_eq!((output.written(), output.position()), (4, 4));
        output.line("three").unwrap();
        assert!(matches!(output.flush(), Err(OutputError::Closed)));
        assert_eq!(output.written(), 7, "a part of the second line");
    }

    #[test]
    fn a_full_buffer_is_written_and_does_not_stay_large() {
        let mut output = Output::new(Vec::new());
        output.buffer().resize(20 * BUFFER_BYTES, b'x');
        output.spill().unwrap();
        assert_eq!(output.sink().len(), 20 * BUFFER_BYTES);
        assert!(output.buffer().capacity() <= 8 * BUFFER_BYTES);
    }

    #[test]
    fn a_reader_that_went_away_is_a_clean_stop_and_a_full_disk_is_not() {
        for (kind, clean) in [(ErrorKind::BrokenPipe, true), (ErrorKind::StorageFull, false)] {
            let mut output = Output::new(Broken(kind));
            output.line("lost").unwrap();
            assert_eq!(output.flush().unwrap_err().into_result().is_ok(), clean);
        }
    }
}
