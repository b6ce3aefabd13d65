#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the fuzz targets and runs each for some seconds (60) on its corpus and
# what earlier runs found in build/fuzz. The last line counts targets.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=../../deploy/console.sh
source "$root/deploy/console.sh"
cd "$root"
seconds=${1:-60}

# Whether there is a clang with libFuzzer.
has_fuzzer() {
  command -v clang++ >/dev/null &&
    echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) {
      return 0; }' |
    clang++ -fsanitize=fuzzer,address -x c++ - -o /dev/null 2>/dev/null
}
if ! has_fuzzer; then
  echo "no fuzzing: there is no clang++ with libFuzzer and AddressSanitizer" \
    "(deploy/install-dependencies.sh --all)"
  echo "0 passed, 0 failed"
  exit 0
fi

mkdir -p build
cmake --preset fuzz -Wno-dev >build/fuzz.log
step "Building the fuzz targets"
run_ninja fuzz build/fuzz.log -C build/fuzz -j "$(build_jobs)" \
  onnx_importer_fuzz ||
  fail "the fuzz targets could not be built; what was said is in build/fuzz.log"

found=build/fuzz/found/onnx_importer
mkdir -p "$found" build/fuzz/findings
step "Fuzzing the importer for $seconds s"
# Without its schedule by entropy, which would take two thirds of the time.
if build/fuzz/bin/onnx_importer_fuzz -max_total_time="$seconds" -max_len=4096 \
  -entropic=0 -timeout=20 -rss_limit_mb=2048 -dict=tests/fuzz/onnx.dict \
  -artifact_prefix=build/fuzz/findings/ -print_final_stats=1 \
  "$found" tests/fuzz/corpus/onnx_importer >build/fuzz/run.log 2>&1; then
  grep -aE 'stat::number_of_executed_units' build/fuzz/run.log
  echo "1 passed, 0 failed"
else
  tail -n 40 build/fuzz/run.log
  echo "0 passed, 1 failed"
  exit 1
fi
