#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# build.sh [SOURCE FOLDER]: builds oneDNN once into the cache that
# deploy/onednn-prefix.sh names, and prints where it is. Without a folder, the
# sources come from the distribution (fetch.sh). Does nothing when the build
# is there; leaves nothing half-done when it is interrupted.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../console.sh
source "$here/../console.sh"
given_source=${1:-}

is_built() { [[ -f $1/lib/libdnnl.a && -f $1/lib/cmake/dnnl/dnnl-config.cmake ]]; }

prefix=$(bash "$here/../onednn-prefix.sh")
if is_built "$prefix"; then
  echo "$prefix"
  exit 0
fi

cache=$(dirname "$prefix")
key=${prefix##*-}
mkdir -p "$cache"
exec 9>"$cache/onednn.lock"
if ! flock -n 9; then
  step "Waiting for another build of oneDNN to end"
  flock 9
  prefix=$(bash "$here/../onednn-prefix.sh")
  if is_built "$prefix"; then
    echo "$prefix"
    exit 0
  fi
fi

# We hold the lock, so what an interrupted run left behind is nobody's.
rm -rf "$cache"/.onednn-building.*
work=$(mktemp -d "$cache/.onednn-building.XXXXXX")
children() { jobs -p; }
leave() {
  local pids
  pids=$(children)
  # shellcheck disable=SC2086
  [[ -z $pids ]] || kill $pids 2>/dev/null || true
  wait
  [[ -n ${keep_work:-} ]] || rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT TERM

if [[ -n $given_source ]]; then
  source_folder=$(cd "$given_source" && pwd)
else
  bash "$here/fetch.sh" "$work"
  source_folder=$work/source
fi
version=$(sed -n 's/^set(PROJECT_VERSION "\([0-9.]*\)").*/\1/p' \
  "$source_folder/CMakeLists.txt" 2>/dev/null || true)
[[ $version =~ ^3\.([7-9]|[1-9][0-9])\. ]] || fail \
  "$source_folder holds oneDNN '${version:-unknown}', wanted 3.7 or later 3.x"
final=$cache/onednn-$version-$key

step "Building oneDNN $version, once, for $final"
step "Why: no package of it has the thread pool that keeps a lane on its own" \
  "cores; about 5 minutes on two cores, later runs take it from there"

definitions=()
while IFS= read -r line; do
  [[ -n $line ]] && definitions+=("-D$line")
done <"$here/options.txt"
# The flags of the caller's own project are not meant for this one.
unset CFLAGS CXXFLAGS CPPFLAGS LDFLAGS CC CXX
# So that a build that was interrupted is not lost. The folder has another name
# in every run, which the compiler cache must not see; the rest is what it needs
# to know of precompiled headers.
if command -v ccache >/dev/null; then
  definitions+=("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"
    "-DCMAKE_CXX_FLAGS=-fpch-preprocess")
  export CCACHE_BASEDIR=$work CCACHE_NOHASHDIR=1
  export CCACHE_SLOPPINESS=pch_defines,time_macros
fi
if ! cmake -S "$source_folder" -B "$work/build" -G Ninja \
  "${definitions[@]}" \
  "-DCMAKE_PROJECT_oneDNN_INCLUDE=$here/subset.cmake" \
  "-DCMAKE_INSTALL_PREFIX=$work/prefix" >"$work/configure.log" 2>&1; then
  tail -n 30 "$work/configure.log" >&2
  fail "oneDNN $version could not be configured" \
    "Are all packages there? deploy/install-dependencies.sh installs them."
fi
log=$cache/onednn-build.log
run_ninja "oneDNN $version" "$log" -C "$work/build" -j "$(build_jobs)" ||
  fail "oneDNN $version could not be built; everything it said is in $log" \
    "A compiler that was killed needs more memory (1 GB for each core)."
cmake --install "$work/build" >"$work/install.log" 2>&1 ||
  fail "oneDNN $version could not be installed: $(tail -n 3 "$work/install.log")"

if ! bash "$here/check.sh" "$work/prefix" "$work/check" >"$log" 2>&1; then
  tail -n 40 "$log" >&2
  fail "the oneDNN that was built does not link or run; see $log"
fi
rm -rf "$final"
mv "$work/prefix" "$final"
step "oneDNN $version is ready after $(elapsed $SECONDS)"
echo "$final"
