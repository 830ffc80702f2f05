//! `docs/kafka-compatibility.md`, made from what a run has found.

use crate::{Cell, Client};

/// Features that belong together.
struct Group {
    title: &'static str,
    text: &'static str,
    /// What all the features' names begin with, which the table leaves out.
    prefix: &'static str,
    features: &'static [&'static str],
}

const INTRO: &str = "# Kafka's clients and tools against YAK

Written by `cargo run -p yak-test-interop --example compatibility > docs/kafka-compatibility.md` from what the tests in
`tests/interop` found in their last run; do not edit it by hand. A full run (`scripts/test.sh`) compares this page with what it
finds. The programs come from `scripts/interop-setup.sh`, with these very versions. Each is first seen to pass against
Apache Kafka 4.3.1 itself:

```sh
eval \"$(scripts/interop-setup.sh)\"
cargo run -p yak-test-interop --example apache -- cargo test -p yak-test-interop --test clients --test each_other --test tools --test groups -- --ignored --skip goes_on
YAK_INTEROP_PEER=apache cargo test -p yak-test-interop --test failover --test verifiable --test groups -- --ignored --skip ::shares --skip ::loses --skip ::administers
```

`yes`: the test named in the row did it, and our own protocol showed the right result. `no`: the client cannot, for the reason
with that number below the table. Where the tables speak of reading, consumers assign partitions to themselves; what they do
in groups has tables of its own. Transactions are not part of this yet. A group has one protocol at a time: where members of a
group speak the classic one, a member with `group.protocol=consumer` is refused, and the reverse (Apache Kafka lets both share
a group while it moves from one to the other).
";

const CLIENT_GROUPS: &[Group] = &[
    Group {
        title: "Writing",
        text: "With each codec (and it is checked that the broker stores it so), and idempotently.",
        prefix: "writes ",
        features: &[
            "writes none",
            "writes gzip",
            "writes snappy",
            "writes lz4",
            "writes zstd",
            "writes idempotently",
        ],
    },
    Group {
        title: "What is written",
        text: "",
        prefix: "writes ",
        features: &[
            "writes a key",
            "writes no key",
            "writes no value",
            "writes empty key and value",
            "writes bytes that are not UTF-8",
            "writes headers",
            "writes headers of one name",
            "writes a header without a value",
            "writes a timestamp",
        ],
    },
    Group {
        title: "Reading",
        text: "",
        prefix: "reads ",
        features: &[
            "reads none",
            "reads gzip",
            "reads snappy",
            "reads lz4",
            "reads zstd",
            "reads from the beginning",
            "reads from an offset",
            "reads from a time",
        ],
    },
    Group {
        title: "What is read",
        text: "Records that were written by our own protocol.",
        prefix: "reads ",
        features: &[
            "reads a key",
            "reads no key",
            "reads no value",
            "reads empty key and value",
            "reads bytes that are not UTF-8",
            "reads headers",
            "reads headers of one name",
            "reads a header without a value",
            "reads a timestamp",
        ],
    },
    Group {
        title: "Each other's records",
        text: "All clients write into one partition, with each codec in their own way; then each reads everything.",
        prefix: "reads all clients' ",
        features: &[
            "reads all clients' none",
            "reads all clients' gzip",
            "reads all clients' snappy",
            "reads all clients' lz4",
            "reads all clients' zstd",
        ],
    },
    Group {
        title: "Asking for offsets",
        text: "",
        prefix: "asks for the ",
        features: &[
            "asks for the earliest offset",
            "asks for the latest offset",
            "asks for the offset of a time",
            "asks for the offset of a time after the last",
            "asks for the offset of the largest time",
        ],
    },
    Group {
        title: "A leader is killed",
        text: "`kill -9` of the leader of three brokers in the middle: nothing acknowledged is lost, and with an idempotent \
               producer nothing is there twice or out of order. Apache Kafka's verifiable producer under many kills: \
               `verifiable::kills_of_leaders_lose_and_repeat_nothing`.",
        prefix: "goes on ",
        features: &["goes on writing when the leader is killed", "goes on reading when the leader is killed"],
    },
    Group {
        title: "Groups: sharing partitions",
        text: "Members of one group share two topics' partitions as this assignor has it, each record is read once by whoever \
               has its partition, and what is sticky stays where it is. `classic` is the protocol of all clients, `consumer` \
               that of `group.protocol=consumer` (KIP-848), whose assignors run in the broker.",
        prefix: "shares partitions, ",
        features: &[
            "shares partitions, classic, range",
            "shares partitions, classic, roundrobin",
            "shares partitions, classic, sticky",
            "shares partitions, classic, cooperative-sticky",
            "shares partitions, consumer, uniform",
            "shares partitions, consumer, range",
        ],
    },
    Group {
        title: "Groups: members come and go",
        text: "Partitions of a member that leaves are read on by the others at once; a group that comes back goes on behind what it \
               committed; while records come all the time nobody skips one.",
        prefix: "",
        features: &[
            "gets back what a member leaves",
            "goes on where it stopped",
            "skips nothing when members come and go, classic",
            "skips nothing when members come and go, consumer",
        ],
    },
    Group {
        title: "Groups: members and brokers are killed",
        text: "`kill -9` of a member: the others have its partitions after the session's time, and nothing is skipped. One with a name \
               of its own (static membership) comes back to the partitions it had, and no other member notices. `kill -9` of the broker that \
               coordinates the group, of three: members go on, and commits succeed again.",
        prefix: "",
        features: &[
            "takes over from a killed member, classic",
            "takes over from a killed member, consumer",
            "comes back under its own name, classic",
            "comes back under its own name, consumer",
            "skips nothing when its coordinator is killed, classic",
            "skips nothing when its coordinator is killed, consumer",
        ],
    },
    Group {
        title: "Groups: administering",
        text: "",
        prefix: "",
        features: &[
            "lists groups",
            "describes a group",
            "lists what a group has committed",
            "alters what a group has committed",
            "deletes what a group has committed",
            "deletes a group",
        ],
    },
    Group {
        title: "Administering",
        text: "",
        prefix: "",
        features: &[
            "creates a topic",
            "lists topics",
            "describes a topic",
            "describes the cluster",
            "describes a topic's configuration",
            "describes a broker's configuration",
            "alters a topic's configuration",
            "adds partitions",
            "deletes records",
            "deletes a topic",
        ],
    },
];

