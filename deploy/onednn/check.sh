#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check.sh PREFIX FOLDER: builds the probe in FOLDER against the oneDNN that is
# installed in PREFIX, and runs it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cmake -S "$here" -B "$2" -G Ninja "-DONEDNN_PREFIX=$1"
ninja -C "$2"
"$2/probe"
