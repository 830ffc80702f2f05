#!/usr/bin/env bash
# Runs every test there is, small, and ends with the line `N passed, N failed, N skipped`.
#
# Needs Rust, a C compiler and Python; the tests against other implementations of Kafka's formats also need
# what scripts/interop-setup.sh fetches. A part that cannot run is skipped and named; with YAK_REQUIRE_ALL=1
# that is a failure, except where a test has tried what only some machines permit (cutting networks and power needs root
# and file systems of its own) and wrote `program::path: reason` into the file YAK_SKIPPED. Nothing is retried. Takes
# about ten minutes on two cores, most of it the first build.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

command -v cargo >/dev/null || die "cargo is missing; YAK is built with Rust (https://rustup.rs)"
command -v cc >/dev/null || die "cc is missing; the zstd library is compiled from C"

target=$(target_directory)
results=$target/test-results
mkdir -p "$results"
executed=$results/executed.txt
: >"$executed"
export YAK_SKIPPED=$results/skipped.txt
: >"$YAK_SKIPPED"
passed=0
failed=0
skipped=()
# Skipped, and no failure: this machine does not permit it.
unable=()
failures=()

# check NAME COMMAND...: one thing that is right or wrong as a whole.
check() {
    local name=$1
    shift
    say "$name"
    if "$@"; then
        passed=$((passed + 1))
        printf '%s\n' "$name" >>"$executed"
    else
        failed=$((failed + 1))
        failures+=("$name")
    fi
}

# skip NAME REASON: something that cannot run here.
skip() {
    say "$1: skipped, $2"
    skipped+=("$1: $2")
}

# tests NAME CARGO-TEST-ARGUMENT...: a run of cargo test, counted test by test.
tests() {
    local name=$1 log status=0
    shift
    log=$results/${name//[^a-z0-9]/-}.log
    say "$name"
    cargo test --locked "$@" 2>&1 | tee "$log" || status=$?
    count "$log"
    if ((status != 0)) && ! grep -q '^test .* \.\.\. FAILED$' "$log"; then
        failed=$((failed + 1))
        failures+=("$name: cargo test failed without a failed test, see $log")
    fi
}

# Adds up the tests in a log of cargo test: `program::path::of::test` for each. What cargo itself counts must
# come to the same.
count() {
    local outcome test reason before=$((passed + failed + ${#skipped[@]} + ${#unable[@]})) total
    while read -r outcome test; do
        if [[ -s $YAK_SKIPPED ]] && reason=$(grep -m1 -F "$test: " "$YAK_SKIPPED"); then
            unable+=("$reason")
            continue
        fi
        case $outcome in
        ok)
            passed=$((passed + 1))
            printf '%s\n' "$test" >>"$executed"
            ;;
        FAILED)
            failed=$((failed + 1))
            failures+=("$test")
            ;;
        ignored) skipped+=("$test") ;;
        esac
    done < <(awk '
        /^ *Running .*\(.*\)$/ { program = $NF; gsub(/.*[\/\\]|-[0-9a-f]+(\.exe)?\)$/, "", program) }
        /^ *Doc-tests / { program = "doc " $2 }
        / \.\.\. ignored/ && /^test / { line = $0; sub(/^test /, "", line); sub(/ \.\.\. ignored(, )?/, ": ", line)
                                        print "ignored", program "::" line }
        / \.\.\. (ok|FAILED)$/ && /^test / { outcome = $NF; line = $0; sub(/^test /, "", line)
                                             sub(/ - should panic/, "", line); sub(/ \.\.\. [a-zA-Z]+$/, "", line)
                                             print outcome, program "::" line }
    ' "$1")
    total=$(awk '/^test result: / { sum += $4 + $6 + $8 } END { print sum + 0 }' "$1")
    if ((passed + failed + ${#skipped[@]} + ${#unable[@]} - before != total)); then
        failed=$((failed + 1))
        failures+=("$1 has $total tests, but not as many could be read from it")
    fi
}

summary() {
    local line
    say "summary"
    for line in ${failures[@]+"${failures[@]}"}; do
        printf 'failed: %s\n' "$line"
    done
    for line in ${skipped[@]+"${skipped[@]}"} ${unable[@]+"${unable[@]}"}; do
        printf 'skipped: %s\n' "$line"
    done
    printf '%d minutes %d seconds\n' $((SECONDS / 60)) $((SECONDS % 60))
    printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" $((${#skipped[@]} + ${#unable[@]}))
    ((failed == 0)) || exit 1
    if ((${#skipped[@]} > 0)) && [[ ${YAK_REQUIRE_ALL:-0} == 1 ]]; then
        exit 1
    fi
}

if cargo fmt --version >/dev/null 2>&1; then
    check "cargo fmt" cargo fmt --all --check
else
    skip "cargo fmt" "rustfmt is not installed (rustup component add rustfmt)"
fi
if cargo clippy --version >/dev/null 2>&1; then
    check "cargo clippy" cargo clippy --locked --workspace --all-targets -- -D warnings
else
    skip "cargo clippy" "clippy is not installed (rustup component add clippy)"
fi

# The end-to-end tests run the programs, and cargo does not build other packages' programs for them.
check "cargo build" cargo build --locked --workspace --bins

# Tests against foreign implementations are ignored by `cargo test` and included here, when they can run.
include=()
rm -rf "$target/interop/results"
if setup=$(scripts/interop-setup.sh); then
    eval "$setup"
    include=(--include-ignored)
else
    skip "tests against other implementations" "scripts/interop-setup.sh failed"
fi
tests "tests" --workspace --exclude yak-test-repo --no-fail-fast -- ${include[@]+"${include[@]}"}

check "scripts/quickstart.sh" scripts/quickstart.sh

tests "the repository" --package yak-test-repo --no-fail-fast -- --skip every_claimed_test_ran --skip the_page_of_clients
if ((${#include[@]} > 0)); then
    tests "the page of clients" --package yak-test-repo --test repository -- --ignored the_page_of_clients
fi
export YAK_EXECUTED=$executed
tests "the requirements" --package yak-test-repo --test repository -- --ignored every_claimed_test_ran

summary
