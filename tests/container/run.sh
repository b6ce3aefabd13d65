#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the container image from this checkout, on a Debian 13 made with
# debootstrap from the machine's own mirror, looks at it, and runs it as an
# operator would: read-only, without rights, until SIGTERM. No registry is
# asked. Exit code 77, with the reason, where that cannot be done. Arguments go
# to the build as they are.
#
# The first run takes long, as it builds everything; layers and compiler cache
# stay in ~/.cache/octet/container (or below OCTET_CACHE_DIR).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=../../deploy/console.sh
source "$root/deploy/console.sh"
release=trixie
base=localhost/octet-test-base:$release
image=localhost/octet-server:test
# Of the issue: what the image may have beside the base's own bytes.
limit_bytes=$((90 * 1000 * 1000))
bin=$root/build/release/bin

skip() {
  printf 'skipped: the container image: %s\n' "$1"
  exit 77
}

((EUID == 0)) || skip "building it here needs root"
for program in podman debootstrap python3 perl nsenter; do
  command -v "$program" >/dev/null || skip "$program is not installed"
done
[[ -x $bin/octet ]] || fail "$bin/octet is missing" "Build release first."

folder=${OCTET_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/octet}/container
mkdir -p "$folder/ccache"
exec 9>"$folder/lock"
flock 9
work=$(mktemp -d)
engine=(podman --root "$folder/storage" --runroot "$folder/run"
  --cgroup-manager cgroupfs --log-level fatal)
podman() { command "${engine[@]}" "$@"; }
# Podman asks for limits above those of this shell, which not every machine
# grants; beside loopback the container has no network.
files=$(ulimit -Hn)
confined=(--network none --read-only --read-only-tmpfs=false --cap-drop ALL
  --security-opt no-new-privileges --ulimit "nofile=$files:$files"
  --ulimit nproc=4096:4096)
container=""
leave() {
  [[ -z $container ]] || podman rm -f "$container" >/dev/null 2>&1 || true
  podman image umount --all >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap leave EXIT

make_base() {
  podman image exists "$base" && return
  local mirror
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' \
    'Created-By: Packages' | awk '$2 == "main" && !found { print $1; found = 1 }')
  step "Making a Debian $release to start from"
  debootstrap --variant=minbase "$release" "$work/base" "$mirror" \
    >"$work/log" 2>&1 || {
    tail -n 5 "$work/log" >&2
    skip "debootstrap cannot make a Debian $release"
  }
  rm -rf "$work/base/var/cache/apt/archives"/*.deb \
    "$work/base/var/lib/apt/lists"/*
  tar -C "$work/base" -c . | podman import -q - "$base" >/dev/null
  rm -rf "$work/base"
}

# The first of crun and runc that starts a container on this machine: crun
# does not know every arrangement of control groups.
choose_runtime() {
  local name
  for name in crun runc; do
    if command -v "$name" >/dev/null && podman --runtime "$name" run --rm \
      "${confined[@]}" "$base" true >>"$work/runtime.log" 2>&1; then
      engine+=(--runtime "$name")
      return
    fi
  done
  sort -u "$work/runtime.log" >&2
  skip "neither crun nor runc starts a container here"
}

check_image() {
  podman image inspect "$image" >"$work/image.json"
  podman image inspect "$base" >"$work/base.json"
  python3 -B "$here/check_image.py" "$work/image.json" "$work/base.json" \
    "$(podman image mount "$image")" "$(podman image mount "$base")" \
    "$limit_bytes" "$("$bin/octet-server" --version | sed 's/.* //')"
}

prepare_models() {
  mkdir -p "$work/models/characters/1"
  cp "$root/deploy/sample/printed_characters.onnx" \
    "$work/models/characters/1/model.onnx"
  chmod -R a+rX "$work" "$work/models"
  perl "$root/deploy/quickstart/pictures_to_float.pl" \
    "$root/deploy/sample/evaluation_images.npy" "$work/pictures.npy"
}

start_container() {
  container=$(podman run --detach "${confined[@]}" \
    --env OCTET_SERVER_DRAIN_SECONDS=0 \
    --volume "$work/models:/models:ro" "$image")
  local line=""
  # The line comes once the models are ready; without it the server has ended.
  read -r line < <(podman logs --follow "$container" 2>"$work/log" |
    grep --line-buffered grpc_port) ||
    fail "octet-server did not start in the container" \
      "$(podman logs "$container" 2>&1 | tail -n 5)"
  pid=$(podman inspect --format '{{.State.Pid}}' "$container")
}

octet() { nsenter --target "$pid" --net "$bin/octet" "$@"; }

check_container() {
  podman healthcheck run "$container" || fail "the health check says no"
  awk '/^Uid:/ { exit $2 != 10001 }' "/proc/$pid/status" ||
    fail "octet-server does not run as user 10001"
  if podman exec "$container" touch /here 2>/dev/null; then
    fail "the root file system can be written"
  fi
  local right
  right=$(octet infer characters --input "image=$work/pictures.npy" \
    --expected "$root/deploy/sample/evaluation_labels.npy" --json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["top1"])')
  awk "BEGIN { exit !($right > 0.95) }" ||
    fail "the model in the container reads $right of the pictures"
  # The address is not loopback, so nobody may change what is served.
  if octet unload characters 2>"$work/refused"; then
    fail "everyone may unload models of a server that listens everywhere"
  fi
  grep -q -e --control-access "$work/refused" ||
    fail "unload failed for another reason than its rule of access" \
      "$(cat "$work/refused")"
}

check_stop() {
  podman kill --signal TERM "$container" >/dev/null
  local code
  code=$(podman wait "$container")
  [[ $code == 0 ]] || fail "after SIGTERM the exit code is $code"
}

make_base
choose_runtime
OCTET_CONTAINER_ENGINE="${engine[*]}" "$root/deploy/build-image.sh" --tag "$image" --base "$base" -- \
  --isolation chroot --pull=never \
  --volume "$folder/ccache:/ccache" "$@" >"$folder/build.log" 2>&1 || {
  tail -n 30 "$folder/build.log" >&2
  fail "the image cannot be built; everything is in $folder/build.log"
}
check_image
prepare_models
start_container
check_container
check_stop
echo "the container image was built, run and stopped"
