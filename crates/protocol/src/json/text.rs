//! JSON strings, fast: most text needs no escape, and finding that out is most of the work.

use bytes::BytesMut;

/// Bytes looked at in one step; the compiler turns the step into vector instructions.
const STEP: usize = 32;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `"text"` with escapes where JSON needs them.
pub(crate) fn push_text(out: &mut BytesMut, text: &str) {
    out.reserve(text.len() + 2);
    out.extend_from_slice(b"\"");
    push_escaped(out, text);
    out.extend_from_slice(b"\"");
}

/// Appends `text` as the inside of a JSON string.
pub(crate) fn push_escaped(out: &mut BytesMut, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let plain = plain_prefix(rest);
        out.extend_from_slice(&rest[..plain]);
        let Some(&special) = rest.get(plain) else { return };
        push_escape(out, special);
        rest = &rest[plain + 1..];
    }
}

/// Whether `bytes` are ASCII without anything to escape, the common case that needs no second look.
#[inline]
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    let mut steps = bytes.chunks_exact(STEP);
    for step in &mut steps {
        if step.iter().fold(false, |any, &byte| any | needs_escape(byte) | (byte >= 0x80)) {
            return false;
        }
    }
    !steps.remainder().iter().fold(false, |any, &byte| any | needs_escape(byte) | (byte >= 0x80))
}

/// How many bytes from the start need no escape.
fn plain_prefix(bytes: &[u8]) -> usize {
    let mut at = 0;
    for step in bytes.chunks_exact(STEP) {
        if step.iter().fold(false, |any, &byte| any | needs_escape(byte)) {
            break;
        }
        at += STEP;
    }
    at + bytes[at..].iter().position(|&byte| needs_escape(byte)).unwrap_or(bytes.len() - at)
}

const fn needs_escape(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// Appends one escaped character. 0x7f and everything above need none in JSON.
fn push_escape(out: &mut BytesMut, byte: u8) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0xf)]);
            return out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use proptest::prelude::*;

    use super::push_text;

    fn written(text: &str) -> String {
        let mut out = BytesMut::new();
        push_text(&mut out, text);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn what_must_be_escaped_is_and_nothing_else() {
        assert_eq!(
            written("a\"b\\c\nd\re\tf\u{8}g\u{c}h\0i\u{1f}"),
            r#""a\"b\\c\nd\re\tf\bg\fh\u0000i\u001f""#
        );
        assert_eq!(written("\u{7f}\u{e9}\u{1f600}/"), "\"\u{7f}\u{e9}\u{1f600}/\"");
        assert_eq!(written(""), "\"\"");
        let long = "x".repeat(100);
        assert_eq!(written(&format!("{long}\"{long}")), format!("\"{long}\\\"{long}\""));
    }

    proptest! {
        #[test]
        fn equals_serde_json(text in any::<String>(), pad in 0_usize..70) {
            let text = "p".repeat(pad) + &text + "\n" + &text;
            prop_assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
        }
    }
}
