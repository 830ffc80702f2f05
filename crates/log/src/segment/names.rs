//! Names of a segment's files: twenty digits of offset and a suffix.

use yak_model::Offset;

/// Record batches.
pub(crate) const LOG: &str = "log";
/// Offset to position.
pub(crate) const INDEX: &str = "index";
/// Timestamp to offset.
pub(crate) const TIME_INDEX: &str = "timeindex";
/// Producer state before an offset.
pub(crate) const SNAPSHOT: &str = "snapshot";
/// Appended to the name of a file that waits for its removal.
pub(crate) const DELETED: &str = "deleted";
/// Appended to the name of a file that compaction makes; without a later name it is nothing.
pub(crate) const CLEANED: &str = "cleaned";
/// Appended to the name of a file that compaction made, and whose place in the log is settled: what is there of the
/// segments that it replaces is to go.
pub(crate) const SWAP: &str = "swap";
/// Appended to the name of a file that was found damaged and set aside.
pub(crate) const DAMAGED: &str = "damaged";

/// `00000000000000000042.log`
pub(crate) fn file_name(offset: Offset, suffix: &str) -> String {
    format!("{:020}.{suffix}", offset.get())
}

/// The offset and suffix of such a name.
pub(crate) fn parse(name: &str) -> Option<(Offset, &str)> {
    let (digits, suffix) = name.split_once('.')?;
    if digits.len() != 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((Offset::new(digits.parse().ok()?), suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_others_are_not_ours() {
        assert_eq!(file_name(Offset::new(42), LOG), "00000000000000000042.log");
        assert_eq!(parse("00000000000000000042.log"), Some((Offset::new(42), "log")));
        assert_eq!(parse("00000000000000000042.log.deleted"), Some((Offset::new(42), "log.deleted")));
        for other in
            ["42.log", "0000000000000000004x.log", "99999999999999999999.log", "leader-epoch-checkpoint"]
        {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
