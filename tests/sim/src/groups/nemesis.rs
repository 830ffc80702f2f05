//! Faults of coordinators, members and the network, and what members do of their own accord.

use super::world::{Event, Network};
use super::{Sim, When};

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A coordinator is gone; another one takes over after a while.
    Crash,
    /// The same, as soon as a group is in a rebalance.
    CrashInRebalance,
    /// The same, while something of a group is being made durable.
    CrashInStore,
    /// What a coordinator writes cannot be stored.
    FailedStore,
    /// Writes take long.
    SlowStore,
    /// A member is killed, and starts again as another process.
    Kill,
    /// A member stands still, and goes on where it was.
    Silence,
    /// A member leaves, and is back after a while.
    Leave,
    /// A member leaves, and joins again at once.
    Return,
    /// A member takes very long to give up.
    SlowMember,
    /// Another process of an instance starts while the first lives.
    Twin,
    /// Questions and answers are lost.
    Loss,
    /// Questions arrive again, much later.
    Repeats,
    /// Messages take long.
    SlowNetwork,
    /// Topics get partitions.
    Growth,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Crash,
        Self::CrashInRebalance,
        Self::CrashInStore,
        Self::FailedStore,
        Self::SlowStore,
        Self::Kill,
        Self::Silence,
        Self::Leave,
        Self::Return,
        Self::SlowMember,
        Self::Twin,
        Self::Loss,
        Self::Repeats,
        Self::SlowNetwork,
        Self::Growth,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crash => "coordinator moves",
            Self::CrashInRebalance => "coordinator moves in a rebalance",
            Self::CrashInStore => "coordinator moves in a store",
            Self::FailedStore => "failed store",
            Self::SlowStore => "slow store",
            Self::Kill => "member killed",
            Self::Silence => "member silent",
            Self::Leave => "member leaves",
            Self::Return => "member leaves and returns",
            Self::SlowMember => "member slow to give up",
            Self::Twin => "second process of an instance",
            Self::Loss => "messages lost",
            Self::Repeats => "questions repeated",
            Self::SlowNetwork => "slow network",
            Self::Growth => "topics grow",
        }
    }
}

impl Sim {
    /// The next fault.
    pub(super) fn strike(&mut self) {
        if !self.at_war {
            return;
        }
        let kind = self.world.random.pick(&Kind::ALL).copied().unwrap_or(Kind::Kill);
        if self.inflict(kind) {
            self.world.note(|| format!("--- {}", kind.name()));
            *self.oracle.totals.faults.entry(kind.name()).or_default() += 1;
        }
        let pause = self.world.random.within(100, 2_500);
        self.world.after(pause, Event::Strike);
    }

    /// Returns whether there was something to break.
    fn inflict(&mut self, kind: Kind) -> bool {
        let running: Vec<usize> =
            (0..self.clients.len()).filter(|client| self.clients[*client].runs).collect();
        let Some(client) = self.world.random.pick(&running).copied() else { return false };
        match kind {
            Kind::Crash => return self.crash(),
            Kind::CrashInRebalance => return self.crash_when(When::Rebalancing),
            Kind::CrashInStore => return self.crash_when(When::Storing),
            Kind::FailedStore => {
                if self.coordinator.groups().is_none() {
                    return false;
                }
                self.coordinator.fail_store(&mut self.world, &mut self.oracle);
            }
            Kind::SlowStore => self.coordinator.sync_ms = 600,
            Kind::Kill => self.kill(client, None),
            Kind::Silence => {
                let until = self.world.now_ms + self.world.random.within(1_000, 14_000);
                self.clients[client].shell.silent_until_ms = until;
            }
            Kind::Leave => self.leave(client, true),
            Kind::Return => self.leave(client, false),
            Kind::SlowMember => return self.slow(client),
            Kind::Twin => return self.start_twin(),
            Kind::Loss => self.disturb(Network { loses: 20, ..self.world.network }),
            Kind::Repeats => self.disturb(Network { repeats: 40, ..self.world.network }),
            Kind::SlowNetwork => self.disturb(Network { delay_ms: 1_200, ..self.world.network }),
            Kind::Growth => return self.grow(),
        }
        true
    }

    fn crash_when(&mut self, when: When) -> bool {
        self.crashes_when = Some(when);
        self.coordinator.groups().is_some()
    }

    fn disturb(&mut self, network: Network) {
        self.world.network = network;
        let lasts = self.world.random.within(500, 5_000);
        self.world.after(lasts, Event::NetworkHeals);
    }

    /// The coordinator is gone, and another one takes over after a while.
    pub(super) fn crash(&mut self) -> bool {
        if self.coordinator.groups().is_none() {
            return false;
        }
        self.crashes_when = None;
        self.oracle.totals.coordinators += 1;
        self.oracle.totals.in_rebalance += u64::from(self.coordinator.is_busy());
        self.coordinator.crash(&mut self.world, &mut self.oracle);
        let away = self.world.random.within(50, 4_000);
        self.world.after(away, Event::CoordinatorStarts);
        true
    }
}
