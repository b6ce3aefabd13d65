#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds fuzz targets and runs each on its corpus and what earlier runs found in
# build/fuzz:
#   tests/fuzz/run.sh [SECONDS [TARGET...]]    60 s of each; all of them
# The last line counts targets.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=../../deploy/console.sh
source "$root/deploy/console.sh"
cd "$root"
seconds=${1:-60}
wanted=" ${*:2} "

# Whether there is a clang with libFuzzer.
has_fuzzer() {
  command -v clang++ >/dev/null &&
    echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) {
      return 0; }' |
    clang++ -fsanitize=fuzzer,address -x c++ - -o /dev/null 2>/dev/null
}
if ! has_fuzzer; then
  echo "no fuzzing: there is no clang++ with libFuzzer and AddressSanitizer" \
    "(deploy/install-dependencies.sh --tests)"
  echo "0 passed, 0 failed"
  exit 0
fi

# target:dictionary
targets=()
for entry in onnx_importer:onnx request: configuration:configuration \
  input_file:; do
  if (($# < 2)) || [[ $wanted == *" ${entry%%:*} "* ]]; then
    targets+=("$entry")
  fi
done
if ((${#targets[@]} == 0)); then
  fail "there is no such fuzz target: ${*:2}" \
    "tests/fuzz/README.md lists them, without _fuzz."
fi

mkdir -p build/fuzz/findings
cmake --preset fuzz -Wno-dev >build/fuzz.log
step "Building the fuzz targets"
programs=("${targets[@]%%:*}")
run_ninja fuzz build/fuzz.log -C build/fuzz -j "$(build_jobs)" \
  "${programs[@]/%/_fuzz}" ||
  fail "the fuzz targets could not be built; what was said is in build/fuzz.log"

# Runs one target; without libFuzzer's schedule by entropy, which would take two
# thirds of the time.
fuzz() {
  local target=$1 dictionary=$2
  local found=build/fuzz/found/$target log=build/fuzz/$target.log
  local options=(-max_total_time="$seconds" -max_len=4096 -entropic=0
    -timeout=20 -rss_limit_mb=2048 -artifact_prefix=build/fuzz/findings/
    -print_final_stats=1)
  [[ -z $dictionary ]] || options+=(-dict="tests/fuzz/$dictionary.dict")
  mkdir -p "$found"
  local earlier=tests/fuzz/corpus/$target.tar.gz
  [[ ! -f $earlier ]] || tar -xzf "$earlier" -C "$found"
  step "Fuzzing $target for $seconds s"
  if ! "build/fuzz/bin/${target}_fuzz" "${options[@]}" "$found" \
    "tests/fuzz/corpus/$target" >"$log" 2>&1; then
    tail -n 40 "$log"
    return 1
  fi
  grep -aE 'stat::number_of_executed_units' "$log"
}

passed=0
failed=0
for entry in "${targets[@]}"; do
  if fuzz "${entry%%:*}" "${entry#*:}"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
((failed == 0))
