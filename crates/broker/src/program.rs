//! The program `yak-broker`, from a checked configuration to its end.

use std::io::{self, Read};

use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use yak_cli::Failure;
use yak_cli::server::{ServerArgs, ServerProgram};
use yak_model::ErrorCode;
use yak_model::config::{Faults, Settings};

use crate::args::BrokerArgs;
use crate::config::{Loaded, load};
use crate::server::{Options, Server, StartError};

impl ServerProgram for BrokerArgs {
    const NAME: &'static str = "yak-broker";
    type Loaded = Loaded;

    fn common(&self) -> &ServerArgs {
        &self.common
    }

    fn load(&self, environment: impl IntoIterator<Item = (String, String)>) -> Result<Loaded, Faults> {
        load(self, environment)
    }

    fn settings(loaded: &Loaded) -> &Settings {
        &loaded.settings
    }

    fn serve(self, loaded: Loaded, stop: CancellationToken) -> Result<(), Failure> {
        let runtime = runtime().map_err(|error| Failure::local("cannot start", &error))?;
        if self.until_stdin_closes {
            end_with_stdin(stop.clone());
        }
        let options = Options { loaded, ports_file: self.common.ports_file };
        runtime.block_on(serve(options, stop)).map_err(|error| {
            Failure::new(ErrorCode::UnknownServerError, error.to_string()).maybe_hint(error.hint())
        })
    }
}

fn runtime() -> io::Result<Runtime> {
    // Two threads: one is enough for many connections, the second keeps the others going while a disk is slow.
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 16));
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("yak-broker")
        .enable_all()
        .build()
}

async fn serve(options: Options, stop: CancellationToken) -> Result<(), StartError> {
    let server = match Server::start(options, stop).await {
        // Told to end before it was ready: it did.
        Err(StartError::Stopped) => return Ok(()),
        started => started?,
    };
    server.ready().print();
    server.run().await
}

/// Ends the broker with the program that holds the other end of its stdin.
fn end_with_stdin(stop: CancellationToken) {
    let wait = move || {
        let mut scratch = [0; 1024];
        while io::stdin().read(&mut scratch).is_ok_and(|count| count > 0) {}
        stop.cancel();
    };
    // A thread of its own: reading stdin cannot be cancelled, and must not keep the runtime from ending.
    std::thread::spawn(wait);
}
