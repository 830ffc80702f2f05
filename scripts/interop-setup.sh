#!/usr/bin/env bash
# Fetches, once, what the tests against other implementations need, and prints where it is:
#
#   eval "$(scripts/interop-setup.sh)"
#   cargo test --package yak-test-interop -- --include-ignored
#
# Kafka's clients in Python, JavaScript and C, and Apache Kafka's jars of two lines go into directories of their own below
# the build directory; versions are pinned in tests/interop/oracle. pip, npm, mvn and apt-get are used as they are
# configured. kcat is taken from Debian's package without installing it; elsewhere the one on the PATH is used.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

oracle=tests/interop/oracle
clients=tests/interop/clients
root=$(target_directory)/interop
mkdir -p "$root"

# begin DIRECTORY FILE...: makes it anew, unless it was made to the end from these very files; then it fails.
begin() {
    local directory=$1
    shift
    if [[ -s $directory/.made-from ]] && cat "$@" | cmp -s "$directory/.made-from" -; then return 1; fi
    printf 'making %s\n' "$directory" >&2
    rm -rf "$directory"
    mkdir -p "$directory"
}

# end DIRECTORY FILE...: what it was made from is written last, so that a broken download is not taken for complete.
end() {
    local directory=$1
    shift
    cat "$@" >"$directory/.made-from"
}

# needs PROGRAM WHAT-FOR: dies if it is missing.
needs() {
    command -v "$1" >/dev/null || die "$1 is missing ($2)"
}

make_python() {
    local directory=$root/python
    needs python3 "clients written in Python"
    begin "$directory" "$oracle/requirements.txt" || return 0
    python3 -m venv "$directory" >&2 || die "python3 cannot make a virtual environment (is python3-venv installed?)"
    "$directory/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement "$oracle/requirements.txt" >&2 || die "pip could not install the clients written in Python"
    end "$directory" "$oracle/requirements.txt"
}

# make_old_python VERSION: an older kafka-python, to be put before the newest one on the path.
make_old_python() {
    local directory=$root/kafka-python-$1
    begin "$directory" <(printf '%s\n' "$1") || return 0
    "$root/python/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --target "$directory" "kafka-python==$1" >&2 || die "pip could not fetch kafka-python $1"
    end "$directory" <(printf '%s\n' "$1")
}

make_javascript() {
    local directory=$root/javascript
    needs node "kafkajs"
    needs npm "kafkajs"
    begin "$directory" "$oracle/package.json" || return 0
    cp "$oracle/package.json" "$directory"
    npm install --prefix "$directory" --silent --no-audit --no-fund --no-package-lock >&2 || die "npm could not fetch kafkajs"
    end "$directory" "$oracle/package.json"
}

# make_kafka DIRECTORY POM: Apache Kafka's jars, and our program for them.
make_kafka() {
    local directory=$root/$1 pom=$oracle/$2 version
    needs java "Apache Kafka"
    needs javac "our program for Apache Kafka's client"
    version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
    ((${version:-0} >= 17)) || die "java is version ${version:-unknown}, Apache Kafka 4 needs 17"
    if begin "$directory" "$pom"; then
        needs mvn "fetches Apache Kafka"
        mvn --quiet --batch-mode -Dstyle.color=never --file "$pom" dependency:copy-dependencies \
            -DoutputDirectory="$(realpath "$directory")/lib" >&2 || die "mvn could not fetch Apache Kafka"
        end "$directory" "$pom"
    fi
    begin "$directory/classes" "$clients"/*.java || return 0
    javac -cp "$directory/lib/*" -d "$directory/classes" "$clients"/*.java >&2 || die "javac failed"
    end "$directory/classes" "$clients"/*.java
}

# download DIRECTORY PACKAGE: one of Debian's, without installing it.
download() {
    (cd "$1" && apt-get -qq download "$2" >&2)
}

make_kcat() {
    local directory=$root/kcat package
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        command -v kcat >/dev/null || die "kcat is missing, and there is no apt-get to fetch it"
        return 0
    fi
    begin "$directory" "$oracle/kcat.txt" || return 0
    while read -r package; do
        download "$directory" "$package" || { apt-get -qq update >&2 && download "$directory" "$package"; } ||
            die "apt-get could not fetch $package (its lists may be missing, which only root can fetch: apt-get update)"
    done <"$oracle/kcat.txt"
    for package in "$directory"/*.deb; do
        dpkg-deb --extract "$package" "$directory"
    done
    end "$directory" "$oracle/kcat.txt"
}

# What the programs in examples/ use.
make_examples() {
    local directory=$root/examples
    begin "$directory" examples/requirements.txt || return 0
    python3 -m venv "$directory" >&2 || die "python3 cannot make a virtual environment (is python3-venv installed?)"
    "$directory/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement examples/requirements.txt >&2 || die "pip could not install what the examples use"
    end "$directory" examples/requirements.txt
}

make_python
for version in 2.0.2 1.4.7 1.4.4; do
    make_old_python "$version"
done
make_javascript
make_kafka kafka pom.xml
make_kafka kafka-3.9 pom-3.9.xml
make_kcat
make_examples
printf 'export YAK_INTEROP=%q\n' "$(realpath "$root")"
