#!/usr/bin/env bash
# Runs a zookeeper and three brokers in the background, and kills, restarts and ends them.
#
#   scripts/cluster.sh up                    start what does not run, and wait until it is ready
#   scripts/cluster.sh status                processes, and the cluster on one screen
#   scripts/cluster.sh kill N                kill -9 of broker N
#   scripts/cluster.sh kill leader [TOPIC]   of the broker that leads partition 0 of TOPIC, or of the first topic
#   scripts/cluster.sh kill zookeeper        of the zookeeper
#   scripts/cluster.sh restart N             start broker N again; ends it in order first, if it runs
#   scripts/cluster.sh restart zookeeper     the same with the zookeeper
#   scripts/cluster.sh env                   print the line that a terminal needs to use it, for eval
#   scripts/cluster.sh down                  end everything in order; the data stay
#
# Ports are 2181 and 9092, 9093, 9094; with YAK_FREE_PORTS=1 any that are free. Everything lies in the directory
# YAK_CLUSTER (data), YAK_BROKERS (3) says how many brokers, YAK_BIN where the programs are; else they are built.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cluster=${YAK_CLUSTER:-data}
free_ports=${YAK_FREE_PORTS:-}
count=${YAK_BROKERS:-3}
[[ $count =~ ^[1-9][0-9]?$ ]] || die "YAK_BROKERS: $count is not a number of brokers"

usage() {
    sed -n '2,15s/^# \{0,1\}//p' "$0"
}

# table: the processes, one a line.
table() {
    local name pid
    printf '%-10s %-8s %-22s %s\n' PROCESS PID ADDRESS DATA
    for name in zookeeper $(brokers); do
        [[ -s $cluster/run/$name.port ]] || continue
        pid=$(pid_of "$name") || pid=-
        printf '%-10s %-8s %-22s %s\n' "$name" "$pid" "127.0.0.1:$(<"$cluster/run/$name.port")" "$cluster/$name"
    done
}

# environment: the line that a terminal needs.
environment() {
    printf 'export PATH="%s:%s" YAK_BOOTSTRAP_SERVERS=%s\n' "$bin" "\$PATH" "$(bootstrap)"
}

up() {
    local id
    programs yak-zookeeper yak-broker yak-producer yak-consumer yak-topics yak-status
    runs zookeeper || start_node zookeeper
    for ((id = 1; id <= count; id++)); do
        runs "broker-$id" || start_node "broker-$id"
    done
    table
    printf '\nIn each terminal, to use it:\n\n    %s\n' "$(environment)"
}

status() {
    programs yak-status
    [[ -n $(brokers) ]] || die "there is no cluster in $cluster; start one with scripts/cluster.sh up"
    table
    printf '\n'
    "$bin/yak-status" --bootstrap-server "$(bootstrap)"
}

# node N|zookeeper: its name, if there is such a process.
node() {
    local name=$1
    [[ $name == zookeeper ]] || name=broker-$name
    [[ -s $cluster/run/$name.port ]] || die "there is no $name in $cluster"
    printf '%s\n' "$name"
}

# kill_node N|leader|zookeeper [TOPIC]
kill_node() {
    local name topic pid
    if [[ $1 == leader ]]; then
        programs yak-topics
        YAK_BOOTSTRAP_SERVERS=$(bootstrap)
        export YAK_BOOTSTRAP_SERVERS
        topic=${2:-$("$bin/yak-topics" --list --exclude-internal | sed -n 1p)}
        [[ -n $topic ]] || die "there is no topic, so nobody leads"
        name=broker-$(leader_of "$topic") || die "nobody leads $topic-0"
        printf '%s leads %s-0\n' "$name" "$topic"
    else
        name=$(node "$1")
    fi
    pid=$(pid_of "$name") || die "$name does not run"
    kill -KILL "$pid"
    wait_for 5 gone "$name" || die "$name does not end"
    printf 'killed %s (kill -9 %s)\n' "$name" "$pid"
}

restart() {
    local name
    name=$(node "$1")
    programs yak-zookeeper yak-broker
    stop_node "$name"
    start_node "$name"
    printf '%s runs again, process %s, address %s\n' "$name" "$(pid_of "$name")" "$(address_of "$name")"
}

# The zookeeper last, so that each broker can hand over what it leads.
down() {
    local name
    for name in $(brokers) zookeeper; do
        runs "$name" || continue
        stop_node "$name"
        printf '%s has ended\n' "$name"
    done
    printf 'The data stay in %s.\n' "$cluster"
}

case "$#:${1:-}" in
1:up) up ;;
1:status) status ;;
1:env) programs yak-status && environment ;;
1:down) down ;;
2:kill) kill_node "$2" ;;
3:kill) [[ $2 == leader ]] || die "only a leader has a topic"; kill_node "$2" "$3" ;;
2:restart) restart "$2" ;;
1:-h | 1:--help | 1:help) usage ;;
*)
    usage >&2
    exit 2
    ;;
esac
