#!/usr/bin/env bash
# Fetches, once, what the tests against other implementations need, and prints where it is:
#
#   eval "$(scripts/interop-setup.sh)"
#   cargo test --package yak-test-interop -- --include-ignored
#
# kafka-python goes into a virtual environment, Apache Kafka's jars into a directory, both below the build
# directory; versions are pinned in tests/interop/oracle. pip and mvn are used as they are configured.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

oracle=tests/interop/oracle
root=$(target_directory)/interop
mkdir -p "$root"

# complete DIRECTORY FILE: whether the directory was made from this very file, and to the end.
complete() {
    cmp -s "$1/.made-from" "$2"
}

# What a directory was made from is written into it last, so that a broken download is not taken for complete.
make_python() {
    local python=$root/python
    complete "$python" "$oracle/requirements.txt" && return
    command -v python3 >/dev/null || die "python3 is missing"
    printf 'fetching kafka-python into %s\n' "$python" >&2
    rm -rf "$python"
    python3 -m venv "$python" >&2 || die "python3 cannot make a virtual environment (is python3-venv installed?)"
    "$python/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement "$oracle/requirements.txt" >&2 || die "pip could not install kafka-python"
    cp "$oracle/requirements.txt" "$python/.made-from"
}

make_kafka() {
    local kafka=$root/kafka version
    command -v java >/dev/null || die "java is missing (Apache Kafka 4 needs version 17 or later)"
    version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
    ((${version:-0} >= 17)) || die "java is version ${version:-unknown}, Apache Kafka 4 needs 17"
    complete "$kafka" "$oracle/pom.xml" && return
    command -v mvn >/dev/null || die "mvn is missing"
    printf 'fetching Apache Kafka into %s\n' "$kafka" >&2
    rm -rf "$kafka"
    mkdir -p "$kafka"
    mvn --quiet --batch-mode -Dstyle.color=never --file "$oracle/pom.xml" dependency:copy-dependencies \
        -DoutputDirectory="$kafka/lib" >&2 || die "mvn could not fetch Apache Kafka"
    cp "$oracle/pom.xml" "$kafka/.made-from"
}

make_python
make_kafka
printf 'export YAK_INTEROP_PYTHON=%q\n' "$root/python/bin/python"
printf 'export YAK_INTEROP_KAFKA_LIB=%q\n' "$root/kafka/lib"
