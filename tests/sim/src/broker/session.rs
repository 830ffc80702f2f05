//! The broker's session with the zookeeper.

use yak_model::api::{
    AlterIsr, Heartbeat, LogProof, OpenSession, RegisterBroker, ResumeSession, SessionOpened, ShutdownBroker,
};
use yak_model::{ErrorCode, MetadataIndex};

use super::{Broker, Stage};
use crate::message::Message;
use crate::net::{ConnectionId, Node, World};

const HEARTBEAT_US: u64 = 500_000;
/// Without an answer for as long the connection is made anew.
const SILENCE_US: u64 = 2_000_000;
/// What an answered heartbeat covers, from its sending on.
const LEASE_MS: u64 = 800;
const ALTER_TIMEOUT_US: u64 = 2_000_000;
/// Longest wait for a hand-over at a clean shutdown.
const SHUTDOWN_US: u64 = 1_500_000;

impl Broker {
    /// Asks for a clean shutdown.
    pub fn shut_down(&mut self, world: &mut World) {
        let (id, node) = (self.id(), self.node());
        let Some(process) = &mut self.process else { return };
        if process.stopping_us.is_some() {
            return;
        }
        process.stopping_us = Some(world.now_us + SHUTDOWN_US);
        if let (Stage::Member { epoch, .. }, Some(link)) = (&process.stage, process.link) {
            let shutdown = ShutdownBroker { broker_id: id, broker_epoch: *epoch };
            world.send(link, node, Message::Shutdown(shutdown));
        }
    }

    /// Whether its process has not registered yet: the session there is, if any, is that of the dead one before.
    pub fn is_newcomer(&self) -> bool {
        self.process.as_ref().is_some_and(|process| !matches!(process.stage, Stage::Member { .. }))
    }

    pub(super) fn tick_session(&mut self, world: &mut World) {
        let now_us = world.now_us;
        let Some(process) = &mut self.process else { return };
        if process.stopping_us.is_some_and(|until| now_us >= until) {
            self.close(world);
            return;
        }
        if process.link.is_some() && now_us > process.answered_us + SILENCE_US {
            if let Some(link) = process.link {
                world.close(link, Node::Broker(self.number));
            }
            self.unlink(world);
            return;
        }
        if process.link.is_none() && now_us >= process.retry_us {
            self.link(world);
        } else if process.linked && now_us >= process.heartbeat_us {
            self.heartbeat(world);
        } else if !process.linked
            && now_us >= process.retry_us
            && let Stage::Registering { undamaged } = process.stage
        {
            self.register(world, undamaged);
        }
        let Some(process) = &mut self.process else { return };
        if let Some((_, proposals)) = process.altering.take_if(|(sent, _)| now_us > *sent + ALTER_TIMEOUT_US)
        {
            let results = proposals.into_iter().map(|proposal| (proposal, Err(ErrorCode::RequestTimedOut)));
            self.altered(world, results.collect());
        }
    }

    fn link(&mut self, world: &mut World) {
        let (id, node) = (self.id(), self.node());
        let link = world.connect(node, Node::Zookeeper);
        let Some(process) = &mut self.process else { return };
        process.link = Some(link);
        process.linked = false;
        process.answered_us = world.now_us;
        match process.stage {
            Stage::Starting | Stage::Registering { .. } => world.send(link, node, Message::Watch),
            Stage::Member { epoch, .. } => {
                let resume = ResumeSession {
                    broker_id: id,
                    broker_epoch: epoch,
                    incarnation_id: process.incarnation_id,
                    applied: process.image.index(),
                };
                world.send(link, node, Message::Resume(resume));
            }
        }
    }

    /// The connection is gone; what was asked over it is unknown.
    pub(super) fn unlink(&mut self, world: &mut World) {
        let delay = world.random.within(5_000, 60_000);
        let Some(process) = &mut self.process else { return };
        process.link = None;
        process.linked = false;
        process.lease_until_ms = 0;
        process.pending_lease = None;
        process.retry_us = world.now_us + delay;
        if let Some((_, proposals)) = process.altering.take() {
            let results = proposals.into_iter().map(|proposal| (proposal, Err(ErrorCode::RequestTimedOut)));
            self.altered(world, results.collect());
        }
    }

    fn heartbeat(&mut self, world: &mut World) {
        let node = self.node();
        let Some(process) = &mut self.process else { return };
        let (Stage::Member { epoch, index }, Some(link)) = (&process.stage, process.link) else { return };
        process.heartbeat_us = world.now_us + HEARTBEAT_US;
        let applied = process.applied.index();
        let recovered = applied >= *index;
        let heartbeat = Heartbeat { broker_epoch: *epoch, applied, recovered, clients: None };
        world.send(link, node, Message::Heartbeat(world.now_ms(), heartbeat));
    }

