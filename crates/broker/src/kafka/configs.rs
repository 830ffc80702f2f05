//! How resources and values of configuration stand in Kafka's requests and answers.

use yak_model::api::{ConfigSource, ConfigType, Rejection};
use yak_model::metadata::ConfigResource;
use yak_model::{BrokerId, ErrorCode};

use super::places::parse;

/// Kafka's numbers of kinds of resources.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// The resource that a request names: a topic; a broker by its number, or by the empty name what all brokers share.
pub(super) fn resource(kind: i8, name: &str) -> Result<ConfigResource, Rejection> {
    let refused = |message: String| Rejection::new(ErrorCode::InvalidRequest, message);
    match kind {
        TOPIC => parse(name, ErrorCode::InvalidTopicException).map(ConfigResource::Topic),
        BROKER if name.is_empty() => Ok(ConfigResource::ClusterDefault),
        BROKER => {
            let id =
                name.parse().map_err(|_number| refused(format!("\"{name}\" is not a broker's number")))?;
            Ok(ConfigResource::Broker(BrokerId::new(id)))
        }
        _ => Err(refused(format!("resources of kind {kind} have no configuration here"))),
    }
}

/// Kafka's number of a source.
pub(super) const fn source_number(source: ConfigSource) -> i8 {
    match source {
        ConfigSource::Topic => 1,
        ConfigSource::DynamicBroker => 2,
        ConfigSource::DynamicDefault => 3,
        ConfigSource::StaticBroker => 4,
        ConfigSource::Default => 5,
    }
}

/// Kafka's number of a type.
pub(super) const fn type_number(config_type: ConfigType) -> i8 {
    match config_type {
        ConfigType::Boolean => 1,
        ConfigType::String => 2,
        ConfigType::Int => 3,
        ConfigType::Short => 4,
        ConfigType::Long => 5,
        ConfigType::Double => 6,
        ConfigType::List => 7,
        ConfigType::Class => 8,
        ConfigType::Password => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_topics_brokers_and_all_brokers() {
        let refused = |kind, name| resource(kind, name).expect_err("refused").code;
        assert_eq!(resource(2, "t"), Ok(ConfigResource::Topic("t".parse().expect("a name"))));
        assert_eq!(resource(4, "3"), Ok(ConfigResource::Broker(BrokerId::new(3))));
        assert_eq!(resource(4, ""), Ok(ConfigResource::ClusterDefault));
        assert_eq!(refused(2, "no topic"), ErrorCode::InvalidTopicException);
        for (kind, name) in [(4, "x"), (4, "1 "), (8, "1"), (0, ""), (-1, "t")] {
            assert_eq!(refused(kind, name), ErrorCode::InvalidRequest, "{kind} {name}");
        }
    }
}
