//! A raw NDJSON connection, as a person with `nc` has it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};

use serde_json::Value;

use crate::DEADLINE;

/// A blocking connection that sends lines and reads lines.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Socket {
    /// Connects to `address`.
    #[must_use]
    pub fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap_or_else(|e| panic!("{address}: {e}"));
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Self { stream, reader }
    }

    /// The connection itself, for whoever is to break it while another reads.
    #[must_use]
    pub fn handle(&self) -> TcpStream {
        self.stream.try_clone().unwrap()
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends one line.
    pub fn send(&mut self, line: &str) {
        self.send_bytes(format!("{line}\n").as_bytes());
    }

    /// The next line, without its newline; `None` at the end.
    pub fn read_line(&mut self) -> Option<String> {
        let mut line = String::new();
        let count = self.reader.read_line(&mut line).unwrap();
        (count > 0).then(|| line.trim_end_matches('\n').to_owned())
    }

    /// The next line as JSON.
    pub fn read(&mut self) -> Value {
        let line = self.read_line().expect("the connection ended instead of answering");
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{line}: {e}"))
    }

    /// Sends a line and reads the answer.
    pub fn ask(&mut self, line: &str) -> Value {
        self.send(line);
        self.read()
    }

    /// Sends a request that must succeed; what is under `ok`.
    pub fn ok(&mut self, line: &str) -> Value {
        let mut reply = self.ask(line);
        assert!(reply.get("ok").is_some(), "{line} -> {reply}");
        reply["ok"].take()
    }

    /// Sends a request that must fail; code and message.
    pub fn error(&mut self, line: &str) -> (String, String) {
        let reply = self.ask(line);
        let error = &reply["error"];
        let text =
            |field: &str| error[field].as_str().unwrap_or_else(|| panic!("{line} -> {reply}")).to_owned();
        (text("code"), text("message"))
    }

    /// Sends a line; whether the connection is refused for want of room for it (a line that says so, or its end).
    pub fn ask_or_turned_away(&mut self, line: &str) -> bool {
        if self.stream.write_all(format!("{line}\n").as_bytes()).is_err() {
            return true;
        }
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(count) => count == 0 || line.contains("THROTTLING_QUOTA_EXCEEDED"),
            Err(_) => true,
        }
    }

    /// Closes the sending half.
    pub fn finish_sending(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Everything up to the end of the connection. A reset after a refusal counts as its end.
    #[must_use]
    pub fn read_to_end(mut self) -> String {
        let mut bytes = Vec::new();
        if let Err(e) = self.reader.read_to_end(&mut bytes) {
            assert_eq!(e.kind(), std::io::ErrorKind::ConnectionReset, "{e}");
        }
        String::from_utf8(bytes).expect("replies are UTF-8")
    }
}
