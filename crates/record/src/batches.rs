//! Goes through concatenated batches, as a segment, a fetch reply or a produce request holds them.

use crate::{BatchError, BatchHeader};

/// The first batch of `bytes` (header and all its bytes) and what follows it.
///
/// # Errors
/// [`BatchError::Incomplete`] if the batch is cut off, else what [`BatchHeader::parse`] says.
pub fn split_first_batch(bytes: &[u8]) -> Result<(BatchHeader, &[u8], &[u8]), BatchError> {
    let header = BatchHeader::parse(bytes)?;
    let needed = header.size_in_bytes();
    match bytes.split_at_checked(needed) {
        Some((batch, rest)) => Ok((header, batch, rest)),
        None => Err(BatchError::Incomplete { needed, available: bytes.len() }),
    }
}

/// Iterator over whole batches. It ends at the end of the bytes, or after the first error; a batch that is cut off
/// is an error ([`BatchError::Incomplete`]), which a reader of fetched bytes may ignore.
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    rest: &'a [u8],
    failed: bool,
}

impl<'a> Batches<'a> {
    /// Begins at the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, failed: false }
    }

    /// The bytes not yet returned; after an error, from the batch that is wrong.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<&'a [u8], BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.rest.is_empty() {
            return None;
        }
        match split_first_batch(self.rest) {
            Ok((_, batch, rest)) => {
                self.rest = rest;
                Some(Ok(batch))
            }
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}
