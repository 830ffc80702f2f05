//! `yak-broker`: serves partitions on disk to producers and consumers.

use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;

use clap::Parser;
use tokio_util::sync::CancellationToken;
use yak_broker::args::BrokerArgs;
use yak_broker::config::{Loaded, load};
use yak_broker::server::{Options, Server, StartError};
use yak_model::config::print_config;

/// Exit code of a usage or configuration error.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let args = match BrokerArgs::try_parse() {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    let loaded = match load(
        &args,
        std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))),
    ) {
        Ok(loaded) => loaded,
        Err(faults) => {
            say(&faults.to_string());
            return ExitCode::from(USAGE);
        }
    };
    if args.print_config {
        return print(&print_config(&loaded.settings));
    }
    if args.check_config {
        loaded.settings.warnings().iter().for_each(|warning| say(&format!("warning: {warning}")));
        return ExitCode::SUCCESS;
    }
    log_to_stderr(&args);
    loaded.settings.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    match serve(&args, loaded) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            if let Some(hint) = error.downcast_ref::<StartError>().and_then(StartError::hint) {
                say(&format!("  hint: {hint}"));
            }
            ExitCode::FAILURE
        }
    }
}

fn serve(args: &BrokerArgs, loaded: Loaded) -> anyhow::Result<()> {
    // Two threads: one is enough for many connections, the second keeps the others going while a disk is slow.
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 16));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("yak-broker")
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        tokio::spawn(end_on_signal(shutdown.clone()));
        if args.until_stdin_closes {
            end_with_stdin(shutdown.clone());
        }
        let options = Options { loaded, ports_file: args.ports_file.clone() };
        let server = match Server::start(options, shutdown).await {
            // Told to end before it was ready: it did.
            Err(StartError::Stopped) => return Ok(()),
            started => started?,
        };
        // A broken stdout is no reason not to serve.
        drop(writeln!(std::io::stdout(), "{}", server.ready_line()));
        server.run().await?;
        Ok(())
    })
}

/// The first SIGTERM or Ctrl-C ends in order, the second at once.
async fn end_on_signal(shutdown: CancellationToken) {
    if let Err(error) = next_signal().await {
        return tracing::error!(%error, "signals cannot be waited for");
    }
    shutdown.cancel();
    if next_signal().await.is_ok() {
        std::process::exit(130);
    }
}

#[cfg(unix)]
async fn next_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn next_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// Ends the broker with the program that holds the other end of its stdin.
fn end_with_stdin(shutdown: CancellationToken) {
    let wait = move || {
        let mut scratch = [0; 1024];
        while std::io::stdin().read(&mut scratch).is_ok_and(|count| count > 0) {}
        shutdown.cancel();
    };
    // A thread of its own: reading stdin cannot be cancelled, and must not keep the runtime from ending.
    std::thread::spawn(wait);
}

fn log_to_stderr(args: &BrokerArgs) {
    let level = match (args.quiet, args.verbose) {
        (true, _) => "warn",
        (false, 0) => "info",
        (false, 1) => "debug",
        (false, _) => "trace",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("YAK_LOG").unwrap_or_else(|_| level.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

/// A usage error as one line and a hint; help and version as they are.
fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        let text = error.render().to_string();
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        say(lines.next().unwrap_or("error: unusable arguments"));
        for line in lines.filter(|line| line.trim_start().starts_with("tip:")) {
            say(&format!("  hint: {}", line.trim_start().trim_start_matches("tip:").trim()));
        }
        say("  hint: `yak-broker --help` lists the flags");
        ExitCode::from(USAGE)
    } else {
        print(&error.render().to_string())
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn say(line: &str) {
    // Nobody reads stderr: there is no one left to tell.
    drop(writeln!(std::io::stderr(), "{line}"));
}
