//! What a run can do to its cluster.

use std::time::{Duration, Instant};

use yak_testkit::wait_for;

use crate::disk::Disk;
use crate::network::Node;
use crate::plan::{AT_ONCE, CutFrom, Direction, Fault, Plan, Victim};
use crate::run::{BROKERS, Run, Zookeeper};

/// How a fault ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Start(i32),
    GoOn(i32),
    StartZookeeper,
    ZookeeperGoesOn,
    HealNetwork,
}

/// The ways between a broker and others that a cut closes.
#[must_use]
pub fn ways(broker: i32, from: CutFrom, direction: Direction) -> Vec<(Node, Node)> {
    let brokers = (1..=BROKERS).filter(|id| *id != broker).map(Node::Broker);
    let others: Vec<Node> = match from {
        CutFrom::Zookeeper => vec![Node::Zookeeper],
        CutFrom::Brokers => brokers.collect(),
        CutFrom::Everything => brokers.chain([Node::Zookeeper, Node::Clients]).collect(),
    };
    let out = others.iter().map(|other| (Node::Broker(broker), *other));
    let back = others.iter().map(|other| (*other, Node::Broker(broker)));
    match direction {
        Direction::Out => out.collect(),
        Direction::In => back.collect(),
        Direction::Both => out.chain(back).collect(),
    }
}

impl Run {
    /// Does what a plan says.
    pub fn play(&mut self, plan: &Plan) {
        for step in &plan.steps {
            if matches!(step.fault, Fault::Kill { victim: Victim::Newcomer, .. }) {
                self.choose(Victim::Newcomer);
            }
            let (due, before) = (Instant::now() + step.pause, self.acknowledged());
            self.until("the next fault", |run| {
                let is_time = Instant::now() >= due && (!step.in_stream || run.acknowledged() > before);
                is_time.then_some(())
            });
            self.commit(step.fault);
        }
    }

    fn commit(&mut self, fault: Fault) {
        match fault {
            Fault::Kill { victim, away } => {
                let id = self.choose(victim);
                self.kill(id);
                self.later(away, End::Start(id));
            }
            Fault::Stop { victim, length } => {
                let id = self.choose(victim);
                self.stop(id);
                self.later(length, End::GoOn(id));
            }
            Fault::ShutDown { away } => {
                // Who stops in order says so to the zookeeper.
                self.until("a zookeeper", |run| (run.zookeeper == Zookeeper::Runs).then_some(()));
                let id = self.choose(Victim::Any);
                self.shut_down(id);
                self.later(away, End::Start(id));
            }
            Fault::KillZookeeper { away } => {
                self.until("a zookeeper", |run| (run.zookeeper != Zookeeper::Gone).then_some(()));
                self.kill_zookeeper();
                self.later(away, End::StartZookeeper);
            }
            Fault::StopZookeeper { length } => {
                self.until("a zookeeper", |run| (run.zookeeper == Zookeeper::Runs).then_some(()));
                self.stop_zookeeper();
                self.later(length, End::ZookeeperGoesOn);
            }
            Fault::Cut { from, direction, length } => {
                let id = self.choose(Victim::Leader);
                self.cut(&ways(id, from, direction));
                self.later(length, End::HealNetwork);
            }
        }
    }

    fn later(&mut self, time: Duration, end: End) {
        self.ends.push((Instant::now() + time, end));
    }

    /// A broker that runs and is not stopped.
    pub fn choose(&mut self, victim: Victim) -> i32 {
        self.until("somebody to hit", |run| {
            let mut able = run.cluster.running();
            able.retain(|id| !run.stopped.contains(id));
            let chosen = match victim {
                Victim::Any => run.random.pick(&able).copied(),
                Victim::Newcomer => run.newcomer,
                Victim::Leader => {
                    let leaders: Vec<i32> = run.view()?.iter().filter_map(|view| view.leader).collect();
                    run.random.pick(&leaders).copied()
                }
            };
            chosen.filter(|id| able.contains(id))
        })
    }

    /// Ends every fault whose time has come.
    pub(crate) fn end_what_is_due(&mut self) {
        let now = Instant::now();
        let (due, later) = self.ends.drain(..).partition(|(when, _)| *when <= now);
        self.ends = later;
        let due: Vec<(Instant, End)> = due;
        due.into_iter().for_each(|(_, end)| self.end(end));
    }

    pub(crate) fn end(&mut self, end: End) {
        match end {
            End::Start(id) => self.start_broker(id),
            End::GoOn(id) => self.go_on(id),
            End::StartZookeeper => self.start_zookeeper(),
            End::ZookeeperGoesOn if self.zookeeper == Zookeeper::Stopped => self.zookeeper_goes_on(),
            End::ZookeeperGoesOn => {}
            End::HealNetwork => self.heal_network(),
        }
    }

    /// `kill -9` of a broker.
    pub fn kill(&mut self, id: i32) {
        let is_early = !self.is_in_sync();
        self.cluster.kill(id);
        self.stopped.remove(&id);
        self.killed.insert(id, Instant::now());
        self.newcomer = None;
        self.totals.kills += 1;
        self.totals.kills_in_recovery += u64::from(is_early);
        self.note(&format!("kill -9 of broker {id}{}", if is_early { ", inside a recovery" } else { "" }));
    }

    /// Starts a broker that does not run. It is not waited for.
    pub fn start_broker(&mut self, id: i32) {
        let away = self.killed.remove(&id).map(|killed| killed.elapsed());
        self.cluster.start_broker(id);
        self.totals.restarts_at_once += u64::from(away.is_some_and(|away| away < AT_ONCE));
        self.newcomer = Some(id);
        self.note(&format!("started broker {id}, {away:?} after it was killed"));
    }

