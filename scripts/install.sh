#!/usr/bin/env bash
# Installs what is missing on Debian 12 and says what. Quick and silent about the rest when nothing is missing.
#
#   scripts/install.sh run         what building and serving need
#   scripts/install.sh run test    and what the tests need
#   scripts/install.sh run fuzz    and what fuzzing needs
#
# Rust and Node are expected to be there: each machine has its own way to them, and this script won't guess.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly TOOLS="${TOOLS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/anteroom/tools}"
readonly NODE=20.19
readonly CARGO_DENY=0.20.2
readonly CARGO_NEXTEST=0.9.143
readonly CARGO_FUZZ=0.13.2

# Debian packages, each line with what it is for.
readonly RUN_PACKAGES=(
    build-essential pkg-config mold ca-certificates git                 # builds
    libssl-dev libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev     # the guest agent's media
    mmdebstrap                                                          # the guest image
    iproute2 nftables                                                   # machines' network
    qemu-system-x86 erofs-utils                                         # virtual machines, and their disks
)
readonly TEST_PACKAGES=(
    xvfb openbox x11-utils xdotool fonts-dejavu-core                    # a desktop for the agent's tests
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-nice
    chromium chromium-sandbox                                           # the viewer
    openssl procps                                                      # the issuer's certificates, leak checks
    coturn                                                              # the relay's second judge, and an outside relay
    dnsmasq-base                                                        # names in the networks that tests make
    tcpdump sqlite3                                                     # end to end: machine tokens on the wire, the sealed rows
    python3                                                             # end to end: the documents' example
    vim vim-tiny                                                        # what takes a terminal's whole screen: the page's, a run's
)

say() { printf 'install: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        say "not root, so this runs with sudo: $*"
        sudo "$@"
    else
        fail "needs root for: $* (neither root nor sudo here; run it as root, then this again)"
    fi
}

check_toolchains() {
    command -v cargo > /dev/null || fail "cargo is missing: install Rust $(wanted_rust) or newer, with clippy and rustfmt"
    command -v npm > /dev/null || fail "npm is missing: install Node.js $NODE or newer"
    local rust node
    rust=$(rustc --version | cut -d' ' -f2)
    at_least "$(wanted_rust)" "$rust" || fail "Rust $rust is here, $(wanted_rust) or newer is needed: rustup update stable"
    node=$(node --version)
    node=${node#v}
    at_least "$NODE" "$node" || fail "Node.js $node is here, $NODE or newer is needed"
}

at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n1)" = "$1" ]; }

wanted_rust() { sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml; }

# Sets `missing`. dpkg-query ends with 1 when it knows nothing of a package; that is an answer and no error.
find_missing() {
    local installed package
    installed=$(dpkg-query -W -f '${Package}:${db:Status-Abbrev}\n' "$@" 2> /dev/null || [ $? = 1 ])
    installed=" $(sed -n 's/:ii *$//p' <<< "$installed" | tr '\n' ' ') "
    missing=()
    for package in "$@"; do
        [[ "$installed" == *" $package "* ]] || missing+=("$package")
    done
}

# The lists are fetched only when a wanted package is in none, or could not be had by the old ones.
install_packages() {
    local -a missing
    find_missing "$@"
    [ "${#missing[@]}" -gt 0 ] || return 0
    command -v apt-get > /dev/null || fail "no apt-get here; install these yourself: ${missing[*]}"
    say "Debian packages: ${missing[*]}"
    if ! all_known "${missing[@]}" || ! apt_install "${missing[@]}"; then
        as_root apt-get update -qq
        apt_install "${missing[@]}" || fail "apt-get could not install: ${missing[*]} (see above)"
    fi
    find_missing "${missing[@]}"
    [ "${#missing[@]}" = 0 ] || fail "apt-get ended well, but these are still missing: ${missing[*]}"
}

all_known() {
    local package
    for package in "$@"; do
        [ -n "$(apt-cache show --no-all-versions "$package" 2> /dev/null)" ] || return 1
    done
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@"
}

# Programs of cargo at an exact version. Built without optimisation across crates: that halves the time and they only
# run for seconds. Their own target directory keeps them out of the way of a running build.
install_cargo_tool() {
    local name=$1 version=$2
    shift 2
    local found
    for found in "$TOOLS/bin/$name" "$(command -v "$name" || true)"; do
        if [ -x "$found" ] && [ "$("$found" --version | head -n1 | cut -d' ' -f2)" = "$version" ]; then
            return 0
        fi
    done
    say "$name $version, built from source into $TOOLS (two to three minutes)"
    env -u CARGO_TARGET_DIR CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=false \
        cargo install --quiet --locked --force "$name@$version" --root "$TOOLS" "$@"
}

main() {
    [ "$#" -gt 0 ] || fail "say what for: run, or run test"
    local -a packages=()
    local set tools=no fuzzing=no
    for set in "$@"; do
        case "$set" in
            run) packages+=("${RUN_PACKAGES[@]}") ;;
            test) packages+=("${TEST_PACKAGES[@]}"); tools=yes ;;
            fuzz) fuzzing=yes ;;
            *) fail "unknown set '$set'; there are: run, test, fuzz" ;;
        esac
    done
    install_packages "${packages[@]}"
    check_toolchains
    if [ "$tools" = yes ]; then
        cargo fmt --version > /dev/null 2>&1 && cargo clippy --version > /dev/null 2>&1 ||
            fail "cargo has no fmt or clippy: rustup component add rustfmt clippy"
        install_cargo_tool cargo-deny "$CARGO_DENY"
        install_cargo_tool cargo-nextest "$CARGO_NEXTEST" --no-default-features --features default-no-update
    fi
    if [ "$fuzzing" = yes ]; then
        install_cargo_tool cargo-fuzz "$CARGO_FUZZ"
    fi
    say "nothing is missing for: $*"
}

main "$@"
