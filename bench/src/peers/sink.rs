//! The bound of what a client of Kafka's protocol can do: a broker that keeps nothing.
//!
//! It has one partition of every topic one asks for and leads it. Records that are produced are acknowledged as soon as
//! their frame has been read; consumers get one batch, prepared beforehand, again and again with the right offsets. What
//! a client reaches with it is what the client and the machine's loopback allow.

use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use yak_model::{Offset, TimestampMs};
use yak_record::{BatchBuilder, BatchHeader, Compression, RecordParts, patch_base_offset};

use super::wire::{Fields, Frame, read_frame};
use crate::lines::write_value;

/// What is read from a socket at once.
const READ_BYTES: usize = 256 * 1024;
/// What it answers, with the versions: all of them are not flexible. Produce has to begin at 0, or older clients do not
/// compress; 0 to 2 are not answered.
const VERSIONS: [(i16, i16, i16); 6] = [
    (PRODUCE, 0, 8),
    (FETCH, 4, 11),
    (LIST_OFFSETS, 1, 5),
    (METADATA, 4, 8),
    (API_VERSIONS, 0, 2),
    (INIT_PRODUCER_ID, 0, 1),
];
const PRODUCE: i16 = 0;
const FETCH: i16 = 1;
const LIST_OFFSETS: i16 = 2;
const METADATA: i16 = 3;
const API_VERSIONS: i16 = 18;
const INIT_PRODUCER_ID: i16 = 22;

const UNSUPPORTED_VERSION: i16 = 35;
const OFFSET_OUT_OF_RANGE: i16 = 1;
const NODE: i32 = 1;

/// What the sink pretends to have.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Records that a consumer finds; rounded up to whole batches.
    pub records: i64,
    /// Bytes of their values.
    pub record_size: usize,
    /// Bytes of the batch that is prepared, about.
    pub batch_size: usize,
}

/// Answers every connection, until the listener fails.
///
/// # Errors
/// When it does.
pub fn serve(listener: &TcpListener, options: Options) -> Result<()> {
    let (address, batch) = (listener.local_addr()?, prepare(options)?);
    let shared = Arc::new(Shared {
        host: address.ip().to_string(),
        port: address.port(),
        end: batch.count * (options.records + batch.count - 1).div_euclid(batch.count),
        batch,
        produced: AtomicI64::new(0),
        producers: AtomicI64::new(1),
    });
    loop {
        let (socket, _) = listener.accept()?;
        let shared = Arc::clone(&shared);
        // A client that goes away in the middle is none of our business.
        thread::spawn(move || drop(Connection { shared, answer: Frame::default() }.serve(&socket)));
    }
}

/// What all connections have in common.
#[derive(Debug)]
struct Shared {
    host: String,
    port: u16,
    end: i64,
    batch: Batch,
    produced: AtomicI64,
    producers: AtomicI64,
}

#[derive(Debug)]
struct Batch {
    bytes: Vec<u8>,
    count: i64,
}

/// The batch that consumers get.
fn prepare(options: Options) -> Result<Batch> {
    let mut builder = BatchBuilder::new();
    builder.set_default_timestamp(TimestampMs::new(1_700_000_000_000));
    let mut value = vec![0; options.record_size];
    let mut number = 0;
    while number == 0 || builder.encoded_len() + options.record_size < options.batch_size {
        write_value(number, &mut value);
        builder.push(&RecordParts { value: Some(&value), ..RecordParts::default() });
        number += 1;
    }
    let bytes = builder.finish(Compression::None, None).to_vec();
    Ok(Batch { bytes, count: i64::try_from(number)? })
}

/// One connection: a request, its answer, the next.
struct Connection {
    shared: Arc<Shared>,
    answer: Frame,
}

/// The head of a request.
#[derive(Clone, Copy)]
struct Head {
    key: i16,
    version: i16,
    correlation: i32,
}

impl Connection {
    fn serve(&mut self, mut socket: &TcpStream) -> Result<()> {
        socket.set_nodelay(true)?;
        let mut source = BufReader::with_capacity(READ_BYTES, socket);
        let mut frame = Vec::new();
        while read_frame(&mut source, &mut frame)? {
            let mut fields = Fields::of(&frame);
            let head = Head { key: fields.int16()?, version: fields.int16()?, correlation: fields.int32()? };
            fields.string()?;
            self.answer.begin().int32(head.correlation);
            if self.respond(head, fields)? {
                socket.write_all(self.answer.end()?)?;
            }
        }
        Ok(())
    }

