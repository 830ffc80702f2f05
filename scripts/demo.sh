#!/usr/bin/env bash
# The demonstration: the broker that leads is killed in mid-stream, another takes over, and nothing is lost.
#
#   scripts/demo.sh [--step] [--slow] [--hang] [--unsafe] [--keep]
#
#   --step    wait for Enter before each act, and say what to look at
#   --slow    timeouts five times longer, so that one can follow
#   --hang    stop the leader's process (SIGSTOP) instead of killing it: its connections stay open, it just falls silent
#   --unsafe  acknowledge before anybody has a copy (acks=1), and keep the copies from being made in the last 0.3 s
#             before the kill: this loses records, which shows that the comparison at the end can fail
#   --keep    leave the directory with all logs and data
#
# It uses free ports and a temporary directory, takes about a minute after the first build, and cleans up whatever
# happens. The exit code is 0 if what was promised happened: nothing lost, or with --unsafe something lost. YAK_BIN says
# where the programs are; else they are built.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The leader is killed when so many records are acknowledged; the stream goes on to at least twice as many.
readonly KILL_AT=10000

step='' slow='' hang='' unsafe='' keep=''
for argument; do
    case $argument in
    --step) step=1 ;;
    --slow) slow=1 ;;
    --hang) hang=1 ;;
    --unsafe) unsafe=1 ;;
    --keep) keep=1 ;;
    -h | --help) sed -n '2,16s/^# \{0,1\}//p' "$0" && exit 0 ;;
    *) die "unknown argument $argument; see --help" ;;
    esac
done
[[ -z $hang || -z $unsafe ]] || die "--hang and --unsafe are two different stories; choose one"
command -v python3 >/dev/null || die "python3 is missing; the live consumer (examples/live.py) is written in it"

export LC_ALL=C
acks=all
rate=4000
free_ports=1
[[ -z $unsafe ]] || acks=1
# Who reads what is said is not to be overtaken by a million records.
[[ -z $step ]] || rate=1000
if [[ -n $slow ]]; then
    zookeeper_settings=(--override session.timeout.ms=5000 --override session.disconnect.grace.ms=1250)
fi

[[ -n ${YAK_BIN:-} ]] || printf 'Building what is not built; the first time that takes some minutes.\n'
# Those that README goes on with are built, too.
programs yak-zookeeper yak-broker yak-producer yak-consumer yak-topics yak-status yak-dump-log yak-verifiable-producer

# --- nothing stays behind ------------------------------------------------------------------------------------

work=$(mktemp -d "${TMPDIR:-/tmp}/yak-demo.XXXXXX")
cluster=$work
mkdir -p "$work/run"

# Ends every process that was started here, also a stopped one, and removes the directory.
clean_up() {
    trap '' INT TERM HUP
    local file name
    for file in "$work"/run/*.pid; do
        [[ -e $file ]] || continue
        name=${file##*/}
        name=${name%.pid}
        signal "$name" KILL
        wait_for 5 gone "$name" || true
    done
    [[ -n $keep ]] || rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
# The watchman sees the end of his input when this script is gone, even by kill -9.
exec 9> >(trap '' INT TERM HUP && cat >/dev/null && clean_up >/dev/null 2>&1)

# --- how things are said -------------------------------------------------------------------------------------

number=0

# act TITLE WHAT-TO-LOOK-AT: the next act; with --step it begins with Enter.
act() {
    number=$((number + 1))
    say "$number. $1"
    if [[ -n $step ]]; then
        tell "Look at this: $2"
        printf '[Enter]'
        read -r || true
    fi
}

# tell TEXT: a paragraph.
tell() {
    printf '%s\n' "$1" | fold -s -w 78 | sed 's/ *$//'
}

# Lines of any program, on a page of 80 columns.
narrow() {
    expand -t 1 | cut -c 1-76 | sed 's/^ */    /'
}

# show COMMAND...: the command as one would type it, and what it prints.
show() {
    printf '  $ %s\n' "$*" | sed "s|$bin/||g; s|$work/||g"
    "$@" | narrow
}

# --- what is looked at ---------------------------------------------------------------------------------------

# Whom to ask. A broker that was stopped and goes on tells for a moment what it knew, so the one that is to go is left
# out.
asked=

# The line of the partition.
partition() {
    "$bin/yak-topics" --describe --topic stream --bootstrap-server "$asked" | sed -n 's/^[[:space:]]*Topic: .*Partition: 0/stream-0/p'
}

# The acknowledgements so far: how many.
acknowledged() {
    grep -c '"producer_send_success"' "$work/events.ndjson" || true
}