const TOOLS: &[&str] = &["tools 4.3.1", "tools 3.9.2"];

const TOOL_FEATURES: &[&str] = &[
    "kafka-topics --create",
    "kafka-topics --list",
    "kafka-topics --describe",
    "kafka-topics --alter",
    "kafka-topics --delete",
    "kafka-configs --describe of a topic",
    "kafka-configs --describe --all of a topic",
    "kafka-configs --alter of a topic",
    "kafka-configs --describe --all of a broker",
    "kafka-configs --alter of a broker",
    "kafka-console-producer, none, with keys, headers and nulls",
    "kafka-console-producer, gzip, with keys, headers and nulls",
    "kafka-console-producer, snappy, with keys, headers and nulls",
    "kafka-console-producer, lz4, with keys, headers and nulls",
    "kafka-console-producer, zstd, with keys, headers and nulls",
    "kafka-console-consumer --partition, every codec",
    "kafka-console-consumer --offset",
    "kafka-console-consumer --group, twice",
    "kafka-consumer-groups --list",
    "kafka-consumer-groups --describe",
    "kafka-consumer-groups --describe --members --verbose",
    "kafka-consumer-groups --describe --state",
    "kafka-consumer-groups --reset-offsets --to-earliest",
    "kafka-consumer-groups --reset-offsets --to-latest",
    "kafka-consumer-groups --reset-offsets --to-current",
    "kafka-consumer-groups --reset-offsets --to-offset",
    "kafka-consumer-groups --reset-offsets --shift-by",
    "kafka-consumer-groups --reset-offsets --to-datetime",
    "kafka-consumer-groups --reset-offsets --by-duration",
    "kafka-consumer-groups --reset-offsets --export and --from-file",
    "kafka-consumer-groups --delete-offsets",
    "kafka-consumer-groups --delete",
    "kafka-consumer-perf-test",
    "kafka-get-offsets --time earliest",
    "kafka-get-offsets --time latest",
    "kafka-get-offsets --time of a time",
    "kafka-get-offsets --time max-timestamp",
    "kafka-delete-records",
    "kafka-verifiable-producer, idempotent",
    "kafka-producer-perf-test",
    "kafka-log-dirs --describe",
    "kafka-broker-api-versions",
    "kafka-cluster cluster-id",
    "kafka-leader-election --all-topic-partitions",
    "kafka-reassign-partitions --list",
    "kafka-transactions describe-producers",
];

