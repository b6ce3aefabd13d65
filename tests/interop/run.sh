#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the tests of this folder against built programs. The last line is the
# total.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=../../deploy/console.sh
source "$root/deploy/console.sh"

usage() {
  cat <<'END'
Usage: tests/interop/run.sh [FOLDER] [TEST...]

  FOLDER  where octet-server, octet and octet-model are [$OCTET_BIN_DIR, else
          build/release/bin]
  TEST    modules or single tests, by their Python names, for example
          metrics_test or protocol_test.InferTest [all]
END
}

case "${1:-}" in
  -h | --help)
    usage
    exit 0
    ;;
esac
bin=${1:-${OCTET_BIN_DIR:-$root/build/release/bin}}
(($# > 0)) && shift
for program in octet-server octet octet-model; do
  [[ -x $bin/$program ]] || fail "$bin/$program is not there" \
    "Build it: cmake --preset release && ninja -C build/release"
done
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  echo "Skipped: python3 with venv is not installed;" \
    "deploy/install-dependencies.sh --tests installs it"
  echo "0 passed, 0 failed"
  exit 0
fi
python=$("$here/python.sh")
# What Python compiles must not land in the sources.
export PYTHONDONTWRITEBYTECODE=1
export OCTET_BIN_DIR=$bin
export OCTET_SHARED=${OCTET_SHARED:-$root/../shared}
OCTET_FOREIGN_DIR=$("$here/foreign.sh")
export OCTET_FOREIGN_DIR
exec "$python" "$here/run_tests.py" "$here" "$@"
