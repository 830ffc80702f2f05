//! The newest lines of the journal, in memory, for who watches it.
//!
//! The worker pushes lines that are durable, before their image is published: whoever was woken by the image finds
//! them here. Bounded by bytes; whoever is further behind gets an image instead.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use memchr::memchr;
use yak_core::image::Image;
use yak_model::MetadataIndex;

use crate::journal::encode_image;
use crate::worker::{TERM, wall_clock};

/// The newest lines, and the file they stand in.
#[derive(Debug)]
pub(crate) struct Feed {
    limit: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Consecutive lines with their line breaks; the last one has index `last`.
    lines: VecDeque<Bytes>,
    last: MetadataIndex,
    bytes: usize,
    file: PathBuf,
    /// The last image that was asked for, while nothing has changed since.
    image: Option<(MetadataIndex, Bytes)>,
}

impl Feed {
    /// A feed of at most `limit` bytes, which goes on after the line `last`.
    pub(crate) fn new(limit: usize, last: MetadataIndex) -> Self {
        Self { limit, kept: Mutex::new(Kept { last, ..Kept::default() }) }
    }

    /// Adds whole lines, whose indexes follow on one another, up to `last`.
    pub(crate) fn push(&self, text: &[u8], last: MetadataIndex) {
        let mut kept = self.kept();
        kept.last = last;
        kept.image = None;
        if self.limit == 0 {
            return;
        }
        // One copy for all, of which each line is a part.
        let mut text = Bytes::copy_from_slice(text);
        while let Some(at) = memchr(b'\n', &text) {
            let line = text.split_to(at + 1);
            kept.bytes += line.len();
            kept.lines.push_back(line);
        }
        while kept.bytes > self.limit {
            let Some(oldest) = kept.lines.pop_front() else { break };
            kept.bytes -= oldest.len();
        }
    }

    /// Appends lines after `after` to `out`, at least one if there is one, and then up to about `most_bytes`. Returns
    /// the index of the last one that was appended; `None` if a line after `after` is not kept any more.
    pub(crate) fn read(
        &self,
        after: MetadataIndex,
        most_bytes: usize,
        out: &mut BytesMut,
    ) -> Option<MetadataIndex> {
        let kept = self.kept();
        let behind = usize::try_from(kept.last.get().checked_sub(after.get())?).ok()?;
        let first = kept.lines.len().checked_sub(behind)?;
        let (mut at, begin) = (after, out.len());
        for line in kept.lines.range(first..) {
            if out.len() > begin && out.len() - begin + line.len() > most_bytes {
                break;
            }
            out.extend_from_slice(line);
            at = at.next();
        }
        Some(at)
    }

    /// The text of a journal that begins with this image. Watchers who come while nothing changes share it, so that
    /// many of them who do not read hold it once.
    pub(crate) fn image_text(&self, image: &Image) -> Bytes {
        let mut kept = self.kept();
        if let Some((_, text)) = kept.image.as_ref().filter(|(index, _)| *index == image.index()) {
            return text.clone();
        }
        let text = Bytes::from(encode_image(image.cluster_id(), image, TERM, wall_clock()));
        kept.image = Some((image.index(), text.clone()));
        text
    }

    /// Says which file is appended to.
    pub(crate) fn set_file(&self, file: &Path) {
        file.clone_into(&mut self.kept().file);
    }

    /// The file that is appended to.
    pub(crate) fn file(&self) -> PathBuf {
        self.kept().file.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(index: u64) -> MetadataIndex {
        MetadataIndex::new(index)
    }

    fn read(feed: &Feed, after: u64, most_bytes: usize) -> Option<(String, u64)> {
        let mut out = BytesMut::new();
        let last = feed.read(index(after), most_bytes, &mut out)?;
        Some((String::from_utf8(out.to_vec()).expect("text"), last.get()))
    }

    #[test]
    fn lines_are_read_from_anywhere_in_pieces() {
        let feed = Feed::new(100, index(4));
        feed.push(b"five\nsix\n", index(6));
        feed.push(b"seven\n", index(7));
        assert_eq!(read(&feed, 4, 100), Some(("five\nsix\nseven\n".to_owned(), 7)));
        assert_eq!(read(&feed, 5, 100), Some(("six\nseven\n".to_owned(), 7)));
        assert_eq!(read(&feed, 7, 100), Some((String::new(), 7)), "nothing is new");
        assert_eq!(read(&feed, 4, 9), Some(("five\nsix\n".to_owned(), 6)), "as many as fit");
        assert_eq!(read(&feed, 4, 1), Some(("five\n".to_owned(), 5)), "at least one");
        assert_eq!(read(&feed, 3, 100), None, "line 4 was before our time");
        assert_eq!(read(&feed, 8, 100), None, "there is no line 8");
    }

    #[test]
    fn the_oldest_lines_go_first() {
        let feed = Feed::new(10, index(0));
        feed.push(b"1111\n2222\n", index(2));
        assert_eq!(read(&feed, 0, 100), Some(("1111\n2222\n".to_owned(), 2)), "full to the byte");
        feed.push(b"3\n", index(3));
        assert_eq!(read(&feed, 0, 100), None);
        assert_eq!(read(&feed, 1, 100), Some(("2222\n3\n".to_owned(), 3)));
        feed.push(b"a line that is longer than all that is kept\n", index(4));
        assert_eq!(read(&feed, 3, 100), None);
        assert_eq!(read(&feed, 4, 100), Some((String::new(), 4)), "who has it needs nothing");
    }

    #[test]
    fn an_image_is_made_once_until_something_changes() {
        let feed = Feed::new(100, index(0));
        let mut image = Image::default();
        image.set_index(index(1));
        let (first, second) = (feed.image_text(&image), feed.image_text(&image));
        assert_eq!(first.as_ptr(), second.as_ptr(), "the same bytes, not a copy");
        feed.push(b"2\n", index(2));
        image.set_index(index(2));
        let third = feed.image_text(&image);
        assert!(third.starts_with(b"{\"journal\":\"yak\"") && third != first);
    }

    #[test]
    fn a_feed_that_keeps_nothing_knows_where_it_is() {
        let feed = Feed::new(0, index(0));
        feed.push(b"1\n", index(1));
        assert_eq!(read(&feed, 0, 100), None);
        assert_eq!(read(&feed, 1, 100), Some((String::new(), 1)));
    }
}
