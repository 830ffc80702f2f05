//! A client program on rskafka, as `clients/README.md` says.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rskafka::BackoffConfig;
use rskafka::chrono::{DateTime, Utc};
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::{Record, RecordAndOffset};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

const VERSION: &str = "0.6.0";
const TIMEOUT_MS: i32 = 30_000;
const MAX_BYTES: i32 = 1 << 20;

/// It has nothing for what was asked.
#[derive(Debug)]
struct Lacks(&'static str);

impl std::fmt::Display for Lacks {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(self.0)
    }
}

impl std::error::Error for Lacks {}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let bootstrap = std::env::args().nth(1).context("the address of a broker")?;
    let brokers = bootstrap.split(',').map(str::to_owned).collect();
    let backoff = BackoffConfig { max_backoff: Duration::from_secs(1), ..BackoffConfig::default() };
    let client = ClientBuilder::new(brokers).backoff_config(backoff).build().await?;
    let mut program = Program { client, partitions: HashMap::new() };
    for line in std::io::stdin().lock().lines() {
        let request = serde_json::from_str(&line?)?;
        let answer = match program.perform(&request).await {
            Ok(done) => json!({ "ok": done }),
            Err(error) => match error.downcast_ref::<Lacks>() {
                Some(lack) => json!({ "lacks": lack.0 }),
                None => json!({ "error": format!("{error:#}") }),
            },
        };
        say(&answer)?;
    }
    Ok(())
}

fn say(line: &Value) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")?;
    Ok(stdout.flush()?)
}

struct Program {
    client: Client,
    partitions: HashMap<(String, i32), Arc<PartitionClient>>,
}

impl Program {
    async fn perform(&mut self, request: &Value) -> Result<Value> {
        match text(request, "op")? {
            "hello" => Ok(json!({ "client": "rskafka", "version": VERSION, "cannot_read": {
                "headers of one name": "has a map of headers: no name twice",
                "a header without a value": "has no header without a value",
            } })),
            "produce" => self.produce(request).await,
            "consume" => self.consume(request).await,
            "offset" => self.offset(request).await,
            "stream_produce" => self.stream_produce(request).await,
            "stream_consume" => self.stream_consume(request).await,
            "create_topic" => {
                let factor = i16::try_from(number(request, "replication_factor")?)?;
                let partitions = i32::try_from(number(request, "partitions")?)?;
                let controller = self.client.controller_client()?;
                controller.create_topic(text(request, "topic")?, partitions, factor, TIMEOUT_MS).await?;
                if request["configs"].as_object().is_some_and(|configs| !configs.is_empty()) {
                    bail!(Lacks("creates topics, but without configuration"));
                }
                Ok(json!({}))
            }
            "list_topics" => {
                let topics = self.client.list_topics().await?;
                Ok(json!({ "topics": topics.into_iter().map(|topic| topic.name).collect::<Vec<_>>() }))
            }
            "delete_records" => {
                let before = number(request, "before")?;
                self.partition(request).await?.delete_records(before, TIMEOUT_MS).await?;
                Ok(json!({}))
            }
            "delete_topic" => {
                let controller = self.client.controller_client()?;
                controller.delete_topic(text(request, "topic")?, TIMEOUT_MS).await?;
                Ok(json!({}))
            }
            op if op == "join" || op.contains("group") => bail!(Lacks("has no groups")),
            _ => bail!(Lacks("has nothing for it")),
        }
    }

    async fn partition(&mut self, request: &Value) -> Result<Arc<PartitionClient>> {
        let place = (text(request, "topic")?.to_owned(), i32::try_from(number(request, "partition")?)?);
        if let Some(client) = self.partitions.get(&place) {
            return Ok(Arc::clone(client));
        }
        let client =
            self.client.partition_client(place.0.clone(), place.1, UnknownTopicHandling::Retry).await?;
        let client = Arc::new(client);
        self.partitions.insert(place, Arc::clone(&client));
        Ok(client)
    }

    async fn produce(&mut self, request: &Value) -> Result<Value> {
        if request["idempotent"] == true {
            bail!(Lacks("has no idempotent producer"));
        }
        let compression = match text(request, "compression")? {
            "none" => Compression::NoCompression,
            "gzip" => Compression::Gzip,
            "snappy" => Compression::Snappy,
            "lz4" => Compression::Lz4,
            "zstd" => Compression::Zstd,
            other => bail!("compression {other}"),
        };
        let records = request["records"].as_array().context("records")?;
        let records = records.iter().map(record).collect::<Result<Vec<_>>>()?;
        let offsets = self.partition(request).await?.produce(records, compression).await?;
        Ok(json!({ "offsets": offsets }))
    }

