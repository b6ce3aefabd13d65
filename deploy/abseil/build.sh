#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the distribution's Abseil, instrumented for ThreadSanitizer, once into
# the cache that deploy/abseil-prefix.sh names, and prints where it is. Why:
# the packaged one is not instrumented, so the sanitizer does not see what its
# mutexes order, and calls every access under them a race.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../console.sh
source "$here/../console.sh"

prefix=$(bash "$here/../abseil-prefix.sh")
cache=$(dirname "$prefix")
is_built() { [[ -f $prefix/lib/cmake/absl/abslConfig.cmake ]]; }
if is_built; then
  echo "$prefix"
  exit 0
fi
mkdir -p "$cache"
exec 9>"$cache/abseil.lock"
flock -n 9 || { step "Waiting for another build of Abseil to end" && flock 9; }
if is_built; then
  echo "$prefix"
  exit 0
fi

# We hold the lock, so what an interrupted run left behind is nobody's.
rm -rf "$cache"/.abseil-building.*
work=$(mktemp -d "$cache/.abseil-building.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# The source of the very package whose headers everything else was built with.
version=$(dpkg-query -W -f '${source:Version}' libabsl-dev 2>/dev/null) ||
  fail "libabsl-dev is not installed" "deploy/install-dependencies.sh does it."
# shellcheck disable=SC1091
source /etc/os-release
component=main
[[ ${ID:-} == ubuntu ]] && component=universe
bash "$here/../source-package.sh" abseil "${version//+/\\+}\$" "$work" \
  "$component" "$VERSION_CODENAME" "$VERSION_CODENAME-updates" ||
  fail "the sources of Abseil $version could not be had" \
    "Is every package up to date?"

step "Building Abseil $version for ThreadSanitizer, once, for $prefix"
definitions=()
while IFS= read -r line; do
  [[ -n $line ]] && definitions+=("-D$line")
done <"$here/options.txt"
unset CFLAGS CXXFLAGS CPPFLAGS LDFLAGS CC CXX
log=$cache/abseil-build.log
cmake -S "$work/source" -B "$work/build" -G Ninja "${definitions[@]}" \
  "-DCMAKE_INSTALL_PREFIX=$prefix" >"$log" 2>&1 || {
  tail -n 30 "$log" >&2
  fail "Abseil $version could not be configured"
}
run_ninja "Abseil $version" "$log" -C "$work/build" -j "$(build_jobs)" ||
  fail "Abseil $version could not be built; everything it said is in $log"
DESTDIR=$work/root cmake --install "$work/build" >"$log" 2>&1 ||
  fail "Abseil $version could not be installed: $(tail -n 3 "$log")"
rm -rf "$prefix"
mv "$work/root$prefix" "$prefix"
echo "$prefix"
