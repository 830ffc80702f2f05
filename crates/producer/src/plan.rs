//! What the command line means, once flags and properties are put together and found to agree.

use yak_cli::human::{parse_millis, parse_size};
use yak_cli::properties::Properties;
use yak_cli::{Failure, messages, parse};
use yak_client::{ClientConfig, Partitioner, ProducerConfig};
use yak_model::api::Acks;

use crate::args::{self, AcksArg, Codec, ProducerArgs, SendingArgs};
use crate::records::RecordPlan;

/// Everything that is decided before the first byte is read.
#[derive(Debug)]
pub struct Plan {
    /// How the cluster is reached.
    pub client: ClientConfig,
    /// How records are sent.
    pub producer: ProducerConfig,
    /// How lines become records.
    pub records: RecordPlan,
    /// One line for properties that have no effect.
    pub warning: Option<String>,
}

impl Plan {
    /// Puts flags and properties together; flags win.
    ///
    /// # Errors
    /// Whatever does not agree, with exit code 2.
    pub fn new(args: &ProducerArgs) -> Result<Self, Failure> {
        let mut properties = args.connection.properties()?;
        let client = args.connection.resolve("yak-producer", &mut properties)?.client_config("yak-producer");
        let producer = producer_config(&args.sending, &mut properties)?;
        let warning = properties.finish()?;
        Ok(Self { client, producer, records: RecordPlan::new(args)?, warning })
    }
}

fn producer_config(args: &SendingArgs, properties: &mut Properties) -> Result<ProducerConfig, Failure> {
    let acks = properties.take("acks", args::parse_acks)?;
    let linger = properties.take("linger.ms", parse_millis)?;
    let batch_bytes = properties.take("batch.size", parse_size)?;
    let delivery_timeout = properties.take("delivery.timeout.ms", parse_millis)?;
    let codec =
        properties.take("compression.type", |name| <Codec as clap::ValueEnum>::from_str(name, true))?;
    let idempotent = properties.take("enable.idempotence", parse::boolean)?;
    let in_flight = properties.take("max.in.flight.requests.per.connection", |text| {
        match parse::whole::<usize>(text)? {
            number @ 1..=5 => Ok(number),
            number => Err(format!("{number} is not from 1 to 5")),
        }
    })?;
    let memory = properties.take("buffer.memory", parse_size)?;

    let defaults = ProducerConfig::default();
    let acks = match args.acks.or(acks).unwrap_or_default() {
        AcksArg::All => Acks::All,
        AcksArg::One => Acks::Leader,
        AcksArg::Zero => Acks::None,
    };
    let idempotent = args.idempotent.or(idempotent);
    if idempotent == Some(true) && acks != Acks::All {
        return Err(messages::idempotence_needs_all());
    }
    let millis =
        |flag: Option<u64>, property: Option<u64>| flag.or(property).map(std::time::Duration::from_millis);
    let size = |given: Option<u64>, default: usize| {
        given.map_or(default, |bytes| usize::try_from(bytes.max(1)).unwrap_or(usize::MAX))
    };
    Ok(ProducerConfig {
        acks,
        idempotent: idempotent.unwrap_or(acks == Acks::All),
        compression: args.compression.or(codec).unwrap_or_default().name().parse().unwrap_or_default(),
        batch_bytes: size(args.batch_size.or(batch_bytes), defaults.batch_bytes),
        linger: millis(args.linger_ms, linger).unwrap_or(defaults.linger),
        buffer_bytes: size(memory, defaults.buffer_bytes),
        max_in_flight: in_flight.unwrap_or(defaults.max_in_flight),
        delivery_timeout: millis(args.delivery_timeout_ms, delivery_timeout)
            .unwrap_or(defaults.delivery_timeout),
        partitioner: match args.partitioner.unwrap_or_default() {
            args::Partitioner::RoundRobin => Partitioner::RoundRobin,
            args::Partitioner::Sticky => Partitioner::Sticky,
        },
        ..defaults
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn plan(line: &str) -> Result<Plan, String> {
        let args =
            ProducerArgs::try_parse_from(format!("yak-producer -t t {line}").split_whitespace()).unwrap();
        Plan::new(&args).map_err(|failure| failure.message)
    }

    fn config(line: &str) -> ProducerConfig {
        plan(line).unwrap().producer
    }

    #[test]
    fn the_defaults_lose_nothing_and_repeat_nothing() {
        let config = config("");
        assert_eq!((config.acks, config.idempotent), (Acks::All, true));
        assert_eq!(config.partitioner, Partitioner::RoundRobin);
    }

    #[test]
    fn idempotence_follows_the_acknowledgement_unless_asked_for() {
        for (line, acks, idempotent) in [
            ("--acks all", Acks::All, true),
            ("--acks -1 --idempotent", Acks::All, true),
            ("--acks all --idempotent=false", Acks::All, false),
            ("--acks 1", Acks::Leader, false),
            ("--acks 0 --idempotent=false", Acks::None, false),
            ("-X acks=1", Acks::Leader, false),
            ("-X acks=1 --acks all", Acks::All, true),
        ] {
            let config = config(line);
            assert_eq!((config.acks, config.idempotent), (acks, idempotent), "{line}");
        }
        for line in ["--acks 1 --idempotent", "--acks 0 -X enable.idempotence=true"] {
            assert_eq!(
                plan(line).unwrap_err(),
                "--idempotent cannot be used with --acks 0 or 1: only --acks all can rule out duplicates"
            );
        }
    }

    #[test]
    fn flags_win_over_properties() {
        let config = config("-X linger.ms=9 --linger-ms 5 -X batch.size=64KiB --delivery-timeout-ms 3s");
        assert_eq!(config.linger.as_millis(), 5);
        assert_eq!(config.batch_bytes, 65_536);
        assert_eq!(config.delivery_timeout.as_secs(), 3);
    }

    #[test]
    fn contradictions_and_bad_values_are_refused() {
        for (line, message) in [
            (
                "-X linger.ms=soon",
                "-X linger.ms: \"soon\" is not a duration (use milliseconds, or e.g. 30s, 12h, 7d)",
            ),
            ("-X lnger.ms=1", "-X lnger.ms: unknown property"),
            (
                "-X max.in.flight.requests.per.connection=6",
                "-X max.in.flight.requests.per.connection: 6 is not from 1 to 5",
            ),
            (
                "-k a --reader-property parse.key=true",
                "--key cannot be used with parse.key: the key is either given or read",
            ),
            ("--input json -K :", "--input json cannot be used with separators and markers of lines"),
        ] {
            assert_eq!(plan(line).unwrap_err(), message, "{line}");
        }
        assert_eq!(plan("-X retries=3").unwrap().warning.as_deref(), Some("without effect here: retries"));
    }
}
