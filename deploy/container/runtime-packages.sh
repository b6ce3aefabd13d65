#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# runtime-packages.sh PROGRAM...: prints the packages whose shared libraries
# the programs are linked with, one a line. apt adds what those need.
set -euo pipefail
programs=()
for program in "$@"; do programs+=("$(readlink -f "$program")"); done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/debian"
# dpkg-shlibdeps only looks whether there is a package being built.
touch "$work/debian/control"
cd "$work"
dpkg-shlibdeps -O "${programs[@]}" 2>log >dependencies || {
  cat log >&2
  exit 1
}
sed -n 's/^shlibs:Depends=//p' dependencies | tr ',' '\n' |
  sed -E 's/^ *([^ ]+).*/\1/' | sort -u
