//! Which boot of the machine a broker last ran in: while it is still the same one, nothing that was written to the
//! page cache is lost.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Names the present boot; Linux only.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// In the data directory: the boot in which the broker ran last.
const FILE: &str = "boot-id";

/// Whether the broker of this directory last ran in the present boot. Takes note of the present one.
///
/// # Errors
/// The file cannot be written.
pub(super) fn is_same(directory: &Path) -> io::Result<bool> {
    match fs::read_to_string(BOOT_ID) {
        Ok(present) => note(directory, present.trim()),
        // Elsewhere only a clean shutdown proves anything.
        Err(_unknown) => Ok(false),
    }
}

fn note(directory: &Path, present: &str) -> io::Result<bool> {
    let path = directory.join(FILE);
    // What cannot be read proves nothing.
    if fs::read_to_string(&path).is_ok_and(|last| last.trim() == present) {
        return Ok(true);
    }
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    writeln!(file, "{present}")?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_is_the_same_from_the_second_start_on_until_the_machine_boots() {
        let directory = tempfile::tempdir().expect("a directory");
        assert!(!note(directory.path(), "first").expect("noted"), "nothing is known of a new directory");
        assert!(note(directory.path(), "first").expect("noted"));
        assert!(!note(directory.path(), "second").expect("noted"), "the machine booted");
        assert!(note(directory.path(), "second").expect("noted"));
        fs::write(directory.path().join(FILE), [0xff, 0xfe]).expect("writable");
        assert!(!note(directory.path(), "second").expect("noted"), "what cannot be read proves nothing");
    }
}
