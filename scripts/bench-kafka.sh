#!/usr/bin/env bash
# Measures YAK beside Apache Kafka under the same clients, with a sink that keeps nothing as yardstick, and prints a table.
#
#   scripts/bench-kafka.sh [--only NAME[,NAME]] [--systems NAME[,NAME]] [--pairs N] [--records N] [--short] [ARGUMENT...]
#
# Names: producer (and cpu, which comes of it), replicated, librdkafka, failover, consumer, latency, replicated-latency,
# start, idle; all of them by default, nine rounds each, in an hour and a half. Systems: yak (flush=os), yak-sync,
# kafka, sink. --short is one small round of everything: it tries whether all works and measures nothing. Further arguments
# go to the program (target/release/peers --help); --kafka-heap "-Xmx400m" helps where memory is short.
#
# Apache Kafka's jars and librdkafka are fetched once, by mvn and pip as they are configured, into the build directory;
# versions are pinned in tests/interop/oracle/pom.xml and bench/clients/requirements.txt. Everything runs on loopback in
# release builds, or from YAK_BIN. Data are under ${YAK_BENCH_DIR:-target/bench-kafka} and go at the end; that
# directory's kafka.txt, kafka.md and kafka.jsonl (a reading a line) stay. Nothing else should run meanwhile.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case " $* " in *" -h "* | *" --help "*) sed -n '2,15s/^# \{0,1\}//p' "$0" && exit 0 ;; esac

for program in java javac mvn python3; do
    command -v "$program" >/dev/null || die "$program is missing (Apache Kafka 4 needs Java 17, and mvn fetches it)"
done
target=$(target_directory)
fetched=$target/peers
pom=tests/interop/oracle/pom.xml
clients=bench/clients
mkdir -p "$fetched"

# fetch DIRECTORY FILE COMMAND...: makes the directory by the command, unless it was made from this very file before.
fetch() {
    local directory=$1 from=$2
    shift 2
    if cmp -s "$directory/.made-from" "$from"; then return; fi
    printf 'fetching what %s names into %s\n' "$from" "$directory"
    rm -rf "$directory"
    "$@" || die "it could not be fetched"
    # Last, so that half a download is not taken for a whole one.
    cp "$from" "$directory/.made-from"
}

jars() {
    mvn --quiet --batch-mode -Dstyle.color=never --file "$pom" dependency:copy-dependencies \
        -DoutputDirectory="$fetched/kafka"
}

librdkafka() {
    python3 -m venv "$fetched/python" &&
        "$fetched/python/bin/python" -m pip install --quiet --disable-pip-version-check \
            --requirement "$clients/requirements.txt"
}

fetch "$fetched/kafka" "$pom" jars
fetch "$fetched/python" "$clients/requirements.txt" librdkafka
javac -cp "$fetched/kafka/*" -d "$fetched/classes" "$clients"/*.java

bin=${YAK_BIN:-}
if [[ -z $bin ]]; then
    say "building"
    cargo build --locked --release -p yak-zookeeper -p yak-broker -p yak-bench
    bin=$target/release
fi
# What the environment says to brokers would not be what is measured.
results=${YAK_BENCH_DIR:-$target/bench-kafka}
while read -r name; do
    unset "$name"
done < <(compgen -e | grep -E '^(YAK_|JAVA_TOOL_OPTIONS$|KAFKA_)' || true)

mkdir -p "$results"
data=$(mktemp -d "$results/data-XXXXXX")
measuring=
# The program and all that it starts are one process group, so that nothing of them outlives this script.
cleanup() {
    if [[ -n $measuring ]]; then
        kill -KILL -- "-$measuring" 2>/dev/null || true
        wait "$measuring" 2>/dev/null || true
    fi
    rm -rf "${data:?}"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# measure ARGUMENT...: what is said goes into the results too.
measure() {
    say "commit $(git rev-parse --short HEAD), $(date -u +%F), load before $(cut -d ' ' -f 1-3 /proc/loadavg 2>/dev/null || echo unknown)"
    TMPDIR=$data "$bin/peers" --work "$data" --results "$results" \
        --kafka-lib "$fetched/kafka" --classes "$fetched/classes" --python "$fetched/python/bin/python" \
        --librdkafka "$clients/librdkafka.py" --log4j tests/interop/oracle/log4j2.xml "$@"
}

set -m
(measure "$@" | tee "$results/kafka.txt") </dev/null &
measuring=$!
set +m
wait "$measuring"