acknowledged_above() { (($(acknowledged) >= $1)); }
read_above() { (($(wc -l <"$work/read.txt") >= $1)); }
led_by_another() { [[ $(partition) =~ Leader:\ ([0-9]+) && ${BASH_REMATCH[1]} != "$leader" ]]; }
all_in_sync() { [[ $(partition) =~ Isr:\ [0-9]+,[0-9]+,[0-9]+ ]]; }

readonly TAB=$'\t'

# Every change of the cluster is a line of the zookeeper's journal, with time and cause.
journal() {
    cat "$work"/zookeeper/journal-*.ndjson
}

# since_kill: turns lines `hours:minutes:seconds<TAB>text` into `milliseconds since the kill<TAB>text`; drops older ones.
since_kill() {
    awk -F '\t' -v kill=$((killed_ms % 86400000)) '{
        split($1, time, ":")
        since = (time[1] * 60 + time[2]) * 60000 + time[3] * 1000 - kill
        if (since < -43200000) since += 86400000
        if (since >= 0) printf "%d\t%s\n", since + 0.5, $2 }'
}

# Why the cluster changed since the kill. One line may have several causes, as when a broker catches up in many partitions.
causes() {
    journal | sed -n "s/^{\"index\":[0-9]*,\"time\":\"[^T]*T\([0-9:.]*\)Z\",\"cause\":\"\([^\"]*\)\".*/\1$TAB\2/p" \
        | awk -F '\t' '{ count = split($2, cause, "; "); for (at = 1; at <= count; at++) print $1 "\t" cause[at] }' | since_kill
}

# Who leads stream-0, and in which epoch, by each line since the kill that says so.
leaders() {
    journal | grep '"topic":"stream"' | sed -n "s/^{\"index\":[0-9]*,\"time\":\"[^T]*T\([0-9:.]*\)Z\".*\
\"topic\":\"stream\",\"partition\":0,\"leader\":\([0-9]*\),\"leader_epoch\":\([0-9]*\),.*/\1$TAB\2 \3/p" | since_kill
}

# at_ms: lines `milliseconds<TAB>text` for the eye.
at_ms() {
    awk -F '\t' '{ printf "%7d ms  %s\n", $1, $2 }' | cut -c 1-80
}

# timeline: from the kill to the return.
timeline() {
    local elected_ms heir epoch first_ms number
    read -r elected_ms heir epoch < <(leaders | awk -v old="$leader" '$2 != old { print; exit }') || true
    read -r first_ms number < <(awk -v after=$((killed_ms + elected_ms)) '$1 >= after { print; exit }' "$work/acknowledged.tsv")
    {
        printf '0\tbroker %d %s, after acknowledgement %d\n' "$leader" "$deed" "$at_kill"
        sed -n "s/^[^T]*T\([0-9:.]*\)Z .*broker_suspended broker=$leader\$/\1${TAB}noticed: its connection to the zookeeper closed/p" \
            "$work/run/zookeeper.err" | since_kill | sed -n 1p
        causes | sed -n "s/${TAB}broker $leader fenced: /${TAB}${hang:+noticed and }given up: /p" | sed -n 1p
        printf '%d\telected: broker %d, epoch %d\n' "$elected_ms" "$heir" "$epoch"
        printf '%d\tfirst acknowledgement by broker %d: of number %d\n' $((first_ms - killed_ms)) "$heir" "$number"
        causes | sed -n "s/$TAB\(broker $leader registered\).*/$TAB\1 again/p; /${TAB}stream-0: $leader caught up/p"
    } | sort -s -n | at_ms
}

# background NAME OUTPUT COMMAND...: a client, which clean_up ends.
background() {
    local name=$1 output=$2
    shift 2
    "$@" >"$output" 2>"$work/run/$name.err" 9>&- &
    printf '%s\n' "$!" >"$work/run/$name.pid"
    disown
}

# feed TOPIC FILE RATE: the lines of a file again and again, as records.
feed() {
    background "$1" "$work/run/$1.out" "$bin/yak-producer" --quiet --topic "$1" --rate "$3" \
        --file <(exec 9>&- && while cat "examples/$2"; do :; done 2>/dev/null)
}

# The replicas of stream-0, file by file.
replicas_equal() {
    local file id
    for id in 1 2 3; do
        [[ $(cd "$work/broker-1/stream-0" && echo *.log) == $(cd "$work/broker-$id/stream-0" && echo *.log) ]] || return 1
        for file in "$work"/broker-1/stream-0/*.log; do
            cmp -s "$file" "$work/broker-$id/stream-0/${file##*/}" || return 1
        done
    done
}

# --- the acts ------------------------------------------------------------------------------------------------

act "A zookeeper and three brokers" \
    "Five programs, each a process of its own; any of them can be killed."
