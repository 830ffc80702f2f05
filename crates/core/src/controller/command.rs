//! The commands, and what each is answered with: one row a command.

use yak_model::api::{self, CreatedTopic, Rejection};

use super::{CreateCluster, CreateTopics, Draft, FenceBroker, RebalanceLeaders};

/// Something the controller decides, with the type of its reply: what a shell's `submit` takes.
pub trait Operation: Into<Command> + Send {
    /// What it is answered with.
    type Reply: Send;

    /// The reply to this operation out of the reply to its command.
    ///
    /// # Panics
    /// If the reply belongs to another command, which the controller never gives.
    fn reply(reply: CommandReply) -> Self::Reply;
}

/// How a command is decided; in the command's own file.
pub(super) trait Decide {
    /// What it is answered with.
    type Reply;

    /// Decides by pushing records. A rejection discards them all.
    fn decide(self, draft: &mut Draft<'_>) -> Result<Self::Reply, Rejection>;
}

macro_rules! commands {
    ($($(#[$doc:meta])* $variant:ident($command:ty) -> $reply:ty;)*) => {
        /// A request to change the cluster's metadata.
        #[derive(Clone, Debug)]
        pub enum Command {
            $($(#[$doc])* $variant($command),)*
        }

        /// What a command is answered with.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum CommandReply {
            $($(#[$doc])* $variant($reply),)*
        }

        impl Command {
            pub(super) fn decide(self, draft: &mut Draft<'_>) -> Result<CommandReply, Rejection> {
                match self {
                    $(Self::$variant(command) => command.decide(draft).map(CommandReply::$variant),)*
                }
            }
        }

        $(
            impl From<$command> for Command {
                fn from(command: $command) -> Self {
                    Self::$variant(command)
                }
            }

            impl Operation for $command {
                type Reply = $reply;

                fn reply(reply: CommandReply) -> $reply {
                    match reply {
                        CommandReply::$variant(reply) => reply,
                        other => unreachable!("{} was answered with {other:?}", stringify!($variant)),
                    }
                }
            }
        )*
    };
}

commands! {
    /// Names the cluster; the journal's first line.
    CreateCluster(CreateCluster) -> ();
    /// A broker process says that it is there.
    RegisterBroker(api::RegisterBroker) -> api::Registered;
    /// A registered broker recovered its logs and may lead.
    UnfenceBroker(api::UnfenceBroker) -> ();
    /// A broker died.
    FenceBroker(FenceBroker) -> ();
    /// A broker leaves in order.
    ShutdownBroker(api::ShutdownBroker) -> ();
    /// New topics; one result each, in the order asked.
    CreateTopics(CreateTopics) -> Vec<Result<CreatedTopic, Rejection>>;
    /// More partitions for a topic.
    CreatePartitions(api::CreatePartitions) -> ();
    /// Topics that shall go; one result each, in the order asked.
    DeleteTopics(api::DeleteTopics) -> api::DeleteTopicsReply;
    /// Configuration, set and unset; one result for each resource, in the order asked.
    AlterConfigs(api::AlterConfigs) -> Vec<Result<(), Rejection>>;
    /// Other ISRs, proposed by the leader; one result each, in the order asked.
    AlterIsr(api::AlterIsr) -> api::AlterIsrReply;
    /// Leaders, elected on request.
    ElectLeaders(api::ElectLeaders) -> api::ElectLeadersReply;
    /// Leadership back to preferred leaders; how many partitions.
    RebalanceLeaders(RebalanceLeaders) -> usize;
    /// Producer ids for a broker to hand out.
    AllocateProducerIds(api::AllocateProducerIds) -> api::ProducerIdBlock;
}

impl Operation for Command {
    type Reply = CommandReply;

    fn reply(reply: CommandReply) -> CommandReply {
        reply
    }
}