    /// `SIGSTOP` of a broker.
    pub fn stop(&mut self, id: i32) {
        self.cluster.pause(id);
        self.stopped.insert(id);
        self.totals.stops += 1;
        self.note(&format!("SIGSTOP of broker {id}"));
    }

    /// `SIGCONT` of a broker, unless it was killed meanwhile.
    pub fn go_on(&mut self, id: i32) {
        if self.stopped.remove(&id) {
            self.cluster.resume(id);
            self.note(&format!("SIGCONT of broker {id}"));
        }
    }

    /// Ends a broker in order; it must succeed.
    pub fn shut_down(&mut self, id: i32) {
        let code = self.cluster.shut_down(id);
        assert_eq!(code, Some(0), "broker {id}: {}", self.cluster.stderr(id));
        self.totals.shutdowns += 1;
        self.note(&format!("broker {id} has shut down"));
    }

    /// `kill -9` of the zookeeper.
    pub fn kill_zookeeper(&mut self) {
        self.cluster.kill_zookeeper();
        self.zookeeper = Zookeeper::Gone;
        self.totals.zookeeper_kills += 1;
        self.note("kill -9 of the zookeeper");
    }

    /// Starts the zookeeper.
    pub fn start_zookeeper(&mut self) {
        self.cluster.start_zookeeper();
        self.zookeeper = Zookeeper::Runs;
        self.note("started the zookeeper");
    }

    /// `SIGSTOP` of the zookeeper.
    pub fn stop_zookeeper(&mut self) {
        self.cluster.pause_zookeeper();
        self.zookeeper = Zookeeper::Stopped;
        self.totals.zookeeper_stops += 1;
        self.note("SIGSTOP of the zookeeper");
    }

    /// `SIGCONT` of the zookeeper.
    pub fn zookeeper_goes_on(&mut self) {
        self.cluster.resume_zookeeper();
        self.zookeeper = Zookeeper::Runs;
        self.note("SIGCONT of the zookeeper");
    }

    /// What goes this way does not arrive any more.
    pub fn cut(&mut self, ways: &[(Node, Node)]) {
        let network = self.network.as_ref().expect("this run has a network");
        for (from, to) in ways {
            network.cut(*from, *to).unwrap();
            self.scratch.note(&format!("cut from {from} to {to}"));
        }
        self.totals.cuts += 1;
    }

    /// Everything arrives again.
    pub fn heal_network(&mut self) {
        if let Some(network) = &self.network {
            network.heal_all().unwrap();
            self.note("the network is whole");
        }
    }

    /// Everything loses its power at once: what no disk has is gone, and nobody goes on. `unnoticed`: nobody gets to see an
    /// error of the disk before the end.
    pub fn cut_power(&mut self, unnoticed: bool) {
        let running = self.cluster.running();
        if unnoticed {
            running.iter().for_each(|id| self.cluster.pause(*id));
            self.cluster.pause_zookeeper();
        }
        self.disks.iter().for_each(|disk| disk.cut_power().unwrap());
        running.iter().for_each(|id| self.cluster.kill(*id));
        self.cluster.kill_zookeeper();
        self.stopped.clear();
        self.ends.clear();
        self.zookeeper = Zookeeper::Gone;
        self.totals.power_cuts += 1;
        self.scratch.note(&format!("power cut of all, unnoticed: {unnoticed}"));
        let restore = |disk: &Disk| wait_for("the disk without its users", || disk.restore_power().ok());
        self.disks.iter().for_each(restore);
    }

    /// One broker loses its power, the others go on.
    pub fn cut_power_of(&mut self, id: i32, unnoticed: bool) {
        if unnoticed {
            self.cluster.pause(id);
        }
        let disk = &self.disks[usize::try_from(id).unwrap()];
        disk.cut_power().unwrap();
        self.cluster.kill(id);
        wait_for("the disk without its users", || disk.restore_power().ok());
        self.stopped.remove(&id);
        self.newcomer = None;
        self.totals.power_cuts += 1;
        self.note(&format!("power cut of broker {id}, unnoticed: {unnoticed}"));
    }

    /// Starts whatever does not run, the brokers and the zookeeper in any order, each some time after the other.
    pub fn start_all(&mut self, gap_ms: u64) {
        let mut missing: Vec<Option<i32>> = (1..=BROKERS).map(Some).collect();
        let running = self.cluster.running();
        missing.retain(|id| id.is_none_or(|id| !running.contains(&id)));
        if self.zookeeper == Zookeeper::Gone {
            missing.push(None);
        }
        self.random.shuffle(&mut missing);
        for process in missing {
            match process {
                Some(id) => self.start_broker(id),
                None => self.start_zookeeper(),
            }
            // Part of the fault: machines do not come back at the same moment.
            std::thread::sleep(self.random.millis(0..gap_ms + 1));
        }
    }

    /// Ends every fault there is, and waits until all is well.
    pub fn heal(&mut self) {
        let ends = std::mem::take(&mut self.ends);
        self.heal_network();
        if self.zookeeper == Zookeeper::Stopped {
            self.zookeeper_goes_on();
        }
        ends.into_iter().filter(|(_, end)| matches!(end, End::GoOn(_))).for_each(|(_, end)| self.end(end));
        self.stopped.clone().into_iter().for_each(|id| self.go_on(id));
        self.start_all(0);
        (1..=BROKERS).for_each(|id| _ = self.cluster.wait_ready(id));
        self.wait_in_sync();
        self.note("all is well");
    }

    /// Nothing happens for some time, which is part of a fault.
    pub fn hold(&mut self, time: Duration) {
        let end = Instant::now() + time;
        self.until("the end of a fault", |_| (Instant::now() >= end).then_some(()));
    }
}
