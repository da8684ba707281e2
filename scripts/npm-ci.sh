#!/usr/bin/env bash
# Installs what DIRECTORY/package-lock.json names, and tries three times.
#
#   scripts/npm-ci.sh DIRECTORY
#
# npm tries a slow registry again by itself, but not one that refuses for a moment, nor a cache of its own that a crash
# left half written: the later tries wait a little and begin with an empty cache.
set -euo pipefail
cd "$1"

readonly OPTIONS=(--no-audit --no-fund --loglevel=warn)

cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT

npm ci "${OPTIONS[@]}" ||
    { echo "npm-ci: once more in 15 s, with an empty cache" >&2; sleep 15; npm ci "${OPTIONS[@]}" --cache "$cache"; } ||
    { echo "npm-ci: a last time in 60 s" >&2; sleep 60; npm ci "${OPTIONS[@]}" --cache "$cache"; } ||
    { echo "npm-ci: npm could not install what $1/package-lock.json names (see above); is a registry reached?" >&2; exit 1; }
touch node_modules/.package-lock.json
