#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# fetch.sh FOLDER: puts oneDNN's sources, patched as the distribution patches
# them, into FOLDER/source, from the distribution's own source package.
#
# A release whose oneDNN is too old takes the source of a later release of the
# same distribution. That goes through a private apt configuration below
# FOLDER: the machine's own lists and sources are read, never changed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../console.sh
source "$here/../console.sh"
folder=$1

# Releases to ask, in order, and the part of their archive that has oneDNN.
releases_to_ask() {
  case "$1:$2" in
    debian:bookworm) echo trixie main ;;
    debian:*) echo "$2" main ;;
    ubuntu:noble) echo "plucky questing resolute" universe ;;
    ubuntu:*) echo "$2" universe ;;
    *) return 1 ;;
  esac
}

manual="Unpack the source of oneDNN 3.7 or a later 3.x yourself, then run
       deploy/install-dependencies.sh --onednn-source FOLDER"

[[ -r /etc/os-release ]] || fail "/etc/os-release is missing" "$manual"
# shellcheck disable=SC1091
source /etc/os-release
codename=${VERSION_CODENAME:-}
if ! command -v apt-get >/dev/null ||
  ! asked=$(releases_to_ask "${ID:-}" "$codename"); then
  fail "no source package of oneDNN is known for ${PRETTY_NAME:-this system}" \
    "$manual"
fi
component=${asked##* }
releases=${asked% *}

# The mirror that the machine itself uses for its main archive; apt reads
# .list and deb822 .sources files alike.
mirror=$(apt-get indextargets --format \
  '$(REPO_URI) $(RELEASE) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
  awk -v release="$codename" '($2 == release || $3 == release) &&
    $NF == "main" && !found { print $1; found = 1 }')
[[ -n $mirror ]] || fail \
  "apt's configuration names no mirror for $codename main" "$manual"

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
for release in $releases; do
  echo "deb-src$signed_by $mirror $release $component" >apt/sources.list
  apt-get "${options[@]}" update >"$log" 2>&1 || continue
  version=$(apt-cache "${options[@]}" showsrc onednn 2>>"$log" |
    awk '/^Version:/ {print $2}' | sort -V | tail -n 1)
  [[ $version =~ ^3\.([7-9]|[1-9][0-9])\. ]] || continue
  step "Downloading the source of oneDNN $version ($ID $release)"
  if ! apt-get "${options[@]}" source --download-only "onednn=$version" \
    >>"$log" 2>&1; then
    tail -n 5 "$log" >&2
    fail "the source package onednn $version could not be downloaded" \
      "Check the network and run this again." "$manual"
  fi
  dpkg-source --no-check -x onednn_*.dsc source >>"$log" 2>&1 ||
    fail "the source package onednn $version could not be unpacked" "$manual"
  exit 0
done
tail -n 5 "$log" >&2
fail "no source package of oneDNN 3.7 or later in $releases at $mirror" \
  "If the network failed, run this again." "$manual"
