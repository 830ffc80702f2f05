//! The program `yak-zookeeper`, from a checked configuration to its end.

use serde_json::json;
use tokio_util::sync::CancellationToken;
use yak_cli::Failure;
use yak_cli::server::{Ready, ServerArgs, ServerProgram, files};
use yak_model::ErrorCode;
use yak_model::config::{Endpoint, Faults, Settings};

use crate::args::ZookeeperArgs;
use crate::config::{Loaded, load};
use crate::server::Server;

impl ServerProgram for ZookeeperArgs {
    const NAME: &'static str = "yak-zookeeper";
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
        let mut options = loaded.options;
        options.max_connections = files::connection_cap(options.max_connections, files::raise_limit());
        let (host, data) = (options.host.clone(), options.data.display().to_string());
        let server = Server::start(options).map_err(|error| {
            Failure::new(ErrorCode::UnknownServerError, error.to_string()).maybe_hint(error.hint())
        })?;
        let address = Endpoint { host, port: server.address().port() }.to_string();
        let cluster_id = server.cluster_id().to_string();
        tracing::info!(%address, %data, %cluster_id, "zookeeper_started");
        let ready = Ready::new(json!({"zookeeper": address, "cluster_id": cluster_id, "data": data}));
        if let Some(path) = &self.common.ports_file {
            ready
                .write(path)
                .map_err(|error| Failure::local(format!("cannot write {}", path.display()), &error))?;
        }
        ready.print();
        server.run(stop).map_err(|error| Failure::new(ErrorCode::UnknownServerError, error.to_string()))?;
        tracing::info!("zookeeper_stopped");
        Ok(())
    }
}