    async fn stream_produce(&mut self, request: &Value) -> Result<Value> {
        if request["idempotent"] == true {
            bail!(Lacks("has no idempotent producer"));
        }
        let partition = self.partition(request).await?;
        let every = Duration::from_secs(1) / u32::try_from(number(request, "per_second")?)?;
        let begin = Instant::now();
        for number in 0..u32::try_from(number(request, "count")?)? {
            sleep_until(begin + every * number).await;
            let value = Some(number.to_string().into_bytes());
            let record = Record { key: None, value, headers: BTreeMap::new(), timestamp: now()? };
            let sent = partition.produce(vec![record], Compression::NoCompression).await?;
            say(&json!({ "acked": number, "offset": sent[0] }))?;
        }
        Ok(json!({}))
    }

    async fn consume(&mut self, request: &Value) -> Result<Value> {
        let partition = self.partition(request).await?;
        let from = &request["from"];
        let mut offset = match (from.as_i64(), from["time"].as_i64()) {
            (Some(offset), _) => offset,
            (None, Some(time)) => partition.get_offset(OffsetAt::Timestamp(instant(time)?)).await?,
            (None, None) => partition.get_offset(OffsetAt::Earliest).await?,
        };
        let count = usize::try_from(number(request, "count")?)?;
        let mut records = Vec::new();
        while records.len() < count {
            for found in fetch(&partition, &mut offset).await? {
                records.push(line(&found));
            }
        }
        records.truncate(count);
        Ok(json!({ "records": records }))
    }

    async fn stream_consume(&mut self, request: &Value) -> Result<Value> {
        let partition = self.partition(request).await?;
        let mut offset = partition.get_offset(OffsetAt::Earliest).await?;
        let mut left = number(request, "count")?;
        while left > 0 {
            for found in fetch(&partition, &mut offset).await? {
                let value = String::from_utf8(found.record.value.unwrap_or_default())?;
                say(&json!({ "read": value, "offset": found.offset }))?;
                left -= 1;
            }
        }
        Ok(json!({}))
    }

    async fn offset(&mut self, request: &Value) -> Result<Value> {
        let at = match (request["at"].as_str(), request["at"]["time"].as_i64()) {
            (Some("earliest"), _) => OffsetAt::Earliest,
            (Some("latest"), _) => OffsetAt::Latest,
            (_, Some(time)) => OffsetAt::Timestamp(instant(time)?),
            _ => bail!(Lacks("has nothing for it")),
        };
        let offset = self.partition(request).await?.get_offset(at).await?;
        Ok(json!({ "offset": (offset >= 0).then_some(offset) }))
    }
}

/// The next records; `offset` moves behind them.
async fn fetch(partition: &PartitionClient, offset: &mut i64) -> Result<Vec<RecordAndOffset>> {
    let (records, _) = partition.fetch_records(*offset, 1..MAX_BYTES, 500).await?;
    if let Some(last) = records.last() {
        *offset = last.offset + 1;
    }
    Ok(records)
}

fn record(from: &Value) -> Result<Record> {
    let mut headers = BTreeMap::new();
    for header in from["headers"].as_array().context("headers")? {
        let name = header[0].as_str().context("a header's name")?.to_owned();
        let value = decode(&header[1])?.ok_or(Lacks("takes no header without a value"))?;
        if headers.insert(name, value).is_some() {
            bail!(Lacks("has a map of headers: no name twice"));
        }
    }
    let timestamp = from["timestamp"].as_i64().map_or_else(now, instant)?;
    Ok(Record { key: decode(&from["key"])?, value: decode(&from["value"])?, headers, timestamp })
}

fn line(found: &RecordAndOffset) -> Value {
    let encode = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| STANDARD.encode(bytes));
    let RecordAndOffset { record, offset } = found;
    let headers: Vec<_> = record.headers.iter().map(|(k, v)| json!([k, STANDARD.encode(v)])).collect();
    json!({ "offset": offset, "timestamp": record.timestamp.timestamp_millis(), "key": encode(&record.key),
            "value": encode(&record.value), "headers": headers })
}

fn decode(value: &Value) -> Result<Option<Vec<u8>>> {
    Ok(value.as_str().map(|text| STANDARD.decode(text)).transpose()?)
}

fn now() -> Result<DateTime<Utc>> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    instant(i64::try_from(since.as_millis())?)
}

fn instant(ms: i64) -> Result<DateTime<Utc>> {
    DateTime::from_timestamp_millis(ms).context("a time")
}

fn text<'a>(request: &'a Value, field: &str) -> Result<&'a str> {
    request[field].as_str().ok_or_else(|| anyhow!("{field} is missing"))
}

fn number(request: &Value, field: &str) -> Result<i64> {
    request[field].as_i64().ok_or_else(|| anyhow!("{field} is missing"))
}
