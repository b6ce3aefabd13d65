#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Exports small models with the recipes of the READMEs, and compares octet's
# answers with the frameworks' own. The last line is the total.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=../../deploy/console.sh
source "$root/deploy/console.sh"

usage() {
  cat <<'END'
Usage: tests/recipes/run.sh [--keep FOLDER] [FRAMEWORK...]

  --keep FOLDER  where the exported models, inputs and answers are left
                 [a temporary folder, which is removed]
  FRAMEWORK      pytorch, tensorflow, scikit-learn [all]

octet-model is taken from $OCTET_BIN_DIR, else from build/release/bin. The
frameworks are installed once, in octet's cache: about 4 GB.
END
}

cases=""
frameworks=()
while (($# > 0)); do
  case "$1" in
    --keep)
      (($# > 1)) || { usage >&2; exit 2; }
      cases=$2
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    pytorch | tensorflow | scikit-learn) frameworks+=("$1") ;;
    *)
      printf 'error: unknown argument: %s\n\n' "$1" >&2
      usage >&2
      exit 2
      ;;
  esac
  shift
done
((${#frameworks[@]} > 0)) || frameworks=(pytorch tensorflow scikit-learn)
export OCTET_BIN_DIR=${OCTET_BIN_DIR:-$root/build/release/bin}
[[ -x $OCTET_BIN_DIR/octet-model ]] ||
  fail "$OCTET_BIN_DIR/octet-model is not there" \
    "Build it: cmake --preset release && ninja -C build/release octet-model"
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  echo "Skipped: python3 with venv is not installed;" \
    "deploy/install-dependencies.sh --tests installs it"
  echo "0 passed, 0 failed"
  exit 0
fi
# What Python compiles must not land in the sources.
export PYTHONDONTWRITEBYTECODE=1
if [[ -n $cases ]]; then
  mkdir -p "$cases"
else
  cases=$(mktemp -d)
  trap 'rm -rf "$cases"' EXIT
fi
for framework in "${frameworks[@]}"; do
  python=$("$here/python.sh" "$framework")
  step "Exporting from $framework"
  # Commands of the recipes find the environment's programs.
  PATH=$(dirname "$python"):$PATH PYTHONPATH=$here \
    "$python" "$here/${framework//-/_}_cases.py" "$cases" \
    2>"$cases/$framework.log" >&2 || {
    tail -n 20 "$cases/$framework.log" >&2
    fail "the cases of $framework could not be made"
  }
done
python=$("$root/tests/interop/python.sh")
OCTET_RECIPE_CASES=$cases PYTHONPATH=$root/tests/interop \
  "$python" "$root/tests/interop/run_tests.py" "$here"
