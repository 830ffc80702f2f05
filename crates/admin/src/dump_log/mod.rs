//! yak-dump-log: prints and checks the files of a log, in Kafka's text.
//!
//! It reads what Apache Kafka's own tool reads (`.log`, `.index`, `.timeindex`, `.txnindex`, `.snapshot`), and
//! `leader-epoch-checkpoint`; one file, a partition's directory, or a broker's. What it prints goes to stdout and is
//! Kafka's, word for word, or JSON lines. What is wrong goes to stderr, one line each, naming file, position and
//! offset, and the exit code is then 1 (Kafka's tool exits 0).
//!
//! # Damage, and what is none
//!
//! ```text
//! checksum, header or record wrong            damage; the dump goes on with the next batch
//! offsets that repeat, epochs that fall       damage
//! offsets that are skipped                    damage, unless --allow-gaps or --offsets-decoder (compaction leaves gaps)
//! with --offsets-decoder: not of a group      damage, unless the type of the record is not known
//! index entry that names no batch             damage of the index, not of the log
//! part of a batch, or zeros, at the very end  in the last segment: an append in progress, or the torn end of a crash,
//!                                             which recovery cuts off: a note. In another segment: damage
//! ```
//!
//! A part of a batch that a whole batch follows is damage in any segment. So the tool works on a live log: it reads
//! each file as far as it was written when the tool got there, and an index before the log that it is checked against.

mod args;
mod batches;
mod context;
mod find;
mod follow;
mod groups;
mod indexes;
mod json;
mod log;
mod printer;
mod small;
mod text;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use yak_cli::{Exit, Failure, Interrupt, Output, OutputArgs, Session, Tool};

pub use args::DumpLogArgs;

use context::{Context, Stop, Trouble};
use find::{Kind, Target};
use log::Continuity;

impl Tool for DumpLogArgs {
    const NAME: &'static str = "yak-dump-log";

    fn output(&self) -> &OutputArgs {
        &self.output
    }

    async fn run(self, session: Session) -> Result<Exit, Failure> {
        let paths: Vec<PathBuf> = self.paths.iter().chain(&self.files).cloned().collect();
        if paths.is_empty() {
            return Err(Failure::usage("which files? name files or directories of a log")
                .hint("`yak-dump-log data/broker-1/orders-0` dumps one partition"));
        }
        let groups = find::expand(&paths)?;
        let mut context = Context::new(&self, Some(Arc::clone(&session.console)), Output::stdout());
        let outcome = if self.follow {
            follow::run(&mut context, &groups, &session.interrupt).await
        } else {
            groups.iter().try_for_each(|group| dump_group(&mut context, group, &session.interrupt))
        };
        let outcome = outcome.and_then(|()| Ok(context.printer.flush()?));
        match outcome {
            Ok(()) => {}
            Err(Stop::Interrupted) => return Ok(session.interrupt.exit()),
            Err(Stop::Output(error)) => error.into_result()?,
        }
        Ok(if context.problems() == 0 { Exit::Done } else { Exit::Failed })
    }
}

/// Dumps files that belong together: those of a partition, or one.
fn dump_group<W: Write>(
    context: &mut Context<W>,
    group: &[Target],
    interrupt: &Interrupt,
) -> Result<(), Stop> {
    let mut continuity = Continuity::default();
    for target in group {
        if interrupt.is_raised() {
            return Err(Stop::Interrupted);
        }
        dump(context, target, &mut continuity)?;
    }
    Ok(())
}

fn dump<W: Write>(
    context: &mut Context<W>,
    target: &Target,
    continuity: &mut Continuity,
) -> Result<(), Stop> {
    context.printer.begin(&target.path)?;
    let outcome = match target.kind {
        Kind::Log(base) => log::dump(context, target, base, continuity),
        Kind::Index(base) => indexes::dump_offsets(context, &target.path, base),
        Kind::TimeIndex(base) => indexes::dump_times(context, &target.path, base),
        Kind::Snapshot => small::dump_snapshot(context, &target.path),
        Kind::TxnIndex => small::dump_aborted(context, &target.path),
        Kind::LeaderEpochs => small::dump_epochs(context, &target.path),
    };
    // A segment of a live log may be deleted between being listed and being read.
    let outcome = if target.named { outcome } else { outcome.or_else(Trouble::unless_gone) };
    match outcome {
        Ok(()) => Ok(()),
        Err(Trouble::Stop(stop)) => Err(stop),
        Err(Trouble::Read(error)) => Ok(context.cannot_read(&target.path, &error)?),
    }
}

#[cfg(test)]
mod tests;