for name in zookeeper broker-1 broker-2 broker-3; do
    start_node "$name"
    printf '    %-10s process %-8s %s\n' "$name" "$(pid_of "$name")" "$(address_of "$name")"
done
YAK_BOOTSTRAP_SERVERS=$(bootstrap)
export YAK_BOOTSTRAP_SERVERS
asked=$YAK_BOOTSTRAP_SERVERS
tell "They registered in this order, and in this order they come to lead: first come, first served."

act "One log, three copies of it" \
    "Leader is who takes the records. Isr is the queue of those that have them all; its head leads."
"$bin/yak-topics" --create --topic stream --partitions 1 --replication-factor 3 >/dev/null
wait_for 30 all_in_sync || die "the replicas of stream did not come into sync"
partition | narrow
leader=$(leader_of stream)
heirs=()
for name in 1 2 3; do
    [[ $name == "$leader" ]] || heirs+=("broker-$name")
done
asked=$(address_of "${heirs[0]}"),$(address_of "${heirs[1]}")

act "Data from life, computed over as it comes" \
    "Page views and logins flow on while a broker dies; the live consumer misses nothing."
for name in page-views logins; do
    "$bin/yak-topics" --create --topic "$name" --partitions 1 --replication-factor 3 >/dev/null
done
background live-consumer >(exec 9>&- && exec python3 examples/live.py >"$work/live.txt" 2>"$work/run/live.err") \
    "$bin/yak-consumer" --quiet --topic page-views --topic logins --from-beginning --json
feed page-views page-views.ndjson 60
feed logins logins.ndjson 25
printf '  $ yak-producer --topic page-views --rate 60 < examples/page-views.ndjson\n'
printf '  $ yak-producer --topic logins --rate 25 < examples/logins.ndjson\n'
printf '  $ yak-consumer --topic page-views --topic logins --json | examples/live.py\n'

act "A numbered stream" \
    "The numbers 0, 1, 2, ... go in; each acknowledgement is written to a file, each record read to another."
if [[ -n $unsafe ]]; then
    tell "UNSAFE: acks=1. An acknowledgement means that the leader has the record, and nobody else yet."
else
    tell "acks=all: an acknowledgement means that every in-sync replica has the record, on its disk."
fi
# Looked at before those that write them may have begun.
touch "$work/events.ndjson" "$work/read.txt"
background producer "$work/events.ndjson" \
    "$bin/yak-verifiable-producer" --topic stream --throughput "$rate" --acks "$acks"
background consumer "$work/read.txt" "$bin/yak-consumer" --quiet --topic stream --from-beginning
printf '    until %d are acknowledged, at %d a second ...\n' "$KILL_AT" "$rate"
wait_for 120 acknowledged_above $KILL_AT || die "the stream does not flow: $(tail -n 1 "$work/run/producer.err")"
printf '    %d read, %d acknowledged, and it goes on\n' "$(wc -l <"$work/read.txt")" "$(acknowledged)"

pid=$(pid_of "broker-$leader")
if [[ -n $hang ]]; then
    act "Broker $leader, which leads, is stopped in mid-stream" \
        "A stopped process closes nothing: only its silence can tell, a second of it."
    killed_ms=$(now_ms)
    kill -STOP "$pid"
    printf '  $ kill -STOP %s\n' "$pid"
    deed='stopped'
else
    act "Broker $leader, which leads, is killed in mid-stream" \
        "kill -9: no goodbye, no last write. The next act is what the others make of it."
    if [[ -n $unsafe ]]; then
        tell "UNSAFE: for 0.3 s before the kill both followers are stopped (SIGSTOP), so that they copy nothing while \
broker $leader goes on acknowledging; after the kill they go on."
        for name in "${heirs[@]}"; do signal "$name" STOP; done
        sleep 0.3
    fi
    killed_ms=$(now_ms)
    kill -KILL "$pid"
    [[ -z $unsafe ]] || for name in "${heirs[@]}"; do signal "$name" CONT; done
    printf '  $ kill -9 %s\n' "$pid"
    deed='killed'
fi
# Whoever leads, the numbers go on.
wait_for 60 led_by_another || die "nobody took over from broker $leader"
at_takeover=$(acknowledged)
wait_for 60 acknowledged_above $((at_takeover + 1000)) || die "no acknowledgement since broker $leader was $deed"

act "Another broker takes over" \
    "The next in the queue leads, with a higher epoch; the one that is gone left the Isr."
partition | narrow
tell "The zookeeper's journal says what happened (milliseconds since then):"
causes | grep -v "$TAB\(page-views\|logins\)-" | at_ms
tell "Nobody told the producer or the consumer; they found the new leader themselves."

act "Broker $leader comes back and catches up" \
    "It cuts off what it had alone, copies what it lacks, and joins the queue at its end."
