#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the container image of octet-server from this checkout.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=console.sh
source "$root/deploy/console.sh"

usage() {
  cat <<'END'
Usage: deploy/build-image.sh [--tag NAME] [--base IMAGE] [-- ARGUMENT...]

  --tag NAME    what the image is called [octet-server:VERSION]
  --base IMAGE  a Debian 13 to start from [docker.io/library/debian:13-slim]
  ARGUMENT...   goes to the engine's build command as it is

Takes podman, docker or buildah, whichever is there first;
OCTET_CONTAINER_ENGINE names another one, with its global flags.
END
}

version=$(sed -n 's/^project(octet VERSION \([0-9.]*\).*/\1/p' \
  "$root/CMakeLists.txt")
revision=$(git -C "$root" rev-parse HEAD 2>/dev/null) || revision=unknown
if [[ -n $(git -C "$root" status --porcelain 2>/dev/null) ]]; then
  revision+=-modified
fi
tag=octet-server:$version
arguments=()
while (($# > 0)); do
  case "$1" in
    --tag | --base)
      (($# > 1)) || { usage >&2; exit 2; }
      if [[ $1 == --tag ]]; then tag=$2; else
        arguments+=(--build-arg "BASE=$2")
      fi
      shift
      ;;
    --)
      shift
      break
      ;;
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

first_engine() {
  local name
  for name in podman docker buildah; do
    command -v "$name" && return
  done
  fail "none of podman, docker and buildah is there" \
    "On Debian: apt-get install podman"
}

engine=${OCTET_CONTAINER_ENGINE:-$(first_engine)}
# The OCI format, which podman and buildah use otherwise, has no health check.
[[ $engine == *docker* ]] || arguments+=(--format docker --layers)
step "Building $tag with ${engine%% *}; oneDNN takes some minutes once"
# The engine's flags are words of their own.
# shellcheck disable=SC2086
exec $engine build "${arguments[@]}" --build-arg "VERSION=$version" \
  --build-arg "REVISION=$revision" -t "$tag" "$@" "$root"
