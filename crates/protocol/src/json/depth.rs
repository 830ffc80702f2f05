//! How deep a JSON text nests.

/// Whether a valid JSON text nests deeper than `limit` levels of arrays and objects.
///
/// `serde_json` bounds its own recursion, but not the nesting of text that it only captures.
pub(crate) fn is_deeper_than(json: &str, limit: usize) -> bool {
    let mut depth = 0_usize;
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    false
}

fn skip_string(bytes: &mut std::str::Bytes<'_>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => _ = bytes.next(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_deeper_than;

    #[test]
    fn only_brackets_outside_strings_count() {
        assert!(!is_deeper_than(r#"{"a":[1,{"b":2}]}"#, 3));
        assert!(is_deeper_than(r#"{"a":[1,{"b":2}]}"#, 2));
        assert!(!is_deeper_than(r#""[[[[\"[[[""#, 0));
        assert!(!is_deeper_than("[[],[],[]]", 2));
        assert!(!is_deeper_than("17", 0));
    }
}
