//! Stands between clients and a broker and keeps the first request of each kind, byte by byte.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Frames with their length, by key and version.
pub type Frames = BTreeMap<(i16, i16), Vec<u8>>;

/// A proxy; it forwards everything as long as the process lives.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Mutex<Frames>>);

impl Recorder {
    /// Forwards what comes to one port of loopback to another.
    #[must_use]
    pub fn start(from: u16, to: u16) -> Self {
        let recorder = Self::default();
        let listener = TcpListener::bind(("127.0.0.1", from)).expect("the port is free");
        let frames = recorder.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(broker) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                let frames = frames.clone();
                let (answers, asker) = (broker.try_clone(), client.try_clone());
                thread::spawn(move || {
                    // Either end may close whenever it likes.
                    drop(frames.forward(client, &broker));
                    drop(broker.shutdown(Shutdown::Both));
                });
                thread::spawn(move || {
                    if let (Ok(mut answers), Ok(mut asker)) = (answers, asker) {
                        drop(io::copy(&mut answers, &mut asker));
                        drop(asker.shutdown(Shutdown::Both));
                    }
                });
            }
        });
        recorder
    }

    /// What was seen since it was last taken.
    #[must_use]
    pub fn take(&self) -> Frames {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a request of this key was seen since they were last taken.
    #[must_use]
    pub fn saw(&self, key: i16) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().any(|kind| kind.0 == key)
    }

    fn forward(&self, mut client: TcpStream, mut broker: &TcpStream) -> io::Result<()> {
        loop {
            let mut frame = vec![0; 4];
            client.read_exact(&mut frame)?;
            let length = u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]);
            Read::by_ref(&mut client).take(length.into()).read_to_end(&mut frame)?;
            broker.write_all(&frame)?;
            if let [_, _, _, _, k, ey, v, ersion, ..] = frame[..] {
                let kind = (i16::from_be_bytes([k, ey]), i16::from_be_bytes([v, ersion]));
                self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_insert(frame);
            }
        }
    }
}
