#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# source-package.sh PACKAGE VERSION FOLDER COMPONENT RELEASE...: puts the
# sources of one of the distribution's source packages, patched as the
# distribution patches them, into FOLDER/source. VERSION is a regular
# expression for its start. The releases are asked in order; COMPONENT is the
# part of their archive that has the package.
#
# Everything goes through a private apt configuration below FOLDER: the
# machine's own lists and sources are read, never changed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=console.sh
source "$here/console.sh"
package=$1 wanted=$2 folder=$3 component=$4
releases=("${@:5}")

# shellcheck disable=SC1091
source /etc/os-release
codename=${VERSION_CODENAME:-}

# The mirror that the machine itself uses for its main archive; apt reads
# .list and deb822 .sources files alike.
mirror=$(apt-get indextargets --format \
  '$(REPO_URI) $(RELEASE) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
  awk -v release="$codename" '($2 == release || $3 == release) &&
    $NF == "main" && !found { print $1; found = 1 }')
[[ -n $mirror ]] || fail "apt's configuration names no mirror for $codename main"

# The key that the machine's entry for this release is signed by, where the
# entry names a file; otherwise apt's own trusted keys apply.
keyring=$({
  awk -v release="$codename" 'BEGIN { RS = ""; FS = "\n" } {
      suites = key = ""
      for (i = 1; i <= NF; i++) {
        if ($i ~ /^Suites:/) suites = $i " "
        if ($i ~ /^Signed-By: *\//) { key = $i; sub(/^[^\/]*/, "", key) }
      }
      if (key != "" && index(suites, " " release " ")) print key
    }' /etc/apt/sources.list.d/*.sources
  grep -hE "^deb .* $codename( |\$)" /etc/apt/sources.list \
    /etc/apt/sources.list.d/*.list |
    sed -n 's/.*signed-by=\(\/[^] ]*\).*/\1/p'
} 2>/dev/null | head -n 1) || true
signed_by=${keyring:+ [signed-by=$keyring]}

mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"
options=(-o "Dir::Etc::SourceList=$folder/apt/sources.list"
  -o Dir::Etc::SourceParts=-
  -o "Dir::State::Lists=$folder/apt/lists"
  -o "Dir::Cache=$folder/apt/cache"
  -o APT::Get::List-Cleanup=0
  -o Acquire::Languages=none -o Acquire::Retries=3 -q)
# apt would drop to a user who cannot read this folder.
((EUID == 0)) && options+=(-o APT::Sandbox::User=root)

log=$folder/apt/log
cd "$folder"
for release in "${releases[@]}"; do
  echo "deb-src$signed_by $mirror $release $component" >apt/sources.list
  apt-get "${options[@]}" update >"$log" 2>&1 || continue
  version=$(apt-cache "${options[@]}" showsrc "$package" 2>>"$log" |
    awk '/^Version:/ {print $2}' | grep -E "^($wanted)" | sort -V |
    tail -n 1) || continue
  step "Downloading the source of $package $version ($ID $release)"
  if ! apt-get "${options[@]}" source --download-only "$package=$version" \
    >>"$log" 2>&1; then
    tail -n 5 "$log" >&2
    fail "the source package $package $version could not be downloaded" \
      "Check the network and run this again."
  fi
  dpkg-source --no-check -x "$package"_*.dsc source >>"$log" 2>&1 ||
    fail "the source package $package $version could not be unpacked"
  exit 0
done
tail -n 5 "$log" >&2
fail "no source package $package of version $wanted in ${releases[*]} at $mirror" \
  "If the network failed, run this again."
