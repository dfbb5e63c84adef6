#!/bin/sh
# Install promtool into the given folder, from Debian's prometheus package, unless it is already installed.
set -eu
folder=$1
if command -v promtool >/dev/null || [ -x "$folder/promtool" ]; then exit 0; fi
if ! command -v apt-get >/dev/null; then
    echo "promtool is missing: install Prometheus (https://prometheus.io/download), or the alert tests will fail." >&2
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd_back=$(pwd)
cd "$work"
if ! apt-get download prometheus >/dev/null 2>&1; then
    # A new machine has no package lists yet, and only root can fetch them.
    apt-get update -qq >/dev/null 2>&1 || true
    apt-get download prometheus >/dev/null 2>&1 || {
        echo "promtool is missing and could not be downloaded: run 'apt-get install prometheus' as root." >&2
        exit 0
    }
fi
dpkg-deb --extract prometheus_*.deb unpacked
cd "$cd_back"
cp "$work/unpacked/usr/bin/promtool" "$folder/promtool"
