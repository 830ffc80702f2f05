#!/usr/bin/env bash
# Builds YAK's programs, sends a file through a broker, compares what comes back, and explains each step.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

command -v cargo >/dev/null || die "cargo is missing; YAK is built with Rust (https://rustup.rs)"

programs=(yak-broker yak-producer yak-consumer yak-topics yak-status yak-dump-log)
bin=$(target_directory)/quick
work=$(mktemp -d)
broker_pid=
trap 'stop_broker; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

printf 'Building %s.\n' "${programs[*]}"
printf 'The first time this takes about two minutes on two cores; after that, seconds.\n\n'
cargo build --locked --profile quick "${programs[@]/#/--bin=}"

say "1. A broker: one process, no configuration, its data in a temporary directory, any free port."
start_broker "$work" "$bin/yak-broker" --standalone --ephemeral --port 0
cat "$work/broker.out"
export YAK_BOOTSTRAP_SERVERS=$broker_address

say "2. A topic with three partitions: three logs, appended to independently of each other."
"$bin/yak-topics" --create --topic orders --partitions 3
"$bin/yak-topics" --describe --topic orders

say "3. Six lines from stdin become six records, dealt to the partitions in turn, each acknowledged."
printf 'order %s\n' 1 2 3 4 5 6 | "$bin/yak-producer" --topic orders

say "4. Reading needs no permission and takes nothing away: the records stay where they are, at their offsets."
"$bin/yak-consumer" --topic orders --from-beginning --exit --print partition,offset

say "5. What the broker keeps: one directory a partition, in it a file of record batches, as Apache Kafka has it."
data=$(sed 's/.*"data":"\([^"]*\)".*/\1/' "$work/ports.json")
ls "$data/orders-0"
"$bin/yak-dump-log" --print-data-log "$data/orders-0/00000000000000000000.log"

say "6. A file of 200,000 lines in, the same file out; one partition, so one order."
awk 'BEGIN { for (i = 1; i <= 200000; i++) printf "line %d of a file, with ünïcode and \"quotes\"\n", i }' >"$work/in"
"$bin/yak-topics" --create --topic file --partitions 1
"$bin/yak-producer" --topic file <"$work/in"
"$bin/yak-consumer" --topic file --from-beginning --exit >"$work/out"
cmp "$work/in" "$work/out"
printf 'cmp: what came out is byte for byte what went in.\n'

say "7. The whole of it on one screen."
"$bin/yak-status"

say "8. The broker ends; being ephemeral, it takes its data with it."
stop_broker TERM

cat <<END

That was all of it. Each terminal of the README begins with this line:

    export PATH="$bin:\$PATH"
END
