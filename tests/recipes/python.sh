#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# python.sh FRAMEWORK: prints a Python that has everything in
# FRAMEWORK-requirements.txt. It lives in a virtual environment in octet's
# cache, made once for each content of that file.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../../deploy/console.sh
source "$here/../../deploy/console.sh"

requirements=$here/$1-requirements.txt
[[ -f $requirements ]] || fail "no such framework: $1"
cache=${OCTET_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/octet}
key=$({ cat "$requirements" "$here/cuda_stand_ins.py" && python3 --version; } |
  sha256sum | cut -c1-12)
environment=$cache/$1-$key
mkdir -p "$cache"
# One lock for all: two of these installations at once are too much for a disk.
exec 9>"$cache/recipes.lock"
flock 9
if [[ ! -f $environment/complete ]]; then
  step "Installing $1, once; this takes some minutes"
  rm -rf "$environment"
  if ! { python3 -m venv "$environment" && "$environment/bin/pip" install \
    --quiet --disable-pip-version-check --no-deps --no-cache-dir \
    -r "$requirements"; } >&2; then
    rm -rf "$environment"
    fail "the Python packages of $1 could not be installed" \
      "Check the network and the disk, and that python3-venv is there:" \
      "deploy/install-dependencies.sh --tests installs it."
  fi
  if [[ $1 == pytorch ]]; then
    packages=$("$environment/bin/python" -c \
      'import sysconfig; print(sysconfig.get_path("platlib"))')
    "$environment/bin/python" "$here/cuda_stand_ins.py" "$packages" >&2
  fi
  touch "$environment/complete"
fi
echo "$environment/bin/python"
