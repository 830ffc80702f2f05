//! What tells members' streams to look.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use yak_model::api::Rejection;

/// What tells a member's stream to look.
#[derive(Debug, Default)]
pub(crate) struct MemberLink {
    news: Notify,
    fenced: Mutex<Option<Rejection>>,
}

impl MemberLink {
    /// Waits until there may be something new.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    /// There may be something new.
    pub(super) fn tell(&self) {
        self.news.notify_one();
    }

    /// Why the member is none any more, if it is none.
    pub(crate) fn fenced(&self) -> Option<Rejection> {
        self.fenced.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its member is none any more, for this reason.
    pub(super) fn fence(&self, rejection: Rejection) {
        *self.fenced.lock().unwrap_or_else(PoisonError::into_inner) = Some(rejection);
        self.tell();
    }
}
