//! yak-status: the cluster on one screen, over the `status` operation.

pub mod screen;

use std::time::Duration;

use bytes::BytesMut;
use clap::Parser;
use yak_cli::{ConnectionArgs, Exit, Failure, Output, OutputArgs, Session, Tool};
use yak_client::{Admin, Cluster};
use yak_protocol::ReplyBody as _;

use crate::watch::{self, Screen, parse_seconds};

const EXAMPLES: &str = "\
Examples:
  yak-status                          the cluster, now
  yak-status --watch                  every second, until Ctrl-C
  yak-status --watch 5
  yak-status --json | jq .partitions";

/// Shows the cluster on one screen: zookeeper, brokers, partitions, producers, consumers, elections.
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
            let status = admin.status().await?;
            let text = if json { json_line(&status) } else { screen::render(&status, console.style()) };
            Ok(Screen { text, failures: Vec::new() })
        };
        watch::run(&session, (self.watch, !json), &mut Output::stdout(), screen).await
    }
}

/// The status as it stands on the wire.
fn json_line(status: &yak_model::api::StatusReply) -> String {
    let mut body = BytesMut::new();
    status.write_body(&mut body);
    let mut line = String::from_utf8_lossy(&body).into_owned();
    line.push('\n');
    line
}
