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
