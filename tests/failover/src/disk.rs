//! A disk whose power can be cut: ext4 on a loop device.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::run;

/// How the file system is told to forget, at once, what was not synced: `EXT4_IOC_SHUTDOWN` with
/// `EXT4_GOING_FLAGS_NOLOGFLUSH`. Python, because the project calls nothing of the system that is unsafe.
const SHUT_DOWN: &str = "import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";

/// A file system in a file, mounted while this lives.
#[derive(Debug)]
pub struct Disk {
    image: PathBuf,
    mount: PathBuf,
}

impl Disk {
    /// Makes and mounts a disk within a directory, and cuts its power once, to see whether that works here.
    ///
    /// # Errors
    /// Why this machine cannot.
    pub fn create(directory: &Path, name: &str) -> Result<Self, String> {
        let (image, mount) = (directory.join(format!("{name}.ext4")), directory.join(name));
        fs::create_dir(&mount).unwrap();
        File::create(&image).unwrap().set_len(1 << 30).unwrap();
        run("mkfs.ext4", &["-q", "-F", "-E", "lazy_itable_init=0", text(&image)])?;
        mount_at(&image, &mount)?;
        let disk = Self { image, mount };
        fs::write(disk.mount.join("synced"), "synced").unwrap();
        File::open(disk.mount.join("synced")).unwrap().sync_all().unwrap();
        File::open(&disk.mount).unwrap().sync_all().unwrap();
        fs::write(disk.mount.join("not-synced"), "not synced").unwrap();
        disk.cut_power()?;
        disk.restore_power()?;
        let not_synced = fs::read(disk.mount.join("not-synced")).unwrap_or_default();
        let synced =
            fs::read(disk.mount.join("synced")).map_err(|e| format!("what was synced is gone: {e}"))?;
        if synced != b"synced" || !not_synced.is_empty() {
            return Err("a shut down file system does not forget what was not synced".to_owned());
        }
        Ok(disk)
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.mount
    }

    /// Nothing that is not on the disk by now will ever be. Whoever still runs gets errors.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn cut_power(&self) -> Result<(), String> {
        run("python3", &["-c", SHUT_DOWN, text(&self.mount)]).map(drop)
    }

    /// Brings it back with what was on it. Nobody may use it meanwhile.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn restore_power(&self) -> Result<(), String> {
        run("umount", &[text(&self.mount)])?;
        mount_at(&self.image, &self.mount)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process that was killed may not be gone yet.
        drop(Command::new("umount").arg("--lazy").arg(&self.mount).status());
    }
}

fn mount_at(image: &Path, mount: &Path) -> Result<(), String> {
    run("mount", &["-o", "loop", text(image), text(mount)]).map(drop)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary directories have readable names")
}
