//! One fake broker: a line in, a line out, in order.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use yak_model::api::{
    Acks, BrokerMetadata, ConfigEntry, ConfigSource, ConfigType, DescribeConfigsReply, DescribedConfigs,
    Fetch, FetchReply, FetchedPartition, InitProducerIdReply, Metadata, MetadataReply, PartitionMetadata,
    Produce, ProduceReply, Produced, ReadFrom, RefusedProduce, RegisterReply, Rejection, Reply, Subscribe,
    SubscriptionEvent, TopicMetadata,
};
use yak_model::{
    BrokerId, ClusterId, ErrorCode, PartitionIndex, ProducerEpoch, ProducerId, TimestampMs, TopicId,
};
use yak_protocol::{
    Done, FetchEncoder, FetchRequest, GroupRequest, HelloReply, Parser, ReplyBody, Request, RequestId,
    encode_error, encode_event, encode_reply, parse_request,
};

use super::offsets::{check_leader, find, find_mut};
use super::{Fault, State, offsets};

pub(super) async fn serve(
    id: BrokerId,
    listener: TcpListener,
    state: Arc<Mutex<State>>,
    appended: Arc<Notify>,
) {
    // Dropped with this task, so that killing it breaks its connections.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let connection = Connection { id, state: Arc::clone(&state), appended: Arc::clone(&appended) };
        connections.spawn(connection.run(stream));
    }
}

struct Connection {
    id: BrokerId,
    state: Arc<Mutex<State>>,
    appended: Arc<Notify>,
}

/// A reply line; `None` if none is due.
pub(super) type Line = Option<BytesMut>;

impl Connection {
    async fn run(self, stream: TcpStream) {
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::new(read);
        let mut parser = Parser::new();
        let mut line = Vec::new();
        while read.read_until(b'\n', &mut line).await.is_ok_and(|len| len > 0) {
            let envelope = parse_request(&line, TimestampMs::new(1_000), &mut parser);
            let envelope = envelope.unwrap_or_else(|bad| panic!("{}", bad.rejection));
            if let Request::Subscribe(subscribe) = envelope.request {
                return self.subscribe(subscribe, &mut write).await;
            }
            if let Request::Group(GroupRequest::GroupStream(stream)) = envelope.request {
                if self.state.lock().unwrap().hung.contains(&self.id) {
                    std::future::pending::<()>().await;
                }
                let fault = self.state.lock().unwrap().next_fault("group_stream");
                let joined = match fault {
                    Fault::Reject(code) => Err(Rejection::new(code, "by script")),
                    _ => self.state.lock().unwrap().join(self.id, stream),
                };
                let is_hung = || self.state.lock().unwrap().hung.contains(&self.id);
                return super::group::stream(envelope.id.as_ref(), joined, is_hung, &mut write).await;
            }
            if self.answer(envelope.id.as_ref(), envelope.request, &mut write).await.is_none() {
                return;
            }
            line.clear();
        }
    }

    /// Streams events until the other side goes or a fault ends it.
    async fn subscribe(&self, subscribe: Subscribe, out: &mut OwnedWriteHalf) {
        let mut last = None;
        let fault = self.state.lock().unwrap().next_fault("subscribe");
        match fault {
            Fault::CloseBefore => return,
            Fault::Hang => std::future::pending().await,
            Fault::Reject(code) => {
                _ = out.write_all(&error_line(None, &Rejection::new(code, "by script"))).await;
                return;
            }
            _ => {}
        }
        loop {
            let changed = self.appended.notified();
            let request = Metadata { topics: subscribe.topics.clone(), allow_auto_create: false };
            let metadata = self.metadata(request);
            let is_hung = self.state.lock().unwrap().hung.contains(&self.id);
            let mut line = BytesMut::new();
            if last.as_ref() != Some(&metadata) {
                encode_event(&mut line, &SubscriptionEvent::Metadata(metadata.clone()));
                last = Some(metadata);
            } else {
                encode_event(&mut line, &SubscriptionEvent::Alive);
            }
            if is_hung {
                std::future::pending::<()>().await;
            }
            if out.write_all(&line).await.is_err() {
                return;
            }
            // What changed is found by looking, a little later.
            _ = timeout_at(Instant::now() + Duration::from_millis(20), changed).await;
        }
    }

    /// Answers one request. `None` ends the connection.
    async fn answer(&self, id: Option<&RequestId>, request: Request, out: &mut OwnedWriteHalf) -> Option<()> {
        let operation = name(&request);
        let is_hung = {
            let mut state = self.state.lock().unwrap();
            let is_hung = state.hung.contains(&self.id);
            state.unanswered += usize::from(is_hung);
            is_hung
        };
        if is_hung {
            std::future::pending::<()>().await;
        }
        let fault = self.state.lock().unwrap().next_fault(operation);
        let mut reply = match &fault {
            Fault::CloseBefore => return None,
            Fault::Hang => std::future::pending().await,
            Fault::Reject(code) => Some(error_line(id, &Rejection::new(*code, "by script"))),
            Fault::Say(line) => Some(BytesMut::from(*line)),
            _ => self.line(id, request).await,
        };
        match fault {
            Fault::CloseBeforeReply => return None,
            Fault::CloseInReply => {
                let line = reply.unwrap_or_default();
                out.write_all(&line[..line.len() / 2]).await.unwrap();
                return None;
            }
            Fault::RejectAfter(code) => reply = Some(error_line(id, &Rejection::new(code, "by script"))),
            Fault::Swallow => return Some(()),
            Fault::Slow(pause) => tokio::time::sleep(pause).await,
            _ => {}
        }
        if let Some(line) = reply {
            out.write_all(&line).await.ok()?;
        }
        Some(())
    }

