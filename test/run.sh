#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `npm test` on a machine that may have nothing yet: fetches the dependencies if they are missing, then test/suite/main.ts.
set -eu
cd "$(dirname "$0")/.."
if [ ! -x node_modules/.bin/tsx ]; then
  echo "fetching dependencies (npm ci)"
  npm ci --no-progress
fi
exec node_modules/.bin/tsx test/suite/main.ts "$@"
