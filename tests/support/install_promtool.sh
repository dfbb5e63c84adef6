#!/bin/sh
# Install promtool, prometheus, amtool and prometheus-alertmanager into the given folder, from Debian's packages, unless they
# are already installed. Unpacking needs neither root nor a running service.
set -eu
folder=$1
packages=""
for pair in promtool:prometheus prometheus:prometheus amtool:prometheus-alertmanager prometheus-alertmanager:prometheus-alertmanager; do
    command -v "${pair%%:*}" >/dev/null || [ -x "$folder/${pair%%:*}" ] || packages="$packages ${pair##*:}"
done
[ -n "$packages" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "promtool or amtool is missing: install Prometheus and Alertmanager (https://prometheus.io/download), or the alert tests will fail." >&2
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd_back=$(pwd)
cd "$work"
packages=$(printf '%s\n' $packages | sort -u)
# Unquoted: one word for each package. A new machine has no package lists yet, and only root can fetch them.
if ! apt-get download $packages >/dev/null 2>&1; then
    apt-get update -qq >/dev/null 2>&1 || true
    apt-get download $packages >/dev/null 2>&1 || {
        echo "Prometheus or Alertmanager is missing and could not be downloaded: run 'apt-get install prometheus prometheus-alertmanager' as root." >&2
        exit 0
    }
fi
for package in *.deb; do dpkg-deb --extract "$package" unpacked; done
cd "$cd_back"
# Debian's Alertmanager reads its templates from one absolute path, which only root could fill. Let it read them from the folder
# `templates` of its working directory: a relative path of the same length.
alertmanager="$work/unpacked/usr/bin/prometheus-alertmanager"
if [ -e "$alertmanager" ]; then
    LC_ALL=C sed -i 's|/usr/share/prometheus/alertmanager|././././././././././././templates/|g' "$alertmanager"
    mkdir -p "$folder/alertmanager-templates"
    cp "$work/unpacked/usr/share/prometheus/alertmanager/"*.tmpl "$folder/alertmanager-templates"
fi
for name in promtool prometheus amtool prometheus-alertmanager; do
    [ ! -e "$work/unpacked/usr/bin/$name" ] || cp "$work/unpacked/usr/bin/$name" "$folder/$name"
done
