//! Replies: a server writes them, a client reads them.

use std::fmt::Debug;

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use yak_model::api::*;
use yak_model::{BrokerEpoch, ClusterId, MetadataIndex, TopicId, TopicPartition};
use yak_protocol::{
    Call, Deregister, Done, Hello, HelloReply, MalformedReply, ReplyBody, RequestId, Response, Status,
    encode_error, encode_event, encode_reply, parse_event, parse_produce_reply,
};

use crate::generate::*;

pub(crate) type Outcome<T> = Result<Reply<T>, Rejection>;

/// Writes the reply and reads it back. A reply whose only entry was refused is read as that refusal.
pub(crate) fn check<T: ReplyBody + Clone + Debug + PartialEq>(
    outcome: &Outcome<T>,
    parse: impl FnOnce(&[u8]) -> Result<Response<T>, MalformedReply>,
) -> Result<(), TestCaseError> {
    let id = RequestId::number(7);
    let mut line = BytesMut::new();
    encode_reply(&mut line, Some(&id), outcome);
    let line = line.strip_suffix(b"\n").expect("a line ends with a newline");
    prop_assert!(!line.contains(&b'\n'), "one line");
    let shown = String::from_utf8_lossy(line);
    let read = parse(line).map_err(|error| TestCaseError::fail(format!("{error}: {shown}")))?;
    let expected = match outcome {
        Ok(reply) => match reply.body.sole_rejection() {
            Some(rejection) => Err(rejection.clone()),
            None => Ok(reply.clone()),
        },
        Err(rejection) => Err(rejection.clone()),
    };
    prop_assert_eq!(&read.result, &expected, "{}", shown);
    prop_assert_eq!(read.id, Some(id));
    Ok(())
}

pub(crate) fn outcome<T: Debug>(body: impl Strategy<Value = T>) -> impl Strategy<Value = Outcome<T>> {
    (any::<bool>(), body, prop_oneof![Just(0), any::<u32>()], rejection()).prop_map(
        |(ok, body, throttle_ms, rejection)| {
            if ok { Ok(Reply { body, throttle_ms }) } else { Err(rejection) }
        },
    )
}

pub(crate) fn result<T: Debug>(ok: impl Strategy<Value = T>) -> impl Strategy<Value = Result<T, Rejection>> {
    (any::<bool>(), ok, rejection())
        .prop_map(|(is_ok, ok, rejection)| if is_ok { Ok(ok) } else { Err(rejection) })
}

fn cluster_id() -> impl Strategy<Value = ClusterId> {
    uuid().prop_map(ClusterId::new)
}

fn index() -> impl Strategy<Value = MetadataIndex> {
    any::<u64>().prop_map(MetadataIndex::new)
}

fn produced() -> impl Strategy<Value = ProduceReply> {
    let rest = (any::<u32>(), option::of(time()), offset(), broker_ids(), any::<bool>());
    let partition = (topic(), partition(), result((offset(), rest)), any::<bool>()).prop_map(
        |(topic, partition, result, knows_partition)| match result {
            Ok((base_offset, (count, log_append_time, log_start_offset, acked_by, durable))) => {
                Ok(Produced {
                    topic,
                    partition,
                    base_offset,
                    count,
                    log_append_time,
                    log_start_offset,
                    acked_by,
                    durable,
                })
            }
            Err(rejection) => {
                Err(RefusedProduce { topic, partition: knows_partition.then_some(partition), rejection })
            }
        },
    );
    let acks = prop_oneof![Just(Acks::All), Just(Acks::Leader), Just(Acks::None)];
    (vec(partition, 1..4), acks, any::<bool>(), any::<bool>()).prop_map(
        |(mut partitions, acks, one_topic, same_acks)| {
            let topic = match &partitions[0] {
                Ok(produced) => produced.topic.clone(),
                Err(refused) => refused.topic.clone(),
            };
            for partition in &mut partitions {
                match partition {
                    Ok(produced) if one_topic => produced.topic = topic.clone(),
                    Err(refused) if one_topic => refused.topic = topic.clone(),
                    _ => {}
                }
                if let (true, Ok(produced)) = (same_acks, partition) {
                    produced.acked_by = vec![1.into(), 2.into()];
                    produced.durable = true;
                }
            }
            ProduceReply { partitions, acks }
        },
    )
}

