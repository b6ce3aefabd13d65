#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what octet is built from: packages of the distribution, and oneDNN,
# built once from the distribution's source package. The last line it prints is
# where oneDNN is. When everything is there it says nothing else.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=console.sh
source "$here/console.sh"

usage() {
  cat <<'END'
Usage: deploy/install-dependencies.sh [--tests] [--all] [--onednn-source FOLDER]

  --tests                 also what tests/run.sh needs: clang, clang-format, a
                          Python with venv, Prometheus
  --all                   also what tests/run.sh --all needs: clang-tidy, Abseil
                          instrumented for ThreadSanitizer
  --onednn-source FOLDER  build oneDNN from these sources (3.7 or a later 3.x)
                          instead of the distribution's
  --no-onednn             packages only, for -DOCTET_SYSTEM_ONEDNN=ON

Packages are installed as root or through sudo. oneDNN goes to
~/.cache/octet, or to the folder in OCTET_CACHE_DIR.
END
}

packages=(
  # The compiler and what unpacks and builds.
  g++ cmake ninja-build ccache pkg-config dpkg-dev xz-utils
  # The libraries of design and build, and what their CMake files look for.
  libabsl-dev libgrpc++-dev libprotobuf-dev protobuf-compiler
  protobuf-compiler-grpc libre2-dev libc-ares-dev libssl-dev zlib1g-dev
  libonnx-dev libspdlog-dev libcli11-dev nlohmann-json3-dev
  prometheus-cpp-dev libcivetweb-dev libcurl4-openssl-dev
  # Files that octet reads: .npz, PNG, JPEG, WAV.
  libzip-dev libpng-dev libturbojpeg0-dev libsndfile1-dev
  libgtest-dev libgmock-dev libbenchmark-dev
)
# Also clients that we did not write, and what they are linked with.
test_packages=(clang clang-format libclang-rt-dev git python3 python3-venv
  prometheus nghttp2-client libb64-0d openssl chromium)
command -v go >/dev/null || [[ -x /usr/local/go/bin/go ]] ||
  test_packages+=(golang-go)
all_packages=(clang-tidy)

onednn_source=""
with_onednn=yes
with_abseil=no
while (($# > 0)); do
  case "$1" in
    --tests) packages+=("${test_packages[@]}") ;;
    --all)
      packages+=("${test_packages[@]}" "${all_packages[@]}")
      with_abseil=yes
      ;;
    --onednn-source)
      (($# > 1)) || { usage >&2; exit 2; }
      onednn_source=$2
      shift
      ;;
    --no-onednn) with_onednn=no ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      printf 'error: unknown argument: %s\n\n' "$1" >&2
      usage >&2
      exit 2
      ;;
  esac
  shift
done

# Names of the wanted packages that dpkg does not call installed.
missing_packages() {
  local installed
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" \
    2>/dev/null | awk '$1 == "installed" { print $2 }') || true
  comm -23 <(printf '%s\n' "$@" | sort -u) \
    <(printf '%s\n' "$installed" | sort -u)
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "${packages[@]}")
  ((${#missing[@]} == 0)) && return
  step "Installing ${#missing[@]} packages: ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { as_root apt-get -q update &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
      --no-install-recommends install "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    fail "the packages could not be installed; everything apt said is in $log" \
      "Check the network, then run this again."
  fi
  rm -f "$log"
  # Only Prometheus's programs are wanted here, not a service on this machine.
  if [[ " ${missing[*]} " == *" prometheus "* && -d /run/systemd/system ]]; then
    as_root systemctl disable --quiet --now prometheus.service || true
  fi
}

if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
  install_packages
else
  step "This is not a Debian-like system: no packages are installed." \
    "Their names on Debian: ${packages[*]}"
fi

if [[ $with_abseil == yes ]]; then
  bash "$here/abseil/build.sh" >/dev/null
fi
if [[ $with_onednn == yes ]]; then
  if [[ -n $onednn_source && ! -f $onednn_source/CMakeLists.txt ]]; then
    fail "--onednn-source $onednn_source: no CMakeLists.txt there"
  fi
  bash "$here/onednn/build.sh" "$onednn_source"
fi
