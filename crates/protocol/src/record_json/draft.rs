//! A record as far as it has been read.

use yak_model::TimestampMs;
use yak_record::{Header, RecordParts, TimestampType};

use super::piece::Piece;

/// Records with more headers than this cost an allocation each.
const HEADERS_ON_STACK: usize = 8;

/// The fields of a record, still pieces of the line and of the scratch buffer.
#[derive(Debug, Default)]
pub(crate) struct Draft<'de> {
    pub(crate) key: Piece<'de>,
    pub(crate) value: Piece<'de>,
    pub(crate) timestamp: Option<TimestampMs>,
    pub(crate) offset: Option<i64>,
    pub(crate) topic: Piece<'de>,
    pub(crate) partition: Option<i32>,
    pub(crate) is_log_append_time: bool,
    pub(crate) headers: Vec<(Piece<'de>, Piece<'de>)>,
}

impl Draft<'_> {
    /// Makes room for the next record.
    #[inline]
    pub(crate) fn clear(&mut self) {
        let mut headers = std::mem::take(&mut self.headers);
        headers.clear();
        *self = Self { headers, ..Self::default() };
    }

    /// Whose clock the timestamp is.
    #[inline]
    pub(crate) const fn timestamp_type(&self) -> TimestampType {
        if self.is_log_append_time { TimestampType::LogAppend } else { TimestampType::Create }
    }

    /// Calls `take` with the whole record.
    #[inline]
    pub(crate) fn with_parts<T>(&self, scratch: &[u8], take: impl FnOnce(&RecordParts<'_>) -> T) -> T {
        let parts = RecordParts {
            timestamp: self.timestamp,
            key: self.key.resolve(scratch),
            value: self.value.resolve(scratch),
            headers: &[],
        };
        if self.headers.is_empty() { take(&parts) } else { self.with_headers(scratch, parts, take) }
    }

    #[inline(never)]
    fn with_headers<'a, T>(
        &'a self,
        scratch: &'a [u8],
        parts: RecordParts<'a>,
        take: impl FnOnce(&RecordParts<'_>) -> T,
    ) -> T {
        let resolve = |&(key, value): &(Piece<'a>, Piece<'a>)| Header {
            key: key.resolve(scratch).unwrap_or_default(),
            value: value.resolve(scratch),
        };
        let mut on_stack = [Header { key: &[], value: None }; HEADERS_ON_STACK];
        if let Some(room) = on_stack.get_mut(..self.headers.len()) {
            for (slot, header) in room.iter_mut().zip(&self.headers) {
                *slot = resolve(header);
            }
            return take(&RecordParts { headers: room, ..parts });
        }
        let on_heap: Vec<_> = self.headers.iter().map(resolve).collect();
        take(&RecordParts { headers: &on_heap, ..parts })
    }
}
