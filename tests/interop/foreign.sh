#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints a folder with the clients that are not Python packages of the tests'
# own environment, each at a fixed version and made once in octet's cache:
#   ghz, grpcurl     built from their Go modules, if there is a Go toolchain
#   perf_analyzer    Triton's load generator, and the one library it wants
#   kserve           a virtual environment that has KServe's Python package
# NAME.missing beside them says why NAME is not there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../../deploy/console.sh
source "$here/../../deploy/console.sh"

ghz=github.com/bojand/ghz/cmd/ghz@v0.120.0
grpcurl=github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.1
# The last perf_analyzer that runs with the C library of Debian 12.
perf_analyzer=(tritonclient==2.50.0 nvidia-cuda-runtime-cu12==12.6.77)
# Debian 12's; those two need no later one.
go_minor=19

go_tools=""

cache=${OCTET_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/octet}
key=$({ echo "$ghz $grpcurl ${perf_analyzer[*]}" &&
  cat "$here/kserve-requirements.txt" && python3 --version; } | sha256sum |
  cut -c1-12)
foreign=$cache/foreign-$key
mkdir -p "$foreign"
exec 9>"$cache/foreign.lock"
flock 9
rm -f "$foreign"/*.missing
work=$(mktemp -d "$foreign/work.XXXXXX")
trap 'rm -rf "$work"' EXIT

missing() { echo "$2" >"$foreign/$1.missing"; }

# The go program to use; nothing, and why, when there is none.
find_go() {
  local go minor
  go=$(command -v go || true)
  [[ -n $go || ! -x /usr/local/go/bin/go ]] || go=/usr/local/go/bin/go
  if [[ -z $go ]]; then
    echo "there is no Go toolchain (package golang-go)" >&2
    return 1
  fi
  minor=$("$go" version | sed -nE 's/^go version go1\.([0-9]+).*/\1/p')
  if ((${minor:-0} < go_minor)); then
    echo "$("$go" version): too old, 1.$go_minor is needed" >&2
    return 1
  fi
  echo "$go"
}

# Runs in the background beside what pip does.
build_go_tools() {
  local go module name
  if ! go=$(find_go 2>"$work/go.reason"); then
    missing ghz "$(<"$work/go.reason")"
    missing grpcurl "$(<"$work/go.reason")"
    return 0
  fi
  step "Building ghz and grpcurl, once"
  for module in "$ghz" "$grpcurl"; do
    name=$(basename "${module%@*}")
    if ! GOBIN=$work/go/bin GOPATH=$work/go GOCACHE=$work/go/cache \
      GOFLAGS="-modcacherw -buildvcs=false" GOTOOLCHAIN=local CGO_ENABLED=0 \
      "$go" install "$module" >"$work/$name.log" 2>&1; then
      tail -n 3 "$work/$name.log" >&2
      fail "go install $module failed" "Check the network, then run this again."
    fi
    mv "$work/go/bin/$name" "$foreign/$name"
  done
}

pip_failed() {
  fail "$1 could not be installed" "Check the network, then run this again."
}

install_perf_analyzer() {
  step "Installing perf_analyzer, once"
  local target=$foreign/perf_analyzer.files
  rm -rf "$target"
  python3 -m venv "$work/pip"
  "$work/pip/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    --target "$target" "${perf_analyzer[@]}" >&2 ||
    pip_failed perf_analyzer
  cat >"$work/perf_analyzer" <<END
#!/bin/sh
export LD_LIBRARY_PATH="$target/nvidia/cuda_runtime/lib"
exec "$target/bin/perf_analyzer" "\$@"
END
  chmod +x "$work/perf_analyzer" "$target/bin/perf_analyzer"
  mv "$work/perf_analyzer" "$foreign/perf_analyzer"
}

install_kserve() {
  step "Installing KServe's Python package, once"
  rm -rf "$foreign/kserve"
  python3 -m venv "$foreign/kserve"
  "$foreign/kserve/bin/pip" install --quiet --disable-pip-version-check \
    --no-deps -r "$here/kserve-requirements.txt" >&2 ||
    pip_failed "KServe's Python package"
  touch "$foreign/kserve/complete"
}

if [[ ! -x $foreign/ghz || ! -x $foreign/grpcurl ]]; then
  build_go_tools &
  go_tools=$!
fi
[[ -x $foreign/perf_analyzer ]] || install_perf_analyzer
[[ -f $foreign/kserve/complete ]] || install_kserve
[[ -z $go_tools ]] || wait "$go_tools"
# It runs only where the system has what it was linked with.
if ! "$foreign/perf_analyzer" --version >"$work/version" 2>&1; then
  missing perf_analyzer "it does not start here: $(head -n 1 "$work/version")"
fi
echo "$foreign"
