#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Times octet against ONNX Runtime and OpenVINO, float and int8; --help says
# how. octet-model is taken from $OCTET_BIN_DIR, else from build/release/bin;
# models and samples from data/ in $OCTET_SHARED [../shared].
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
# shellcheck source=../../../deploy/console.sh
source "$root/deploy/console.sh"

export OCTET_BIN_DIR=${OCTET_BIN_DIR:-$root/build/release/bin}
export OCTET_SHARED=${OCTET_SHARED:-$root/../shared}
[[ -x $OCTET_BIN_DIR/octet-model ]] ||
  fail "$OCTET_BIN_DIR/octet-model is not there" \
    "Build it: cmake --preset release && ninja -C build/release octet-model"
[[ -d $OCTET_SHARED/data/models ]] ||
  fail "there are no models in $OCTET_SHARED/data/models" \
    "Set OCTET_SHARED to the folder that holds data/."
python=$("$root/tests/interop/python.sh" "$here/requirements.txt")
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here:$root/tests/interop
exec "$python" "$here/runtimes_bench.py" "$@"
