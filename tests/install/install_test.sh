#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# install_test.sh BUILD-FOLDER: installs the build into an empty folder, looks
# at what is there, and builds and runs a project that finds the client library
# there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

fail() {
  printf 'error: %s\n' "$1" >&2
  exit 1
}

cmake --install "$build" --strip --prefix "$prefix" >"$work/install.log" || {
  cat "$work/install.log" >&2
  fail "cmake --install failed"
}

for program in octet octet-model octet-server; do
  "$prefix/bin/$program" --help >/dev/null || fail "$program does not run"
  readelf --sections --wide "$prefix/bin/$program" |
    grep -q '\.debug_info' && fail "$program is not stripped"
done

doc=$prefix/share/doc/octet
for file in README.md LICENSE server/README.md client/README.md; do
  [[ -s $doc/$file ]] || fail "share/doc/octet/$file is missing"
done

# The protocol as a client in another language takes it.
mkdir "$work/protocol"
(cd "$prefix/share/octet" && find proto -name '*.proto' -print0 |
  xargs -0 protoc --proto_path=. "--cpp_out=$work/protocol") ||
  fail "the installed .proto files cannot be compiled"
[[ -f $work/protocol/proto/inference.pb.h ]] || fail "no inference.proto"

# Nothing that is installed as text may need the sources or the build.
if grep -rlIF -e "$build" "$prefix" >"$work/found"; then
  fail "names the build folder: $(tr '\n' ' ' <"$work/found")"
fi

if ! { cmake -S "$here/consumer" -B "$work/consumer" -G Ninja -Wno-dev \
  "-DCMAKE_PREFIX_PATH=$prefix" "-DCMAKE_CXX_FLAGS=-O0" &&
  ninja -C "$work/consumer"; } >"$work/consumer.log" 2>&1; then
  tail -n 40 "$work/consumer.log" >&2
  fail "a project that uses octet::client cannot be built"
fi
answer=$("$work/consumer/consumer")
[[ $answer == "INVALID_ARGUMENT characters int8" ]] ||
  fail "the project that uses octet::client printed '$answer'"
echo "installed, and used by another project"
