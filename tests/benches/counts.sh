#!/bin/sh
# Instructions per judgement for fixed cases, counted by callgrind: they do not depend on the machine's mood.
# Usage: counts.sh [--check FILE]   compares with the figures in FILE and fails where one grew by more than 5 %.
#        counts.sh --real           bodies of real documents, by us and by serde_json with jsonschema (with SHIELD_CORPORA).
set -eu
here=$(dirname "$0")
cargo build --quiet --release --manifest-path "$here/Cargo.toml"
program="$here/target/release/shield-benches"
results=$(mktemp)
# The instructions of one judgement.
count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect='*::counted*' "$program" count "$@" 2>&1 |
        sed -n 's/.*Collected : *\(.*\)..$/\1/p'
}
if [ "${1:-}" = --real ]; then
    "$program" count schema names | while read -r name case; do
        echo "$name $case $(count schema "$name" "$case" shield) $(count schema "$name" "$case" jsonschema)"
    done
    exit
fi
for case in "scalar 1 no_match" "scalar 10 no_match" "scalar 100 no_match" "scalar 1000 no_match" "scalar 1000 match" \
            "full 1 no_match" "full 10 no_match" "full 100 no_match" "full 1000 no_match" "full 1000 match" \
            "schema login valid" "schema login spaced" "schema login late" "schema order valid" "schema order spaced"; do
    # shellcheck disable=SC2086
    echo "$case $(count $case)" | tee -a "$results"
done
if [ "${1:-}" = --check ]; then
    while read -r mix rules case wanted; do
        found=$(awk -v a="$mix" -v b="$rules" -v c="$case" '$1 == a && $2 == b && $3 == c { print $4 }' "$results")
        if [ "$found" -gt $((wanted * 105 / 100)) ]; then
            echo "$mix $rules $case: $found instructions, $wanted before" >&2
            exit 1
        fi
    done < "$2"
fi
