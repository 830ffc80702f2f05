//! Members of a classic group, as raw frames: they join, one assigns, all heartbeat every three seconds as Java's do.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use yak_kafka::consumer_protocol::{PROTOCOL_TYPE, Subscription, encode_subscription};
use yak_kafka::messages::join_group::JoinGroupRequestProtocol;
use yak_kafka::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use yak_kafka::messages::sync_group::SyncGroupRequestAssignment;
use yak_kafka::messages::{
    FindCoordinatorRequest, FindCoordinatorResponse, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest,
    JoinGroupResponse, OffsetFetchRequest, OffsetFetchResponse, SyncGroupRequest, SyncGroupResponse,
};
use yak_model::ErrorCode;
use yak_testkit::KafkaSocket;

use super::{PATIENCE, TOPIC, one_broker};
use crate::cluster::figures::count;
use crate::cluster::plan::Plan;
use crate::cluster::report::{Report, Row};

/// Members that start together.
const MEMBERS: usize = 10;
const PARTITIONS: i32 = 30;
/// Java's default.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(3);
const GENERATIONS: Row = Row::max(
    "10 classic members that start together, 30 partitions: generations until all have theirs",
    "<= 3",
    "",
);
const JOINED: Row = Row::percentiles(
    "10 classic members that start together: until all have theirs (they heartbeat every 3 s)",
    "",
    "ms",
);

/// A member.
pub(super) struct Member {
    pub(super) socket: KafkaSocket,
    group: String,
    id: String,
    generation: i32,
    /// How many members it knows of, if it is the leader.
    members: usize,
}

impl Member {
    /// Connects, and finds the coordinator, which is the broker it talks to.
    pub(super) fn connect(address: &str, group: &str) -> Self {
        let mut socket = KafkaSocket::connect(address);
        let request = FindCoordinatorRequest {
            coordinator_keys: vec![group.to_owned()],
            ..FindCoordinatorRequest::default()
        };
        let _found: FindCoordinatorResponse = socket.ask(6, &request);
        Self { socket, group: group.to_owned(), id: String::new(), generation: -1, members: 0 }
    }

    /// Asks to join; the answer comes when everybody has.
    pub(super) fn send_join(&mut self) {
        let subscription = Subscription { topics: vec![TOPIC.to_owned()], ..Subscription::default() };
        let metadata = encode_subscription(&subscription, 1);
        let request = JoinGroupRequest {
            group_id: self.group.clone(),
            session_timeout_ms: 30_000,
            rebalance_timeout_ms: 30_000,
            member_id: self.id.clone(),
            protocol_type: PROTOCOL_TYPE.to_owned(),
            protocols: vec![JoinGroupRequestProtocol { name: "range".to_owned(), metadata }],
            ..JoinGroupRequest::default()
        };
        self.socket.send(9, &request);
    }

    /// Takes the answer in. Whether it has to ask again, with the id that it was given.
    pub(super) fn read_join(&mut self) -> Result<Option<JoinGroupResponse>> {
        let joined: JoinGroupResponse = self.socket.read(9);
        self.id.clone_from(&joined.member_id);
        match joined.error_code {
            None => {
                self.generation = joined.generation_id;
                self.members = joined.members.len();
                Ok(Some(joined))
            }
            Some(ErrorCode::MemberIdRequired) => Ok(None),
            Some(code) => anyhow::bail!("join: {}", code.name()),
        }
    }

    /// Takes up its part; the leader brings all of them. Whether the group is still of this generation.
    pub(super) fn sync(&mut self, joined: &JoinGroupResponse) -> Result<bool> {
        let assign = |member: &yak_kafka::messages::join_group::JoinGroupResponseMember| {
            let assignment = Bytes::from_static(b"\0\0\0\0\0\0\0\0\0\0");
            SyncGroupRequestAssignment { member_id: member.member_id.clone(), assignment }
        };
        let request = SyncGroupRequest {
            group_id: self.group.clone(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            assignments: joined.members.iter().map(assign).collect(),
            ..SyncGroupRequest::default()
        };
        let synced: SyncGroupResponse = self.socket.ask(5, &request);
        match synced.error_code {
            None => Ok(true),
            Some(ErrorCode::RebalanceInProgress) => Ok(false),
            Some(code) => anyhow::bail!("sync: {}", code.name()),
        }
    }

    /// Joins and takes up its part, however often the group begins anew meanwhile.
    pub(super) fn join(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            self.send_join();
            if let Some(joined) = self.read_join()?
                && self.sync(&joined)?
            {
                return Ok(());
            }
        }
        anyhow::bail!("not joined after {PATIENCE:?}")
    }

    pub(super) fn send_heartbeat(&mut self) {
        let request = self.heartbeat();
        self.socket.send(4, &request);
    }

    pub(super) fn heartbeat(&self) -> HeartbeatRequest {
        HeartbeatRequest {
            group_id: self.group.clone(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: None,
        }
    }

    /// Whether the group is as it was.
    pub(super) fn is_calm(&mut self) -> Result<bool> {
        self.send_heartbeat();
        let response: HeartbeatResponse = self.socket.read(4);
        match response.error_code {
            None => Ok(true),
            Some(ErrorCode::RebalanceInProgress) => Ok(false),
            Some(code) => anyhow::bail!("heartbeat: {}", code.name()),
        }
    }

    /// Asks for what is committed of partition 0.
    pub(super) fn committed(&mut self) {
        let topics = vec![OffsetFetchRequestTopics { name: TOPIC.to_owned(), partition_indexes: vec![0] }];
        let group = OffsetFetchRequestGroup {
            group_id: self.group.clone(),
            topics: Some(topics),
            ..OffsetFetchRequestGroup::default()
        };
        let request = OffsetFetchRequest { groups: vec![group], ..OffsetFetchRequest::default() };
        let _response: OffsetFetchResponse = self.socket.ask(8, &request);
    }
}

/// Ten members start together.
pub(in super::super) fn join(plan: &Plan, report: &mut Report) -> Result<()> {
    let (broker, _directory) = one_broker(PARTITIONS)?;
    for run in 0..plan.group_runs {
        let (began, group) = (Instant::now(), format!("ten-{run}"));
        let last = Mutex::new((0, Instant::now()));
        let results: Vec<Result<()>> = thread::scope(|scope| {
            let member = || take_part(broker.bootstrap(), &group, &last);
            let members: Vec<_> = (0..MEMBERS).map(|_| scope.spawn(member)).collect();
            members.into_iter().map(|member| member.join().expect("no panic")).collect()
        });
        results.into_iter().collect::<Result<Vec<()>>>()?;
        let (generations, at) = *last.lock().ok().context("no panic")?;
        report.read(GENERATIONS, count(usize::try_from(generations)?))?;
        report.read_ms(JOINED, at - began)?;
    }
    Ok(())
}

/// A member until the group has been calm for two heartbeats.
fn take_part(address: &str, group: &str, last: &Mutex<(i32, Instant)>) -> Result<()> {
    let mut member = Member::connect(address, group);
    let deadline = Instant::now() + PATIENCE;
    member.join()?;
    let mut calm = 0;
    note(&member, last);
    while calm < 2 {
        ensure!(Instant::now() < deadline, "no calm after {PATIENCE:?}");
        thread::sleep(HEARTBEAT_EVERY);
        if member.is_calm()? {
            calm += 1;
        } else {
            calm = 0;
            member.join()?;
            note(&member, last);
        }
    }
    Ok(())
}

fn note(member: &Member, last: &Mutex<(i32, Instant)>) {
    if let Ok(mut last) = last.lock() {
        *last = (last.0.max(member.generation), Instant::now());
    }
}
