//! Connections of clients and brokers: by its first byte each speaks NDJSON or Kafka's protocol.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use yak_model::ErrorCode;
use yak_model::api::Rejection;
use yak_net::{Flow, Outbox, Refusal, Service, ServiceFactory};
use yak_protocol::encode_error;

use crate::broker::Broker;
use crate::{kafka, ndjson};

/// Makes the service of each connection.
#[derive(Debug)]
pub(crate) struct Connections {
    broker: Arc<Broker>,
}

impl Connections {
    pub(crate) const fn new(broker: Arc<Broker>) -> Self {
        Self { broker }
    }
}

impl ServiceFactory for Connections {
    type Service = Connection;

    fn connect(&self, peer: SocketAddr, local: SocketAddr) -> Connection {
        Connection { broker: Arc::clone(&self.broker), peer, local, language: Language::Unknown }
    }

    fn too_many(&self, what: &str) -> Vec<u8> {
        let mut out = BytesMut::new();
        encode_error(&mut out, None, &Rejection::new(ErrorCode::ThrottlingQuotaExceeded, what));
        out.to_vec()
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    broker: Arc<Broker>,
    peer: SocketAddr,
    local: SocketAddr,
    language: Language,
}

/// What a connection speaks, as far as it has spoken.
#[derive(Debug)]
enum Language {
    Unknown,
    Ndjson(Box<ndjson::Connection>),
    Kafka(Box<kafka::Connection>),
}

impl Service for Connection {
    const SPEAKS_FRAMES: bool = true;

    fn handle_line(&mut self, line: &[u8], outbox: &mut Outbox) -> Flow {
        if matches!(self.language, Language::Unknown) {
            let connection = ndjson::Connection::new(Arc::clone(&self.broker), self.peer, self.local);
            self.language = Language::Ndjson(Box::new(connection));
        }
        match &mut self.language {
            Language::Ndjson(connection) => connection.handle_line(line, outbox),
            Language::Unknown | Language::Kafka(_) => Flow::Close,
        }
    }

    fn handle_frame(&mut self, frame: &mut [u8], outbox: &mut Outbox) -> Flow {
        if matches!(self.language, Language::Unknown) {
            let connection = kafka::Connection::new(Arc::clone(&self.broker), self.peer, self.local);
            self.language = Language::Kafka(Box::new(connection));
        }
        match &mut self.language {
            Language::Kafka(connection) => connection.handle_frame(frame, outbox),
            Language::Unknown | Language::Ndjson(_) => Flow::Close,
        }
    }

    fn handle_end_of_input(&mut self) {
        match &mut self.language {
            Language::Unknown => {}
            Language::Ndjson(connection) => connection.handle_end_of_input(),
            Language::Kafka(connection) => connection.handle_end_of_input(),
        }
    }

    fn refuse(&mut self, why: Refusal, outbox: &mut Outbox) {
        let rejection = ndjson::refusal::rejection(why, &self.broker.config.connections);
        tracing::warn!(peer = %self.peer, %rejection, "connection refused");
        outbox.reply(|out| encode_error(out, None, &rejection));
    }

    fn refuse_frames(&mut self, why: Refusal) {
        let rejection = ndjson::refusal::rejection(why, &self.broker.config.connections);
        tracing::warn!(peer = %self.peer, %rejection, "connection refused");
    }
}
