//! What a produce is answered: offsets, refusals by code, and the rules for idempotent producers.

use yak_kafka::messages::{InitProducerIdRequest, InitProducerIdResponse};
use yak_kafka::{ProducePartition, ProduceRequest, ProduceTopic};
use yak_model::{ErrorCode, Uuid};
use yak_record::Compression;

use crate::Setting;
use crate::batch::{Owned, build, new_producer, plain, stamped, values};

/// Where compression and other attributes stand in a batch.
const ATTRIBUTES_AT: usize = 22;

#[test]
fn every_version_appends() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    for (offset, version) in (3..=12).enumerate() {
        let produced = socket.produce(version, ("t", 0), &mut plain(&["x"]));
        let expected = (None, i64::try_from(offset).unwrap(), -1);
        assert_eq!((produced.error_code, produced.base_offset, produced.log_append_time_ms), expected);
        let start = if version >= 5 { 0 } else { -1 };
        assert_eq!(produced.log_start_offset, start, "version {version}");
    }
}

#[test]
fn topics_are_named_by_their_ids_from_version_13_on() {
    use yak_kafka::messages::{MetadataRequest, MetadataResponse, ProduceResponse};
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let request = MetadataRequest { topics: None, ..MetadataRequest::default() };
    let metadata: MetadataResponse = socket.ask(12, &request);
    let topic_id = metadata.topics[0].topic_id;
    for (id, expected) in [(topic_id, None), (Uuid::from_bytes([7; 16]), Some(ErrorCode::UnknownTopicId))] {
        let mut batch = plain(&["x"]);
        let partitions = vec![ProducePartition { index: 0, records: Some(&mut batch) }];
        let topics = vec![ProduceTopic { name: "", topic_id: id, partitions }];
        let request = ProduceRequest { transactional_id: None, acks: -1, timeout_ms: 1000, topics };
        let mut out = bytes::BytesMut::new();
        request.encode_frame(&mut out, 13, 1, None);
        let mut socket = setting.broker.connect_kafka();
        socket.send_bytes(&out);
        let frame = socket.read_frame().unwrap();
        let response: ProduceResponse = yak_kafka::decode_body(&frame[5..], 13).unwrap();
        assert_eq!(response.responses[0].topic_id, id);
        assert_eq!(response.responses[0].partition_responses[0].error_code, expected);
    }
}

#[test]
fn what_cannot_be_appended_is_refused_by_its_code() {
    let setting = Setting::with(&[("message.max.bytes", "1000")]);
    let mut socket = setting.broker.connect_kafka();
    let changed = |change: &dyn Fn(&mut [u8])| {
        let mut batch = plain(&["x", "y"]);
        change(&mut batch);
        let crc = crc32(&batch[21..]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
        batch
    };
    let two = [plain(&["x"]), plain(&["y"])].concat();
    let mut flipped = plain(&["x"]);
    *flipped.last_mut().unwrap() ^= 1;
    let large = build(&[Owned::value(&"x".repeat(2000))], Compression::None, None);
    let cut = plain(&["x"])[..30].to_vec();
    let cases: Vec<(&str, Vec<u8>, ErrorCode)> = vec![
        ("no batch", Vec::new(), ErrorCode::InvalidRecord),
        ("two batches", two, ErrorCode::InvalidRecord),
        ("half a header", cut, ErrorCode::InvalidRecord),
        ("a flipped bit", flipped.to_vec(), ErrorCode::CorruptMessage),
        ("too large", large.to_vec(), ErrorCode::MessageTooLarge),
        (
            "a control batch",
            changed(&|batch| batch[ATTRIBUTES_AT] |= 0x20).to_vec(),
            ErrorCode::InvalidRecord,
        ),
        (
            "in a transaction",
            changed(&|batch| batch[ATTRIBUTES_AT] |= 0x10).to_vec(),
            ErrorCode::TransactionalIdAuthorizationFailed,
        ),
        ("a wrong count", changed(&|batch| batch[60] = 3).to_vec(), ErrorCode::InvalidRecord),
        ("an old magic", changed(&|batch| batch[16] = 1).to_vec(), ErrorCode::InvalidRecord),
    ];
    for (what, mut batch, code) in cases {
        let produced = socket.produce(9, ("t", 0), &mut batch);
        let told = (produced.error_code, produced.base_offset, produced.error_message.is_some());
        assert_eq!(told, (Some(code), -1, true), "{what}: {:?}", produced.error_message);
    }
    assert!(socket.fetch(11, ("t", 0), 0).records.is_empty(), "nothing was appended");
    let refused = |topic: &str, partition, code| {
        let produced = setting.broker.connect_kafka().produce(9, (topic, partition), &mut plain(&["x"]));
        assert_eq!(produced.error_code, Some(code), "{topic}-{partition}");
    };
    refused("t", 1, ErrorCode::UnknownTopicOrPartition);
    refused("t", -1, ErrorCode::UnknownTopicOrPartition);
    refused("missing", 0, ErrorCode::UnknownTopicOrPartition);
    refused("no topic name", 0, ErrorCode::InvalidTopicException);
    refused("__consumer_offsets", 0, ErrorCode::InvalidTopicException);
}

fn crc32(bytes: &[u8]) -> u32 {
    // Castagnoli's polynomial, bit by bit.
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 },
        )
    })
}

