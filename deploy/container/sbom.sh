#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sbom.sh VERSION COMPILED-IN: prints a bill of materials (CycloneDX 1.5, JSON)
# of the image that it runs in: every package that dpkg knows there, octet
# itself, and the libraries in COMPILED-IN, one a line, that are part of its
# programs: name, version, package URL and licence, separated by tabs.
# Runs in the smallest Debian, so: sh, dpkg-query and awk.
set -eu
version=$1
compiled_in=$2
# shellcheck disable=SC1091
. /etc/os-release

# Names of the licences in a package's copyright file, where that is machine
# readable, separated by "|".
licences() {
  file=/usr/share/doc/$1/copyright
  [ -r "$file" ] || return 0
  awk '/^License: / {
      sub(/^License: */, ""); sub(/[ \t]+$/, "")
      if ($0 != "" && !($0 in seen)) {
        seen[$0] = 1; printf "%s%s", separator, $0; separator = "|"
      }
    }' "$file"
}

{
  printf 'application\toctet\t%s\tpkg:generic/octet@%s\tApache-2.0\t\n' \
    "$version" "$version"
  while read -r line; do printf 'library\t%s\t\n' "$line"; done <"$compiled_in"
  dpkg-query -W -f \
    '${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n' |
    while IFS="$(printf '\t')" read -r name package_version arch source \
      source_version; do
      # A package URL escapes what has a meaning in URLs.
      url=$(printf '%s@%s' "$name" "$package_version" |
        sed 's/+/%2B/g; s/:/%3A/g')
      printf 'library\t%s\t%s\tpkg:deb/%s/%s?arch=%s&distro=%s-%s\t%s\t%s %s\n' \
        "$name" "$package_version" "$ID" "$url" "$arch" "$ID" "$VERSION_ID" \
        "$(licences "$name")" "$source" "$source_version"
    done
} | awk -F '\t' -v version="$version" '
  function quoted(text) {
    gsub(/\\/, "\\\\", text); gsub(/"/, "\\\"", text)
    gsub(/[\001-\037]/, " ", text)
    return "\"" text "\""
  }
  BEGIN {
    print "{"
    print "  \"bomFormat\": \"CycloneDX\","
    print "  \"specVersion\": \"1.5\","
    print "  \"version\": 1,"
    print "  \"metadata\": {\"component\": {\"type\": \"container\","
    print "    \"name\": \"octet\", \"version\": " quoted(version) "}},"
    print "  \"components\": ["
  }
  {
    if (NR > 1) print ","
    printf "    {\"type\": %s, \"name\": %s, \"version\": %s, \"purl\": %s," \
      " \"bom-ref\": %s", quoted($1), quoted($2), quoted($3), quoted($4),
      quoted($4)
    count = split($5, names, "|")
    if (count > 0) {
      printf ", \"licenses\": ["
      for (i = 1; i <= count; ++i)
        printf "%s{\"license\": {\"name\": %s}}", (i > 1 ? ", " : ""),
          quoted(names[i])
      printf "]"
    }
    if ($6 != "")
      printf ", \"properties\": [{\"name\": \"octet:source-package\"," \
        " \"value\": %s}]", quoted($6)
    printf "}"
  }
  END { print "\n  ]\n}" }'
