//! A client of Kafka's protocol for one question at a time, with nothing of our client library in it.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use yak_record::{BatchBuilder, Compression, RecordParts};

use super::wire::{Fields, Frame, read_frame};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(60);
const PATIENCE_MS: i32 = 60_000;

const PRODUCE: (i16, i16) = (0, 7);
#[cfg(test)]
const FETCH: (i16, i16) = (1, 11);
const METADATA: (i16, i16) = (3, 5);
const CREATE_TOPICS: (i16, i16) = (19, 2);

/// One connection to a broker.
#[derive(Debug)]
pub struct Asker {
    socket: TcpStream,
    correlation: i32,
    question: Frame,
    answer: Vec<u8>,
}

/// What a broker says of the cluster.
struct Metadata {
    brokers: Vec<i32>,
    /// The leader of partition 0 of the topic that was asked for; negative without one.
    leader: Option<i32>,
}

impl Asker {
    /// Connects to `host:port`.
    ///
    /// # Errors
    /// If nobody is there.
    pub fn connect(address: &str) -> Result<Self> {
        let socket = TcpStream::connect(address).with_context(|| format!("nobody is at {address}"))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { socket, correlation: 0, question: Frame::default(), answer: Vec::new() })
    }

    fn begin(&mut self, (key, version): (i16, i16)) -> &mut Frame {
        self.correlation += 1;
        self.question.begin().int16(key).int16(version).int32(self.correlation).string("yak-bench")
    }

    fn ask(&mut self) -> Result<Fields<'_>> {
        self.socket.write_all(self.question.end()?)?;
        ensure!(read_frame(&mut self.socket, &mut self.answer)?, "the broker closed the connection");
        let mut fields = Fields::of(&self.answer);
        ensure!(fields.int32()? == self.correlation, "the answer is another question's");
        Ok(fields)
    }

    /// The brokers that live.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn brokers(&mut self) -> Result<Vec<i32>> {
        self.begin(METADATA).count(0).int8(0);
        Ok(self.metadata()?.brokers)
    }

    /// Who leads partition 0 of a topic, which is created if it is missing and the broker does that.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn leader(&mut self, topic: &str) -> Result<Option<i32>> {
        self.begin(METADATA).count(1).string(topic).int8(1);
        Ok(self.metadata()?.leader.filter(|leader| *leader >= 0))
    }

    fn metadata(&mut self) -> Result<Metadata> {
        let mut fields = self.ask()?;
        fields.int32()?;
        let mut brokers = Vec::new();
        for _ in 0..fields.count()? {
            brokers.push(fields.int32()?);
            fields.string()?;
            fields.int32()?;
            fields.string()?;
        }
        fields.string()?;
        fields.int32()?;
        let mut leader = None;
        if fields.count()? > 0 {
            fields.int16()?;
            fields.string()?;
            fields.int8()?;
            if fields.count()? > 0 {
                fields.int16()?;
                fields.int32()?;
                leader = Some(fields.int32()?);
            }
        }
        Ok(Metadata { brokers, leader })
    }

    /// Creates a topic with one partition.
    ///
    /// # Errors
    /// If there is no answer, or it is a refusal.
    pub fn create_topic(&mut self, topic: &str, replicas: i16, configs: &[(&str, &str)]) -> Result<()> {
        let question = self.begin(CREATE_TOPICS).count(1).string(topic).int32(1).int16(replicas).count(0);
        question.count(configs.len());
        for (key, value) in configs {
            question.string(key).string(value);
        }
        question.int32(PATIENCE_MS).int8(0);
        let mut fields = self.ask()?;
        fields.int32()?;
        fields.count()?;
        fields.string()?;
        let code = fields.int16()?;
        let said = fields.string()?.unwrap_or("");
        ensure!(code == 0, "{topic} was not created: error {code} {said}");
        Ok(())
    }

    /// Sends one record to partition 0 with `acks=all`; its offset, or the code of the refusal.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn produce(&mut self, topic: &str, value: &[u8]) -> Result<Result<i64, i16>> {
        let mut builder = BatchBuilder::new();
        builder.push(&RecordParts { value: Some(value), ..RecordParts::default() });
        let batch = builder.finish(Compression::None, None);
        let question = self.begin(PRODUCE).null_string().int16(-1).int32(PATIENCE_MS);
        question.count(1).string(topic).count(1).int32(0).count(batch.len()).raw(&batch);
        let mut fields = self.ask()?;
        fields.count()?;
        fields.string()?;
        fields.count()?;
        fields.int32()?;
        let (code, offset) = (fields.int16()?, fields.int64()?);
        Ok(if code == 0 { Ok(offset) } else { Err(code) })
    }

    /// The batches of partition 0 from an offset on.
    #[cfg(test)]
    pub(super) fn fetch(&mut self, topic: &str, offset: i64, most: i32) -> Result<Vec<u8>> {
        let question = self.begin(FETCH).int32(-1).int32(10).int32(1).int32(most).int8(0).int32(0).int32(-1);
        question.count(1).string(topic).count(1).int32(0).int32(-1).int64(offset).int64(-1).int32(most);
        question.count(0).string("");
        let mut fields = self.ask()?;
        // Throttling, error, session, topics.
        fields.take(14)?;
        fields.string()?;
        fields.count()?;
        fields.int32()?;
        assert_eq!(fields.int16()?, 0);
        // High watermark, last stable offset, first offset, aborted transactions, preferred replica.
        fields.take(32)?;
        Ok(fields.bytes()?.to_vec())
    }
}
