#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compares octet's quantizer with ONNX Runtime's and NNCF's:
#   tests/bench/quantizers/run.sh build/release/bin/octet-model [MODEL...]
# The packages of requirements.txt are installed once, into a virtual
# environment in octet's cache folder; NNCF is left out where it cannot be.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if (($# < 1)); then
  echo "usage: $0 OCTET_MODEL_PROGRAM [MODEL...]" >&2
  exit 2
fi
program=$1
shift
cache=${OCTET_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/octet}
key=$({ cat "$here/requirements.txt" && python3 --version; } | sha256sum |
  cut -c1-12)
environment=$cache/quantizers-$key
if [[ ! -f $environment/complete ]]; then
  echo "Installing the packages of tests/bench/quantizers, once" >&2
  rm -rf "$environment"
  mkdir -p "$cache"
  python3 -m venv "$environment"
  pip=("$environment/bin/pip" install --quiet --disable-pip-version-check)
  if ! "${pip[@]}" -r "$here/requirements.txt"; then
    if ! "${pip[@]}" -r <(grep -v '^nncf' "$here/requirements.txt"); then
      echo "skipped: ONNX Runtime cannot be installed from PyPI here"
      exit 0
    fi
    echo "NNCF cannot be installed here; compared with ONNX Runtime alone" >&2
  fi
  touch "$environment/complete"
fi
exec "$environment/bin/python" "$here/compare.py" --octet-model "$program" "$@"
