#!/usr/bin/env bash
# The demonstration of consumer groups: ten consumers share a topic, die and return at random, and nothing is missed.
#
#   scripts/demo-groups.sh [--minutes N] [--records N] [--kills N] [--calm] [--seed N] [--keep]
#
#   --minutes N   how long the records flow (5)
#   --records N   how many there are, each with a key and a number of its own (200000)
#   --kills N     how often the broker that coordinates the group is killed (3)
#   --calm        nobody is killed: consumers come and go in order, and every record is printed exactly once
#   --seed N      who dies when (drawn, and said)
#   --keep        leave the directory with what everybody printed
#
# It starts a zookeeper and three brokers at free ports, with their data in a temporary directory, explains itself as it
# goes, and cleans up whatever happens. The exit code is 0 if what was promised happened. YAK_BIN says where the programs
# are; else they are built.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

keep=''
arguments=()
while (($# > 0)); do
    case $1 in
    --keep) keep=1 && shift ;;
    --calm) arguments+=("$1") && shift ;;
    --minutes | --records | --kills | --seed)
        (($# > 1)) || die "$1 needs a number; see --help"
        arguments+=("$1" "$2") && shift 2
        ;;
    -h | --help) sed -n '2,16s/^# \{0,1\}//p' "$0" && exit 0 ;;
    *) die "unknown argument $1; see --help" ;;
    esac
done
command -v python3 >/dev/null || die "python3 is missing; what watches over the consumers is written in it"

export LC_ALL=C
[[ -n ${YAK_BIN:-} ]] || printf 'Building what is not built; the first time that takes some minutes.\n'
programs yak-zookeeper yak-broker yak-producer yak-consumer yak-topics yak-status yak-groups

# What the environment says to programs would not be what is shown.
while read -r name; do
    unset "$name"
done < <(compgen -e | grep '^YAK_' || true)

work=$(mktemp -d "${TMPDIR:-/tmp}/yak-demo-groups.XXXXXX")
watching=
# The program, its cluster and all its consumers are one process group, so that nothing of them outlives this script.
clean_up() {
    trap '' INT TERM HUP
    if [[ -n $watching ]]; then
        kill -KILL -- "-$watching" 2>/dev/null || true
        wait "$watching" 2>/dev/null || true
    fi
    [[ -n $keep ]] || rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

[[ -z $keep ]] || printf 'Everything is kept in %s.\n' "$work"
set -m
python3 scripts/demo_groups.py --bin "$bin" --work "$work" ${arguments[@]+"${arguments[@]}"} </dev/null &
watching=$!
set +m
wait "$watching"
