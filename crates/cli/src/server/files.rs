//! File descriptors: as many as the system lets this process have, half of them for connections.

/// Raises the soft limit to the hard one and returns it; `None` where the system has no such limit.
#[must_use]
pub fn raise_limit() -> Option<u64> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
        match setrlimit(Resource::Nofile, wanted) {
            Ok(()) => limit.maximum,
            Err(error) => {
                tracing::warn!(%error, "the limit of open files cannot be raised");
                limit.current
            }
        }
    }
    #[cfg(not(unix))]
    None
}

/// The most connections: as configured, but never so many that no file could be opened any more.
#[must_use]
pub fn connection_cap(configured: usize, file_limit: Option<u64>) -> usize {
    let half = file_limit.and_then(|limit| usize::try_from(limit / 2).ok()).unwrap_or(usize::MAX);
    configured.min(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_half_of_the_descriptors_to_files() {
        assert_eq!(connection_cap(5000, Some(1024)), 512);
        assert_eq!(connection_cap(5000, Some(1 << 20)), 5000);
        assert_eq!(connection_cap(5000, None), 5000);
    }
}
