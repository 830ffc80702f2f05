//! Values to send, each different: its number in decimal, then letters.

/// Letters to take values from; a prime, so that places repeat late.
const LETTERS: u64 = 65_521;
/// Digits of a number.
const DIGITS: usize = 20;

/// Makes values of one size. Making one costs two copies and, most often, the change of one digit.
#[derive(Debug)]
pub(super) struct Payload {
    letters: Vec<u8>,
    value: Vec<u8>,
    digits: [u8; DIGITS],
    /// The number that the digits show.
    number: u64,
}

impl Payload {
    /// Values of `size` bytes.
    pub(super) fn new(size: usize) -> Self {
        // xorshift: enough disorder for a compressor to have something to do.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let letter = |_: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            b'A' + u8::try_from(state % 26).expect("less than 26")
        };
        let letters = (0..LETTERS + size as u64).map(letter).collect();
        Self { letters, value: vec![b'0'; size], digits: [b'0'; DIGITS], number: 0 }
    }

    /// The value of this number.
    #[inline]
    pub(super) fn value(&mut self, number: u64) -> &[u8] {
        if number == self.number.wrapping_add(1) {
            self.count_up();
        } else if number != self.number {
            self.write_digits(number);
        }
        self.number = number;
        let from = usize::try_from(number.wrapping_mul(7919) % LETTERS).expect("less than 65,521");
        let size = self.value.len();
        self.value.copy_from_slice(&self.letters[from..from + size]);
        let shown = size.min(DIGITS);
        self.value[..shown].copy_from_slice(&self.digits[DIGITS - shown..]);
        &self.value
    }

    fn count_up(&mut self) {
        for digit in self.digits.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
    }

    #[cold]
    fn write_digits(&mut self, mut rest: u64) {
        for digit in self.digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).expect("a digit");
            rest /= 10;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_different_and_of_its_size() {
        let mut payload = Payload::new(30);
        let mut seen = std::collections::BTreeSet::new();
        // Each once more, as when memory was full; and a leap.
        for number in (0..1_100).flat_map(|number| [number, number]).chain([u64::MAX, 7]) {
            let value = payload.value(number).to_vec();
            assert_eq!(value.len(), 30);
            assert!(value.starts_with(format!("{number:020}").as_bytes()), "{number}");
            seen.insert(value);
        }
        assert_eq!(seen.len(), 1_101);
        assert_eq!(Payload::new(2).value(123), b"23");
    }
}
