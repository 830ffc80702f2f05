#!/usr/bin/env bash
# Measures the figures of a cluster (a zookeeper and three brokers on this machine) and prints them as a table.
#
#   scripts/bench-cluster.sh [--only NAME[,NAME]] [--runs N] [--short] [--minutes N] [--keep] [ARGUMENT...]
#
# Names: start, kill, stop, shutdown, rolling, zookeeper, saturated, file, idle, partitions, group-first, group-classic,
# group-streams, group-moved, group-many, group-commits; all of them by default,
# which takes about half an hour. --short tries everything in two minutes and measures nothing, --minutes says how long
# the cluster is saturated, further arguments go to the program (target/release/figures --help). Everything runs in
# release builds, or from YAK_BIN; data are under ${YAK_BENCH_DIR:-target/bench-cluster} and go at the end. Nothing else should
# run meanwhile. Every reading is printed as it comes, then the table in Markdown; both are in that directory's
# cluster.txt and cluster.md, which stay.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

keep=
arguments=()
while (($# > 0)); do
    case $1 in
    --keep) keep=1 && shift ;;
    -h | --help) sed -n '2,13s/^# \{0,1\}//p' "$0" && exit 0 ;;
    *) arguments+=("$1") && shift ;;
    esac
done

target=$(target_directory)
results=${YAK_BENCH_DIR:-$target/bench-cluster}
bin=${YAK_BIN:-}
if [[ -z $bin ]]; then
    say "building"
    cargo build --locked --release -p yak-zookeeper -p yak-broker -p yak-producer -p yak-bench
    bin=$target/release
fi
# What the environment says to brokers would not be what is measured.
while read -r name; do
    unset "$name"
done < <(compgen -e | grep '^YAK_' || true)

mkdir -p "$results"
data=$(mktemp -d "$results/cluster-XXXXXX")
measuring=
# The program and all its clusters are one process group, so that nothing of them outlives this script.
cleanup() {
    if [[ -n $measuring ]]; then
        kill -KILL -- "-$measuring" 2>/dev/null || true
        wait "$measuring" 2>/dev/null || true
    fi
    [[ -n $keep ]] || rm -rf "${data:?}"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "commit $(git rev-parse --short HEAD), $(date -u +%F), load before $(cut -d ' ' -f 1-3 /proc/loadavg 2>/dev/null || echo unknown)"
set -m
(
    TMPDIR=$data "$bin/figures" --work "$data" --table "$results/cluster.md" ${arguments[@]+"${arguments[@]}"} |
        tee "$results/cluster.txt"
) </dev/null &
measuring=$!
set +m
wait "$measuring"