    async fn line(&self, id: Option<&RequestId>, request: Request) -> Line {
        match request {
            Request::Hello(_) => line(id, Ok(self.hello())),
            Request::Register(register) => {
                let role = format!("{:?}", register.role).to_lowercase();
                let mut state = self.state.lock().unwrap();
                state.registered.push((role, register.client_id));
                state.registered_groups.extend(register.group);
                line(id, Ok(RegisterReply { registration: 1 }))
            }
            Request::Deregister => line(id, Ok(Done)),
            Request::Metadata(metadata) => line(id, Ok(self.metadata(metadata))),
            Request::InitProducerId(_) => {
                let mut state = self.state.lock().unwrap();
                state.next_producer_id += 1;
                let producer_id = ProducerId::new(state.next_producer_id);
                line(id, Ok(InitProducerIdReply { producer_id, producer_epoch: ProducerEpoch::new(0) }))
            }
            Request::DescribeConfigs(describe) => {
                let max = self.state.lock().unwrap().max_message_bytes;
                let entries = max.map(|max| ConfigEntry {
                    key: "max.message.bytes".to_owned(),
                    value: Some(max.to_string()),
                    source: ConfigSource::Topic,
                    config_type: ConfigType::Int,
                    read_only: false,
                    sensitive: false,
                    synonyms: Vec::new(),
                    documentation: "".into(),
                });
                let described =
                    |resource| DescribedConfigs { resource, entries: Ok(entries.iter().cloned().collect()) };
                let resources =
                    describe.resources.into_iter().map(|(resource, _)| described(resource)).collect();
                line(id, Ok(DescribeConfigsReply { resources }))
            }
            Request::Produce(produce) => self.produce(id, produce),
            Request::Fetch(fetch) => self.fetch(id, &fetch).await,
            Request::ListOffsets(list) => {
                line(id, Ok(offsets::list_offsets(&self.state.lock().unwrap(), self.id, list)))
            }
            Request::DeleteRecords(delete) => {
                line(id, Ok(offsets::delete_records(&mut self.state.lock().unwrap(), self.id, delete)))
            }
            Request::Group(GroupRequest::FindCoordinator(_)) => {
                line(id, self.state.lock().unwrap().find_coordinator())
            }
            Request::Group(GroupRequest::OffsetCommit(commit)) => {
                line(id, self.state.lock().unwrap().offset_commit(self.id, commit))
            }
            Request::Group(GroupRequest::OffsetFetch(fetch)) => {
                line(id, self.state.lock().unwrap().offset_fetch(self.id, fetch))
            }
            Request::Group(GroupRequest::ConsumerGroupHeartbeat(heartbeat)) => {
                line(id, self.state.lock().unwrap().heartbeat(self.id, heartbeat))
            }
            other => panic!("the fake broker does not know {other:?}"),
        }
    }

    fn hello(&self) -> HelloReply {
        let cluster_id = ClusterId::from_random([self.state.lock().unwrap().cluster; 16]);
        HelloReply { protocol: 1, server: "fake/0".to_owned(), broker_id: self.id, cluster_id }
    }

    fn metadata(&self, request: Metadata) -> MetadataReply {
        let mut state = self.state.lock().unwrap();
        let names = request.topics.unwrap_or_else(|| state.topics.keys().cloned().collect());
        let mut topics = Vec::new();
        for name in names {
            let is_missing = !state.topics.contains_key(&name);
            let created = is_missing && request.allow_auto_create && state.auto_create;
            if created {
                let partitions = state.partitions_of_new_topics;
                state.create(&name, partitions);
            }
            let Some(partitions) = state.topics.get(&name) else {
                let message = format!("topic '{name}' does not exist");
                topics.push(Err((name, Rejection::new(ErrorCode::UnknownTopicOrPartition, message))));
                continue;
            };
            let partition = |(at, found): (usize, &super::FakePartition)| PartitionMetadata {
                partition: PartitionIndex::new(i32::try_from(at).unwrap()),
                leader: found.leader,
                leader_epoch: found.leader_epoch,
                replicas: found.leader.into_iter().collect(),
                in_sync_replicas: found.leader.iter().chain(&found.followers).copied().collect(),
                offline_replicas: vec![],
            };
            let partitions = partitions.iter().enumerate().map(partition).collect();
            let topic_id = TopicId::from_random([1; 16]);
            topics.push(Ok(TopicMetadata {
                name,
                topic_id,
                is_internal: false,
                created,
                similar: None,
                partitions,
            }));
        }
        let broker = |(id, address): (&BrokerId, &yak_client::Address)| BrokerMetadata {
            broker_id: *id,
            host: address.host.clone(),
            port: address.port,
            rack: None,
        };
        let brokers = state.addresses.iter().map(broker).collect();
        let cluster_id = ClusterId::from_random([state.cluster; 16]);
        MetadataReply { cluster_id, index: 1.into(), brokers, topics }
    }