fn listed() -> impl Strategy<Value = ListOffsetsReply> {
    let found = (option::of(offset()), option::of(time()), option::of(leader_epoch()));
    let entry = (topic(), partition(), result(found)).prop_map(|(topic, partition, result)| match result {
        Ok((offset, timestamp, leader_epoch)) => {
            Ok(ListedOffset { topic, partition, offset, timestamp, leader_epoch })
        }
        Err(rejection) => Err(RefusedListOffsets { topic, partition, rejection }),
    });
    vec(entry, 0..4).prop_map(|partitions| ListOffsetsReply { partitions })
}

fn metadata_replies() -> impl Strategy<Value = MetadataReply> {
    let replicas = (broker_ids(), broker_ids(), broker_ids());
    let partition = (partition(), option::of(broker_id()), leader_epoch(), replicas).prop_map(
        |(partition, leader, leader_epoch, (replicas, in_sync_replicas, offline_replicas))| {
            PartitionMetadata {
                partition,
                leader,
                leader_epoch,
                replicas,
                in_sync_replicas,
                offline_replicas,
            }
        },
    );
    let flags = (any::<bool>(), any::<bool>(), option::of(topic()));
    let topic =
        (topic(), result((topic_id(), flags, vec(partition, 0..3)))).prop_map(
            |(name, result)| match result {
                Ok((topic_id, (is_internal, created, similar), partitions)) => {
                    Ok(TopicMetadata { name, topic_id, is_internal, created, similar, partitions })
                }
                Err(rejection) => Err((name, rejection)),
            },
        );
    (cluster_id(), index(), vec(broker(), 0..3), vec(topic, 0..3))
        .prop_map(|(cluster_id, index, brokers, topics)| MetadataReply { cluster_id, index, brokers, topics })
}

fn created() -> impl Strategy<Value = CreateTopicsReply> {
    let id = prop_oneof![topic_id(), Just(TopicId::default())];
    let created = (topic(), id, 0..=i32::MAX, 0..=i16::MAX, option::of(topic())).prop_map(
        |(name, topic_id, partitions, replication_factor, similar)| CreatedTopic {
            name,
            topic_id,
            partitions,
            replication_factor,
            similar,
        },
    );
    let topic =
        (text(), result(created)).prop_map(|(name, result)| result.map_err(|rejection| (name, rejection)));
    vec(topic, 0..4).prop_map(|topics| CreateTopicsReply { topics })
}

fn deleted() -> impl Strategy<Value = DeleteTopicsReply> {
    let topic = (topic(), result(Just(()))).prop_map(|(name, result)| match result {
        Ok(()) => Ok(name),
        Err(rejection) => Err((name, rejection)),
    });
    let by_id = (any::<[u8; 16]>(), result(self::topic())).prop_map(|(id, result)| {
        let topic_id = TopicId::from_random(id);
        result.map(|name| DeletedTopic { name, topic_id }).map_err(|rejection| (topic_id, rejection))
    });
    (vec(topic, 0..4), vec(by_id, 0..3))
        .prop_map(|(topics, topic_ids)| DeleteTopicsReply { topics, topic_ids })
}

fn deleted_records() -> impl Strategy<Value = DeleteRecordsReply> {
    let entry = (topic(), partition(), result(offset())).prop_map(|(topic, partition, log_start_offset)| {
        DeletedRecords { topic, partition, log_start_offset }
    });
    vec(entry, 0..4).prop_map(|partitions| DeleteRecordsReply { partitions })
}

