//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends the process at once.
//!
//! The signals are awaited on a thread and runtime of their own, so that the second one works even while
//! the tool is stuck in a write to a full pipe. SIGPIPE is left as Rust sets it: ignored.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio_util::sync::CancellationToken;

use crate::failure::{Exit, Failure};

/// Tells a tool that it is to end.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    token: CancellationToken,
    /// The exit code of the first signal; 0 before.
    code: Arc<AtomicU8>,
}

impl Interrupt {
    /// Starts to listen.
    ///
    /// # Errors
    /// When the process may not have another thread or signal handler.
    pub fn listen() -> io::Result<Self> {
        let interrupt = Self::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let listener = interrupt.clone();
        // From here on no signal ends the process by itself, however soon it comes.
        let mut signals = {
            let _within = runtime.enter();
            Signals::new()?
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            runtime.block_on(async {
                loop {
                    listener.receive(signals.next().await);
                }
            });
        })?;
        Ok(interrupt)
    }

    fn receive(&self, exit: Exit) {
        if self.code.compare_exchange(0, exit.code(), Ordering::AcqRel, Ordering::Acquire).is_err() {
            std::process::exit(i32::from(exit.code()));
        }
        self.token.cancel();
    }

    /// Whether the first signal has come.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Cancelled by the first signal.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Completes when the first signal has come.
    pub async fn raised(&self) {
        self.token.cancelled().await;
    }

    /// Does `work`, unless the first signal comes before it is done.
    ///
    /// # Errors
    /// What `work` says, or that it was interrupted.
    pub async fn unless_raised<T, E: Into<Failure>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            () = self.raised() => Err(Failure::interrupted(self.exit())),
            outcome = work => outcome.map_err(Into::into),
        }
    }

    /// How to end if asked-for work is unfinished; [`Exit::Done`] without a signal.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self.code.load(Ordering::Acquire) {
            0 => Exit::Done,
            code if code == Exit::Terminated.code() => Exit::Terminated,
            _ => Exit::Interrupted,
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Exit {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Exit::Interrupted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_signal_ends_waiting() {
        let interrupt = Interrupt::default();
        let done: Result<u8, Failure> = interrupt.unless_raised(async { Ok::<u8, Failure>(7) }).await;
        assert_eq!(done, Ok(7));
        interrupt.receive(Exit::Interrupted);
        let endless = std::future::pending::<Result<u8, Failure>>();
        assert_eq!(interrupt.unless_raised(endless).await.unwrap_err().exit, Exit::Interrupted);
    }

    #[test]
    fn the_first_signal_decides_the_exit_code() {
        let interrupt = Interrupt::default();
        assert_eq!((interrupt.is_raised(), interrupt.exit()), (false, Exit::Done));
        interrupt.receive(Exit::Terminated);
        assert_eq!((interrupt.is_raised(), interrupt.exit()), (true, Exit::Terminated));
    }
}