#[test]
fn acknowledgements_are_0_1_or_all() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    for acks in [2, -2, i16::MAX] {
        socket.send_batch(9, acks, ("t", 0), &mut plain(&["x"]));
        assert_eq!(socket.read_produced(9).error_code, Some(ErrorCode::InvalidRequiredAcks));
    }
    for acks in [1, -1] {
        socket.send_batch(9, acks, ("t", 0), &mut plain(&["x"]));
        assert_eq!(socket.read_produced(9).error_code, None);
    }
}

#[test]
fn zstd_needs_a_client_that_knows_it() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let mut batch = build(&[Owned::value("x")], Compression::Zstd, None);
    let refused = socket.produce(6, ("t", 0), &mut batch.clone());
    assert_eq!(refused.error_code, Some(ErrorCode::UnsupportedCompressionType));
    assert_eq!(socket.produce(7, ("t", 0), &mut batch).error_code, None);
}

#[test]
fn transactions_are_refused_in_a_way_that_clients_take_for_final() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let request = InitProducerIdRequest { transactional_id: Some("x".to_owned()), ..Default::default() };
    let response: InitProducerIdResponse = socket.ask(4, &request);
    assert_eq!(response.error_code, Some(ErrorCode::TransactionalIdAuthorizationFailed));
    assert_eq!((response.producer_id, response.producer_epoch), (-1, -1));
}

#[test]
fn an_idempotent_producer_is_held_to_its_sequence() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let request = new_producer();
    let response: InitProducerIdResponse = socket.ask(4, &request);
    let id = response.producer_id;
    assert!(response.error_code.is_none() && id >= 0 && response.producer_epoch == 0);
    let mut produce = |epoch, sequence, values: &[&str]| {
        let produced = socket.produce(9, ("t", 0), &mut stamped(id, epoch, sequence, values));
        (produced.error_code, produced.base_offset)
    };
    assert_eq!(produce(0, 0, &["a", "b"]), (None, 0));
    assert_eq!(produce(0, 2, &["c"]), (None, 2));
    assert_eq!(produce(0, 0, &["a", "b"]), (None, 0), "sent again: the original's offset");
    assert_eq!(produce(0, 4, &["e"]), (Some(ErrorCode::OutOfOrderSequenceNumber), -1));
    assert_eq!(
        produce(1, 5, &["e"]),
        (Some(ErrorCode::OutOfOrderSequenceNumber), -1),
        "an epoch begins at 0"
    );
    assert_eq!(produce(1, 0, &["d"]), (None, 3));
    assert_eq!(produce(0, 3, &["d"]), (Some(ErrorCode::InvalidProducerEpoch), -1));
    // Without a producer id the sequence is whatever a client leaves there.
    let unnumbered = socket.produce(9, ("t", 0), &mut stamped(-1, -1, 0, &["e"]));
    assert_eq!((unnumbered.error_code, unnumbered.base_offset), (None, 4));
    assert_eq!(values(&socket.fetch(11, ("t", 0), 0).records), ["a", "b", "c", "d", "e"]);
}

#[test]
fn a_bumped_epoch_belongs_to_the_same_producer() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let first: InitProducerIdResponse = socket.ask(3, &new_producer());
    let request = InitProducerIdRequest {
        producer_id: first.producer_id,
        producer_epoch: first.producer_epoch,
        ..new_producer()
    };
    let second: InitProducerIdResponse = socket.ask(3, &request);
    assert_eq!((second.producer_id, second.producer_epoch), (first.producer_id, 1));
    let other: InitProducerIdResponse = socket.ask(0, &new_producer());
    assert!(other.producer_id != first.producer_id && other.producer_epoch == 0);
}

#[test]
fn a_producer_that_is_not_known_is_told_where_the_log_begins() {
    let setting = Setting::new();
    let mut socket = setting.broker.connect_kafka();
    let begun: InitProducerIdResponse = socket.ask(4, &new_producer());
    let refused = socket.produce(9, ("t", 0), &mut stamped(begun.producer_id, 0, 5, &["x"]));
    // Without the beginning of the log a Java client sends the same batch again until its time is up.
    let told = (refused.error_code, refused.base_offset, refused.log_start_offset);
    assert_eq!(told, (Some(ErrorCode::UnknownProducerId), -1, 0));
}
