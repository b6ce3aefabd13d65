#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints where the cached oneDNN of this checkout is, or would be. CMake and
# install-dependencies.sh both ask here, so that they cannot disagree.
#
# The name holds oneDNN's version and a key made of everything else that
# decides what was compiled: the options, the list of what is left out, the
# compiler. OCTET_CACHE_DIR moves the cache.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${OCTET_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/octet}

key=$({
  cat "$here/onednn/options.txt" "$here/onednn/subset.cmake" \
    "$here/onednn/left_out.cpp"
  c++ -dumpmachine 2>/dev/null && c++ -dumpfullversion || echo "no compiler"
} | sha256sum | cut -c1-12)

# The newest complete build; build.sh renames a build into place at its end.
found=$(find "$cache" -maxdepth 1 -type d -name "onednn-*-$key" 2>/dev/null |
  sort -V | tail -n 1) || true
echo "${found:-$cache/onednn-$key}"
