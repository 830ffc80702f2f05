#!/usr/bin/env bash
# Puts bugs into a copy of the tree, one after the other, and requires that the simulation catches each.
#
#   scripts/mutants.sh [NAME...]
#
# A bug is a patch, tests/sim/mutants/NAME.patch; all of them by default. One that does not apply, does not compile or
# is not caught is a failure. Prints what caught it. YAK_MUTANT_SEEDS: how many seeds each is given (150).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case ${1:-} in -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0" && exit 0 ;; esac
seeds=${YAK_MUTANT_SEEDS:-150}
patches=$PWD/tests/sim/mutants
target=$(target_directory)/mutants
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
git ls-files -co --exclude-standard -z | tar --null --ignore-failed-read -cf - -T - | tar -xf - -C "$tree"

names=("$@")
if ((${#names[@]} == 0)); then
    for patch in "$patches"/*.patch; do names+=("$(basename "$patch" .patch)"); done
fi
((${#names[@]} > 0)) || die "no mutants in $patches"

# simulate: the simulation over the copy.
simulate() {
    (cd "$tree" && CARGO_TARGET_DIR=$target cargo test --locked -p yak-test-sim "$@")
}

# caught_by LOG: the first invariant or test that a log of a failed run names.
caught_by() {
    grep -oE -m1 'seed [0-9]+ fails: .*' "$1" | cut -c1-150 || grep -oE -m1 '^test .* FAILED$' "$1" || echo '?'
}

log=$(target_directory)/mutants.log
failures=()
for name in "${names[@]}"; do
    patch=$patches/$name.patch
    [[ -f $patch ]] || die "there is no mutant $name in $patches"
    if ! (cd "$tree" && patch -p1 --fuzz=0 --silent <"$patch"); then
        die "$name does not apply any more: make it anew"
    fi
    if ! simulate --no-run >"$log" 2>&1; then
        tail -n 30 "$log"
        die "$name does not compile"
    fi
    if YAK_SIM_COUNT=$seeds simulate -- --nocapture >"$log" 2>&1; then
        failures+=("$name")
        printf '%-34s NOT CAUGHT by %s seeds\n' "$name" "$seeds"
    else
        printf '%-34s %s\n' "$name" "$(caught_by "$log")"
    fi
    (cd "$tree" && patch -R -p1 --silent <"$patch")
done
printf '%d mutants, %d caught, %d not\n' "${#names[@]}" "$((${#names[@]} - ${#failures[@]}))" "${#failures[@]}"
((${#failures[@]} == 0)) || exit 1