fn described() -> impl Strategy<Value = DescribeConfigsReply> {
    let source = proptest::sample::select(&[
        ConfigSource::Topic,
        ConfigSource::DynamicBroker,
        ConfigSource::DynamicDefault,
        ConfigSource::StaticBroker,
        ConfigSource::Default,
    ]);
    let config_type = proptest::sample::select(&[ConfigType::Int, ConfigType::Password, ConfigType::List]);
    let synonym = (text(), option::of(text()), source.clone())
        .prop_map(|(key, value, source)| ConfigSynonym { key, value, source });
    let about = (config_type, any::<bool>(), any::<bool>(), vec(synonym, 0..3));
    let entry = (text(), option::of(text()), source, about, text()).prop_map(
        |(key, value, source, (config_type, read_only, sensitive, synonyms), documentation)| ConfigEntry {
            key,
            value,
            source,
            config_type,
            read_only,
            sensitive,
            synonyms,
            documentation: documentation.into(),
        },
    );
    let resource = (resource(), result(vec(entry, 0..3)))
        .prop_map(|(resource, entries)| DescribedConfigs { resource, entries });
    vec(resource, 0..4).prop_map(|resources| DescribeConfigsReply { resources })
}

fn altered() -> impl Strategy<Value = AlterConfigsReply> {
    let resource =
        (resource(), result(Just(()))).prop_map(|(resource, result)| AlteredConfigs { resource, result });
    vec(resource, 0..4).prop_map(|resources| AlterConfigsReply { resources })
}

fn partition_statuses() -> impl Strategy<Value = PartitionStatus> {
    let offsets = (offset(), offset(), offset());
    let place = (topic(), partition(), option::of(broker_id()), leader_epoch());
    (place, (broker_ids(), broker_ids()), offsets, (any::<u64>(), any::<u32>()), option::of(text())).prop_map(
        |((topic, partition, leader, leader_epoch), replicas, offsets, (size_bytes, segments), offline)| {
            PartitionStatus {
                topic,
                partition,
                leader,
                leader_epoch,
                replicas: replicas.0,
                in_sync_replicas: replicas.1,
                log_start_offset: offsets.0,
                high_watermark: offsets.1,
                log_end_offset: offsets.2,
                size_bytes,
                segments,
                offline,
            }
        },
    )
}

fn client_statuses() -> impl Strategy<Value = ClientStatus> {
    let position = (topic(), partition(), offset(), offset(), offset()).prop_map(
        |(topic, partition, position, received, log_end_offset)| PartitionPosition {
            topic,
            partition,
            position,
            received,
            log_end_offset,
        },
    );
    let role = prop_oneof![Just(ClientRole::Producer), Just(ClientRole::Consumer)];
    let names = (text(), option::of(text()), text(), option::of(text()));
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>());
    (role, names, numbers, vec(topic(), 0..3), vec(position, 0..3)).prop_map(
        |(role, names, numbers, topics, positions)| ClientStatus {
            registration: numbers.0,
            role,
            client_id: names.0,
            software: names.1,
            peer: names.2,
            group: names.3,
            connected_ms: numbers.1,
            topics,
            records: numbers.2,
            positions,
        },
    )
}

fn statuses() -> impl Strategy<Value = StatusReply> {
    let replica = (broker(), 0..=i64::MAX, any::<bool>(), option::of(any::<u64>()), option::of(text()))
        .prop_map(|(broker, epoch, fenced, heartbeat_age_ms, directory)| ReplicaStatus {
            broker,
            broker_epoch: BrokerEpoch::new(epoch),
            fenced,
            heartbeat_age_ms,
            directory,
        });
    let place = (topic(), partition(), leader_epoch());
    let election = (time(), place, option::of(broker_id()), option::of(broker_id()), text()).prop_map(
        |(time, (topic, partition, leader_epoch), from, to, cause)| ElectionStatus {
            time,
            topic,
            partition,
            from,
            to,
            leader_epoch,
            cause,
        },
    );
    let lists = (
        vec(replica, 0..3),
        vec(partition_statuses(), 0..3),
        vec(client_statuses(), 0..3),
        vec(election, 0..3),
    );
    (cluster_id(), broker_id(), (text(), any::<u64>()), (text(), index()), lists).prop_map(
        |(cluster_id, broker_id, (version, uptime_ms), (address, index), lists)| StatusReply {
            cluster_id,
            broker_id,
            version,
            uptime_ms,
            zookeeper: ZookeeperStatus { address, index },
            brokers: lists.0,
            partitions: lists.1,
            clients: lists.2,
            elections: lists.3,
        },
    )
}

fn elected() -> impl Strategy<Value = ElectLeadersReply> {
    let at = (topic(), partition()).prop_map(|(topic, partition)| TopicPartition { topic, partition });
    vec((at, result(broker_id())), 0..4).prop_map(|partitions| ElectLeadersReply { partitions })
}

