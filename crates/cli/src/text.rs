//! Making control characters visible, so that data cannot drive the terminal it is shown on (CWE-150).
//!
//! A tab and a newline pass. Every other C0 and C1 control character, DEL, and the characters that
//! reorder text become `\x1b` or `\u{202e}`; a byte that is not UTF-8 becomes `\xff`.

use std::fmt::Write as _;

/// Whether a character is shown as an escape.
fn is_hidden(c: char) -> bool {
    match c {
        '\t' | '\n' => false,
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => c.is_control(),
    }
}

/// Appends `text` to `out` with what is hidden made visible.
pub fn push_visible_str(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some((at, hidden)) = rest.char_indices().find(|(_, c)| is_hidden(*c)) {
        out.push_str(&rest[..at]);
        match u32::from(hidden) {
            byte @ 0..=0x9f => push_byte(byte, out),
            code => write!(out, "\\u{{{code:x}}}").unwrap_or_default(),
        }
        rest = &rest[at + hidden.len_utf8()..];
    }
    out.push_str(rest);
}

fn push_byte(byte: u32, out: &mut String) {
    // Writing to a String cannot fail.
    write!(out, "\\x{byte:02x}").unwrap_or_default();
}

/// Appends `bytes` to `out` as text that is safe on a terminal.
pub fn push_visible(bytes: &[u8], out: &mut Vec<u8>) {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        push_visible_str(chunk.valid(), &mut text);
        for byte in chunk.invalid() {
            push_byte(u32::from(*byte), &mut text);
        }
    }
    out.extend_from_slice(text.as_bytes());
}

/// Appends a line of JSON with what is hidden made visible as `\u202e`, which stands for the same in JSON. JSON
/// holds such characters in strings only.
pub fn push_visible_json(json: &[u8], out: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(json);
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            // Nothing hidden lies beyond the first 65,536 characters; writing to a String cannot fail.
            write!(escaped, "\\u{:04x}", u32::from(c)).unwrap_or_default();
        } else {
            escaped.push(c);
        }
    }
    out.extend_from_slice(escaped.as_bytes());
}

/// `text` with what is hidden made visible, newlines included: it stays one line.
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_visible_str(text, &mut out);
    if out.contains('\n') { out.replace('\n', "\\n") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_visible_and_text_stays() {
        for (bytes, shown) in [
            (&b"plain \tand\nnewline"[..], "plain \tand\nnewline"),
            (b"\x1b[2J\x07", "\\x1b[2J\\x07"),
            (b"cr\r", "cr\\x0d"),
            (b"\x7f", "\\x7f"),
            ("\u{9b}31m".as_bytes(), "\\x9b31m"),
            ("abc\u{202e}cba".as_bytes(), "abc\\u{202e}cba"),
            ("Grüße 😀".as_bytes(), "Grüße 😀"),
            (b"\xff\xfe ok \xc3", "\\xff\\xfe ok \\xc3"),
        ] {
            let mut out = Vec::new();
            push_visible(bytes, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), shown);
        }
    }

    #[test]
    fn json_stays_json() {
        let mut out = Vec::new();
        push_visible_json("{\"a\":\"\u{9b}\u{202e}ü\"}\n".as_bytes(), &mut out);
        assert_eq!(out, "{\"a\":\"\\u009b\\u202eü\"}\n".as_bytes());
    }

    #[test]
    fn one_line_stays_one_line() {
        assert_eq!(one_line("a\nb\x1b"), "a\\nb\\x1b");
    }
}
