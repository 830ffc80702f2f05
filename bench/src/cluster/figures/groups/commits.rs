//! One consumer that commits after every record.

use std::time::Instant;

use anyhow::{Result, ensure};
use yak_kafka::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use yak_kafka::messages::{OffsetCommitRequest, OffsetCommitResponse};
use yak_testkit::KafkaSocket;

use super::{TOPIC, one_broker};
use crate::cluster::plan::Plan;
use crate::cluster::report::{Report, Row};

const COMMITS: Row =
    Row::median("one consumer that commits after every record, flush=os", ">= 5,000/s", "/s");

pub(in super::super) fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    let (broker, _directory) = one_broker(1)?;
    for _ in 0..plan.files {
        let mut socket = KafkaSocket::connect(broker.bootstrap());
        let (began, mut offset) = (Instant::now(), 0_u32);
        while began.elapsed() < plan.committing {
            let committed: OffsetCommitResponse = socket.ask(8, &commit(offset.into()));
            let code = committed.topics[0].partitions[0].error_code;
            ensure!(code.is_none(), "{code:?}");
            offset += 1;
        }
        report.read(COMMITS, f64::from(offset) / began.elapsed().as_secs_f64())?;
    }
    Ok(())
}

fn commit(offset: i64) -> OffsetCommitRequest {
    let partition =
        OffsetCommitRequestPartition { committed_offset: offset, ..OffsetCommitRequestPartition::default() };
    OffsetCommitRequest {
        group_id: "commits".to_owned(),
        topics: vec![OffsetCommitRequestTopic { name: TOPIC.to_owned(), partitions: vec![partition] }],
        ..OffsetCommitRequest::default()
    }
}