    pub(super) fn hear_zookeeper(&mut self, world: &mut World, connection: ConnectionId, message: Message) {
        let Some(process) = &mut self.process else { return };
        if process.link != Some(connection) {
            return;
        }
        process.answered_us = world.now_us;
        match message {
            Message::Image(image) => {
                process.image = *image;
                if matches!(process.stage, Stage::Starting) {
                    self.recover_when_there_is_a_cluster(world);
                } else if let Stage::Registering { undamaged } = process.stage {
                    self.register(world, undamaged);
                }
            }
            Message::Lines(lines) => {
                for line in &lines {
                    if line.index <= process.image.index() {
                        continue;
                    }
                    if let Err(problem) = process.image.apply_line(line) {
                        world.oracle.borrow_mut().violated(format!("a line does not fit: {problem}"));
                    }
                }
                if matches!(process.stage, Stage::Starting) {
                    self.recover_when_there_is_a_cluster(world);
                }
                self.apply(world);
            }
            Message::Opened(Ok(opened)) => self.opened(world, &opened),
            Message::Opened(Err(refused)) => {
                process.retry_us = world.now_us + 200_000;
                if refused.code == ErrorCode::StaleBrokerEpoch
                    || refused.code == ErrorCode::BrokerIdNotRegistered
                {
                    // Another process of this broker took over, if there were one; what the zookeeper has answered it does
                    // not forget. The process ends and begins anew.
                    let member = matches!(process.stage, Stage::Member { .. });
                    let what = "its session was refused";
                    world.oracle.borrow_mut().inv_34_no_false_death(self.number, member, what);
                    self.kill(world);
                    self.start(world);
                }
            }
            Message::HeartbeatReply(sent_ms, Ok(reply)) => {
                if reply.fenced {
                    process.lease_until_ms = 0;
                    process.pending_lease = None;
                } else {
                    process.pending_lease = Some((sent_ms, reply.index));
                }
                self.grant();
            }
            Message::HeartbeatReply(_, Err(_)) => {
                world.close(connection, Node::Broker(self.number));
                self.unlink(world);
            }
            Message::AlterIsrReply(results) => {
                // An answer to what was given up already comes late.
                let asked = process.altering.take_if(|(_, asked)| {
                    asked.len() == results.len() && asked.iter().zip(&results).all(|(a, (b, _))| a == b)
                });
                if asked.is_some() {
                    self.altered(world, results);
                }
            }
            Message::ShutdownDone if process.stopping_us.is_some() => self.close(world),
            _ => {}
        }
    }

    fn recover_when_there_is_a_cluster(&mut self, world: &mut World) {
        if self.process.as_ref().is_some_and(|process| process.image.index().get() > 0) {
            self.recover(world);
        }
    }

    /// The lease, once the partitions work by what the answer knew.
    pub(super) fn grant(&mut self) {
        let Some(process) = &mut self.process else { return };
        let applied = process.applied.index();
        if let Some((sent_ms, _)) = process.pending_lease.take_if(|(_, index)| *index <= applied) {
            process.lease_until_ms = sent_ms + LEASE_MS;
        }
    }

    fn opened(&mut self, world: &mut World, opened: &SessionOpened) {
        let boot = self.boot;
        let Some(process) = &mut self.process else { return };
        process.linked = true;
        process.heartbeat_us = 0;
        if !matches!(process.stage, Stage::Member { .. }) {
            world.note(|| format!("broker {} is registered with {}", self.number + 1, opened.broker_epoch));
            process.stage = Stage::Member { epoch: opened.broker_epoch, index: opened.index };
            self.noted_boot = Some(boot);
            self.write_failed = false;
            self.mend(world);
        }
        self.apply(world);
        self.heartbeat(world);
    }

    pub(super) fn register(&mut self, world: &mut World, undamaged: bool) {
        let (id, node) = (self.id(), self.node());
        let same_boot = self.noted_boot == Some(self.boot);
        let failed = self.write_failed;
        let Some(process) = &mut self.process else { return };
        let Some(link) = process.link else { return };
        process.retry_us = world.now_us + 1_000_000;
        let page_cache_kept = process.directory.was_clean() || same_boot;
        let registration = RegisterBroker {
            broker_id: id,
            incarnation_id: process.incarnation_id,
            cluster_id: Some(process.image.cluster_id()),
            directory_ids: vec![process.directory.directory_id()],
            host: "sim".to_owned(),
            port: 9092,
            advertised: false,
            rack: None,
            proof: LogProof { undamaged: undamaged && !failed, page_cache_kept },
        };
        let seen = MetadataIndex::new(0);
        let open = OpenSession { registration, seen, secret: None };
        world.send(link, node, Message::Register(Box::new(open)));
    }

    /// Sends what leaders propose: many partitions in a request, one request in flight.
    pub(super) fn propose(&mut self, world: &mut World) {
        let (id, node) = (self.id(), self.node());
        let Some(process) = &mut self.process else { return };
        let (Stage::Member { epoch, .. }, Some(link)) = (&process.stage, process.link) else { return };
        if !process.linked || process.altering.is_some() || process.proposals.is_empty() {
            return;
        }
        let proposals = std::mem::take(&mut process.proposals);
        let alter = AlterIsr { broker_id: id, broker_epoch: *epoch, proposals: proposals.clone() };
        process.altering = Some((world.now_us, proposals));
        world.send(link, node, Message::AlterIsr(alter));
    }

    fn altered(
        &mut self,
        world: &mut World,
        results: Vec<(yak_model::api::IsrProposal, Result<yak_model::PartitionEpoch, ErrorCode>)>,
    ) {
        for (proposal, result) in results {
            let key = (proposal.topic_id, proposal.partition.get());
            let me = self.number;
            let Some(process) = &mut self.process else { return };
            if result == Err(ErrorCode::IneligibleReplica) {
                world.oracle.borrow_mut().refused_proposal((me, process.life), &proposal);
            }
            if let Some(hosted) = process.hosted.get_mut(&key) {
                hosted.replica.handle_isr_reply(world.now_ms(), &proposal, result);
            }
            self.drain(world, key);
        }
    }
}