fn hello_replies() -> impl Strategy<Value = HelloReply> {
    (any::<u32>(), text(), broker_id(), cluster_id()).prop_map(|(protocol, server, broker_id, cluster_id)| {
        HelloReply { protocol, server, broker_id, cluster_id }
    })
}

proptest! {
    #[test]
    fn produce(reply in outcome(produced())) {
        let topic = match reply.as_ref().map(|reply| &reply.body.partitions[0]) {
            Ok(Ok(produced)) => produced.topic.clone(),
            Ok(Err(refused)) => refused.topic.clone(),
            Err(_) => "t".parse().expect("a topic"),
        };
        // Without a successful partition there is nobody who acknowledged; with one, it is on the wire.
        check(&reply, |line| parse_produce_reply(line, &topic))?;
    }

    #[test]
    fn hello(reply in outcome(hello_replies())) {
        check(&reply, Hello::parse_reply)?;
    }

    #[test]
    fn list_offsets(reply in outcome(listed())) {
        check(&reply, ListOffsets::parse_reply)?;
    }

    #[test]
    fn metadata(reply in outcome(metadata_replies())) {
        check(&reply, Metadata::parse_reply)?;
    }

    #[test]
    fn events(metadata in option::of(metadata_replies()), refusal in rejection()) {
        let event = metadata.map_or(SubscriptionEvent::Alive, SubscriptionEvent::Metadata);
        let mut line = BytesMut::new();
        encode_event(&mut line, &event);
        prop_assert_eq!(parse_event(line.trim_ascii_end()), Ok(Ok(Some(event))));
        line.clear();
        encode_error(&mut line, Some(&RequestId::number(7)), &refusal);
        prop_assert_eq!(parse_event(line.trim_ascii_end()), Ok(Err(refusal)));
    }

    #[test]
    fn create_topics(reply in outcome(created())) {
        check(&reply, CreateTopics::parse_reply)?;
    }

    #[test]
    fn delete_topics(reply in outcome(deleted())) {
        check(&reply, DeleteTopics::parse_reply)?;
    }

    #[test]
    fn create_partitions(reply in outcome((topic(), 0..=i32::MAX).prop_map(|(topic, total)| {
        CreatePartitionsReply { topic, total }
    }))) {
        check(&reply, CreatePartitions::parse_reply)?;
    }

    #[test]
    fn delete_records(reply in outcome(deleted_records())) {
        check(&reply, DeleteRecords::parse_reply)?;
    }

    #[test]
    fn describe_configs(reply in outcome(described())) {
        check(&reply, DescribeConfigs::parse_reply)?;
    }

    #[test]
    fn alter_configs(reply in outcome(altered())) {
        check(&reply, AlterConfigs::parse_reply)?;
    }

    #[test]
    fn elect_leaders(reply in outcome(elected())) {
        check(&reply, ElectLeaders::parse_reply)?;
    }

    #[test]
    fn init_producer_id(reply in outcome((0..=i64::MAX, 0..=i16::MAX).prop_map(|(id, epoch)| {
        InitProducerIdReply { producer_id: id.into(), producer_epoch: epoch.into() }
    }))) {
        check(&reply, InitProducerId::parse_reply)?;
    }

    #[test]
    fn register(reply in outcome(any::<u64>().prop_map(|registration| RegisterReply { registration }))) {
        check(&reply, Register::parse_reply)?;
    }

    #[test]
    fn deregister(reply in outcome(Just(Done))) {
        check(&reply, Deregister::parse_reply)?;
    }

    #[test]
    fn status(reply in outcome(statuses())) {
        check(&reply, Status::parse_reply)?;
    }
}

#[test]
fn an_event_that_we_do_not_know_is_passed_over() {
    assert_eq!(parse_event(br#"{"event":"party","guests":3}"#), Ok(Ok(None)));
    for line in [&br#"{"ok":{}}"#[..], br#"{"event":7}"#, br#"{"event":"metadata","index":1}"#, b"alive"] {
        assert!(parse_event(line).is_err(), "{}", String::from_utf8_lossy(line));
    }
}
