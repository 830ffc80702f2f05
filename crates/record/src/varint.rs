//! Zigzag variable-length integers, as in Protocol Buffers: 7 bits a byte, the least significant first, sign in bit 0.

/// Most bytes an `i32` takes.
pub const MAX_I32_LEN: usize = 5;
/// Most bytes an `i64` takes.
pub const MAX_I64_LEN: usize = 10;

const fn zigzag(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}

const fn unzigzag(raw: u64) -> i64 {
    (raw >> 1).cast_signed() ^ -((raw & 1).cast_signed())
}

/// Bytes that `value` takes (the same for an `i32` and an `i64` of that value).
#[must_use]
#[inline]
pub const fn len(value: i64) -> usize {
    // bits / 7 rounded up, for 1 to 64 bits, without the division.
    let bits = u64::BITS - (zigzag(value) | 1).leading_zeros();
    ((bits * 9 + 64) / 64) as usize
}

/// The bytes of `value`, in order.
#[inline]
pub fn encode(value: i64, mut put: impl FnMut(u8)) {
    let mut raw = zigzag(value);
    while raw >= 0x80 {
        put(low_bits(raw) | 0x80);
        raw >>= 7;
    }
    put(low_bits(raw));
}

#[inline]
fn low_bits(raw: u64) -> u8 {
    u8::try_from(raw & 0x7f).expect("seven bits")
}

/// Takes an `i64` off the front of `bytes`. `None` if it is cut off or larger than its type.
#[inline]
pub fn take_i64(bytes: &mut &[u8]) -> Option<i64> {
    match take_short(bytes) {
        Some(short) => Some(i64::from(short)),
        None => take_long(bytes, MAX_I64_LEN),
    }
}

/// Takes an `i32` off the front of `bytes`. `None` if it is cut off, larger than its type, or longer than 5 bytes.
#[inline]
pub fn take_i32(bytes: &mut &[u8]) -> Option<i32> {
    match take_short(bytes) {
        Some(short) => Some(i32::from(short)),
        None => take_long(bytes, MAX_I32_LEN).and_then(|long| i32::try_from(long).ok()),
    }
}

/// A number of one or two bytes, as nearly all of them are.
#[inline]
fn take_short(bytes: &mut &[u8]) -> Option<i16> {
    let (raw, rest) = match *bytes {
        [low @ ..0x80, rest @ ..] => (i16::from(*low), rest),
        [low, high @ ..0x80, rest @ ..] => (i16::from(*low & 0x7f) | i16::from(*high) << 7, rest),
        _ => return None,
    };
    *bytes = rest;
    Some((raw >> 1) ^ -(raw & 1))
}

#[cold]
fn take_long(bytes: &mut &[u8], max_len: usize) -> Option<i64> {
    let mut raw = 0_u64;
    for (index, &byte) in bytes.iter().take(max_len).enumerate() {
        let bits = u64::from(byte & 0x7f);
        if index == MAX_I64_LEN - 1 && bits > 1 {
            return None;
        }
        raw |= bits << (7 * index);
        if byte < 0x80 {
            *bytes = &bytes[index + 1..];
            return Some(unzigzag(raw));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(value: i64) -> Vec<u8> {
        let mut out = Vec::new();
        encode(value, |byte| out.push(byte));
        out
    }

    #[test]
    fn known_encodings() {
        let known: [(i64, &[u8]); 8] = [
            (0, &[0]),
            (-1, &[1]),
            (1, &[2]),
            (63, &[0x7e]),
            (64, &[0x80, 0x01]),
            (-65, &[0x81, 0x01]),
            (i64::from(i32::MAX), &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ];
        for (value, bytes) in known {
            assert_eq!(encoded(value), bytes, "{value}");
            assert_eq!(take_i64(&mut &*bytes), Some(value));
        }
    }

    #[test]
    fn hostile_numbers_are_refused() {
        assert_eq!(take_i64(&mut &[][..]), None);
        assert_eq!(take_i64(&mut &[0x80][..]), None, "cut off");
        assert_eq!(take_i64(&mut &[0xff; 20][..]), None, "never ends");
        assert_eq!(
            take_i64(&mut &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02][..]),
            None,
            "65 bits"
        );
        assert_eq!(take_i32(&mut &*encoded(i64::from(i32::MAX) + 1)), None, "33 bits");
        assert_eq!(take_i32(&mut &[0x80, 0x80, 0x80, 0x80, 0x80, 0x00][..]), None, "padded to 6 bytes");
        assert_eq!(
            take_i32(&mut &[0x82, 0x80, 0x80, 0x80, 0x00][..]),
            Some(1),
            "padded, as others accept it"
        );
    }

    proptest! {
        #[test]
        fn every_i64_comes_back(value: i64, shift in 0..64_u32) {
            let value = value >> shift;
            let bytes = encoded(value);
            prop_assert_eq!(bytes.len(), len(value));
            let mut rest = &bytes[..];
            prop_assert_eq!(take_i64(&mut rest), Some(value));
            prop_assert!(rest.is_empty());
            prop_assert_eq!(take_i32(&mut &bytes[..]), i32::try_from(value).ok());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let mut rest = &bytes[..];
            if take_i64(&mut rest).is_some() {
                prop_assert!(bytes.len() - rest.len() <= MAX_I64_LEN);
            }
        }
    }
}
