//! Our own protocol answers the same requests as the clients.

use serde_json::{Map, Value, json};
use yak_testkit::Socket;

use crate::{Answer, Speaker, bytes};

/// A connection to a broker of ours.
#[derive(Debug)]
pub struct Ndjson(Socket);

impl Ndjson {
    /// Connects.
    #[must_use]
    pub fn connect(address: &str) -> Self {
        Self(Socket::connect(address))
    }

    fn perform(&mut self, request: &Value) -> Result<Value, String> {
        let (topic, partition) = (&request["topic"], &request["partition"]);
        match request["op"].as_str().unwrap_or_default() {
            "produce" => self.produce(request),
            "consume" => self.consume(request),
            "offset" => {
                let found = self.call(json!({ "op": "list_offsets", "topic": topic, "partition": partition, "at": request["at"] }))?;
                Ok(json!({ "offset": found["partitions"][0]["offset"] }))
            }
            "create_topic" => self
                .call(json!({ "op": "create_topics", "topic": topic, "partitions": request["partitions"],
                "replication_factor": request["replication_factor"], "configs": request["configs"] })),
            "list_topics" => {
                let mut found = self.call(json!({ "op": "metadata" }))?;
                let topics = found["topics"].as_array_mut().into_iter().flatten();
                Ok(json!({ "topics": topics.map(|topic| topic["name"].take()).collect::<Vec<_>>() }))
            }
            "describe_topic" => {
                let mut found = self.call(json!({ "op": "metadata", "topic": topic }))?;
                let partitions = found["topics"][0]["partitions"].as_array_mut().into_iter().flatten();
                let line = |at: &mut Value| {
                    json!({ "partition": at["partition"], "leader": at["leader"],
                    "replicas": at["replicas"], "isr": at["in_sync_replicas"] })
                };
                Ok(json!({ "partitions": partitions.map(line).collect::<Vec<_>>() }))
            }
            "describe_cluster" => {
                let mut found = self.call(json!({ "op": "metadata" }))?;
                let brokers = found["brokers"].as_array_mut().into_iter().flatten();
                let line =
                    |at: &mut Value| json!({ "id": at["broker_id"], "host": at["host"], "port": at["port"] });
                Ok(json!({ "brokers": brokers.map(line).collect::<Vec<_>>() }))
            }
            "describe_configs" => {
                let found = self
                    .call(json!({ "op": "describe_configs", "topic": topic, "broker": request["broker"] }))?;
                let entries = found["resources"][0]["configs"].as_array().into_iter().flatten();
                let pair = |entry: &Value| Some((entry["key"].as_str()?.to_owned(), entry["value"].clone()));
                Ok(json!({ "configs": entries.filter_map(pair).collect::<Map<_, _>>() }))
            }
            "alter_configs" => {
                let mut configs = request["set"].as_object().cloned().unwrap_or_default();
                let deleted = request["delete"].as_array().into_iter().flatten().filter_map(Value::as_str);
                configs.extend(deleted.map(|key| (key.to_owned(), Value::Null)));
                self.call(json!({ "op": "alter_configs", "topic": topic, "configs": configs }))
            }
            "create_partitions" => {
                self.call(json!({ "op": "create_partitions", "topic": topic, "total": request["total"] }))
            }
            "delete_records" => self
                .call(json!({ "op": "delete_records", "topic": topic, "partition": partition,
                "before_offset": request["before"] })),
            "delete_topic" => self.call(json!({ "op": "delete_topics", "topic": topic })),
            other => Err(format!("unknown op {other}")),
        }
    }

    fn call(&mut self, request: Value) -> Result<Value, String> {
        let mut reply = self.0.ask(&request.to_string());
        match reply.get_mut("ok") {
            Some(done) => Ok(done.take()),
            None => Err(format!("{request}: {reply}")),
        }
    }

    fn produce(&mut self, request: &Value) -> Result<Value, String> {
        let records: Vec<_> = request["records"].as_array().into_iter().flatten().map(to_ours).collect();
        let count = u64::try_from(records.len()).unwrap_or(u64::MAX);
        let done = self
            .call(json!({ "op": "produce", "topic": request["topic"], "partition": request["partition"],
            "compression": request["compression"], "records": records }))?;
        let base = done["partitions"][0]["base_offset"].as_u64().ok_or_else(|| done.to_string())?;
        Ok(json!({ "offsets": (base..base + count).collect::<Vec<_>>() }))
    }

    fn consume(&mut self, request: &Value) -> Result<Value, String> {
        let (topic, partition) = (&request["topic"], &request["partition"]);
        let at = if request["from"] == "beginning" { "earliest".into() } else { request["from"].clone() };
        let mut offset = if at.is_i64() {
            at
        } else {
            self.perform(&json!({ "op": "offset", "topic": topic, "partition": partition, "at": at }))?["offset"].take()
        };
        let count = usize::try_from(request["count"].as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
        let mut records = Vec::new();
        while records.len() < count {
            let found = self
                .call(json!({ "op": "fetch", "topic": topic, "partition": partition, "offset": offset,
                "max_wait_ms": 10_000 }))?;
            let found = &found["partitions"][0];
            let more = found["records"].as_array().ok_or_else(|| found.to_string())?;
            if more.is_empty() {
                break;
            }
            records.extend(more.iter().map(from_ours));
            offset = found["next_offset"].clone();
        }
        records.truncate(count);
        Ok(json!({ "records": records }))
    }
}

impl Speaker for Ndjson {
    fn ask(&mut self, request: Value) -> Answer {
        self.perform(&request).map_or_else(Answer::Failed, Answer::Done)
    }
}

fn to_ours(record: &Value) -> Value {
    let mut ours = Map::new();
    let mut part = |name: &str, value: &Value| {
        let name = if value.is_null() { name.to_owned() } else { format!("{name}_base64") };
        ours.insert(name, value.clone());
    };
    part("key", &record["key"]);
    part("value", &record["value"]);
    let headers = record["headers"].as_array().into_iter().flatten();
    let header = |header: &Value| match &header[1] {
        Value::Null => json!({ "key": header[0], "value": null }),
        value => json!({ "key": header[0], "value_base64": value }),
    };
    ours.insert("headers".to_owned(), headers.map(header).collect());
    if let Some(timestamp) = record.get("timestamp") {
        ours.insert("timestamp".to_owned(), timestamp.clone());
    }
    ours.into()
}

fn from_ours(record: &Value) -> Value {
    let part = |of: &Value, name: &str| match of[name].as_str() {
        Some(text) => bytes::encode(Some(text.as_bytes())),
        None => of[format!("{name}_base64")].clone(),
    };
    let headers = record["headers"].as_array().into_iter().flatten();
    let headers: Vec<_> = headers.map(|header| json!([header["key"], part(header, "value")])).collect();
    json!({ "offset": record["offset"], "timestamp": record["timestamp"], "key": part(record, "key"),
            "value": part(record, "value"), "headers": headers })
}
