//! DeleteTopics (key 20).

use yak_model::{ErrorCode, Uuid};

use crate::table::table;

table! {
    /// Deletes topics.
    struct DeleteTopicsRequest(key DeleteTopics, versions 1..=6, flexible from 4) {
        /// Which topics, by name or id.
        topics: Vec<DeleteTopicState>, 6..;
        /// Which topics, by name.
        topic_names: Vec<String>, 0..=5;
        /// How long to wait until they are deleted.
        timeout_ms: i32, 0..;
    }

    /// A topic, by name or id.
    struct DeleteTopicState {
        /// Its name; null if it is meant by id.
        name: Option<String>, 6..;
        /// Its id; zero if it is meant by name.
        topic_id: Uuid, 6..;
    }

    /// What became of each topic.
    struct DeleteTopicsResponse(key DeleteTopics, versions 1..=6, flexible from 4) {
        /// How long the client is held back by a quota.
        throttle_time_ms: i32, 1..;
        /// By topic.
        responses: Vec<DeletableTopicResult>, 0..;
    }

    /// What became of a topic.
    struct DeletableTopicResult {
        /// Its name; null if it was meant by an id that does not exist.
        name: Option<String> = Some(String::new()), 0.., nullable 6..;
        /// Its id.
        topic_id: Uuid, 6..;
        /// Why it was not deleted.
        error_code: Option<ErrorCode>, 0..;
        /// The same in words.
        error_message: Option<String>, 5..;
    }
}
