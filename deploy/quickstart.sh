#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a fresh clone to int8 answers: installs, builds, quantizes the sample
# model, serves it, asks it over gRPC, and shows what came of it. Run it again
# at will: what is there is not made again.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=console.sh
source "$root/deploy/console.sh"
cd "$root"

usage() {
  cat <<'END'
Usage: deploy/quickstart.sh [--keep]

  --keep  leave the server running, on ports 8001 (gRPC) and 8002 (HTTP), until
          Ctrl-C [it runs on free ports and is stopped at the end]

Packages are installed as root or through sudo. Everything that is made lies in
build/ and, for oneDNN, in ~/.cache/octet.
END
}

keep=no
case "${1:-}" in
  "") ;;
  --keep) keep=yes ;;
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

bin=build/release/bin
work=build/quickstart
sample=deploy/sample
server_pid=""
trap '[[ -z $server_pid ]] || kill "$server_pid" 2>/dev/null || true' EXIT

# number KEY: the number of that name in the JSON on standard input.
number() {
  sed -n -E "s/.*\"$1\": *(-?[0-9][0-9.eE+-]*).*/\1/p" | head -n 1
}

# calculate EXPRESSION FORMAT
calculate() { awk "BEGIN { printf \"$2\", $1 }"; }

build_programs() {
  local log=$root/build/release.log
  mkdir -p build
  if [[ ! -f build/release/build.ninja ]] &&
    ! cmake --preset release -Wno-dev >"$log" 2>&1; then
    tail -n 25 "$log" >&2
    fail "the build could not be configured; what cmake said is in $log"
  fi
  run_ninja "octet" "$log" -C build/release -j "$(build_jobs)" \
    octet-server octet octet-model ||
    fail "the build failed; everything the compiler said is in $log"
}

# The model and its int8 version in a repository, its pictures as its input.
prepare_models() {
  local set
  mkdir -p "$work"
  for set in calibration evaluation; do
    perl deploy/quickstart/pictures_to_float.pl \
      "$sample/${set}_images.npy" "$work/$set.npy"
  done
  float=$work/models/characters_float/1/model.onnx
  int8=$work/models/characters_int8/1/model.onnx
  mkdir -p "${float%/*}" "${int8%/*}"
  cp "$sample/printed_characters.onnx" "$float"
  "$bin/octet-model" quantize "$float" --calibration \
    "image=$work/calibration.npy" --output "$int8" >"$work/quantize.txt" \
    2>"$work/quantize.log" ||
    fail "octet-model quantize failed" "$(tail -n 5 "$work/quantize.log")"
}

start_server() {
  local ports=(--grpc-port 0 --http-port 0) ready=""
  [[ $keep == yes ]] && ports=(--grpc-port 8001 --http-port 8002)
  exec 3< <(exec "$bin/octet-server" --model-repository "$work/models" \
    --bind-address 127.0.0.1 --drain-seconds 0 "${ports[@]}" 2>"$work/server.log")
  server_pid=$!
  # The line comes once the models are ready; without it the server has ended.
  read -r ready <&3 ||
    fail "octet-server did not start" "$(tail -n 5 "$work/server.log")"
  export OCTET_SERVER=127.0.0.1:$(number grpc_port <<<"$ready")
  metrics=http://127.0.0.1:$(number http_port <<<"$ready")/metrics
}

# ask MODEL FLAG...: sends every evaluation picture over gRPC.
ask() {
  "$bin/octet" infer "$1" --input "image=$work/evaluation.npy" \
    --expected "$sample/evaluation_labels.npy" \
    --labels "$sample/labels.txt" "${@:2}"
}

# measure: the medians of float and int8, one picture, one thread, in turns
# because a machine's speed drifts; sets float_ms and int8_ms.
measure() {
  local round one other
  float_ms="" int8_ms=""
  for round in 1 2 3; do
    one=$("$bin/octet-model" bench "$float" --batch 1 --threads 1 \
      --seconds 0.5 --json | number p50_ms)
    other=$("$bin/octet-model" bench "$int8" --batch 1 --threads 1 \
      --seconds 0.5 --json | number p50_ms)
    float_ms=$(printf '%s\n' $float_ms "$one" | sort -g | head -n 1)
    int8_ms=$(printf '%s\n' $int8_ms "$other" | sort -g | head -n 1)
  done
}

# row NAME FLOAT INT8 REMARK
row() { printf '  %-26s %12s %12s   %s\n' "$@"; }

report() {
  local float_bytes int8_bytes float_answers int8_answers compared
  float_bytes=$(stat -c %s "$float")
  int8_bytes=$(stat -c %s "$int8")
  measure
  float_answers=$(ask characters_float --batch 1 --json)
  int8_answers=$(ask characters_int8 --batch 1 --json)
  compared=$("$bin/octet-model" compare "$float" "$int8" --json \
    --input "image=$work/evaluation.npy")
  echo
  row "" float int8 ""
  row "file size" \
    "$(calculate "$float_bytes / 1000" '%.0f kB')" \
    "$(calculate "$int8_bytes / 1000" '%.0f kB')" \
    "$(calculate "$float_bytes / $int8_bytes" '%.1f times smaller')"
  row "right answers" \
    "$(calculate "100 * $(number top1 <<<"$float_answers")" '%.1f %%')" \
    "$(calculate "100 * $(number top1 <<<"$int8_answers")" '%.1f %%')" \
    "of $(number rows <<<"$compared") pictures, over gRPC"
  row "engine, milliseconds" \
    "$(calculate "$float_ms" '%.3f')" "$(calculate "$int8_ms" '%.3f')" \
    "$(calculate "$float_ms / $int8_ms" '%.1f times faster'), one picture, one thread"
  row "over gRPC, milliseconds" \
    "$(calculate "$(number p50_ms <<<"$float_answers")" '%.3f')" \
    "$(calculate "$(number p50_ms <<<"$int8_answers")" '%.3f')" \
    "one picture a request, one caller, median"
  row "same answer as float" "" \
    "$(calculate "100 * $(number agreement <<<"$compared")" '%.1f %%')" \
    "signal to noise $(calculate "$(number sqnr_db <<<"$compared")" '%.1f dB')"
}

say_what_next() {
  cat <<END

Metrics of this server: $metrics
END
  if [[ $keep == no ]]; then
    cat <<END
It stops now. To serve these models again, until Ctrl-C, with metrics on
http://127.0.0.1:8002/metrics:

  $bin/octet-server --model-repository $work/models
END
  fi
  cat <<END

With a model of your own (INPUT is the name of its input, the .npy files hold
float rows of it):

  $bin/octet-model inspect model.onnx
  $bin/octet-model quantize model.onnx --calibration INPUT=samples.npy --output int8.onnx
  $bin/octet-model compare model.onnx int8.onnx --input INPUT=others.npy
  mkdir -p models/mine/1 && cp int8.onnx models/mine/1/model.onnx
  $bin/octet-server --model-repository models
  $bin/octet infer mine --input INPUT=others.npy
END
}

step "Checking the packages and oneDNN"
deploy/install-dependencies.sh >/dev/null
step "Building octet-server, octet and octet-model"
build_programs
step "Making the sample model int8"
prepare_models
grep -v '^next,' "$work/quantize.txt"
step "Serving it, and asking it over gRPC"
start_server
ask characters_int8 --draw --show 6
step "Comparing float and int8"
report
say_what_next
if [[ $keep == yes ]]; then
  step "The server runs as process $server_pid; Ctrl-C stops it"
else
  kill "$server_pid"
fi
# The server closes its output when it ends.
cat <&3 >/dev/null
server_pid=""
