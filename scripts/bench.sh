#!/usr/bin/env bash
# Measures one standalone broker and prints medians, with the yardstick alternated in the same run.
#
#   scripts/bench.sh [--runs N] [--lines N] [--only NAME[,NAME]] [--keep]
#
# Names: bound, perf, producer, consumer, latency, start, idle, growth. Everything runs on loopback in release
# builds, against a fresh broker with its data under ${YAK_BENCH_DIR:-target/bench}; nothing else should run
# meanwhile. `growth` writes 10 GB. Every single reading is printed, then the medians.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

runs=5
lines=10000000
only=bound,perf,producer,consumer,latency,start,idle,growth
keep=
while (($# > 0)); do
    case $1 in
    --runs) runs=$2 && shift 2 ;;
    --lines) lines=$2 && shift 2 ;;
    --only) only=$2 && shift 2 ;;
    --keep) keep=1 && shift ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0" && exit 0 ;;
    *) die "unknown argument $1; see --help" ;;
    esac
done

target=$(target_directory)
bin=$target/release
work=${YAK_BENCH_DIR:-$target/bench}
readings=$work/readings.txt
broker_pid=
mkdir -p "$work"
: >"$readings"
cleanup() {
    stop_broker KILL
    [[ -n $keep ]] || rm -rf "${work:?}"/*
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

wants() { [[ ,$only, == *,$1,* ]]; }

# read_off NAME VALUE: one reading.
read_off() {
    printf '%-28s %s\n' "$1" "$2" | tee -a "$readings"
}

# median NAME: of its readings.
median() {
    awk -v name="$1" '$1 == name { print $2 }' "$readings" | sort -g | awk '{ v[NR] = $1 }
        END { if (NR == 0) exit; m = int((NR + 1) / 2); print (NR % 2) ? v[m] : (v[m] + v[m + 1]) / 2 }'
}

# field NAME: a number out of one line of JSON on stdin.
field() {
    sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" | tail -n 1
}

# per_second COUNT COMMAND...: how many of COUNT the command does in a second, as a whole process.
per_second() {
    local count=$1 begin end
    shift
    begin=$EPOCHREALTIME
    "$@"
    end=$EPOCHREALTIME
    awk -v n="$count" -v b="$begin" -v e="$end" 'BEGIN { printf "%.0f\n", n / (e - b) }'
}

fresh_broker() {
    rm -rf "$work/data"
    start_broker "$work" "$bin/yak-broker" --standalone --port 0 --data "$work/data" -q
    export YAK_BOOTSTRAP_SERVERS=$broker_address
}

rss_kib() {
    awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"
}

bound() {
    read_off bound_records_per_s "$("$bin/bound" --json | field records_per_second)"
}

perf() {
    fresh_broker
    "$bin/yak-topics" --create --topic perf --partitions 1 >"$work/topics.out" 2>&1
    read_off perf_records_per_s "$("$bin/yak-perf" produce --topic perf --num-records "$lines" --record-size 100 \
        --throughput -1 --producer-props acks=all --json | field records_per_second)"
    stop_broker
}

# One line is 100 bytes with its newline, each different.
make_input() {
    [[ -s $work/lines-$lines ]] && return
    awk -v n="$lines" 'BEGIN { pad = "the quick brown fox jumps over the lazy dog and runs on through the dark wood"
        for (i = 0; i < n; i++) printf "%-20d%s..\n", i * 7919, pad }' >"$work/lines-$lines"
}

producer() {
    make_input
    fresh_broker
    read_off producer_lines_per_s \
        "$(per_second "$lines" "$bin/yak-producer" -q --topic lines --file "$work/lines-$lines")"
}

consumer() {
    read_off consumer_lines_per_s \
        "$(per_second "$lines" consume_to_file)"
    cmp "$work/lines-$lines" "$work/copy" || die "what came out is not what went in"
    rm -f "$work/copy"
    stop_broker
}

consume_to_file() {
    "$bin/yak-consumer" -q --topic lines --from-beginning --exit >"$work/copy"
}

latency() {
    local result
    fresh_broker
    result=$("$bin/probe" --bootstrap-server "$broker_address" --count 20000 --rate 1000 --json)
    read_off latency_p50_us "$(field p50_us <<<"$result")"
    read_off latency_p99_us "$(field p99_us <<<"$result")"
    read_off latency_max_us "$(field max_us <<<"$result")"
    stop_broker
}

# From the fork of the broker to the reply of the first produce, which also creates its topic.
start() {
    local begin end reply
    rm -rf "$work/data"
    begin=$EPOCHREALTIME
    coproc BROKER { exec "$bin/yak-broker" --standalone --port 0 --data "$work/data" -q 2>"$work/broker.err"; }
    # shellcheck disable=SC2153 # set by coproc
    broker_pid=$BROKER_PID
    read -r reply <&"${BROKER[0]}"
    reply=${reply##*\"bootstrap\":\"127.0.0.1:}
    exec 9<>"/dev/tcp/127.0.0.1/${reply%%\"*}"
    printf '{"op":"produce","topic":"t","records":[{"value":"first"}]}\n' >&9
    read -r reply <&9
    end=$EPOCHREALTIME
    exec 9>&-
    [[ $reply == *'"base_offset":0'* ]] || die "the first produce failed: $reply"
    read_off start_to_first_ack_ms "$(awk -v b="$begin" -v e="$end" 'BEGIN { printf "%.1f\n", (e - b) * 1000 }')"
    stop_broker
}

idle() {
    fresh_broker
    sleep 3
    read_off idle_rss_kib "$(rss_kib "$broker_pid")"
    stop_broker
}

# RSS after 1 GB and after 10 GB, with a consumer attached that never reads.
growth() {
    fresh_broker
    "$bin/yak-topics" --create --topic growth --partitions 1 >"$work/topics.out" 2>&1
    exec 8<>"/dev/tcp/${broker_address/://}"
    printf '{"op":"tail","topic":"growth","from":"beginning"}\n' >&8
    produce_gigabytes 1
    sleep 3
    local after_one after_ten
    after_one=$(rss_kib "$broker_pid")
    produce_gigabytes 9
    sleep 3
    after_ten=$(rss_kib "$broker_pid")
    exec 8>&-
    read_off rss_after_1gb_kib "$after_one"
    read_off rss_after_10gb_kib "$after_ten"
    stop_broker
    rm -rf "$work/data"
}

produce_gigabytes() {
    "$bin/yak-perf" produce --topic growth --num-records "$(($1 * 10000000))" --record-size 100 --throughput -1 \
        --producer-props acks=all --json >"$work/perf.out"
}

say "building"
cargo build --locked --release -p yak-broker -p yak-producer -p yak-consumer -p yak-admin -p yak-bench

say "$runs runs, $lines lines of 100 bytes, $(nproc) cores, $(uname -sr)"
for ((run = 1; run <= runs; run++)); do
    for name in bound perf producer consumer latency start idle; do
        if wants "$name"; then "$name"; fi
    done
done
if wants growth; then growth; fi

say "medians of $runs runs"
while read -r name; do
    printf '%-28s %s\n' "$name" "$(median "$name")"
done < <(awk '!seen[$1]++ { print $1 }' "$readings")
if wants bound && wants perf; then
    awk -v p="$(median perf_records_per_s)" -v b="$(median bound_records_per_s)" \
        'BEGIN { printf "%-28s %.2f\n", "perf_to_bound", p / b }'
fi
