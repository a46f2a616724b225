#!/usr/bin/env bash
# Builds the page of `mt5fleet web` into fleet/web/dist, from which cargo embeds it.
set -euo pipefail
cd "$(dirname "$0")/../fleet/web"

# Again only after the lock file has changed.
if ! cmp --silent package-lock.json node_modules/.installed; then
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
    cp package-lock.json node_modules/.installed
fi
npm run --silent check
npm run --silent build
