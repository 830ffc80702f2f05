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
