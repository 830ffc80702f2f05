//! Produce lines become batches.

use proptest::option;
use proptest::prelude::*;
use yak_model::api::{Acks, Produce};
use yak_model::{LeaderEpoch, PartitionIndex, Sequence, TimestampMs};
use yak_protocol::{Parser, ProduceHead, ProduceLine, Request, parse_request};
use yak_record::{BatchHeader, Compression, ProducerStamp, RecordParts};

use crate::owned::{NOW, Owned, owned_records, records_of, topic, with_places};

fn produce(line: &[u8]) -> Produce {
    let envelope = parse_request(line, NOW, &mut Parser::new());
    let request = envelope.expect("a request").request;
    assert!(matches!(request, Request::Produce(_)), "{request:?}");
    if let Request::Produce(produce) = request { Some(produce) } else { None }.expect("it was just checked")
}

/// The records of a produce of one entry.
fn produced(line: &str) -> Vec<Owned> {
    let produce = produce(line.as_bytes());
    assert_eq!(produce.entries.len(), 1);
    records_of(&produce.entries[0].batches)
}

/// The one value of a produce with the fields of one record.
fn produced_value(fields: &str) -> Option<String> {
    let records = produced(&format!(r#"{{"op":"produce","topic":"t","records":[{{{fields}}}]}}"#));
    records[0].value.clone().map(|value| String::from_utf8(value).expect("text"))
}

#[test]
fn the_simplest_line_has_defaults() {
    let produce = produce(br#"{"op":"produce","topic":"t","records":[{"value":"hello"}]}"#);
    assert_eq!((produce.acks, produce.timeout_ms), (Acks::All, 10_000));
    let entry = &produce.entries[0];
    assert_eq!((entry.topic.as_str(), entry.partition, entry.leader_epoch), ("t", None, None));
    let header = BatchHeader::parse(&entry.batches).unwrap();
    assert_eq!((header.record_count, header.producer_id.get()), (1, -1));
    let expected = Owned { offset: Some(0), timestamp: Some(NOW.get()), ..Owned::value("hello") };
    assert_eq!(records_of(&entry.batches), [expected]);
}

#[test]
fn everything_can_be_said_in_any_order() {
    let line = r#"{"records":[{"headers":[{"value":"x","key":"h"},{"key":"n","value":null}],"value":"v","timestamp":5,"key":"k"}],
        "base_sequence":4,"producer_epoch":3,"producer_id":2,"compression":"gzip","leader_epoch":9,"partition":7,
        "timeout_ms":1,"acks":1,"topic":"t","op":"produce","id":"x"}"#;
    let produce = produce(line.as_bytes());
    assert_eq!((produce.acks, produce.timeout_ms), (Acks::Leader, 1));
    let entry = &produce.entries[0];
    assert_eq!(entry.partition, Some(PartitionIndex::new(7)));
    assert_eq!(entry.leader_epoch, Some(LeaderEpoch::new(9)));
    let header = BatchHeader::parse(&entry.batches).unwrap();
    assert_eq!(header.attributes.compression(), Compression::Gzip);
    let producer = (header.producer_id.get(), header.producer_epoch.get(), header.base_sequence.get());
    assert_eq!(producer, (2, 3, 4));
    let expected = Owned {
        offset: Some(0),
        timestamp: Some(5),
        key: Some(b"k".to_vec()),
        headers: vec![(b"h".to_vec(), Some(b"x".to_vec())), (b"n".to_vec(), None)],
        ..Owned::value("v")
    };
    assert_eq!(records_of(&entry.batches), [expected]);
}

#[test]
fn several_entries_make_several_batches() {
    let line = br#"{"op":"produce","acks":0,"entries":[
        {"topic":"a","records":[{"value":"1"},{"value":{"n":2}}],"timestamp":8},
        {"topic":"b","partition":3,"timestamp":9,"records":[{"value":"3"}]}]}"#;
    let produce = produce(line);
    assert_eq!(produce.acks, Acks::None);
    let [a, b] = &produce.entries[..] else { panic!("two entries") };
    assert_eq!((a.topic.as_str(), b.topic.as_str(), b.partition), ("a", "b", Some(PartitionIndex::new(3))));
    let of = |batch: &[u8]| {
        let text =
            |record: Owned| (String::from_utf8(record.value.unwrap()).unwrap(), record.timestamp.unwrap());
        records_of(batch).into_iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(of(&a.batches), [("1".to_owned(), 8), (r#"{"n":2}"#.to_owned(), 8)]);
    assert_eq!(of(&b.batches), [("3".to_owned(), 9)]);
}

#[test]
fn a_value_of_another_type_stands_for_its_json_text() {
    for json in ["{ \"a\" : [1, 2.50, \"\\u0041\"] }", "[1,null]", "17", "-1.50e3", "true", "false", "1e400"]
    {
        assert_eq!(produced_value(&format!(r#""value": {json} "#)).as_deref(), Some(json));
    }
    assert_eq!(produced_value(r#""value":null"#), None);
    assert_eq!(produced_value(r#""value_base64":null"#), None);
    assert_eq!(produced_value(r#""value":"""#).as_deref(), Some(""));
}

#[test]
fn kinds_of_values_may_be_mixed_in_one_line() {
    let line = r#"{"op":"produce","topic":"t","records":[{"value":"a\n"},{"value":{"b":"\n"}},{"value":"c\"","key":"\t"},
        {"value":null},{"value_base64":"/w=="},{"value_base64":"aGk"}]}"#;
    let values: Vec<_> = produced(line).into_iter().map(|record| record.value).collect();
    let expected: [Option<&[u8]>; 6] =
        [Some(b"a\n"), Some(br#"{"b":"\n"}"#), Some(b"c\""), None, Some(b"\xff"), Some(b"hi")];
    assert_eq!(values, expected.map(|value| value.map(<[u8]>::to_vec)));
}

#[test]
fn escapes_of_key_value_and_headers_do_not_get_mixed_up() {
    let line = r#"{"op":"produce","topic":"t","records":[{"key":"k\u00e9\ud83d\ude00","value":"v\\\/","headers":[{"key":"\"h","value":"\b"}]}]}"#;
    let record = &produced(line)[0];
    assert_eq!(record.key.as_deref(), Some("k\u{e9}\u{1f600}".as_bytes()));
    assert_eq!(record.value.as_deref(), Some(b"v\\/".as_slice()));
    assert_eq!(record.headers, [(b"\"h".to_vec(), Some(b"\x08".to_vec()))]);
}

#[test]
fn the_lines_timestamp_is_the_default_wherever_it_stands() {
    let records = r#""records":[{"value":"a"},{"value":"b","timestamp":7}]"#;
    for line in [
        format!(r#"{{"op":"produce","topic":"t","timestamp":5,{records}}}"#),
        format!(r#"{{"op":"produce","topic":"t",{records},"timestamp":5}}"#),
    ] {
        let timestamps: Vec<_> = produced(&line).iter().map(|record| record.timestamp).collect();
        assert_eq!(timestamps, [Some(5), Some(7)], "{line}");
    }
}

#[test]
fn many_headers_keep_their_order() {
    let headers: Vec<_> = (0..20).map(|i| format!(r#"{{"key":"k{i}","value":"v{i}"}}"#)).collect();
    let line = format!(
        r#"{{"op":"produce","topic":"t","records":[{{"value":"x","headers":[{}]}},{{"value":"y"}}]}}"#,
        headers.join(",")
    );
    let records = produced(&line);
    assert_eq!(records[0].headers.len(), 20);
    assert_eq!(records[0].headers[19], (b"k19".to_vec(), Some(b"v19".to_vec())));
    assert!(records[1].headers.is_empty(), "headers belong to one record");
}

proptest! {
    #[test]
    fn what_a_client_appends_is_what_the_batch_holds(
        records in owned_records(),
        sequence in option::of(0..=i32::MAX),
        has_timestamp: bool,
        compression in proptest::sample::select(&Compression::ALL),
    ) {
        let topic = topic();
        let producer = sequence.map(|sequence| ProducerStamp {
            id: 5.into(),
            epoch: 1.into(),
            base_sequence: Sequence::new(sequence),
        });
        let timestamp = has_timestamp.then_some(TimestampMs::new(77));
        let mut head = ProduceHead {
            id: Some(u64::MAX), topic: &topic, partition: Some(3.into()), leader_epoch: Some(0.into()), producer,
            acks: Acks::All, timeout_ms: 1, compression, timestamp,
        };
        let mut line = ProduceLine::new();
        line.push(&RecordParts { value: Some(b"forgotten"), ..RecordParts::default() });
        line.clear();
        for record in &records {
            line.push(&record.parts(&record.headers()));
        }
        prop_assert_eq!(line.count(), records.len());
        line.seal(&head);
        // Sent again to another leader: the head is new, the records are the same.
        head.leader_epoch = Some(1.into());
        let sealed = line.seal(&head);
        let sealed = sealed.strip_suffix(b"\n").expect("a line ends with a newline");
        let produce = produce(sealed);
        let entry = &produce.entries[0];
        prop_assert_eq!((&entry.topic, entry.partition, entry.leader_epoch), (&topic, head.partition, head.leader_epoch));
        let header = BatchHeader::parse(&entry.batches).unwrap();
        prop_assert_eq!(header.attributes.compression(), compression);
        prop_assert_eq!(header.base_sequence.get(), sequence.unwrap_or(-1));
        let expected = with_places(&records, 0, timestamp.unwrap_or(NOW));
        prop_assert_eq!(records_of(&entry.batches), expected);
    }
}
