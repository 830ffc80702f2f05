//! What a broker's process does with its disk: rounds of the flusher, and the end after a failure.

use std::sync::PoisonError;

use super::Broker;
use crate::message::Key;
use crate::net::World;

impl Broker {
    /// The disk failed: the process begins anew, and says that its logs are unproven.
    pub(super) fn restart_after_failure(&mut self, world: &mut World) {
        world.note(|| format!("broker {} begins anew after a failure of its disk", self.id()));
        self.write_failed = true;
        self.kill(world);
        self.start(world);
    }

    pub(super) fn flush(&mut self, world: &mut World) {
        let Some(process) = &mut self.process else { return };
        process.flushing = false;
        self.flush_now(world);
    }

    pub(super) fn flush_now(&mut self, world: &mut World) {
        let Some(process) = &mut self.process else { return };
        let result = process.directory.flush_due();
        let durable = std::mem::take(&mut *process.durable.lock().unwrap_or_else(PoisonError::into_inner));
        if let Err(failure) = result {
            let reason = failure.to_string();
            self.storage_failed(world, &reason);
            return;
        }
        for (key, end) in durable {
            let Some(process) = &mut self.process else { return };
            if let Some(hosted) = process.hosted.get_mut(&key) {
                hosted.replica.handle_durable(world.now_ms(), end);
            }
            self.drain(world, key);
        }
    }

    pub(super) fn storage_failed(&mut self, world: &mut World, reason: &str) {
        let Some(process) = &mut self.process else { return };
        if process.failed.is_some() {
            return;
        }
        world.note(|| format!("broker {}: {reason}", self.number + 1));
        world.oracle.borrow_mut().storage_failed(self.number, process.life);
        process.failed = Some(reason.to_owned());
        // It goes on for a while before it ends: nothing may be acknowledged then.
        process.restart_us = world.now_us + world.random.within(0, 400_000);
        let keys: Vec<Key> = process.hosted.keys().copied().collect();
        for key in keys {
            if let Some(hosted) = self.process.as_mut().and_then(|process| process.hosted.get_mut(&key)) {
                hosted.replica.handle_log_failed(reason);
            }
            self.drain(world, key);
        }
    }
}
