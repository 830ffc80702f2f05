#!/usr/bin/env bash
# Runs one ring of tests, large and over and over, for some minutes; ends with a line for docs/soak.md.
#
#   scripts/soak.sh [ring] [minutes]        rings: kill (default), properties, crash, all
#
# kill: kill -9 of a broker under load, 200 times a round in each flush mode. properties: generated input, many
# times the cases of a test run. crash: crash points. A failure ends the run at once; nothing is retried.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ring=${1:-kill}
minutes=${2:-30}
[[ $ring =~ ^(kill|properties|crash|all)$ ]] || die "there is no ring $ring (kill, properties, crash, all)"
[[ $minutes =~ ^[1-9][0-9]*$ ]] || die "\"$minutes\" is not a number of minutes"

# round NAME COMMAND...: runs one round if it belongs to the ring.
round() {
    local name=$1
    shift
    [[ $ring == all || $ring == "$name" ]] || return 0
    say "$name"
    "$@"
    rounds=$((rounds + 1))
}

rounds=0
end=$((SECONDS + minutes * 60))
cargo build --locked --workspace --bins
while ((SECONDS < end)); do
    YAK_KILLS=200 round kill cargo test --locked --package yak-test-cluster --test kill_nine -- --nocapture
    PROPTEST_CASES=20000 round properties cargo test --locked \
        --package yak-model --package yak-record --package yak-log --package yak-protocol --package yak-core
    round crash cargo test --locked --package yak-test-crash -- --nocapture
done

commit=$(git describe --always --dirty 2>/dev/null || echo unknown)
printf '\n| %s | %s | %s | %d rounds in %d minutes, no failure |\n' \
    "$(date -u +%Y-%m-%d)" "$commit" "$ring" "$rounds" $((SECONDS / 60))
