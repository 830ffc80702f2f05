//! What the nemesis does, each kind with its name.

/// What may go wrong, or be done meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `kill -9`, and another process soon.
    KillSoon,
    /// `kill -9`, and another process later.
    Kill,
    /// A machine loses its power.
    PowerCut,
    /// All machines of brokers do.
    PowerCutAll,
    /// `SIGSTOP` of a broker.
    Pause,
    /// `SIGSTOP` of the zookeeper.
    PauseZookeeper,
    /// The zookeeper is killed.
    KillZookeeper,
    /// Its machine loses its power.
    PowerCutZookeeper,
    /// Everything but the clients stands still for a while, as on a machine that is saturated or was suspended.
    Stall,
    /// Syncs of its journal are slow.
    SlowJournal,
    /// Messages between two brokers are held.
    CutBrokers,
    /// Messages from one broker to another are held.
    CutBrokersOneWay,
    /// Messages between a broker and the zookeeper are held.
    CutZookeeper,
    /// One way.
    CutZookeeperOneWay,
    /// A broker is cut off from everyone but clients.
    Isolate,
    /// What a broker says is heard, and it hears nothing but clients.
    Deaf,
    /// Connections of a broker are reset.
    Reset,
    /// Its syncs are slow.
    SlowSync,
    /// One fails.
    FailedSync,
    /// A write fails, and leaves some of its bytes.
    FailedWrite,
    /// Its disk is replaced.
    Wipe,
    /// The newest segment of a log loses its end while its broker is down.
    LostEnd,
    /// One bit of it is flipped.
    FlippedBit,
    /// The network is slow.
    SlowNetwork,
    /// A clean shutdown.
    ShutDown,
    /// A topic is created.
    CreateTopic,
    /// A topic is deleted.
    DeleteTopic,
    /// A topic grows.
    AddPartitions,
    /// `min.insync.replicas` changes.
    MinIsr,
    /// Leadership is handed to the preferred replica.
    Preferred,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 30] = [
        Self::KillSoon,
        Self::Kill,
        Self::PowerCut,
        Self::PowerCutAll,
        Self::Pause,
        Self::PauseZookeeper,
        Self::KillZookeeper,
        Self::PowerCutZookeeper,
        Self::Stall,
        Self::SlowJournal,
        Self::CutBrokers,
        Self::CutBrokersOneWay,
        Self::CutZookeeper,
        Self::CutZookeeperOneWay,
        Self::Isolate,
        Self::Deaf,
        Self::Reset,
        Self::SlowSync,
        Self::FailedSync,
        Self::FailedWrite,
        Self::Wipe,
        Self::LostEnd,
        Self::FlippedBit,
        Self::SlowNetwork,
        Self::ShutDown,
        Self::CreateTopic,
        Self::DeleteTopic,
        Self::AddPartitions,
        Self::MinIsr,
        Self::Preferred,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::KillSoon => "kill, restarted soon",
            Self::Kill => "kill",
            Self::PowerCut => "power cut",
            Self::PowerCutAll => "power cut of all",
            Self::Pause => "pause",
            Self::PauseZookeeper => "zookeeper paused",
            Self::KillZookeeper => "zookeeper killed",
            Self::PowerCutZookeeper => "zookeeper's power cut",
            Self::Stall => "everything stalled",
            Self::SlowJournal => "slow sync of the journal",
            Self::CutBrokers => "brokers cut",
            Self::CutBrokersOneWay => "brokers cut one way",
            Self::CutZookeeper => "broker and zookeeper cut",
            Self::CutZookeeperOneWay => "broker and zookeeper cut one way",
            Self::Isolate => "broker isolated",
            Self::Deaf => "broker deaf",
            Self::Reset => "connections reset",
            Self::SlowSync => "slow sync",
            Self::FailedSync => "failed sync",
            Self::FailedWrite => "failed write",
            Self::Wipe => "disk wiped",
            Self::LostEnd => "end of a log lost",
            Self::FlippedBit => "flipped bit",
            Self::SlowNetwork => "slow network",
            Self::ShutDown => "clean shutdown",
            Self::CreateTopic => "topic created",
            Self::DeleteTopic => "topic deleted",
            Self::AddPartitions => "partitions added",
            Self::MinIsr => "min.insync.replicas changed",
            Self::Preferred => "hand-over",
        }
    }

    /// Whether something goes wrong; else somebody does something that is allowed at any time.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        !matches!(
            self,
            Self::ShutDown
                | Self::CreateTopic
                | Self::DeleteTopic
                | Self::AddPartitions
                | Self::MinIsr
                | Self::Preferred
        )
    }

    /// The names of all.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(Self::name)
    }
}
