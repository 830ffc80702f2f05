//! What is done to a frame so that it is almost right.
//!
//! It knows the format as far as that pays: numbers are overwritten by those at the edges, in the widths that
//! lengths and counts have; spans are cut, repeated and exchanged with those of another message; versions change.

/// Damages a frame, of which the length is left out.
pub(crate) fn damage(content: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    match chance.below(100) {
        0..20 => flip_a_bit(content, chance),
        20..55 => overwrite_a_number(content, chance),
        55..65 => cut_a_span(content, chance),
        65..75 => repeat_a_span(content, chance),
        75..80 => content.truncate(chance.below(content.len() + 1)),
        80..90 => splice(content, other, chance),
        90..96 => change_version(content, chance),
        96 if chance.below(10) == 0 => announce_many(content, chance),
        _ => content.extend((0..chance.below(20)).map(|_| chance.byte())),
    }
}

fn flip_a_bit(content: &mut [u8], chance: &mut Chance) {
    if !content.is_empty() {
        content[chance.below(content.len())] ^= 1 << chance.below(8);
    }
}

fn overwrite_a_number(content: &mut Vec<u8>, chance: &mut Chance) {
    let number = chance.edge().to_be_bytes();
    let bytes = match chance.below(5) {
        0 => number[3..].to_vec(),
        1 => number[2..].to_vec(),
        2 => number.to_vec(),
        // Varints of two and of five bytes.
        3 => vec![number[3] | 0x80, number[2] & 0x7f],
        _ => number.map(|byte| byte | 0x80).into_iter().chain([number[0] & 0x1f]).collect(),
    };
    let start = chance.below(content.len() + 1);
    let end = (start + bytes.len()).min(content.len());
    content.splice(start..end, bytes);
}

/// An array of tens of thousands of elements, and bytes that may pass for them.
fn announce_many(content: &mut Vec<u8>, chance: &mut Chance) {
    let count = 20_000 + chance.below(60_000);
    let seven_bits = |shift: u32| u8::try_from(count >> shift & 0x7f).unwrap();
    let mut array = match chance.below(2) {
        0 => u32::try_from(count).unwrap().to_be_bytes().to_vec(),
        _ => vec![seven_bits(0) | 0x80, seven_bits(7) | 0x80, seven_bits(14)],
    };
    // In one form a string of no bytes is 0, in the other 1.
    let filling = u8::try_from(chance.below(2)).unwrap();
    array.resize(array.len() + 8 * count, filling);
    let at = chance.below(content.len() + 1);
    content.splice(at.., array);
}

fn cut_a_span(content: &mut Vec<u8>, chance: &mut Chance) {
    let (start, end) = chance.span(content.len());
    content.drain(start..end);
}

fn repeat_a_span(content: &mut Vec<u8>, chance: &mut Chance) {
    let (start, end) = chance.span(content.len());
    let span = content[start..end].to_vec();
    for _ in 0..=chance.below(3) {
        content.splice(end..end, span.iter().copied());
    }
}

fn splice(content: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    let (start, end) = chance.span(other.len());
    let at = chance.below(content.len() + 1);
    content.splice(at..at, other[start..end].iter().copied());
}

fn change_version(content: &mut [u8], chance: &mut Chance) {
    if let Some(version) = content.get_mut(2..4) {
        let number = if chance.below(4) == 0 { chance.edge() } else { i32::from(chance.byte() % 16) };
        version.copy_from_slice(&number.to_be_bytes()[2..]);
    }
}

/// Numbers from a seed (SplitMix64).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        usize::try_from(self.next() % end).unwrap_or_default()
    }

    /// A number at an edge, or a small one.
    pub(crate) fn edge(&mut self) -> i32 {
        const EDGES: [i32; 12] =
            [0, 1, -1, -2, 0x7f, 0x80, 0x3fff, 0x7fff, 0x8000, 0x1_0000, i32::MAX, i32::MIN];
        match self.below(2) {
            0 => EDGES[self.below(EDGES.len())],
            _ => i32::from(self.byte()) - 4,
        }
    }

    /// A span of bytes, mostly of the widths that fields have.
    fn span(&mut self, len: usize) -> (usize, usize) {
        const WIDTHS: [usize; 8] = [1, 1, 2, 4, 8, 16, 17, 40];
        let start = self.below(len + 1);
        (start, (start + WIDTHS[self.below(WIDTHS.len())]).min(len))
    }
}
