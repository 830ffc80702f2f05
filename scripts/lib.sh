# Functions shared by the scripts. Sourced, it changes to the top of the repository and does nothing else.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

# Ends the script with a reason.
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# A heading on a terminal or in a log.
say() {
    printf '\n== %s\n' "$*"
}

# target_directory: where cargo builds, whoever set it.
target_directory() {
    local metadata
    metadata=$(cargo metadata --format-version 1 --no-deps --offline 2>/dev/null || cargo metadata --format-version 1 --no-deps) \
        || die "cargo metadata failed"
    printf '%s\n' "$metadata" | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'
}

# wait_for SECONDS COMMAND...: until the command succeeds; fails after the time.
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.02
    done
}

# start_broker DIRECTORY PROGRAM ARGUMENT...: starts a broker and waits until it is ready. Sets broker_pid and
# broker_address; its output is in DIRECTORY/broker.out and broker.err.
start_broker() {
    local directory=$1 program=$2
    shift 2
    rm -f "$directory/ports.json"
    "$program" "$@" --ports-file "$directory/ports.json" \
        </dev/null >"$directory/broker.out" 2>"$directory/broker.err" &
    broker_pid=$!
    if ! wait_for 30 broker_started "$directory" || [[ ! -s $directory/ports.json ]]; then
        cat "$directory/broker.err" >&2
        die "the broker did not start"
    fi
    # shellcheck disable=SC2034 # the caller's
    broker_address=$(sed 's/.*"bootstrap":"\([^"]*\)".*/\1/' "$directory/ports.json")
}

# Whether the broker has said where it is, or is gone.
broker_started() {
    [[ -s $1/ports.json ]] || ! kill -0 "$broker_pid" 2>/dev/null
}

# stop_broker [SIGNAL]: ends it and waits until it has gone.
stop_broker() {
    [[ -n ${broker_pid:-} ]] || return 0
    kill "-${1:-TERM}" "$broker_pid" 2>/dev/null || true
    wait "$broker_pid" 2>/dev/null || true
    broker_pid=
}

# programs NAME...: sees to it that they are there, and sets bin to their directory. That is YAK_BIN, if it is set; else
# they are built.
programs() {
    bin=${YAK_BIN:-}
    [[ -z $bin ]] || return 0
    command -v cargo >/dev/null || die "cargo is missing; YAK is built with Rust (https://rustup.rs)"
    bin=$(target_directory)/quick
    cargo build --locked --quiet --profile quick "${@/#/--bin=}"
}

# Milliseconds since 1970. Older versions of bash do not know.
now_ms() {
    if [[ -n ${EPOCHREALTIME:-} ]]; then
        local micros=${EPOCHREALTIME/[.,]/}
        printf '%s\n' "${micros%???}"
    else
        perl -MTime::HiRes=time -e 'printf "%d\n", time * 1000'
    fi
}

# A cluster: a zookeeper and brokers as processes in the background. All that is kept of it lies in the directory
# $cluster: the processes' data in zookeeper, broker-1, ...; in run, for each NAME of these, NAME.pid, NAME.json (what it
# said when it was ready), NAME.port (which it keeps over restarts), NAME.out and NAME.err. Programs are taken from bin.
cluster=data
# Not empty: any ports that are free, instead of the usual ones.
free_ports=
# Further arguments of the zookeeper.
zookeeper_settings=()

# launch NAME COMMAND...: runs it in the background, without waiting for anything.
launch() {
    local name=$1
    shift
    mkdir -p "$cluster/run"
    # 9 is what the demonstration's watchman listens to.
    "$@" </dev/null >"$cluster/run/$name.out" 2>>"$cluster/run/$name.err" 9>&- &
    printf '%s\n' "$!" >"$cluster/run/$name.pid"
    wait_for 10 executed "$!" || die "$name does not start"
    # The shell need not say how it ended.
    disown
}

# executed PID: whether a process in the background has become its program, or is gone already.
executed() { [[ $(ps -o comm= -p "$1" 2>/dev/null) != "$(ps -o comm= -p $$)" ]]; }

# pid_of NAME: its process id; fails if it does not run.
pid_of() {
    local pid
    [[ -s $cluster/run/$1.pid ]] || return 1
    pid=$(<"$cluster/run/$1.pid")
    # The number may belong to another program by now.
    [[ $(ps -o comm= -p "$pid" 2>/dev/null) == *yak-* ]] || return 1
    printf '%s\n' "$pid"
}

runs() { pid_of "$1" >/dev/null; }
gone() { ! runs "$1"; }

# signal NAME SIGNAL: to its process, if it runs.
signal() {
    local pid
    if pid=$(pid_of "$1"); then kill "-$2" "$pid" 2>/dev/null || true; fi
}

# address_of NAME: HOST:PORT, once it is ready.
address_of() {
    sed -E 's/.*"(bootstrap|zookeeper)":"([^"]*)".*/\2/' "$cluster/run/$1.json"
}

# free_port: a port that nobody listens on, below those that are given to whoever connects. A connection that is made
# while a broker is down must not get the broker's port.
free_port() {
    local port=$((10240 + RANDOM % 22000))
    while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
        port=$((10240 + RANDOM % 22000))
    done
    printf '%s\n' "$port"
}

# start_node NAME: starts the zookeeper, or broker-N, and waits until it is ready.
start_node() {
    local name=$1 ready=$cluster/run/$1.json port=$cluster/run/$1.port command
    mkdir -p "$cluster/run"
    if [[ $name == zookeeper ]]; then
        command=("$bin/yak-zookeeper" ${zookeeper_settings[@]+"${zookeeper_settings[@]}"})
    else
        command=("$bin/yak-broker" --id "${name#broker-}" --zookeeper "$(address_of zookeeper)")
    fi
    if [[ -s $port ]]; then
        command+=(--port "$(<"$port")")
    elif [[ -n ${free_ports:-} ]]; then
        command+=(--port "$(free_port)")
    fi
    rm -f "$ready"
    launch "$name" "${command[@]}" --data "$cluster/$name" --ports-file "$ready"
    if ! wait_for 60 ready_or_gone "$name" || [[ ! -s $ready ]]; then
        tail -n 5 "$cluster/run/$name.err" >&2
        die "$name did not start; all it said is in $cluster/run/$name.err"
    fi
    address_of "$name" | sed 's/.*://' >"$port"
}

ready_or_gone() { [[ -s $cluster/run/$1.json ]] || gone "$1"; }

# stop_node NAME: ends it in order, and if that takes too long, at once.
stop_node() {
    signal "$1" TERM
    if ! wait_for 15 gone "$1"; then
        signal "$1" KILL
        wait_for 5 gone "$1" || die "$1 does not end"
    fi
}

# The names of the brokers that were started, running or not, in order.
brokers() {
    local file
    for file in "$cluster"/run/broker-*.port; do
        [[ -e $file ]] || continue
        file=${file##*/}
        printf '%s\n' "${file%.port}"
    done | sort -t - -k 2 -n
}

# The addresses of all brokers, as clients take them.
bootstrap() {
    local name list=
    for name in $(brokers); do
        list+=${list:+,}127.0.0.1:$(<"$cluster/run/$name.port")
    done
    printf '%s\n' "$list"
}

# leader_of TOPIC: the broker that leads its partition 0; fails while there is none.
leader_of() {
    "$bin/yak-topics" --describe --topic "$1" | sed -n 's/.*Partition: 0[[:space:]]*Leader: \([0-9][0-9]*\).*/\1/p' | grep .
}