    /// Writes the answer; `false` if the client wants none.
    fn respond(&mut self, head: Head, fields: Fields<'_>) -> Result<bool> {
        let known = VERSIONS.iter().find(|(key, ..)| *key == head.key).context("an API that is not there")?;
        if head.key == API_VERSIONS {
            self.api_versions(head.version);
            return Ok(true);
        }
        if !(known.1..=known.2).contains(&head.version) {
            bail!("version {} of API {}", head.version, head.key);
        }
        match head.key {
            PRODUCE => return self.produce(head.version, fields),
            FETCH => self.fetch(head.version, fields)?,
            LIST_OFFSETS => self.list_offsets(head.version, fields)?,
            METADATA => self.metadata(head.version, fields)?,
            _ => self.init_producer_id(),
        }
        Ok(true)
    }

    /// A version that is not known is answered as if it were 0, with the versions of this API alone.
    fn api_versions(&mut self, version: i16) {
        let known = VERSIONS.iter().any(|(key, _, last)| *key == API_VERSIONS && version <= *last);
        let told = VERSIONS.iter().filter(|(key, ..)| known || *key == API_VERSIONS);
        self.answer.int16(if known { 0 } else { UNSUPPORTED_VERSION }).count(told.clone().count());
        for (key, first, last) in told {
            self.answer.int16(*key).int16(*first).int16(*last);
        }
        if known && version > 0 {
            self.answer.int32(0);
        }
    }

    /// Versions 4 to 8: every topic that is asked for is there.
    fn metadata(&mut self, version: i16, mut fields: Fields<'_>) -> Result<()> {
        let answer = &mut self.answer;
        answer.int32(0).count(1).int32(NODE).string(&self.shared.host).int32(self.shared.port.into());
        answer.null_string().string("sink").int32(NODE);
        let topics = fields.count()?;
        answer.count(topics);
        for _ in 0..topics {
            let topic = fields.string()?.context("a topic without a name")?;
            answer.int16(0).string(topic).int8(0).count(1);
            answer.int16(0).int32(0).int32(NODE);
            if version >= 7 {
                answer.int32(0);
            }
            answer.count(1).int32(NODE).count(1).int32(NODE);
            if version >= 5 {
                answer.count(0);
            }
            if version >= 8 {
                answer.int32(i32::MIN);
            }
        }
        if version >= 8 {
            answer.int32(i32::MIN);
        }
        Ok(())
    }

    fn init_producer_id(&mut self) {
        let id = self.shared.producers.fetch_add(1, Ordering::Relaxed);
        self.answer.int32(0).int16(0).int64(id).int16(0);
    }

    /// Versions 3 to 8.
    fn produce(&mut self, version: i16, mut fields: Fields<'_>) -> Result<bool> {
        fields.string()?;
        let acks = fields.int16()?;
        fields.int32()?;
        let topics = fields.count()?;
        self.answer.count(topics);
        for _ in 0..topics {
            let topic = fields.string()?.context("a topic without a name")?;
            let partitions = fields.count()?;
            self.answer.string(topic).count(partitions);
            for _ in 0..partitions {
                let index = fields.int32()?;
                let count = BatchHeader::parse(fields.bytes()?)?.last_offset_delta;
                let base = self.shared.produced.fetch_add(i64::from(count) + 1, Ordering::Relaxed);
                self.answer.int32(index).int16(0).int64(base).int64(-1);
                if version >= 5 {
                    self.answer.int64(0);
                }
                if version >= 8 {
                    self.answer.count(0).null_string();
                }
            }
        }
        self.answer.int32(0);
        Ok(acks != 0)
    }

