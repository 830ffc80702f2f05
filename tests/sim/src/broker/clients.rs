//! What clients ask of a broker.

use bytes::BytesMut;
use yak_core::partition::{Acknowledged, ProduceOutcome, ProduceRequest};
use yak_model::{ErrorCode, LeaderEpoch, Offset};

use super::{Broker, Waiting, wall};
use crate::message::{Key, Message, Produce, Read};
use crate::net::{ConnectionId, World};
use crate::oracle::clients::Ack;
use crate::oracle::{Record, records_of};

/// How long a produce waits.
const TIMEOUT_MS: u64 = 1_000;
const MAX_BYTES: u64 = 3_000;

impl Broker {
    pub(super) fn produce(&mut self, world: &mut World, connection: ConnectionId, produce: &Produce) {
        let (now_ms, wall, node) = (world.now_ms(), wall(world), self.node());
        let Some(process) = &mut self.process else { return };
        let lease_until_ms = process.lease_until_ms;
        let Some(hosted) = process.hosted.get_mut(&produce.key) else {
            world.send(connection, node, Message::Produced(produce.number, Err(ErrorCode::UnknownTopicId)));
            return;
        };
        let request = ProduceRequest {
            leader_epoch: Some(produce.leader_epoch),
            acks: produce.acks,
            deadline_ms: now_ms + TIMEOUT_MS,
            lease_until_ms,
        };
        let mut batch = BytesMut::from(produce.batch.as_ref());
        let outcome = hosted.replica.handle_produce(now_ms, wall, &request, &mut batch);
        let values = records_of(&batch, i64::MIN).unwrap_or_default();
        let waiting = Waiting {
            connection,
            number: produce.number,
            acks: produce.acks,
            values: values.into_iter().map(|record: Record| record.value).collect(),
            deadline_us: (now_ms + TIMEOUT_MS) * 1_000,
        };
        let waited = match outcome {
            Ok(ProduceOutcome::Waiting(token)) => {
                hosted.waiting.insert(token, waiting);
                None
            }
            Ok(ProduceOutcome::Done(acknowledged)) => Some((waiting, Ok(acknowledged))),
            Err(rejection) => Some((waiting, Err(rejection.code))),
        };
        // The high watermark that the answer rests on is told first.
        self.drain(world, produce.key);
        if let Some((waiting, result)) = waited {
            self.done(world, produce.key, &waiting, result);
        }
    }

    /// Answers a produce.
    pub(super) fn done(
        &mut self,
        world: &mut World,
        key: Key,
        waiting: &Waiting,
        result: Result<Acknowledged, ErrorCode>,
    ) {
        let node = self.node();
        let Some(process) = &self.process else { return };
        if let (Ok(acknowledged), Some(hosted)) = (&result, process.hosted.get(&key)) {
            let isr =
                hosted.record.as_ref().map(|record| record.in_sync_replicas.clone()).unwrap_or_default();
            let epoch = hosted.leads().map_or(-1, |(epoch, _, _)| epoch);
            world.oracle.borrow_mut().acks(&Ack {
                broker: (self.number, process.life),
                key,
                epoch,
                acks: waiting.acks,
                acknowledged,
                values: &waiting.values,
                isr: &isr,
            });
        }
        world.send(waiting.connection, node, Message::Produced(waiting.number, result));
    }

    pub(super) fn read(&mut self, world: &mut World, connection: ConnectionId, read: &Read) {
        let node = self.node();
        let result = self.records(read);
        if let Ok((_, records)) = &result {
            world.oracle.borrow_mut().consumed(read.key, read.offset.get(), records);
        }
        world.send(connection, node, Message::ReadReply(read.number, result));
    }

    fn records(&self, read: &Read) -> Result<(Offset, Vec<Record>), ErrorCode> {
        let hosted = self.process.as_ref().and_then(|process| process.hosted.get(&read.key));
        let hosted = hosted.ok_or(ErrorCode::UnknownTopicId)?;
        let epoch = Some(read.leader_epoch);
        let bound = if read.any {
            hosted.replica.check_fetch_any(epoch, read.offset)
        } else {
            hosted.replica.check_fetch(epoch, read.offset)
        };
        let high_watermark = bound.map_err(|rejection| rejection.code)?.high_watermark;
        if read.offset >= high_watermark {
            return Ok((high_watermark, Vec::new()));
        }
        let reader = hosted.replica.log().disk_ref().reader();
        let range = reader.read(read.offset, MAX_BYTES, high_watermark).map_err(|error| error.code())?;
        let mut bytes = BytesMut::new();
        range.read_into(&mut bytes).map_err(|_unreadable| ErrorCode::KafkaStorageError)?;
        reader.verify(&bytes, read.offset).map_err(|error| error.code())?;
        let records =
            records_of(&bytes, read.offset.get()).map_err(|_undecodable| ErrorCode::CorruptMessage)?;
        Ok((high_watermark, records))
    }

    pub(super) fn latest(
        &mut self,
        world: &mut World,
        connection: ConnectionId,
        (number, key, epoch): (u64, Key, LeaderEpoch),
    ) {
        let node = self.node();
        let hosted = self.process.as_ref().and_then(|process| process.hosted.get(&key));
        let result = match hosted {
            None => Err(ErrorCode::UnknownTopicId),
            Some(hosted) => hosted.replica.latest_offset(Some(epoch)).map_err(|rejection| rejection.code),
        };
        if let Ok(offset) = result {
            world.oracle.borrow_mut().latest(key, epoch.get(), offset.get());
        }
        world.send(connection, node, Message::LatestReply(number, result));
    }
}
