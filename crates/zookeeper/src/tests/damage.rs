//! Damage is refused, with the place and what to do.

use super::rig::*;

#[test]
fn inv_19_every_flipped_bit_is_refused() {
    let (dir, _) = some_history();
    let text = journal_text(&dir);
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut flipped = text.clone();
            flipped[at] ^= 1 << bit;
            assert!(recover(&holding(&flipped)).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn damage_says_where_and_what_to_do() {
    let (dir, _) = some_history();
    let mut text = journal_text(&dir);
    let third = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 1;
    text[third + 20] ^= 1;
    let damaged = holding(&text);
    let refused = recover(&damaged).unwrap_err().to_string();
    let file = "(memory)/zookeeper/journal-00000000000000000001.ndjson";
    assert!(refused.starts_with(&format!("{file}:3: its checksum is ")), "{refused}");
    assert!(refused.ends_with(&format!("cut it there: truncate -s {third} {file}")), "{refused}");
    assert_eq!(journal_text(&damaged), text, "nothing is touched");
}

#[test]
fn a_hole_below_what_was_synced_is_damage() {
    let (dir, _) = some_history();
    let mut text = journal_text(&dir);
    let third = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 1;
    text[third..third + 50].fill(0);
    assert!(recover(&holding(&text)).is_err());
}

#[test]
fn a_missing_line_is_damage() {
    let (dir, _) = some_history();
    let text = String::from_utf8(journal_text(&dir)).unwrap();
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines.remove(3);
    let refused = recover(&holding(lines.concat().as_bytes())).unwrap_err().to_string();
    assert!(refused.contains(".ndjson:4: index 4 follows index 2"), "{refused}");
}

#[test]
fn a_line_that_contradicts_those_before_is_damage() {
    let (dir, _) = some_history();
    let text = journal_text(&dir);
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let mut again = decoded(lines[4]);
    again.index = yak_model::MetadataIndex::new(7);
    let mut text = text.clone();
    yak_protocol::journal::encode_line(&again, &mut text);
    let refused = recover(&holding(&text)).unwrap_err().to_string();
    assert!(refused.contains(".ndjson:8: topic orders, or one of its id, exists already"), "{refused}");
}

#[test]
fn what_is_no_journal_is_refused() {
    for text in [&b""[..], b"\n", b"hello\n", b"{}\n", &[0; 4096]] {
        let refused = recover(&holding(text)).unwrap_err().to_string();
        assert!(refused.contains(".ndjson:1: it is not a whole line"), "{refused}");
    }
}