    /// Versions 1 to 5: the first offset, or the end.
    fn list_offsets(&mut self, version: i16, mut fields: Fields<'_>) -> Result<()> {
        fields.int32()?;
        if version >= 2 {
            fields.int8()?;
            self.answer.int32(0);
        }
        let topics = fields.count()?;
        self.answer.count(topics);
        for _ in 0..topics {
            let topic = fields.string()?.context("a topic without a name")?;
            let partitions = fields.count()?;
            self.answer.string(topic).count(partitions);
            for _ in 0..partitions {
                let index = fields.int32()?;
                if version >= 4 {
                    fields.int32()?;
                }
                let offset = if fields.int64()? == -2 { 0 } else { self.shared.end };
                self.answer.int32(index).int16(0).int64(-1).int64(offset);
                if version >= 4 {
                    self.answer.int32(0);
                }
            }
        }
        Ok(())
    }

    /// Versions 4 to 11.
    fn fetch(&mut self, version: i16, mut fields: Fields<'_>) -> Result<()> {
        fields.int32()?;
        let longest_wait = Duration::from_millis(u64::try_from(fields.int32()?).unwrap_or(0));
        // Least bytes, most bytes, isolation.
        fields.take(9)?;
        let mut empty = true;
        self.answer.int32(0);
        if version >= 7 {
            fields.take(8)?;
            self.answer.int16(0).int32(0);
        }
        let topics = fields.count()?;
        self.answer.count(topics);
        for _ in 0..topics {
            let topic = fields.string()?.context("a topic without a name")?;
            let partitions = fields.count()?;
            self.answer.string(topic).count(partitions);
            for _ in 0..partitions {
                let index = fields.int32()?;
                if version >= 9 {
                    fields.int32()?;
                }
                let offset = fields.int64()?;
                if version >= 5 {
                    fields.int64()?;
                }
                let most = usize::try_from(fields.int32()?)?;
                empty &= self.fetch_partition(version, (index, offset), most)? == 0;
            }
        }
        if empty {
            // Nothing will ever come; nobody waits for it in a hurry.
            thread::sleep(longest_wait);
        }
        Ok(())
    }

    /// As many whole batches as there is room for, at least one, the first of them with the offset. Returns how many.
    fn fetch_partition(&mut self, version: i16, (index, offset): (i32, i64), most: usize) -> Result<usize> {
        let Batch { bytes, count } = &self.shared.batch;
        let end = self.shared.end;
        let beyond = offset < 0 || offset > end;
        self.answer.int32(index).int16(if beyond { OFFSET_OUT_OF_RANGE } else { 0 }).int64(end).int64(end);
        if version >= 5 {
            self.answer.int64(0);
        }
        self.answer.int32(-1);
        if version >= 11 {
            self.answer.int32(-1);
        }
        let mut base = offset - offset.rem_euclid(*count);
        let left = if beyond { 0 } else { usize::try_from((end - base).div_euclid(*count))? };
        let batches = (most / bytes.len()).max(1).min(left);
        self.answer.count(batches * bytes.len());
        for _ in 0..batches {
            let at = self.answer.position();
            self.answer.raw(bytes);
            patch_base_offset(self.answer.written(at), Offset::new(base));
            base += count;
        }
        Ok(batches)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ask::Asker;
    use super::*;

    fn start(records: i64) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || serve(&listener, Options { records, record_size: 100, batch_size: 1000 }));
        address
    }

    #[test]
    fn it_leads_what_one_asks_for_and_acknowledges() {
        let mut asker = Asker::connect(&start(1)).unwrap();
        assert_eq!(asker.brokers().unwrap(), [1]);
        assert_eq!(asker.leader("t").unwrap(), Some(1));
        assert_eq!(asker.produce("t", b"one").unwrap(), Ok(0));
        assert_eq!(asker.produce("t", b"two").unwrap(), Ok(1));
    }

    #[test]
    fn a_consumer_gets_every_offset_once_and_in_order() {
        let mut asker = Asker::connect(&start(100)).unwrap();
        let mut next = Offset::ZERO;
        while next.get() < 100 {
            let batches = asker.fetch("t", next.get(), 3_000).unwrap();
            assert!(!batches.is_empty(), "nothing at {next:?}");
            for batch in yak_record::Batches::new(&batches) {
                let batch = batch.unwrap();
                assert!(yak_record::verify_crc(batch));
                let header = BatchHeader::parse(batch).unwrap();
                assert_eq!(header.base_offset, next);
                next = header.next_offset();
            }
        }
        assert!(next.get() < 110 && asker.fetch("t", next.get(), 3_000).unwrap().is_empty());
    }
}
