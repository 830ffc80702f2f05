//! The order of execution within one connection, when a request cannot be done at once.
//!
//! Requests execute in order of arrival. Nearly all are done while their line is read, so nothing need be said
//! about order. One that changes something and must wait (for the zookeeper, for a thread) runs as a task of
//! its own, begun on arrival; while it is unfinished, those behind it wait for it before they do anything.
//!
//! ```text
//!   create_topics ──task──► done          produce (behind it) ── waits ──► appends ──► ...
//! ```

use std::future::Future;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The last unfinished request that others must wait for.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    last: Option<CancellationToken>,
}

/// Waits for the requests before it.
#[derive(Debug)]
pub(super) struct Turn(Option<CancellationToken>);

impl Turn {
    /// Returns when everything before has been executed.
    pub(super) async fn wait(self) {
        if let Some(before) = self.0 {
            before.cancelled().await;
        }
    }
}

impl Sequence {
    /// Whether a request may be executed at once.
    pub(super) fn is_clear(&mut self) -> bool {
        if self.last.as_ref().is_some_and(CancellationToken::is_cancelled) {
            self.last = None;
        }
        self.last.is_none()
    }

    /// The turn of a request that nobody has to wait for.
    pub(super) fn turn(&mut self) -> Turn {
        Turn(if self.is_clear() { None } else { self.last.clone() })
    }

    /// Begins a request that others must wait for. It is executed even if the connection ends meanwhile.
    pub(super) fn begin<T: Send + 'static>(
        &mut self,
        request: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let turn = self.turn();
        let done = CancellationToken::new();
        self.last = Some(done.clone());
        tokio::spawn(async move {
            // Also when the request panics: those behind it are answered by what they find.
            let _done = done.drop_guard();
            turn.wait().await;
            request.await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn requests_behind_an_unfinished_one_wait_for_it() {
        let mut sequence = Sequence::default();
        assert!(sequence.is_clear());
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = |what: &'static str| {
            let order = Arc::clone(&order);
            move || order.lock().expect("not poisoned").push(what)
        };
        let (first, second, third) = (note("first"), note("second"), note("third"));
        let slow = sequence.begin(async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            first();
        });
        let fast = sequence.begin(async move { second() });
        assert!(!sequence.is_clear());
        let turn = sequence.turn();
        turn.wait().await;
        third();
        assert_eq!(*order.lock().expect("not poisoned"), ["first", "second", "third"]);
        slow.await.expect("it ran");
        fast.await.expect("it ran");
        assert!(sequence.is_clear());
    }
}