    fn produce(&self, id: Option<&RequestId>, produce: Produce) -> Line {
        let mut state = self.state.lock().unwrap();
        let acks = produce.acks;
        let partitions: Vec<_> = produce
            .entries
            .into_iter()
            .map(|entry| {
                let index = entry.partition.expect("the client chooses the partition");
                let refused = |rejection| RefusedProduce {
                    topic: entry.topic.clone(),
                    partition: Some(index),
                    rejection,
                };
                check_leader(&state, self.id, &entry.topic, index, false).map_err(refused)?;
                let log = &mut find_mut(&mut state, &entry.topic, index).log;
                let (base_offset, count) = log
                    .append(&entry.batches)
                    .map_err(|code| refused(Rejection::new(code, "by the fake log")))?;
                let log_start_offset = log.start;
                state.produced.push(usize::try_from(count).unwrap());
                Ok(Produced {
                    topic: entry.topic.clone(),
                    partition: index,
                    base_offset,
                    count,
                    log_append_time: None,
                    log_start_offset,
                    acked_by: vec![self.id],
                    durable: true,
                })
            })
            .collect();
        drop(state);
        self.appended.notify_waiters();
        if acks == Acks::None && partitions.iter().all(Result::is_ok) {
            return None;
        }
        line(id, Ok(ProduceReply { partitions, acks }))
    }

    async fn fetch(&self, id: Option<&RequestId>, request: &FetchRequest) -> Line {
        let deadline = Instant::now() + Duration::from_millis(request.fetch.max_wait_ms.into());
        loop {
            let appended = self.appended.notified();
            let partitions = self.read(&request.fetch);
            let is_something = |fetched: &FetchedPartition<Vec<u8>>| {
                fetched.records.as_ref().map_or(true, |records| !records.is_empty())
            };
            if partitions.iter().any(is_something) {
                self.state.lock().unwrap().fetched_from.push(self.id);
            }
            if partitions.iter().any(is_something) || timeout_at(deadline, appended).await.is_err() {
                let mut out = BytesMut::new();
                FetchEncoder::default().encode(&mut out, id, request, &Reply::new(FetchReply { partitions }));
                return Some(out);
            }
        }
    }

    fn read(&self, fetch: &Fetch) -> Vec<FetchedPartition<Vec<u8>>> {
        let state = self.state.lock().unwrap();
        let entry = |entry: &yak_model::api::FetchEntry| {
            let (topic, partition) = (entry.topic.clone(), entry.partition);
            let refused = |rejection| FetchedPartition::refused(topic.clone(), partition, rejection);
            if let Err(rejection) =
                check_leader(&state, self.id, &topic, partition, fetch.read_from == ReadFrom::Any)
            {
                return refused(rejection);
            }
            let log = &find(&state, &topic, partition).unwrap().log;
            if entry.offset < log.start || entry.offset > log.end {
                return refused(Rejection::new(ErrorCode::OffsetOutOfRange, "by the fake log"));
            }
            let max_bytes = usize::try_from(entry.max_bytes.min(fetch.max_bytes)).unwrap();
            let records = Ok(log.read(entry.offset, max_bytes));
            FetchedPartition {
                topic,
                partition,
                high_watermark: log.end,
                last_stable_offset: log.end,
                log_start_offset: log.start,
                diverging: None,
                records,
            }
        };
        fetch.entries.iter().map(entry).collect()
    }
}

pub(super) fn line<T: ReplyBody>(id: Option<&RequestId>, result: Result<T, Rejection>) -> Line {
    let mut out = BytesMut::new();
    encode_reply(&mut out, id, &result.map(Reply::new));
    Some(out)
}

fn error_line(id: Option<&RequestId>, rejection: &Rejection) -> BytesMut {
    let mut out = BytesMut::new();
    encode_error(&mut out, id, rejection);
    out
}

fn name(request: &Request) -> &'static str {
    match request {
        Request::Hello(_) => "hello",
        Request::Produce(_) => "produce",
        Request::Fetch(_) => "fetch",
        Request::ListOffsets(_) => "list_offsets",
        Request::DeleteRecords(_) => "delete_records",
        Request::Metadata(_) => "metadata",
        Request::InitProducerId(_) => "init_producer_id",
        Request::Register(_) => "register",
        Request::Group(GroupRequest::FindCoordinator(_)) => "find_coordinator",
        Request::Group(GroupRequest::OffsetCommit(_)) => "offset_commit",
        Request::Group(GroupRequest::OffsetFetch(_)) => "offset_fetch",
        Request::Group(GroupRequest::ConsumerGroupHeartbeat(_)) => "consumer_group_heartbeat",
        _ => "other",
    }
}
