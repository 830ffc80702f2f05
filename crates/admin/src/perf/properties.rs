//! `--producer-props`: Kafka's names for how a producer works.

use std::time::Duration;

use yak_cli::human::{parse_millis, parse_size};
use yak_cli::properties::{Properties, Property};
use yak_cli::{Failure, Session, parse};
use yak_client::{ClientConfig, Compression, ProducerConfig};
use yak_model::api::Acks;

use super::args::{Measure, ProduceArgs};
use crate::flags::parse_acks;

/// How the cluster is reached, and what is left of the properties.
fn client(measure: &Measure, more: &[(String, String)]) -> Result<(ClientConfig, Properties), Failure> {
    let mut properties = measure.connection.properties()?;
    for (key, value) in more {
        properties.push(Property::new(key, value, "--producer-props"));
    }
    let connection = measure.connection.resolve("yak-perf", &mut properties)?;
    Ok((connection.client_config("yak-perf"), properties))
}

/// For tools that take no properties of the producer.
pub(super) fn client_config(measure: &Measure, session: &Session) -> Result<ClientConfig, Failure> {
    let (client, properties) = client(measure, &[])?;
    if let Some(warning) = properties.finish()? {
        session.console.warning(&warning);
    }
    Ok(client)
}

/// Everything that `produce` is told.
pub(super) fn producer_config(
    args: &ProduceArgs,
    session: &Session,
) -> Result<(ClientConfig, ProducerConfig), Failure> {
    let (client, mut properties) = client(&args.measure, &args.producer_props)?;
    let defaults = ProducerConfig::default();
    let acks = properties.take("acks", parse_acks)?.unwrap_or(defaults.acks);
    let size = |given: Option<u64>, default| {
        given.map_or(default, |size| usize::try_from(size).unwrap_or(usize::MAX))
    };
    let millis = |given: Option<u64>, default| given.map_or(default, Duration::from_millis);
    let config = ProducerConfig {
        acks,
        idempotent: properties.take("enable.idempotence", parse::boolean)?.unwrap_or(acks == Acks::All),
        compression: properties.take("compression.type", parse_compression)?.unwrap_or_default(),
        batch_bytes: size(properties.take("batch.size", parse_size)?, defaults.batch_bytes),
        linger: millis(properties.take("linger.ms", parse_millis)?, defaults.linger),
        buffer_bytes: size(properties.take("buffer.memory", parse_size)?, defaults.buffer_bytes),
        delivery_timeout: millis(
            properties.take("delivery.timeout.ms", parse_millis)?,
            defaults.delivery_timeout,
        ),
        max_in_flight: properties
            .take("max.in.flight.requests.per.connection", parse::positive::<usize>)?
            .unwrap_or(defaults.max_in_flight),
        batch_records: properties
            .take("batch.records", parse::positive::<usize>)?
            .unwrap_or(defaults.batch_records),
        ..defaults
    };
    if let Some(warning) = properties.finish()? {
        session.console.warning(&warning);
    }
    Ok((client, config))
}

fn parse_compression(text: &str) -> Result<Compression, String> {
    text.parse().map_err(|error| format!("{error}"))
}
