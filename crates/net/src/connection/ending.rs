//! The end of a connection: what is still sent, and what is still read away.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::Connection;
use crate::service::Service;

/// How long a refused peer may still send before the socket is dropped (else it might miss the reason).
const LINGER: Duration = Duration::from_secs(2);

impl<S: Service> Connection<S> {
    /// The server stops: replies in progress get a moment, then the connection ends.
    pub(super) async fn finish(mut self) -> io::Result<()> {
        let grace = self.limits.shutdown_grace;
        let drain = async {
            while !self.outbox.is_empty() {
                self.write_ready()?;
                let writes = !self.outbox.ready().is_empty();
                let advances = self.outbox.can_advance();
                if !writes && !advances {
                    break;
                }
                let (stream, outbox) = (&self.stream, &mut self.outbox);
                tokio::select! {
                    () = poll_fn(|cx| outbox.poll_advance(cx)), if advances => {}
                    ready = stream.writable(), if writes => ready?,
                }
            }
            io::Result::Ok(())
        };
        timeout(grace, drain).await.unwrap_or(Ok(()))
    }

    /// Ends the connection. With `linger`, first reads away what the peer still sends, because a socket closed
    /// over unread bytes is reset, and the peer might never see the last reply.
    pub(super) async fn close(self, linger: bool) -> io::Result<()> {
        if !linger {
            return Ok(());
        }
        let mut stream = self.stream;
        stream.shutdown().await?;
        let discard = async {
            let mut scratch = vec![0; 16 * 1024];
            loop {
                stream.readable().await?;
                match stream.try_read(&mut scratch) {
                    Ok(0) => return Ok(()),
                    Ok(_) => {}
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                    Err(e) => return Err(e),
                }
            }
        };
        tokio::select! {
            () = self.shutdown.cancelled() => Ok(()),
            ended = timeout(LINGER, discard) => ended.unwrap_or(Ok(())),
        }
    }
}
