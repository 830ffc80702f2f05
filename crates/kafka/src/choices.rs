//! Messages made up from bytes: for tests, fuzzing and tools that need valid frames of every version.

use yak_model::ErrorCode;

/// Bytes that decide what a message is. When they run out, every choice is the plainest one, so that shorter or
/// smaller bytes make smaller messages.
#[derive(Clone, Debug)]
pub struct Choices<'a> {
    bytes: &'a [u8],
}

impl<'a> Choices<'a> {
    /// Decides by these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    /// Whether to do what is not the plainest.
    pub(crate) fn flag(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    /// A number below 256.
    pub(crate) fn below(&mut self, end: u8) -> usize {
        usize::from(self.byte() % end)
    }

    /// The bytes of a number: often one of those at the edges.
    pub(crate) fn number<const N: usize>(&mut self) -> [u8; N] {
        match self.byte() % 8 {
            0 => [0; N],
            1 => [0xff; N],
            2 => with_first([0xff; N], 0x7f),
            3 => with_first([0; N], 0x80),
            4 => {
                let mut small = [0; N];
                small[N - 1] = self.byte();
                small
            }
            _ => self.array(),
        }
    }

    /// How many elements or characters: few, and sometimes more than one byte of a varint can say.
    pub(crate) fn len(&mut self) -> usize {
        match self.byte() {
            255 => 150,
            choice => usize::from(choice % 4),
        }
    }

    /// A string, of characters of one to four bytes.
    pub(crate) fn text(&mut self) -> String {
        const CHARACTERS: [char; 8] = ['a', '0', '.', '\0', '"', 'é', '€', '𝄞'];
        (0..self.len()).map(|_| CHARACTERS[self.below(8)]).collect()
    }

    /// Bytes, of records for instance.
    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        (0..self.len()).map(|_| self.byte()).collect()
    }

    /// An error, or none.
    pub(crate) fn error_code(&mut self) -> Option<ErrorCode> {
        match self.byte() {
            choice if choice % 2 == 1 => Some(ErrorCode::ALL[usize::from(choice / 2) % ErrorCode::ALL.len()]),
            _ => None,
        }
    }

    /// The next bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let (taken, rest) = self.bytes.split_at(self.bytes.len().min(N));
        array[..taken.len()].copy_from_slice(taken);
        self.bytes = rest;
        array
    }
}

fn with_first<const N: usize>(mut bytes: [u8; N], first: u8) -> [u8; N] {
    bytes[0] = first;
    bytes
}
