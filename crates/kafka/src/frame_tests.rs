//! Frames by the byte.

use super::*;
use crate::messages::{ApiVersionsRequest, ApiVersionsResponse, api_versions::ApiVersion};
use crate::{FetchPartitionResponse, FetchRecords, FetchResponse, FetchTopicResponse, ProduceRequest};
use yak_model::ErrorCode;

#[test]
fn an_api_versions_response_has_no_tagged_section_in_its_header() {
    let key = ApiVersion { api_key: 18, min_version: 0, max_version: 4 };
    let body = ApiVersionsResponse { api_keys: vec![key], ..ApiVersionsResponse::default() };
    let mut out = BytesMut::new();
    encode_response(&mut out, ApiKey::ApiVersions, 3, 7, &body);
    let expected = [
        0, 0, 0, 19, // length
        0, 0, 0, 7, // correlation id
        0, 0, // error code
        2, 0, 18, 0, 0, 0, 4, 0, // one key
        0, 0, 0, 0, // throttle time
        0, // tagged section
    ];
    assert_eq!(out[..], expected);
}

#[test]
fn a_header_is_split_from_its_body() {
    let body =
        ApiVersionsRequest { client_software_name: "a".to_owned(), client_software_version: "1".to_owned() };
    let mut out = BytesMut::new();
    encode_request(&mut out, ApiKey::ApiVersions, 3, 9, Some("me"), &body);
    let (header, rest) = split_header(&mut out[4..]).expect("just encoded");
    let expected = RequestHeader { api_key: 18, api_version: 3, correlation_id: 9, client_id: Some("me") };
    assert_eq!(header, expected);
    assert_eq!(decode_body(rest, 3), Ok(body));
}

#[test]
fn of_an_unknown_version_of_api_versions_the_header_is_enough() {
    let mut frame = [0, 18, 0, 99, 0, 0, 0, 1, 0x7f, 0xff];
    let (header, _) = split_header(&mut frame).expect("ten bytes are enough");
    assert_eq!((header.api_version, header.correlation_id, header.client_id), (99, 1, None));
}

#[test]
fn records_of_a_produce_request_are_the_frame_itself() {
    let mut records = *b"batch";
    let partition = crate::ProducePartition { index: 1, records: Some(&mut records) };
    let topic =
        crate::ProduceTopic { name: "t", topic_id: yak_model::Uuid::ZERO, partitions: vec![partition] };
    let request = ProduceRequest { transactional_id: None, acks: -1, timeout_ms: 5, topics: vec![topic] };
    for version in 3..=12 {
        let mut out = BytesMut::new();
        request.encode(&mut out, version);
        let mut decoded = ProduceRequest::decode(&mut out, version).expect("just encoded");
        assert_eq!(decoded, request);
        decoded.topics[0].partitions[0].records.as_deref_mut().expect("there are some")[0] = b'B';
        assert!(out.windows(5).any(|bytes| bytes == b"Batch"));
    }
}

/// Announces ten bytes, and writes what it has.
struct Announced(&'static [u8], Result<(), ErrorCode>);

impl FetchRecords for Announced {
    fn len(&self) -> usize {
        10
    }

    fn write_to(&mut self, out: &mut BytesMut) -> Result<(), ErrorCode> {
        out.put_slice(self.0);
        self.1
    }
}

#[test]
fn a_partition_whose_records_cannot_be_read_is_an_error_without_records() {
    let failed = Err(ErrorCode::KafkaStorageError);
    for version in 4..=17 {
        let records = [
            Announced(b"0123456789", Ok(())),
            Announced(b"half", failed),
            // A length that is not true, and one that is, with an error.
            Announced(b"012345678", Ok(())),
            Announced(b"0123456789", failed),
            Announced(b"9876543210", Ok(())),
        ];
        let partitions = records.into_iter().zip(0..).map(|(records, index)| {
            let offsets = FetchPartitionResponse::new(index, records);
            FetchPartitionResponse { high_watermark: 9, preferred_read_replica: 2, ..offsets }
        });
        let topic = FetchTopicResponse { partitions: partitions.collect(), ..FetchTopicResponse::default() };
        let mut response = FetchResponse { topics: vec![topic], ..FetchResponse::default() };
        let mut out = BytesMut::new();
        crate::encode_fetch_response(&mut out, version, 1, &mut response);
        let body = out.freeze().slice(if version >= 12 { 9.. } else { 8.. });
        let decoded = crate::decode_fetch_response(&body, version).expect("just encoded");
        let partitions = &decoded.topics[0].partitions;
        let (storage, unknown) = (Some(ErrorCode::KafkaStorageError), Some(ErrorCode::UnknownServerError));
        let errors = partitions.iter().map(|partition| partition.error_code);
        assert!(errors.eq([None, storage, unknown, storage, None]), "v{version}: {partitions:?}");
        assert_eq!(partitions[0].records, &b"0123456789"[..]);
        assert_eq!(partitions[4].records, &b"9876543210"[..]);
        for failed in &partitions[1..4] {
            assert!(failed.records.is_empty());
            assert_eq!(
                (failed.high_watermark, failed.last_stable_offset, failed.log_start_offset),
                (-1, -1, -1)
            );
            assert_eq!((failed.preferred_read_replica, &failed.aborted_transactions), (-1, &None));
        }
    }
}

#[test]
fn of_an_unknown_key_the_header_is_split_all_the_same() {
    let mut frame = *b"\x7f\x00\x00\x03\x00\x00\x00\x05\x00\x02merest";
    let (header, rest) = split_header(&mut frame).expect("a header");
    assert_eq!((header.api_key, header.client_id, &*rest), (0x7f00, Some("me"), &b"rest"[..]));
    let error = split_header(&mut [0, 3, 0, 9, 0, 0, 0]).expect_err("seven bytes");
    assert_eq!(error.to_string(), "correlation_id: needs 4 bytes, 3 remain");
}
