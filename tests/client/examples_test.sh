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

# start FLAG...: a server with the sample model; sets `server` and `address`.
start() {
  rm -f "$folder/ready"
  mkfifo "$folder/ready"
  "$programs/octet-server" --model-repository "$folder/models" \
    --bind-address 127.0.0.1 --grpc-port 0 --http-port 0 --drain-seconds 0 \
    "$@" >"$folder/ready" 2>"$folder/server.err" &
  server=$!
  local ready
  read -r ready <"$folder/ready" || fail "the server did not start"
  address=127.0.0.1:$(sed -E 's/.*"grpc_port": ?([0-9]+).*/\1/' <<<"$ready")
}

mkdir -p "$folder/models/characters/1"
cp "$sources/deploy/sample/printed_characters.onnx" \
  "$folder/models/characters/1/model.onnx"
start
run "characters 1: " "$examples/infer" "$address" characters
run "31: " "$examples/async" "$address" characters
octet=("$programs/octet" --server "$address")
run "characters" "${octet[@]}" models
run "live" "${octet[@]}" status
run "grpc-port" "$programs/octet" status --server "$address"
run "REQUESTS" "${octet[@]}" stats characters
run "31: answered" "$examples/stream" "$address" characters
run "characters 2 is made" "$examples/quantize" "$address" characters
run "succeeded" "${octet[@]}" jobs
kill "$server"
wait "$server" || fail "the server did not end well"

# The same behind TLS, with a token for what changes something.
mkdir "$folder/tls"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=octet \
  -addext subjectAltName=IP:127.0.0.1 -keyout "$folder/tls/tls.key" \
  -out "$folder/tls/tls.crt" 2>/dev/null || fail "openssl made no certificate"
echo "a-token-of-this-test-alone" >"$folder/token"
start --tls-folder "$folder/tls" --control-access "token:$folder/token"
octet=("$programs/octet" --server "$address" --tls-ca "$folder/tls/tls.crt")
run "live" "${octet[@]}" status
run "is loaded" "${octet[@]}" load characters --token-file "$folder/token"
if refused=$("${octet[@]}" load characters 2>&1); then
  fail "a load without a token was taken"
fi
[[ $refused == *--token-file* ]] || fail "no remedy in: $refused"
if "$programs/octet" --server "$address" --timeout 5 status 2>/dev/null; then
  fail "a caller without TLS was answered"
fi
echo "examples and commands: all answered"
