#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Loads a server with good and bad requests, swaps, signals. The last line is
# the total.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=../../deploy/console.sh
source "$root/deploy/console.sh"

usage() {
  cat <<'END'
Usage: tests/stress/run.sh [--full] [--server FILE] [TEST...]

  --full         as many requests, swaps and loads as the project's marks say,
                 and the marks of speed, which only a quiet machine can meet
  --server FILE  an octet-server of another build, with sanitizers for example
  TEST           modules or single tests, by their Python names, for example
                 swap_test [all]

Programs are taken from $OCTET_BIN_DIR, else from build/release/bin.
END
}

export OCTET_BIN_DIR=${OCTET_BIN_DIR:-$root/build/release/bin}
export OCTET_SHARED=${OCTET_SHARED:-$root/../shared}
while (($# > 0)); do
  case "$1" in
    --full) export OCTET_STRESS_FULL=1 ;;
    --server)
      (($# > 1)) || { usage >&2; exit 2; }
      [[ -x $2 ]] || fail "$2 is not there, or no program"
      OCTET_TEST_SERVER=$(realpath "$2")
      export OCTET_TEST_SERVER
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    -*)
      printf 'error: unknown argument: %s\n\n' "$1" >&2
      usage >&2
      exit 2
      ;;
    *) break ;;
  esac
  shift
done
for program in octet-server octet octet-model; do
  [[ -x $OCTET_BIN_DIR/$program ]] ||
    fail "$OCTET_BIN_DIR/$program is not there" \
      "Build it: cmake --preset release && ninja -C build/release"
done
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  echo "Skipped: python3 with venv is not installed;" \
    "deploy/install-dependencies.sh --tests installs it"
  echo "0 passed, 0 failed"
  exit 0
fi
interop=$root/tests/interop
python=$("$interop/python.sh")
# What Python compiles must not land in the sources.
export PYTHONDONTWRITEBYTECODE=1
# Any report of a sanitizer has to end the server, so that a test sees it.
export ASAN_OPTIONS=${ASAN_OPTIONS:-quarantine_size_mb=32}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
exec "$python" "$interop/run_tests.py" "$here" "$@"
