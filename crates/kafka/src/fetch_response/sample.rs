//! Responses to Fetch that are made up.

use bytes::Bytes;

use super::{FLEXIBLE_FROM, FetchPartitionResponse, FetchResponse, FetchTopicResponse, TOPIC_IDS_FROM};
use crate::choices::Choices;
use crate::wire::{Field, Form};

impl FetchResponse<Bytes> {
    /// Makes up a response of a version: what that version lacks has its default.
    pub(crate) fn sample(choices: &mut Choices<'_>, version: i16) -> Self {
        let form = Form::new(version, FLEXIBLE_FROM);
        let mut response = Self { throttle_time_ms: i32::sample(choices, form), ..Self::default() };
        if version >= 7 {
            response.error_code = choices.error_code();
            response.session_id = i32::sample(choices, form);
        }
        response.topics = (0..choices.len()).map(|_| FetchTopicResponse::sample(choices, form)).collect();
        if version >= 16 && choices.flag() {
            response.node_endpoints = Field::sample(choices, form);
        }
        response
    }
}

impl FetchTopicResponse<Bytes> {
    fn sample(choices: &mut Choices<'_>, form: Form) -> Self {
        let mut topic = Self::default();
        if form.version >= TOPIC_IDS_FROM {
            topic.topic_id = Field::sample(choices, form);
        } else {
            topic.topic = choices.text();
        }
        topic.partitions =
            (0..choices.len()).map(|_| FetchPartitionResponse::sample(choices, form)).collect();
        topic
    }
}

impl FetchPartitionResponse<Bytes> {
    fn sample(choices: &mut Choices<'_>, form: Form) -> Self {
        let mut partition = Self::new(i32::sample(choices, form), Field::sample(choices, form));
        partition.error_code = choices.error_code();
        partition.high_watermark = i64::sample(choices, form);
        partition.last_stable_offset = i64::sample(choices, form);
        if form.version >= 5 {
            partition.log_start_offset = i64::sample(choices, form);
        }
        partition.aborted_transactions = Field::sample(choices, form.nullable(true));
        if form.version >= 11 {
            partition.preferred_read_replica = i32::sample(choices, form);
        }
        if form.flexible {
            partition.diverging_epoch = Field::sample(choices, form);
            partition.current_leader = Field::sample(choices, form);
            partition.snapshot_id = Field::sample(choices, form);
        }
        partition
    }
}
