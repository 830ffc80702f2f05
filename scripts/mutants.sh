#!/usr/bin/env bash
# Puts bugs into a copy of the tree, one after the other, and requires that the simulation catches each.
#
#   scripts/mutants.sh [NAME...]
#
# A bug is a patch, tests/sim/mutants/NAME.patch; all of them by default. One that does not apply, does not compile or
# is not caught by seeds, which know nothing of it, is a failure. For each it prints which scripts caught it as well,
# and what the first seed that failed said: rows for docs/mutants.md. Those named group-... are about consumer groups,
# and are given the seeds of these, ten times as many: each takes a tenth of the time.
# YAK_SIM_SEEDS: how many seeds each is given (150).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case ${1:-} in -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0" && exit 0 ;; esac
export YAK_SIM_SEEDS=${YAK_SIM_SEEDS:-150}
patches=$PWD/tests/sim/mutants
# A target directory of its own, kept for the next time: artifacts of a copy must never pass for the tree's.
target=$(target_directory)/mutants
tree=$target/tree
log=$target/log
rm -rf "$tree"
mkdir -p "$tree"
# With new times, so that nothing that was built of an earlier copy passes for this one.
git ls-files -co --exclude-standard -z | tar --null --ignore-failed-read -cf - -T - | tar -xmf - -C "$tree"

names=("$@")
if ((${#names[@]} == 0)); then
    for patch in "$patches"/*.patch; do names+=("$(basename "$patch" .patch)"); done
fi
((${#names[@]} > 0)) || die "no mutants in $patches"

# change NAME [ARGUMENT]...: applies its patch to the copy, or takes it back.
change() {
    local name=$1
    shift
    (cd "$tree" && patch -p1 --fuzz=0 --silent "$@" <"$patches/$name.patch")
}

# in_copy CARGO-ARGUMENT...: cargo in the copy, as a background job would run it.
in_copy() {
    (cd "$tree" && CARGO_TARGET_DIR=$target CARGO_PROFILE_DEV_DEBUG=none nice -n 5 cargo "$@")
}

# The scripts that a log names, without their folder.
scripts_in() {
    sed -nE 's|^.*/scripts/([a-z-]+)\.txt$|\1|p' "$1" | sort -u | paste -sd, | sed 's/,/, /g'
}

failures=()
for name in "${names[@]}"; do
    [[ -f $patches/$name.patch ]] || die "there is no mutant $name in $patches"
    change "$name" || die "$name does not apply any more: make it anew"
    if ! in_copy test --locked -p yak-test-sim --no-run >"$log" 2>&1; then
        tail -n 30 "$log"
        die "$name does not compile"
    fi
    by_hand='-' seeds=seeds::seeds count=$YAK_SIM_SEEDS
    if [[ $name == group-* ]]; then
        seeds=groups::seeds count=$((YAK_SIM_SEEDS * 10))
    elif ! in_copy test --locked -p yak-test-sim -- scripts:: divergence:: >"$log" 2>&1; then
        by_hand=$(scripts_in "$log")
        by_hand=${by_hand:-$(sed -nE 's/^test (.*) \.\.\. FAILED$/\1/p' "$log" | paste -sd ' ')}
    fi
    if YAK_SIM_SEEDS=$count in_copy test --locked -p yak-test-sim -- "$seeds" --exact --nocapture >"$log" 2>&1; then
        failures+=("$name")
        printf '%s | NOT CAUGHT | scripts: %s\n' "$name" "$by_hand"
    else
        said=$(grep -oE -m1 'seed [0-9]+ fails .*' "$log" | cut -c1-140) || said='? (see the log)'
        printf '%s | %s | scripts: %s\n' "$name" "$said" "$by_hand"
    fi
    cp "$log" "$target/$name.log"
    change "$name" -R
done
printf '%d mutants, %d caught, %d not\n' "${#names[@]}" "$((${#names[@]} - ${#failures[@]}))" "${#failures[@]}"
((${#failures[@]} == 0)) || exit 1
