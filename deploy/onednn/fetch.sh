#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# fetch.sh FOLDER: puts oneDNN's sources into FOLDER/source, from the
# distribution's own source package. A release whose oneDNN is too old takes
# the source of a later release of the same distribution.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../console.sh
source "$here/../console.sh"
folder=$1

# The part of the archive that has oneDNN, and the releases to ask, in order.
where_to_ask() {
  case "$1:$2" in
    debian:bookworm) echo main trixie ;;
    debian:*) echo main "$2" ;;
    ubuntu:noble) echo universe plucky questing resolute ;;
    ubuntu:*) echo universe "$2" ;;
    *) return 1 ;;
  esac
}

manual="Unpack the source of oneDNN 3.7 or a later 3.x yourself, then run
       deploy/install-dependencies.sh --onednn-source FOLDER"

[[ -r /etc/os-release ]] || fail "/etc/os-release is missing" "$manual"
# shellcheck disable=SC1091
source /etc/os-release
if ! command -v apt-get >/dev/null ||
  ! asked=$(where_to_ask "${ID:-}" "${VERSION_CODENAME:-}"); then
  fail "no source package of oneDNN is known for ${PRETTY_NAME:-this system}" \
    "$manual"
fi
# shellcheck disable=SC2086
bash "$here/../source-package.sh" onednn '3\.([7-9]|[1-9][0-9])\.' "$folder" \
  $asked || fail "the sources of oneDNN could not be had" "$manual"
