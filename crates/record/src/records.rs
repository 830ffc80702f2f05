//! Batches on their way to a reader: in memory, or a range of a segment that is not read yet.

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

/// Positioned reads of a stored file, which other threads may append to meanwhile.
pub trait ReadAt: Send + Sync + fmt::Debug {
    /// Fills `buf` from `position` on.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file ends before; else what the system says.
    fn read_exact_at(&self, buf: &mut [u8], position: u64) -> io::Result<()>;
}

/// A range of a stored file. It keeps the file open, so that it stays readable when its segment is deleted.
#[derive(Clone, Debug)]
pub struct StoredRange {
    /// The file.
    pub source: Arc<dyn ReadAt>,
    /// First byte of the range.
    pub position: u64,
    /// Bytes of the range.
    pub len: usize,
}

/// Whole record batches, one after the other, byte for byte as in the log.
#[derive(Clone, Debug)]
pub enum Records {
    /// In memory.
    Bytes(Bytes),
    /// On disk, read when they are sent.
    Stored(StoredRange),
}

impl Records {
    /// No batches.
    pub const EMPTY: Self = Self::Bytes(Bytes::new());

    /// How many bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Stored(range) => range.len,
        }
    }

    /// Whether there are no batches.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the batches to `out`. After an error `out` is as before.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read_into(&self, out: &mut BytesMut) -> io::Result<()> {
        match self {
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
            Self::Stored(range) => {
                let start = out.len();
                out.resize(start + range.len, 0);
                if let Err(error) = range.source.read_exact_at(&mut out[start..], range.position) {
                    out.truncate(start);
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Ten;

    impl ReadAt for Ten {
        fn read_exact_at(&self, buf: &mut [u8], position: u64) -> io::Result<()> {
            let file = b"0123456789";
            let start = usize::try_from(position).unwrap();
            let range = file.get(start..start + buf.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
            buf.copy_from_slice(range);
            Ok(())
        }
    }

    #[test]
    fn both_kinds_are_appended_and_a_failed_read_leaves_nothing() {
        let stored = |position, len| Records::Stored(StoredRange { source: Arc::new(Ten), position, len });
        let mut out = BytesMut::from("x");
        Records::Bytes(Bytes::from_static(b"ab")).read_into(&mut out).unwrap();
        stored(3, 4).read_into(&mut out).unwrap();
        assert_eq!(out, "xab3456");
        let error = stored(8, 4).read_into(&mut out).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(out, "xab3456");
        assert!(Records::EMPTY.is_empty() && stored(0, 9).len() == 9);
    }
}
