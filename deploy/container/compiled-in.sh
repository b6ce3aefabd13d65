#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints the libraries that are part of octet's programs, not shared with them,
# for deploy/container/sbom.sh: name, version, package URL, licence.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC1091
source /etc/os-release

prefix=$(bash "$here/../onednn-prefix.sh")
version=$(sed -n 's/^set(PACKAGE_VERSION "\(.*\)")$/\1/p' \
  "$prefix/lib/cmake/dnnl/dnnl-config-version.cmake")
printf 'onednn\t%s\tpkg:generic/onednn@%s\tApache-2.0\n' "$version" "$version"

# Libraries that are headers only.
for package in libcli11-dev:BSD-3-clause nlohmann-json3-dev:Expat; do
  name=${package%%:*}
  version=$(dpkg-query -W -f '${Version}' "$name")
  printf '%s\t%s\tpkg:deb/%s/%s@%s\t%s\n' "$name" "$version" "$ID" "$name" \
    "$(sed 's/+/%2B/g; s/:/%3A/g' <<<"$version")" "${package#*:}"
done
