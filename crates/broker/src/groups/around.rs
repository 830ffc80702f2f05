//! What every coordinator of a broker works with.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use yak_core::group::consumer::Topics;
use yak_core::image::Image;
use yak_model::api::Rejection;
use yak_model::limits::{MAX_MEMBER_BYTES, MAX_MEMBERS_BYTES};
use yak_model::{BrokerId, ErrorCode};

use crate::clock::Clock;
use crate::config::GroupsConfig;
use crate::session::Membership;

/// The surroundings of the coordinators.
#[derive(Debug)]
pub(crate) struct Around {
    pub(crate) broker_id: BrokerId,
    pub(crate) config: GroupsConfig,
    pub(crate) clock: Clock,
    pub(crate) membership: Arc<Membership>,
    /// The metadata as the broker works by it.
    pub(crate) image: ArcSwap<Image>,
    /// Its topics, as server-side groups see them.
    pub(crate) topics: ArcSwap<Topics>,
    /// About how many bytes are kept of the members of all groups.
    pub(crate) members_bytes: Arc<AtomicUsize>,
    /// Where coordinators' own tasks run.
    pub(crate) runtime: Handle,
}

impl Around {
    /// Whether there is room for a member that says so much of itself.
    ///
    /// # Errors
    /// `INVALID_REQUEST`: it says too much. `COORDINATOR_NOT_AVAILABLE`: all together do.
    pub(super) fn check_member(&self, bytes: usize) -> Result<(), Rejection> {
        if bytes > MAX_MEMBER_BYTES {
            let message =
                format!("a member says at most {MAX_MEMBER_BYTES} bytes of itself, this one {bytes}");
            return Err(Rejection::new(ErrorCode::InvalidRequest, message));
        }
        if self.members_bytes.load(Ordering::Relaxed).saturating_add(bytes) > MAX_MEMBERS_BYTES {
            let message = format!(
                "the members of all groups of broker {} have said {MAX_MEMBERS_BYTES} bytes of themselves, as much as \
                 it keeps",
                self.broker_id
            );
            return Err(Rejection::new(ErrorCode::CoordinatorNotAvailable, message));
        }
        Ok(())
    }

    /// The topics that there are.
    pub(super) fn topics(&self) -> Topics {
        Topics::clone(&self.topics.load())
    }
}

/// What is kept of the members of one group, which counts among all until this is dropped.
#[derive(Debug, Default)]
pub(super) struct Share {
    of: Option<Arc<AtomicUsize>>,
    bytes: usize,
}

impl Share {
    /// It is so much now.
    pub(super) fn set(&mut self, all: &Arc<AtomicUsize>, bytes: usize) {
        if bytes == self.bytes {
            return;
        }
        all.fetch_add(bytes, Ordering::Relaxed);
        all.fetch_sub(self.bytes, Ordering::Relaxed);
        (self.of, self.bytes) = (Some(Arc::clone(all)), bytes);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(all) = &self.of {
            all.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}
