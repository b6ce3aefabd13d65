#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the client's examples and the command line against a real server.
#   examples_test.sh PROGRAMS EXAMPLES SOURCES
set -euo pipefail
programs=$1
examples=$2
sources=$3
folder=$(mktemp -d)
server=""
finish() {
  if [[ -n $server ]]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$folder"
}
trap finish EXIT

fail() {
  printf 'error: %s\n' "$*" >&2
  cat "$folder/server.err" >&2
  exit 1
}

# run EXPECTED COMMAND...: fails unless the output holds EXPECTED.
run() {
  local expected=$1 output
  shift
  output=$("$@" 2>&1) || fail "$* failed: $output"
  [[ $output == *"$expected"* ]] ||
    fail "$*: expected '$expected' in: $output"
}

mkdir -p "$folder/models/characters/1"
cp "$sources/deploy/sample/printed_characters.onnx" \
  "$folder/models/characters/1/model.onnx"
mkfifo "$folder/ready"
"$programs/octet-server" --model-repository "$folder/models" \
  --bind-address 127.0.0.1 --grpc-port 0 --http-port 0 --drain-seconds 0 \
  >"$folder/ready" 2>"$folder/server.err" &
server=$!
read -r ready <"$folder/ready" || fail "the server did not start"
port=$(sed -E 's/.*"grpc_port": ?([0-9]+).*/\1/' <<<"$ready")
address=127.0.0.1:$port

run "characters 1: " "$examples/infer" "$address" characters
run "31: " "$examples/async" "$address" characters
octet=("$programs/octet" --server "$address")
run "characters" "${octet[@]}" models
run "live" "${octet[@]}" status
run "grpc-port" "$programs/octet" status --server "$address"
run "REQUESTS" "${octet[@]}" stats characters
run "31: answered" "$examples/stream" "$address" characters
echo "examples and commands: all answered"
