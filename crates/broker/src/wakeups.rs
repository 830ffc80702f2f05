//! Readers that wait for a partition to grow.
//!
//! A fetch that found too little registers one wake-up with each of its partitions, looks again (so that
//! nothing falls between), and sleeps. A partition that grew wakes all of them; one without readers pays a
//! single atomic load.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The readers waiting for one partition.
#[derive(Debug, Default)]
pub(crate) struct Wakeups {
    count: AtomicUsize,
    waiting: Mutex<Vec<Arc<Notify>>>,
}

impl Wakeups {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Notify>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes every reader; they register again if they still want more.
    pub(crate) fn wake(&self) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let woken = {
            let mut waiting = self.lock();
            self.count.store(0, Ordering::SeqCst);
            std::mem::take(&mut *waiting)
        };
        for reader in woken {
            reader.notify_one();
        }
    }

    fn add(&self, reader: &Arc<Notify>) {
        let mut waiting = self.lock();
        if !waiting.iter().any(|known| Arc::ptr_eq(known, reader)) {
            waiting.push(Arc::clone(reader));
        }
        self.count.store(waiting.len(), Ordering::SeqCst);
    }

    fn remove(&self, reader: &Arc<Notify>) {
        let mut waiting = self.lock();
        waiting.retain(|known| !Arc::ptr_eq(known, reader));
        self.count.store(waiting.len(), Ordering::SeqCst);
    }
}

/// Something with [`Wakeups`].
pub(crate) trait Grows {
    /// Its waiting readers.
    fn wakeups(&self) -> &Wakeups;
}

/// One reader's registration with several partitions; dropping it leaves no trace.
#[derive(Debug)]
pub(crate) struct Wait<P: Grows> {
    reader: Arc<Notify>,
    partitions: Vec<Arc<P>>,
}

impl<P: Grows> Wait<P> {
    /// A reader of these partitions, not yet registered.
    pub(crate) fn new(partitions: Vec<Arc<P>>) -> Self {
        Self { reader: Arc::new(Notify::new()), partitions }
    }

    /// Registers with every partition. Look at them once more after this, then sleep.
    pub(crate) fn arm(&self) {
        for partition in &self.partitions {
            partition.wakeups().add(&self.reader);
        }
    }

    /// Sleeps until one of them grew after [`Wait::arm`].
    pub(crate) async fn grown(&self) {
        self.reader.notified().await;
    }
}

impl<P: Grows> Drop for Wait<P> {
    fn drop(&mut self) {
        for partition in &self.partitions {
            partition.wakeups().remove(&self.reader);
        }
    }
}

/// Those who want to be told of everything for as long as they are registered, and look for themselves.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    count: AtomicUsize,
    watching: Mutex<Vec<Arc<Notify>>>,
}

impl Watchers {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Notify>>> {
        self.watching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells all of them. Without any it is one atomic load.
    pub(crate) fn tell(&self) {
        if self.count.load(Ordering::SeqCst) > 0 {
            self.lock().iter().for_each(|watcher| watcher.notify_one());
        }
    }

    /// Tells `watcher`, too, from now on.
    pub(crate) fn add(&self, watcher: &Arc<Notify>) {
        let mut watching = self.lock();
        if !watching.iter().any(|known| Arc::ptr_eq(known, watcher)) {
            watching.push(Arc::clone(watcher));
        }
        self.count.store(watching.len(), Ordering::SeqCst);
    }

    /// Tells `watcher` no more.
    pub(crate) fn remove(&self, watcher: &Arc<Notify>) {
        let mut watching = self.lock();
        watching.retain(|known| !Arc::ptr_eq(known, watcher));
        self.count.store(watching.len(), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Thing(Wakeups);

    impl Grows for Thing {
        fn wakeups(&self) -> &Wakeups {
            &self.0
        }
    }

    #[tokio::test]
    async fn a_reader_is_woken_by_any_partition_and_leaves_no_trace() {
        let (one, two) = (Arc::new(Thing::default()), Arc::new(Thing::default()));
        let wait = Wait::new(vec![Arc::clone(&one), Arc::clone(&two)]);
        wait.arm();
        two.0.wake();
        wait.grown().await;
        assert_eq!(two.0.lock().len(), 0);
        wait.arm();
        wait.arm();
        assert_eq!(one.0.lock().len(), 1);
        drop(wait);
        assert_eq!(one.0.lock().len() + two.0.lock().len(), 0);
        assert_eq!(one.0.count.load(Ordering::SeqCst), 0);
    }
}
