//! Apache Kafka's processes: one that is broker and controller, or three brokers and a controller of their own.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use yak_testkit::free_ports;

use super::plan::Plan;
use super::process::{Process, run};

const PATIENCE: Duration = Duration::from_secs(300);
/// 16 bytes in base64, as Kafka names clusters.
const CLUSTER_ID: &str = "WUFLLWJlbmNobWFyay0wMQ";
/// The controller's id, where it is a process of its own.
const CONTROLLER: i32 = 100;

/// What Kafka's own start script gives Java, besides the heap.
const JVM: [&str; 7] = [
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-XX:MaxInlineLevel=15",
    "-Djava.awt.headless=true",
];

/// One process of it.
#[derive(Debug)]
struct Server {
    id: i32,
    file: PathBuf,
    /// Where clients find it; a controller has none.
    address: Option<String>,
    process: Option<Process>,
}

/// Apache Kafka with its storage made, running or not.
#[derive(Debug)]
pub(super) struct Kafka {
    servers: Vec<Server>,
    directory: PathBuf,
    /// Java with everything up to the main class.
    java: Vec<String>,
}

impl Kafka {
    /// Writes the configuration and makes the storage, which is not measured.
    pub(super) fn prepare(plan: &Plan, brokers: i32, directory: &Path) -> Result<Self> {
        let ports = free_ports(usize::try_from(brokers)? + 1);
        let (controller, clients) = (ports[0], &ports[1..]);
        let mut kafka =
            Self { servers: Vec::new(), directory: directory.to_owned(), java: java(plan, &plan.kafka_heap) };
        let together = brokers == 1;
        if !together {
            kafka.add(CONTROLLER, "controller", (controller, None), brokers)?;
        }
        for (id, port) in (1..).zip(clients) {
            let roles = if together { "broker,controller" } else { "broker" };
            kafka.add(id, roles, (controller, Some(*port)), brokers)?;
        }
        Ok(kafka)
    }

    fn add(
        &mut self,
        id: i32,
        roles: &str,
        (controller, port): (u16, Option<u16>),
        brokers: i32,
    ) -> Result<()> {
        let file = self.directory.join(format!("server-{id}.properties"));
        let data = self.directory.join(format!("data-{id}"));
        fs::write(&file, properties((id, roles), (controller, port), brokers, &data)?)?;
        let format = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"];
        run(self.command().args(format).arg(&file), PATIENCE)?;
        let address = port.map(|port| format!("127.0.0.1:{port}"));
        self.servers.push(Server { id, file, address, process: None });
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new("java");
        command.args(&self.java);
        command
    }

    /// Starts its processes, without waiting for them.
    pub(super) fn start(&mut self) -> Result<()> {
        for at in 0..self.servers.len() {
            let mut command = self.command();
            let server = &mut self.servers[at];
            command.arg("kafka.Kafka").arg(&server.file);
            let name = format!("kafka-{}", server.id);
            server.process = Some(Process::start(&name, &mut command, &self.directory)?);
        }
        Ok(())
    }

    /// Where clients find the brokers.
    pub(super) fn bootstrap(&self) -> Vec<String> {
        self.servers.iter().filter_map(|server| server.address.clone()).collect()
    }

    /// The processes of the brokers.
    pub(super) fn broker_pids(&self) -> Vec<u32> {
        let brokers = self.servers.iter().filter(|server| server.address.is_some());
        brokers.filter_map(|server| server.process.as_ref().map(Process::pid)).collect()
    }

    /// Fails if a process has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        self.servers.iter_mut().filter_map(|server| server.process.as_mut()).try_for_each(Process::check)
    }
}

/// Java's arguments up to the main class.
pub(super) fn java(plan: &Plan, heap: &[String]) -> Vec<String> {
    let mut arguments = heap.to_vec();
    arguments.extend(JVM.map(str::to_owned));
    arguments.push(format!("-Dlog4j2.configurationFile={}", plan.log4j.display()));
    arguments.push("-cp".to_owned());
    arguments.push(format!("{}/*:{}", plan.kafka_lib.display(), plan.classes.display()));
    arguments
}

/// Kafka's defaults, except for where things are and how many copies its own topics have.
fn properties(
    (id, roles): (i32, &str),
    (controller, port): (u16, Option<u16>),
    brokers: i32,
    data: &Path,
) -> Result<String> {
    let voter = if roles.contains("controller") { id } else { CONTROLLER };
    let mut listeners = Vec::new();
    if let Some(port) = port {
        listeners.push(format!("PLAINTEXT://127.0.0.1:{port}"));
    }
    if voter == id {
        listeners.push(format!("CONTROLLER://127.0.0.1:{controller}"));
    }
    let mut text = String::new();
    writeln!(text, "process.roles={roles}\nnode.id={id}")?;
    writeln!(text, "controller.quorum.voters={voter}@127.0.0.1:{controller}")?;
    writeln!(text, "listeners={}", listeners.join(","))?;
    writeln!(text, "controller.listener.names=CONTROLLER")?;
    writeln!(text, "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT")?;
    writeln!(text, "log.dirs={}", data.display())?;
    let in_sync = if brokers > 1 { 2 } else { 1 };
    for topic in ["transaction.state.log", "share.coordinator.state.topic"] {
        writeln!(text, "{topic}.replication.factor={brokers}\n{topic}.min.isr={in_sync}")?;
    }
    writeln!(text, "offsets.topic.replication.factor={brokers}")?;
    // As our clusters have it by themselves.
    writeln!(text, "default.replication.factor={brokers}\nmin.insync.replicas={in_sync}")?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_alone_has_no_listener_for_clients_and_brokers_none_for_it() {
        let text = properties((100, "controller"), (7, None), 3, Path::new("d")).unwrap();
        assert!(text.contains("\nlisteners=CONTROLLER://127.0.0.1:7\n"), "{text}");
        let text = properties((2, "broker"), (7, Some(8)), 3, Path::new("d")).unwrap();
        assert!(text.contains("\nlisteners=PLAINTEXT://127.0.0.1:8\n"), "{text}");
        assert!(text.contains("\ncontroller.quorum.voters=100@127.0.0.1:7\n"), "{text}");
        let text = properties((1, "broker,controller"), (7, Some(8)), 1, Path::new("d")).unwrap();
        assert!(text.contains("listeners=PLAINTEXT://127.0.0.1:8,CONTROLLER://127.0.0.1:7\n"), "{text}");
        assert!(
            text.contains("voters=1@127.0.0.1:7\n") && text.contains("min.insync.replicas=1\n"),
            "{text}"
        );
    }
}