/// The page. What no test has tried is said to be so.
#[must_use]
pub fn document(cells: &[Cell]) -> String {
    let mut page = INTRO.to_owned();
    for group in CLIENT_GROUPS {
        page.push_str(&clients_table(group, cells));
    }
    page.push_str(&tools_table(cells));
    page
}

/// What the page has room for and no test has tried.
#[must_use]
pub fn untried(cells: &[Cell]) -> Vec<String> {
    let clients = Client::ALL.iter().map(|client| client.title());
    let of_clients =
        clients.flat_map(|who| CLIENT_GROUPS.iter().flat_map(|g| g.features).map(move |f| (who, *f)));
    let of_tools = TOOLS.iter().flat_map(|who| TOOL_FEATURES.iter().map(move |feature| (*who, *feature)));
    let missing = of_clients.chain(of_tools).filter(|(who, feature)| find(cells, who, feature).is_none());
    missing.map(|(who, feature)| format!("{who}: {feature}")).collect()
}

fn find<'a>(cells: &'a [Cell], who: &str, feature: &str) -> Option<&'a Cell> {
    cells.iter().find(|cell| cell.who == who && cell.feature == feature)
}

fn clients_table(group: &Group, cells: &[Cell]) -> String {
    let heads: Vec<_> = group.features.iter().map(|feature| &feature[group.prefix.len()..]).collect();
    let mut table = format!("\n## {}\n", group.title);
    if !group.text.is_empty() {
        table.push_str(&format!("\n{}\n", group.text));
    }
    table.push_str(&format!("\n| client | {} | test |\n", heads.join(" | ")));
    table.push_str(&format!("|---{}|---|\n", "|---".repeat(heads.len())));
    let mut reasons: Vec<String> = Vec::new();
    for client in Client::ALL {
        let found: Vec<_> =
            group.features.iter().map(|feature| find(cells, client.title(), feature)).collect();
        let texts: Vec<_> = found.iter().map(|cell| text(*cell, &mut reasons)).collect();
        let mut tests: Vec<_> = found.iter().flatten().map(|cell| format!("`{}`", cell.test)).collect();
        tests.dedup();
        table.push_str(&format!("| {} | {} | {} |\n", client.title(), texts.join(" | "), tests.join(", ")));
    }
    for (number, reason) in (1..).zip(&reasons) {
        let begin = if number == 1 { "\n" } else { "" };
        table.push_str(&format!("{begin}{number}. The client {reason}.\n"));
    }
    table
}

fn text(cell: Option<&Cell>, reasons: &mut Vec<String>) -> String {
    let Some(cell) = cell else { return "**not tried**".to_owned() };
    let Some(why) = &cell.lacks else { return "yes".to_owned() };
    let at = reasons.iter().position(|reason| reason == why).unwrap_or_else(|| {
        reasons.push(why.clone());
        reasons.len() - 1
    });
    format!("no ({})", at + 1)
}

fn tools_table(cells: &[Cell]) -> String {
    let mut table =
        "\n## Apache Kafka's tools\n\nEach cell names the test that saw the tool succeed.\n\n".to_owned();
    table.push_str(&format!("| tool | {} |\n|---{}|\n", TOOLS.join(" | "), "|---".repeat(TOOLS.len())));
    for feature in TOOL_FEATURES {
        let found = TOOLS.iter().map(|who| match find(cells, who, feature) {
            Some(cell) => format!("`{}`", cell.test),
            None => "**not tried**".to_owned(),
        });
        table.push_str(&format!("| {feature} | {} |\n", found.collect::<Vec<_>>().join(" | ")));
    }
    table
}
