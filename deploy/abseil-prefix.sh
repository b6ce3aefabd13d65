#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints where the Abseil of this checkout that is instrumented for
# ThreadSanitizer is, or would be; CMake and deploy/abseil/build.sh ask here.
# The name holds the version of the distribution's package and a key of the
# options and the compiler. OCTET_CACHE_DIR moves the cache.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${OCTET_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/octet}

version=$(dpkg-query -W -f '${Version}' libabsl-dev 2>/dev/null) || version=none
key=$({
  cat "$here/abseil/options.txt"
  c++ -dumpmachine 2>/dev/null && c++ -dumpfullversion || echo "no compiler"
} | sha256sum | cut -c1-12)
echo "$cache/abseil-tsan-$version-$key"
