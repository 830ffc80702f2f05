//! Sessions by behaviour, against a real controller.

mod deadlines;
mod random_walk;
mod registration;
mod resume;

use yak_model::api::{
    ConnectionId, Heartbeat, HeartbeatReply, LogProof, RegisterBroker, Rejection, ResumeSession,
    ShutdownBroker, UnfenceBroker,
};
use yak_model::{
    BrokerEpoch, BrokerId, ClusterId, DirectoryId, ErrorCode, IncarnationId, MetadataIndex, TimestampMs,
};

use super::*;
use crate::controller::{Controller, ControllerConfig, CreateCluster, FenceBroker, Operation};

/// A zookeeper: the machine, the controller it asks, and what it told watchers.
struct Rig {
    sessions: Sessions,
    controller: Controller,
    now_ms: u64,
    /// The controller's disk is full: fencing and unfencing is refused.
    full: bool,
    /// `suspended 1`, `restored 1`, `fence 1: why`, `unfence 1`.
    said: Vec<String>,
}

fn connection(number: u64) -> ConnectionId {
    ConnectionId(number)
}

fn incarnation(byte: u8) -> IncarnationId {
    IncarnationId::from_random([byte; 16])
}

impl Rig {
    fn new() -> Self {
        let mut controller = Controller::new(ControllerConfig::default(), Image::default());
        let cluster_id = ClusterId::from_random([200; 16]);
        let made = controller.handle(0, TimestampMs::new(1), CreateCluster { cluster_id }.into());
        made.reply.expect("a new cluster");
        let sessions = Sessions::new(SessionConfig::default(), 0, controller.image());
        Self { sessions, controller, now_ms: 0, full: false, said: Vec::new() }
    }

    /// A live broker 1, of incarnation 1, over connection 1, which beat just now.
    fn with_live_broker() -> Self {
        let mut rig = Self::new();
        rig.register(1, 1, 1).expect("it registers");
        rig.beat(1).expect("it beats");
        assert_eq!(rig.take_said(), ["unfence 1"]);
        rig
    }

    fn submit<O: Operation>(&mut self, operation: O) -> Result<O::Reply, Rejection> {
        let decision = self.controller.handle(self.now_ms, TimestampMs::new(1), operation.into());
        decision.reply.map(O::reply)
    }

    /// Does what the machine wants, until it wants nothing.
    fn settle(&mut self) {
        while let Some(effect) = self.sessions.poll_effect() {
            let (broker_id, broker_epoch, done) = match effect {
                Effect::Suspended(id) => {
                    self.said.push(format!("suspended {id}"));
                    continue;
                }
                Effect::Restored(id) => {
                    self.said.push(format!("restored {id}"));
                    continue;
                }
                Effect::Fence { broker_id, broker_epoch, reason } => {
                    self.said.push(format!("fence {broker_id}: {reason}"));
                    let fence = FenceBroker { broker_id, broker_epoch, reason };
                    (broker_id, broker_epoch, if self.full { None } else { Some(self.submit(fence)) })
                }
                Effect::Unfence { broker_id, broker_epoch } => {
                    self.said.push(format!("unfence {broker_id}"));
                    let unfence = UnfenceBroker { broker_id, broker_epoch };
                    (broker_id, broker_epoch, if self.full { None } else { Some(self.submit(unfence)) })
                }
            };
            match done {
                Some(Ok(())) => self.sessions.handle_image(self.now_ms, self.controller.image()),
                _ => self.sessions.handle_refused(self.now_ms, broker_id, broker_epoch),
            }
        }
    }

    fn take_said(&mut self) -> Vec<String> {
        self.settle();
        std::mem::take(&mut self.said)
    }

    fn register(&mut self, id: i32, process: u8, over: u64) -> Result<BrokerEpoch, Rejection> {
        let who = (BrokerId::new(id), incarnation(process));
        self.sessions.handle_register(self.now_ms, connection(over), who)?;
        let registered = self.submit(registration(id, process)).expect("the controller registers");
        let image = self.controller.image().clone();
        self.sessions.handle_registered(self.now_ms, connection(over), who.0, &image);
        self.settle();
        Ok(registered.broker_epoch)
    }

    fn epoch(&self, id: i32) -> BrokerEpoch {
        self.controller.image().broker(BrokerId::new(id)).expect("registered").epoch()
    }

    fn resume(&mut self, process: u8, over: u64) -> Result<(), Rejection> {
        let request = ResumeSession {
            broker_id: BrokerId::new(1),
            broker_epoch: self.epoch(1),
            incarnation_id: incarnation(process),
            applied: MetadataIndex::new(0),
        };
        let resumed = self.sessions.handle_resume(self.now_ms, connection(over), &request);
        self.settle();
        resumed
    }

    fn close(&mut self, over: u64) {
        self.sessions.handle_closed(self.now_ms, connection(over));
        self.settle();
    }

    /// A heartbeat of broker 1 that has applied everything.
    fn beat(&mut self, over: u64) -> Result<HeartbeatReply, Rejection> {
        self.beat_with(over, true, self.controller.image().index())
    }

    fn beat_with(
        &mut self,
        over: u64,
        recovered: bool,
        applied: MetadataIndex,
    ) -> Result<HeartbeatReply, Rejection> {
        let heartbeat = Heartbeat { broker_epoch: self.epoch(1), applied, recovered, clients: None };
        let index = self.controller.image().index();
        let reply = self.sessions.handle_heartbeat(self.now_ms, connection(over), &heartbeat, index);
        self.settle();
        reply
    }

    /// Lets time pass, with every tick in time.
    fn pass(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        while self.now_ms < end {
            self.now_ms = self.sessions.next_tick().unwrap_or(end).clamp(self.now_ms + 1, end);
            self.sessions.handle_time(self.now_ms);
            self.settle();
        }
    }

    /// Lets time pass without a tick, and then comes one.
    fn stall(&mut self, ms: u64) {
        self.now_ms += ms;
        self.sessions.handle_time(self.now_ms);
        self.settle();
    }

    fn is_live(&self) -> bool {
        self.controller.image().is_live(BrokerId::new(1))
    }

    /// The machine of a zookeeper that starts now over the same journal.
    fn restart(&mut self) {
        self.sessions = Sessions::new(SessionConfig::default(), self.now_ms, self.controller.image());
    }
}

fn registration(id: i32, process: u8) -> RegisterBroker {
    RegisterBroker {
        broker_id: BrokerId::new(id),
        incarnation_id: incarnation(process),
        cluster_id: None,
        directory_ids: vec![DirectoryId::from_random([1; 16])],
        host: "localhost".to_owned(),
        port: 9092,
        advertised: false,
        rack: None,
        proof: LogProof::default(),
    }
}
