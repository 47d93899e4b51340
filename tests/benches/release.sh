#!/usr/bin/env bash
# Builds shieldd as it is shipped: once to be watched while it serves, and again with what that has shown.
#
#   tests/benches/release.sh
#
# Leaves target/trained/release/shieldd. The load that it is watched under is that of proxy.sh, over HTTP/1.1 and HTTP/2, with
# and without TLS: what is never seen would be laid out as if it were never used.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
rustup component add llvm-tools >/dev/null 2>&1 || true
profdata=$(rustc --print target-libdir)/../bin/llvm-profdata
if [ ! -x "$profdata" ]; then
    echo "llvm-profdata is missing: \`rustup component add llvm-tools\` installs it" >&2
    exit 1
fi

# Both builds are of one profile, since that is part of the names by which functions are known again.
build() { # folder, flag
    (cd "$root" && CARGO_TARGET_DIR="$target/$1" RUSTFLAGS="$2" cargo build --release --quiet --locked --bin shieldd)
}
mkdir -p "$target"
seen=$target/seen profile=$target/trained.profdata
build watched "-Cprofile-generate=$seen"
if [ ! "$profile" -nt "$target/watched/release/shieldd" ]; then
    # Cargo does not look at the profile: what was built with another is built again.
    rm -rf "$seen" "$target/trained"
    "$root/tests/benches/proxy.sh" --train "$target/watched/release/shieldd"
    "$profdata" merge -o "$profile" "$seen"
fi
build trained "-Cprofile-use=$profile"
