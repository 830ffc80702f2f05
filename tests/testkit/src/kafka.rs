//! A raw connection that speaks Kafka's protocol, as a client library has it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use yak_kafka::messages::ProduceResponse;
use yak_kafka::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use yak_kafka::messages::produce::PartitionProduceResponse;
use yak_kafka::{
    FetchPartitionResponse, Message, ProducePartition, ProduceRequest, ProduceTopic, decode_body,
    decode_fetch_response, encode_request, split_response_header,
};
use yak_model::Uuid;

use crate::DEADLINE;

/// What the connection calls itself.
const CLIENT_ID: &str = "testkit";

/// A blocking connection that sends requests and reads responses, which must come in the order of the requests.
#[derive(Debug)]
pub struct KafkaSocket {
    stream: TcpStream,
    sent: i32,
    answered: i32,
}

impl KafkaSocket {
    /// Connects to `address`.
    #[must_use]
    pub fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap_or_else(|e| panic!("{address}: {e}"));
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, sent: 0, answered: 0 }
    }

    /// The connection itself.
    #[must_use]
    pub const fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends a request.
    pub fn send<Q: Message>(&mut self, version: i16, request: &Q) {
        let mut out = BytesMut::new();
        encode_request(&mut out, Q::KEY, version, self.next(), Some(CLIENT_ID), request);
        self.send_bytes(&out);
    }

    /// Reads the response to the oldest request that was not answered.
    pub fn read<R: Message>(&mut self, version: i16) -> R {
        let frame = self.read_frame().expect("the connection ended instead of answering");
        let (correlation_id, body) = split_response_header(&frame, R::KEY, version).unwrap();
        self.answers(correlation_id);
        decode_body(body, version).unwrap()
    }

    /// Sends a request and reads its response.
    pub fn ask<Q: Message, R: Message>(&mut self, version: i16, request: &Q) -> R {
        self.send(version, request);
        self.read(version)
    }

    /// Sends a batch to a partition.
    pub fn send_batch(&mut self, version: i16, acks: i16, (topic, index): (&str, i32), batch: &mut [u8]) {
        let partitions = vec![ProducePartition { index, records: Some(batch) }];
        let topics = vec![ProduceTopic { name: topic, topic_id: Uuid::ZERO, partitions }];
        let request = ProduceRequest { transactional_id: None, acks, timeout_ms: 30_000, topics };
        let mut out = BytesMut::new();
        request.encode_frame(&mut out, version, self.next(), Some(CLIENT_ID));
        self.send_bytes(&out);
        if acks == 0 {
            self.answered += 1;
        }
    }

    /// What became of a batch.
    pub fn read_produced(&mut self, version: i16) -> PartitionProduceResponse {
        let mut response: ProduceResponse = self.read(version);
        response.responses.remove(0).partition_responses.remove(0)
    }

    /// Appends a batch to a partition with `acks=all`.
    pub fn produce(&mut self, version: i16, to: (&str, i32), batch: &mut [u8]) -> PartitionProduceResponse {
        self.send_batch(version, -1, to, batch);
        self.read_produced(version)
    }

    /// Asks for records of a partition, by its topic's name.
    pub fn send_fetch(&mut self, version: i16, (topic, partition): (&str, i32), offset: i64, wait: Duration) {
        let partitions = vec![FetchPartition {
            partition,
            fetch_offset: offset,
            partition_max_bytes: 1 << 20,
            ..FetchPartition::default()
        }];
        let topics = vec![FetchTopic { topic: topic.to_owned(), partitions, ..FetchTopic::default() }];
        let max_wait_ms = i32::try_from(wait.as_millis()).unwrap();
        let request =
            FetchRequest { max_wait_ms, min_bytes: 1, max_bytes: 1 << 20, topics, ..FetchRequest::default() };
        self.send(version, &request);
    }

    /// What a partition had.
    pub fn read_fetched(&mut self, version: i16) -> FetchPartitionResponse<Bytes> {
        let frame = Bytes::from(self.read_frame().expect("the connection ended instead of answering"));
        // Flexible versions have an empty tagged section behind the correlation id.
        let header = if version >= 12 { 5 } else { 4 };
        self.answers(i32::from_be_bytes(frame[..4].try_into().unwrap()));
        let mut response = decode_fetch_response(&frame.slice(header..), version).unwrap();
        assert_eq!(response.error_code, None);
        response.topics.remove(0).partitions.remove(0)
    }

    /// Records of a partition, by its topic's name, as they are there now.
    pub fn fetch(&mut self, version: i16, from: (&str, i32), offset: i64) -> FetchPartitionResponse<Bytes> {
        self.send_fetch(version, from, offset, Duration::ZERO);
        self.read_fetched(version)
    }

    /// The next frame, without its length; `None` at the end of the connection.
    pub fn read_frame(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        match self.stream.read_exact(&mut length) {
            Ok(()) => {}
            Err(e) if matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                return None;
            }
            Err(e) => panic!("{e}"),
        }
        let mut frame = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
        self.stream.read_exact(&mut frame).unwrap();
        Some(frame)
    }

    /// Waits until the connection ends, without another response before.
    pub fn ends(mut self) {
        assert_eq!(self.read_frame(), None, "the connection is closed without a word");
    }

    /// Closes the sending half.
    pub fn finish_sending(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    fn next(&mut self) -> i32 {
        self.sent += 1;
        self.sent
    }

    fn answers(&mut self, correlation_id: i32) {
        self.answered += 1;
        assert_eq!(correlation_id, self.answered, "responses come in the order of the requests");
    }
}
