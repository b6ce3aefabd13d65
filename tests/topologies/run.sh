#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compares octet with ONNX Runtime on whole networks with seeded weights. The
# last line is the total.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=../../deploy/console.sh
source "$root/deploy/console.sh"

usage() {
  cat <<'END'
Usage: tests/topologies/run.sh [TEST...]

  TEST  single tests, by their Python names, for example
        topologies_test.TopologiesTest.test_vgg19 [all]

octet-model is taken from $OCTET_BIN_DIR, else from build/release/bin; the
topologies from conformance/light in $OCTET_SHARED [../shared].
END
}

case "${1:-}" in
  -h | --help)
    usage
    exit 0
    ;;
esac
export OCTET_BIN_DIR=${OCTET_BIN_DIR:-$root/build/release/bin}
export OCTET_SHARED=${OCTET_SHARED:-$root/../shared}
[[ -x $OCTET_BIN_DIR/octet-model ]] ||
  fail "$OCTET_BIN_DIR/octet-model is not there" \
    "Build it: cmake --preset release && ninja -C build/release octet-model"
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  echo "Skipped: python3 with venv is not installed;" \
    "deploy/install-dependencies.sh --tests installs it"
  echo "0 passed, 0 failed"
  exit 0
fi
interop=$root/tests/interop
python=$("$interop/python.sh")
# What Python compiles must not land in the sources.
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$interop
exec "$python" "$interop/run_tests.py" "$here" "$@"
