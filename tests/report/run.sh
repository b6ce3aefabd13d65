#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Looks at the report's page in headless Chromium. The last line is the total.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=../../deploy/console.sh
source "$root/deploy/console.sh"

usage() {
  cat <<'END'
Usage: tests/report/run.sh [TEST...]

  TEST  single tests, by their Python names [all]

octet_write_report is taken from $OCTET_BIN_DIR, else from build/release/bin.
Chromium is the distribution's; deploy/install-dependencies.sh --tests installs
it. Where it is missing, the tests are skipped.
END
}

case "${1:-}" in
  -h | --help)
    usage
    exit 0
    ;;
esac
export OCTET_BIN_DIR=${OCTET_BIN_DIR:-$root/build/release/bin}
[[ -x $OCTET_BIN_DIR/octet_write_report ]] ||
  fail "$OCTET_BIN_DIR/octet_write_report is not there" \
    "Build it: cmake --preset release && ninja -C build/release"
if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null; then
  echo "Skipped: chromium is not installed;" \
    "deploy/install-dependencies.sh --tests installs it"
  echo "0 passed, 0 failed"
  exit 0
fi
# What Python compiles must not land in the sources.
export PYTHONDONTWRITEBYTECODE=1
exec python3 "$root/tests/interop/run_tests.py" "$here" "$@"
