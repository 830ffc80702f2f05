//! Where the texts of a chunk stand.

use bytes::Bytes;

/// A text: a range of the reply line or of the arena, or null.
///
/// ```text
///   start   bit 31: in the arena, else in the line; bits 0-30: offset there
///   len     u32::MAX: null
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    len: u32,
}

const IN_ARENA: u32 = 1 << 31;

impl Span {
    pub(super) const NULL: Self = Self { start: 0, len: u32::MAX };
}

/// The reply line, and what could not be borrowed from it.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) line: Bytes,
    pub(super) arena: Vec<u8>,
}

impl Texts {
    pub(super) fn resolve(&self, span: Span) -> Option<&[u8]> {
        if span == Span::NULL {
            return None;
        }
        let source = if span.start & IN_ARENA == 0 { &self.line[..] } else { &self.arena[..] };
        let start = to_usize(span.start & !IN_ARENA);
        Some(&source[start..start + to_usize(span.len)])
    }
}

/// Makes spans while a line is being read.
#[derive(Debug)]
pub(super) struct SpanMaker {
    line_start: usize,
    line_len: usize,
    pub(super) arena: Vec<u8>,
}

impl SpanMaker {
    /// For texts of `line`, which stays where it is.
    pub(super) fn new(line: &[u8]) -> Self {
        Self { line_start: line.as_ptr().addr(), line_len: line.len(), arena: Vec::new() }
    }

    /// A text that is part of the line is remembered by its place, any other is copied.
    #[inline]
    pub(super) fn span(&mut self, text: Option<&[u8]>) -> Span {
        let Some(text) = text else { return Span::NULL };
        let at = text.as_ptr().addr().wrapping_sub(self.line_start);
        if at.checked_add(text.len()).is_some_and(|end| end <= self.line_len) {
            return Span { start: to_u32(at), len: to_u32(text.len()) };
        }
        let start = to_u32(self.arena.len()) | IN_ARENA;
        self.arena.extend_from_slice(text);
        Span { start, len: to_u32(text.len()) }
    }
}

/// Reply lines are limited far below 2 GiB, and an arena is not longer than its line.
#[inline]
fn to_u32(len: usize) -> u32 {
    u32::try_from(len).ok().filter(|len| len & IN_ARENA == 0).expect("a reply line is shorter than 2 GiB")
}

#[inline]
fn to_usize(len: u32) -> usize {
    usize::try_from(len).expect("memory is addressed by at least 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_line_is_borrowed_from_it() {
        let line = Bytes::from_static(b"{\"value\":\"hello\"}");
        let mut maker = SpanMaker::new(&line);
        let borrowed = maker.span(Some(&line[10..15]));
        let copied = maker.span(Some(b"hello"));
        let empty = maker.span(Some(&line[16..16]));
        let null = maker.span(None);
        assert_eq!(maker.arena, b"hello", "only the foreign text");
        let texts = Texts { line, arena: maker.arena };
        assert_eq!(texts.resolve(borrowed), Some(&b"hello"[..]));
        assert_eq!(texts.resolve(copied), Some(&b"hello"[..]));
        assert_eq!(texts.resolve(empty), Some(&b""[..]));
        assert_eq!(texts.resolve(null), None);
    }
}
