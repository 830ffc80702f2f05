#!/usr/bin/env bash
# Runs the long proofs, which scripts/test.sh runs small, and prints their totals.
#
#   scripts/soak.sh [RING] [MINUTES]
#
# Rings: kill (kill -9 of a broker under load, both flush modes), crash (crash points of log and journal), sim (whole
# clusters in one thread, by seed), failover (kill -9 and SIGSTOP of the brokers of a cluster under load; a round takes about
# a quarter of an hour), power (power cuts of a whole cluster; needs root), mixed (faults of every kind, several at a time;
# cuts of the network need root), iris (the lab of examples/ with consumers that are idle for more than a minute; needs
# scripts/interop-setup.sh), java (kill -9 of leaders under Apache Kafka's idempotent verifiable producer; needs
# scripts/interop-setup.sh), fuzz (damaged frames of Kafka's protocol), groups (consumer groups and their coordinator, by seed), all. MINUTES is for each ring, at least one round of it; 10 by default. What is printed
# last belongs into docs/soak.md. A round is as large as YAK_KILLS, YAK_CRASH_SCALE, YAK_SIM_SEEDS (500 that count),
# YAK_FAILOVER_KILLS, YAK_FAILOVER_STOPS, YAK_POWER_CUTS, YAK_FAILOVER_MIXED, YAK_JAVA_KILLS and YAK_FUZZ_FRAMES say; clusters of processes are by chance
# unless YAK_FAILOVER_SEED is set, simulated ones begin at seed YAK_SIM_FIRST (1000), each further round a million later.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case ${1:-} in -h | --help) sed -n '2,15s/^# \{0,1\}//p' "$0" && exit 0 ;; esac
ring=${1:-all}
minutes=${2:-10}
[[ $ring =~ ^(kill|crash|sim|groups|failover|power|mixed|iris|java|fuzz|all)$ ]] || die "unknown ring $ring (kill, crash, sim, groups, failover, power, mixed, iris, java, fuzz, all)"
[[ $minutes =~ ^[0-9]+$ ]] || die "minutes: $minutes is not a whole number"
log=$(target_directory)/soak-$ring.log
mkdir -p "$(dirname "$log")"
: >"$log"

# rounds NAME COMMAND...: again and again until the time is over; stops at the first failure.
rounds() {
    local name=$1 end=$((SECONDS + minutes * 60)) count=0
    shift
    while ((count == 0 || SECONDS < end)); do
        "$@" >>"$log" 2>&1 || { tail -n 60 "$log"; die "$name failed in round $((count + 1)); all of it is in $log"; }
        count=$((count + 1))
    done
    printf '%s: %d rounds\n' "$name" "$count"
}

kill_ring() {
    YAK_KILLS=${YAK_KILLS:-200} cargo test --locked -p yak-test-cluster --test kill_nine -- --nocapture --test-threads 1
}

crash_ring() {
    YAK_CRASH_SCALE=${YAK_CRASH_SCALE:-10} cargo test --locked -p yak-test-crash -- --nocapture --test-threads 1
}

first_seed=${YAK_SIM_FIRST:-1000}
# simulates TEST: as many seeds as are asked for.
simulates() {
    YAK_SIM_SEEDS=${YAK_SIM_SEEDS:-500} YAK_SIM_FIRST=$first_seed \
        cargo test --locked -p yak-test-sim -- "$1" --exact --nocapture || return 1
    first_seed=$((first_seed + 1000000))
}

sim_ring() { simulates seeds::seeds; }
groups_ring() { simulates groups::seeds; }

java_ring() {
    YAK_JAVA_KILLS=${YAK_JAVA_KILLS:-50} \
        cargo test --locked -p yak-test-interop --test verifiable -- --include-ignored --nocapture
}

first_fuzz=${YAK_FUZZ_SEED:-1}
fuzz_ring() {
    YAK_FUZZ_FRAMES=${YAK_FUZZ_FRAMES:-10000000} YAK_FUZZ_SEED=$first_fuzz \
        cargo test --locked -p yak-kafka --test wire damaged -- --nocapture || return 1
    first_fuzz=$((first_fuzz + 1000000))
}

# runs TEST...: some of those with a whole cluster.
runs() {
    YAK_FAILOVER_SEED=${YAK_FAILOVER_SEED:-$((1000 + RANDOM))} \
        cargo test --locked -p yak-test-failover --test runs -- "$@" --exact --nocapture
}

failover_ring() {
    YAK_FAILOVER_KILLS=${YAK_FAILOVER_KILLS:-200} YAK_FAILOVER_STOPS=${YAK_FAILOVER_STOPS:-100} \
        runs kills::kills_and_stops_of_leaders_lose_repeat_and_change_nothing
}

power_ring() {
    YAK_POWER_CUTS=${YAK_POWER_CUTS:-50} runs power::inv_15_a_power_cut_of_everything_loses_nothing_acknowledged \
        power::inv_15_power_cuts_of_leaders_lose_nothing_acknowledged
}

mixed_ring() {
    YAK_FAILOVER_ZOOKEEPER_SECONDS=30 runs zookeeper::inv_34_a_killed_zookeeper_moves_no_leader_and_fails_no_record
    YAK_FAILOVER_MIXED=${YAK_FAILOVER_MIXED:-30} runs mixed::faults_of_every_kind_lose_repeat_and_change_nothing
}

iris_ring() {
    YAK_IRIS_IDLE_S=${YAK_IRIS_IDLE_S:-70} \
        cargo test --locked -p yak-test-interop --test examples -- --include-ignored --exact the_iris_lab_goes_as_it_was_written
}

# wants RING: whether it was asked for.
wants() { [[ $ring == "$1" || $ring == all ]]; }

# Debug assertions are worth more here than speed.
if [[ $ring != sim && $ring != groups ]]; then cargo build --locked --workspace --bins; fi
for name in kill crash sim groups failover power mixed iris java fuzz; do
    if wants "$name"; then rounds "$name" "${name}_ring"; fi
done
printf '%s, commit %s\n' "$(date -u +%F)" "$(git rev-parse --short HEAD)"
# The totals that the tests printed; of the crash ring those of its last round.
sed -nE 's/.*(flush=(os|sync): .*)/\1/p' "$log" |
    awk '{ kills[$1] += $2; records[$1] += $4; again[$1] += $7 }
        END { for (mode in kills) printf "%s %d kills, %d records acknowledged, %d lines sent again, 0 lost, 0 twice\n",
                                         mode, kills[mode], records[mode], again[mode] }'
if wants crash; then
    awk '/(crash images|lengths of the tail|tails of zeros|sizes of the disk|ways to lose|flipped|bits)/' "$log" | sort -u
fi
# simulated NAME: the sums of what such runs have printed.
simulated() {
    awk -v name="$1" '$1 ~ /^(simulation|groups):$/ { now = $1; if (now == name ":") { counted += $2; others += $5 } }
        now == name ":" && /^  (total|fault|act|check)  / {
            count = $NF; $NF = ""; sub(/ +$/, ""); if (!($0 in sums)) names[++rows] = $0; sums[$0] += count }
        END { printf "%s: %d seeds counted, %d not\n", name, counted, others
              for (row = 1; row <= rows; row++) printf "  %-48s %d\n", names[row], sums[names[row]] }' "$log"
}
if wants sim; then simulated simulation; fi
if wants groups; then simulated groups; fi
grep -E '^(((failover|power|zookeeper|mixed|java) totals|SKIPPED): |[0-9]+ frames: )' "$log" || true
