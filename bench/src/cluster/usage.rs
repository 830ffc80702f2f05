//! What processes and the disk have used, as Linux tells under `/proc`. Elsewhere there is nothing to read.

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a process has used since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Processor time of all its threads.
    pub(super) cpu: Duration,
    /// How often a thread of it was woken up (it had waited of its own accord).
    pub(super) wake_ups: u64,
}

impl Usage {
    /// Of a process; nothing if it is gone.
    #[must_use]
    pub(super) fn of(pid: u32) -> Self {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        tasks.map(|task| Self::of_thread(&task.path())).fold(Self::default(), |sum, one| Self {
            cpu: sum.cpu + one.cpu,
            wake_ups: sum.wake_ups + one.wake_ups,
        })
    }

    fn of_thread(task: &Path) -> Self {
        // Nanoseconds on a processor stand first; `stat` counts in hundredths of a second.
        let on_processor = read(&task.join("schedstat"));
        let nanos = on_processor.split_whitespace().next().and_then(|text| text.parse().ok());
        let status = read(&task.join("status"));
        Self {
            cpu: Duration::from_nanos(nanos.unwrap_or(0)),
            wake_ups: field(&status, "voluntary_ctxt_switches:").unwrap_or(0),
        }
    }

    /// What was used since an earlier look.
    #[must_use]
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(earlier.cpu),
            wake_ups: self.wake_ups.saturating_sub(earlier.wake_ups),
        }
    }
}

/// Resident memory of a process, in KiB.
#[must_use]
pub(crate) fn resident_kib(pid: u32) -> u64 {
    field(&read(Path::new(&format!("/proc/{pid}/status"))), "VmRSS:").unwrap_or(0)
}

/// How many files and connections a process has open.
#[must_use]
pub(super) fn open_files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// Processor time of the children of this process that have ended and were waited for.
#[must_use]
pub(super) fn of_ended_children() -> Duration {
    hundredths(&read(Path::new("/proc/self/stat")), [13, 14])
}

/// Processor time that a process has used so far, in user and in kernel mode, threads that have ended included.
#[must_use]
pub(crate) fn processor_time(pid: u32) -> Duration {
    hundredths(&read(Path::new(&format!("/proc/{pid}/stat"))), [11, 12])
}

/// The sum of two fields of a `stat`, counted behind the name, which stand there in hundredths of a second.
fn hundredths(stat: &str, fields: [usize; 2]) -> Duration {
    // The name in parentheses may hold anything.
    let rest: Vec<&str> =
        stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
    let number = |at: usize| rest.get(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis(10 * fields.map(number).iter().sum::<u64>())
}

/// What a disk has done since the machine began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DiskUse {
    /// Bytes written.
    pub(super) written: u64,
    /// How long it had something to do.
    pub(super) busy: Duration,
}

impl DiskUse {
    /// Of the disk that a path is on.
    #[must_use]
    pub(super) fn of(path: &Path) -> Self {
        let number = fs::metadata(path).map_or(0, |metadata| device(&metadata));
        let (major, minor) = ((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xf_ff00));
        let all = read(Path::new("/proc/diskstats"));
        Self::in_table(&all, major, minor)
    }

    fn in_table(all: &str, major: u64, minor: u64) -> Self {
        let rows = all.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let wanted = [major.to_string(), minor.to_string()];
        let row = rows.into_iter().find(|row| row.len() > 12 && row[..2] == wanted).unwrap_or_default();
        let number = |at: usize| row.get(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        Self { written: 512 * number(9), busy: Duration::from_millis(number(12)) }
    }

    /// What was done since an earlier look.
    #[must_use]
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            written: self.written.saturating_sub(earlier.written),
            busy: self.busy.saturating_sub(earlier.busy),
        }
    }
}

/// Bytes of all files under a directory. What vanishes meanwhile does not count.
#[must_use]
pub(super) fn bytes_under(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let of = |path: PathBuf| match fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_dir() => bytes_under(&path),
        Ok(metadata) => allocated(&metadata),
        Err(_) => 0,
    };
    entries.map(|entry| of(entry.path())).sum()
}

/// One line on the machine that measures.
#[must_use]
pub(crate) fn machine(data: &Path) -> String {
    let (cpuinfo, kernel) = (read(Path::new("/proc/cpuinfo")), read(Path::new("/proc/sys/kernel/osrelease")));
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("");
    let model = model.trim_start_matches([' ', '\t', ':']);
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = field(&read(Path::new("/proc/meminfo")), "MemTotal:").unwrap_or(0) / (1024 * 1024);
    let mounts = read(Path::new("/proc/mounts"));
    let holds = |line: &&str| line.split(' ').nth(1).is_some_and(|at| data.starts_with(at));
    let mount = mounts.lines().filter(holds).max_by_key(|line| line.split(' ').nth(1).map(str::len));
    let mount: Vec<&str> = mount.unwrap_or("").split(' ').take(3).collect();
    let on = if let [device, _, kind] = mount[..] { format!("{kind} on {device}") } else { String::new() };
    format!("{cores} cores ({model}), {memory} GiB of memory, Linux {}, data on {on}", kernel.trim())
}

/// The number of the device that a file is on.
fn device(metadata: &fs::Metadata) -> u64 {
    #[cfg(unix)]
    let number = metadata.dev();
    #[cfg(not(unix))]
    let number = metadata.len() & 0;
    number
}

/// Bytes that a file takes on its disk, preallocated ones included.
fn allocated(metadata: &fs::Metadata) -> u64 {
    #[cfg(unix)]
    let bytes = 512 * metadata.blocks();
    #[cfg(not(unix))]
    let bytes = metadata.len();
    bytes
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The number behind a name in a file of lines like `VmRSS:    1234 kB`.
fn field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_the_disks_is_found_by_its_numbers() {
        let table = "   7       0 loop0 1 2 3 4 5 6 7 8 9 10 11\n \
                     254       0 vda 10 0 800 5 20 0 4096 7 0 1500 12 0 0 0 0 0 0\n";
        let expected = DiskUse { written: 4096 * 512, busy: Duration::from_millis(1500) };
        assert_eq!(DiskUse::in_table(table, 254, 0), expected);
        assert_eq!(DiskUse::in_table(table, 8, 0), DiskUse::default());
    }

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "42 (a b) c) S 1 42 42 0 -1 4194560 900 0 0 0 150 25 7 3 20 0 1 0 100 1000 50\n";
        assert_eq!(hundredths(stat, [11, 12]), Duration::from_millis(1_750));
        assert_eq!(hundredths(stat, [13, 14]), Duration::from_millis(100));
        assert_eq!(hundredths("", [11, 12]), Duration::ZERO);
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "nonvoluntary_ctxt_switches:\t7\nvoluntary_ctxt_switches:\t12\nVmRSS:\t    6272 kB\n";
        assert_eq!(field(text, "voluntary_ctxt_switches:"), Some(12));
        assert_eq!(field(text, "VmRSS:"), Some(6272));
        assert_eq!(field(text, "VmSwap:"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_used_something() {
        let pid = std::process::id();
        assert!(Usage::of(pid).cpu > Duration::ZERO);
        assert!(resident_kib(pid) > 100 && open_files(pid) > 2);
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("inner")).unwrap();
        fs::write(directory.path().join("inner/file"), vec![1; 10_000]).unwrap();
        assert!(bytes_under(directory.path()) >= 10_000);
        assert!(machine(directory.path()).contains(" cores ("));
    }
}
