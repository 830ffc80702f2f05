//! The headers of a record that was read.

use std::fmt;

use yak_record::Header;

use super::texts::{Span, Texts};

/// Key and value of a header.
pub(super) type HeaderSpans = (Span, Span);

/// The headers of a record, in order.
#[derive(Clone, Copy, Default)]
pub struct Headers<'a> {
    source: Source<'a>,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Slice(&'a [Header<'a>]),
    Chunk(&'a Texts, &'a [HeaderSpans]),
}

impl Default for Source<'_> {
    fn default() -> Self {
        Self::Slice(&[])
    }
}

impl<'a> Headers<'a> {
    pub(super) const fn in_chunk(texts: &'a Texts, spans: &'a [HeaderSpans]) -> Self {
        Self { source: Source::Chunk(texts, spans) }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self.source {
            Source::Slice(headers) => headers.len(),
            Source::Chunk(_, spans) => spans.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Goes through them, in order.
    #[must_use]
    pub const fn iter(&self) -> HeaderIter<'a> {
        HeaderIter { headers: *self, at: 0 }
    }

    fn get(&self, at: usize) -> Option<Header<'a>> {
        match self.source {
            Source::Slice(headers) => headers.get(at).copied(),
            Source::Chunk(texts, spans) => spans.get(at).map(|(key, value)| Header {
                key: texts.resolve(*key).unwrap_or_default(),
                value: texts.resolve(*value),
            }),
        }
    }
}

impl<'a> From<&'a [Header<'a>]> for Headers<'a> {
    fn from(headers: &'a [Header<'a>]) -> Self {
        Self { source: Source::Slice(headers) }
    }
}

impl<'a> IntoIterator for Headers<'a> {
    type Item = Header<'a>;
    type IntoIter = HeaderIter<'a>;

    fn into_iter(self) -> HeaderIter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Iterator over the headers of a record.
#[derive(Clone, Debug)]
pub struct HeaderIter<'a> {
    headers: Headers<'a>,
    at: usize,
}

impl<'a> Iterator for HeaderIter<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        let header = self.headers.get(self.at)?;
        self.at += 1;
        Some(header)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.headers.len() - self.at;
        (left, Some(left))
    }
}

impl ExactSizeIterator for HeaderIter<'_> {}
