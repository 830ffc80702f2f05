//! yak-status: the cluster on one screen. Every broker and the zookeeper are asked for their `status`, and what they
//! answer is put together; whoever does not answer is shown as such.

mod gather;
mod groups;
mod json;
mod overview;
mod screen;
#[cfg(test)]
mod tests;

use std::time::Duration;

use clap::Parser;
use overview::Overview;
use yak_cli::{ConnectionArgs, Exit, Failure, Output, OutputArgs, Session, Tool};
use yak_client::{Admin, ClientError, Cluster};
use yak_model::api::ClientStatus;

use crate::watch::{self, Screen, parse_seconds};

/// What is registered at every broker that answers.
///
/// # Errors
/// When nobody answers at all.
pub(crate) async fn clients(admin: &Admin) -> Result<Vec<ClientStatus>, ClientError> {
    let overview = Overview::new(gather::gather(admin).await?);
    Ok(overview.clients.into_iter().filter(|client| !client.is_hearsay).map(|client| client.status).collect())
}

const EXAMPLES: &str = "\
Examples:
  yak-status                          the cluster, now
  yak-status --watch                  every second, until Ctrl-C
  yak-status --watch 5
  yak-status --json | jq .partitions";

/// Shows the cluster on one screen: zookeeper, brokers, partitions, producers, consumers, groups, elections.
#[derive(Clone, Debug, Parser)]
#[command(name = "yak-status", version, after_help = EXAMPLES)]
pub struct StatusArgs {
    /// Show it again every so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, num_args = 0..=1, default_missing_value = "1")]
    watch: Option<Duration>,

    #[command(flatten)]
    connection: ConnectionArgs,

    #[command(flatten)]
    output: OutputArgs,
}

impl Tool for StatusArgs {
    const NAME: &'static str = "yak-status";

    fn output(&self) -> &OutputArgs {
        &self.output
    }

    async fn run(self, session: Session) -> Result<Exit, Failure> {
        let mut properties = self.connection.properties()?;
        let config = self.connection.resolve(Self::NAME, &mut properties)?.client_config(Self::NAME);
        if let Some(warning) = properties.finish()? {
            session.console.warning(&warning);
        }
        let cluster = session.interrupt.unless_raised(Cluster::connect(config)).await?;
        let admin = Admin::new(&cluster);
        let (admin, console, json) = (&admin, &session.console, self.output.json);
        let screen = || async move {
            let mut overview = Overview::new(gather::gather(admin).await?);
            overview.groups = groups::summaries(admin).await;
            let text = if json { json::line(&overview) } else { screen::render(&overview, console.style()) };
            Ok(Screen { text, failures: Vec::new() })
        };
        watch::run(&session, (self.watch, !json), &mut Output::stdout(), screen).await
    }
}
