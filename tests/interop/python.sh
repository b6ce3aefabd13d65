#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# python.sh [REQUIREMENTS]: prints a Python that has everything in a
# requirements file, the one beside this script unless another is named. It
# lives in a virtual environment in the cache of the oneDNN build, made once for
# each content of the file.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../../deploy/console.sh
source "$here/../../deploy/console.sh"

cache=${OCTET_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/octet}
requirements=${1:-$here/requirements.txt}
key=$({ cat "$requirements" && python3 --version; } | sha256sum |
  cut -c1-12)
environment=$cache/python-$key
mkdir -p "$cache"
exec 9>"$cache/python.lock"
flock 9
if [[ ! -f $environment/complete ]]; then
  step "Installing the Python packages of $(realpath --relative-to="$here/../.." \
    "$requirements"), once"
  rm -rf "$environment"
  if ! { python3 -m venv "$environment" && "$environment/bin/pip" install \
    --quiet --disable-pip-version-check -r "$requirements"; } >&2; then
    fail "the Python packages could not be installed" \
      "Check the network, and that python3-venv is there:" \
      "deploy/install-dependencies.sh --tests installs it."
  fi
  touch "$environment/complete"
fi
echo "$environment/bin/python"