if [[ -n $hang ]]; then
    kill -CONT "$pid"
    printf '  $ kill -CONT %s\n' "$pid"
else
    start_node "broker-$leader"
    printf '    broker-%s runs again, process %s\n' "$leader" "$(pid_of "broker-$leader")"
fi
wait_for 120 all_in_sync || die "broker $leader did not catch up"
partition | narrow

act "The stream ends: what was acknowledged, what was read" \
    "Plain files, and the tools that every system has: sort, uniq, diff, cmp."
wait_for 120 acknowledged_above $((2 * KILL_AT)) || die "the stream does not flow any more"
signal producer TERM
wait_for 30 gone producer || die "the producer does not end"
sed -n 's/.*"name":"producer_send_success".*"value":"\([0-9]*\)".*"completed_ms":\([0-9]*\).*/\2 \1/p' \
    "$work/events.ndjson" >"$work/acknowledged.tsv"
at_kill=$(awk -v kill="$killed_ms" '$1 <= kill' "$work/acknowledged.tsv" | wc -l)
cut -d ' ' -f 2 "$work/acknowledged.tsv" | sort >"$work/acknowledged.txt"
"$bin/yak-consumer" --quiet --topic stream --from-beginning --exit >"$work/again.txt"
# The consumer that was there all the time gets no more than there is, and no less.
wait_for 30 read_above "$(wc -l <"$work/again.txt")" || true
signal consumer TERM
wait_for 10 gone consumer || true
sort "$work/read.txt" | uniq >"$work/read-once.txt"
diff "$work/acknowledged.txt" "$work/read-once.txt" >"$work/difference.txt" || true
lost=$(grep -c '^<' "$work/difference.txt" || true)
unacknowledged=$(grep -c '^>' "$work/difference.txt" || true)
duplicated=$(sort "$work/read.txt" | uniq -d | wc -l)
reordered=$(sort -n "$work/read.txt" | diff - "$work/read.txt" | grep -c '^<' || true)
cat <<'END'
  $ sort read.txt | uniq > read-once.txt
  $ diff acknowledged.txt read-once.txt   # < was lost
  $ sort read.txt | uniq -d               # was duplicated
  $ sort -n read.txt | diff - read.txt    # was reordered
END
if ((lost > 0)); then
    awk '/^</ && ++shown <= 3 { print "    " $0 }' "$work/difference.txt"
    printf '    ... %d lines begin with <\n' "$lost"
fi
if [[ -n $unsafe ]]; then
    tell "UNSAFE: broker $leader had acknowledged these $lost records before anybody had a copy of them. It died, and when \
it came back it had to cut them off, because the log had gone on without them. With acks=all they are not acknowledged."
fi
if ((unacknowledged > 0)); then
    printf '    %d were read, of which nobody was told that they are written\n' "$unacknowledged"
fi
cmp "$work/read.txt" "$work/again.txt" || die "a consumer that reads now gets something else than the one before"
tell "Another consumer, which comes only now, reads byte for byte the same (cmp)."

act "The three copies" \
    "Three brokers, three directories, the same bytes."
wait_for 30 replicas_equal || die "the replicas differ: $(cd "$work" && cksum broker-*/stream-0/*.log)"
for name in "$work"/broker-1/stream-0/*.log; do
    for id in 2 3; do
        printf '  $ cmp broker-{1,%d}/stream-0/%s\n' "$id" "${name##*/}"
    done
    printf '    equal, %d bytes each\n' "$(wc -c <"$name")"
done

act "What was computed meanwhile" \
    "The answers of the live consumer, which went on over the change of leaders."
for name in page-views logins live-consumer; do signal "$name" TERM; done
wait_for 10 grep -q 'abnormal$' "$work/live.txt" || die "the live consumer does not end: $(cat "$work/run/live.err")"
grep '^abnormal' "$work/live.txt" | narrow
tail -n 2 "$work/live.txt" | narrow

act "The timeline" \
    "From the first line to the first acknowledgement: that long the stream stood still."
timeline
[[ -z $hang ]] || tell "Silence is counted from its last heartbeat, which came up to half a second before it was stopped."
printf '\n'
printf 'acknowledged %d, read %d, %d lost, %d duplicated, %d reordered; %s broker %d after acknowledgement %d\n' \
    "$(wc -l <"$work/acknowledged.txt")" "$(wc -l <"$work/read.txt")" "$lost" "$duplicated" "$reordered" \
    "$deed" "$leader" "$at_kill"
if [[ -n $unsafe ]]; then
    ((lost > 0)) || die "--unsafe was to lose records, and lost none"
else
    ((lost == 0 && duplicated == 0 && reordered == 0 && unacknowledged == 0)) || exit 1
fi
