//! Values to send, each different: its number in decimal, then letters.

/// Letters to take values from; a prime, so that places repeat late.
const LETTERS: usize = 65_521;
/// Most digits of a number.
const DIGITS: usize = 20;

/// Makes values of one size.
#[derive(Debug)]
pub(super) struct Payload {
    letters: Vec<u8>,
    value: Vec<u8>,
}

impl Payload {
    /// Values of `size` bytes.
    pub(super) fn new(size: usize) -> Self {
        // xorshift: enough disorder for a compressor to have something to do.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let letter = |_: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            b'A' + u8::try_from(state % 26).expect("less than 26")
        };
        Self { letters: (0..LETTERS + size).map(letter).collect(), value: vec![b'0'; size] }
    }

    /// The value of this number.
    pub(super) fn value(&mut self, number: u64) -> &[u8] {
        let from = usize::try_from(number.wrapping_mul(7919) % 65_521).expect("less than 65,521");
        let size = self.value.len();
        self.value.copy_from_slice(&self.letters[from..from + size]);
        let mut rest = number;
        for digit in self.value[..size.min(DIGITS)].iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).expect("a digit");
            rest /= 10;
        }
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_different_and_of_its_size() {
        let mut payload = Payload::new(30);
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..1_000 {
            let value = payload.value(number).to_vec();
            assert_eq!(value.len(), 30);
            assert!(value.starts_with(format!("{number:020}").as_bytes()));
            assert!(seen.insert(value));
        }
        assert_eq!(Payload::new(2).value(123), b"23");
    }
}
