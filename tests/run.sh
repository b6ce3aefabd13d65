#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is needed, builds, and runs every test. Run it again at will:
# what is there is not made again. The last line is the total.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=../deploy/console.sh
source "$root/deploy/console.sh"
cd "$root"

usage() {
  cat <<'END'
Usage: tests/run.sh [--all | --release-only]

  (none)           release build with every test, the Python tests and the load
                   tests against its programs, then AddressSanitizer and UBSan
                   on the tests labelled unit and server, and on a server that
                   gets good and bad requests, and a minute of fuzzing the
                   importer where clang has libFuzzer
  --release-only   without the sanitizers
  --all            the load tests in full; also a minute of each fuzz target,
                   clang with thread-safety errors,
                   ThreadSanitizer on engine, scheduler, repository and jobs,
                   clang-tidy, whole networks against ONNX Runtime, and the
                   container image where podman is there

Packages are installed as root or through sudo. Builds are in build/.
END
}

sanitize=yes
everything=no
install=(--tests)
case "${1:-}" in
  "") ;;
  --release-only) sanitize=no ;;
  --all)
    everything=yes
    install=(--all)
    ;;
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

passed=0
failed=0
failed_parts=()

# count_part NAME PASSED FAILED REMEDY
count_part() {
  passed=$((passed + $2))
  failed=$((failed + $3))
  (($3 == 0)) || failed_parts+=("$1: $4")
}

# build PRESET TARGET...
build() {
  local preset=$1 log=build/$1.log
  shift
  mkdir -p build
  if ! cmake --preset "$preset" -Wno-dev >"$log" 2>&1; then
    tail -n 25 "$log" >&2
    fail "the $preset build could not be configured" \
      "What cmake said is in $log."
  fi
  step "Building $preset"
  run_ninja "$preset" "$log" -C "build/$preset" -j "$(build_jobs)" "$@" ||
    fail "the $preset build failed" \
      "Everything the compiler said is in $log; again: ninja -C build/$preset"
}

# run_ctest PRESET CTEST-ARGUMENT...: counts what ctest counts, and prints the
# reason of everything that was skipped inside a test that passed.
run_ctest() {
  local preset=$1 summary total bad
  local log=build/$1-ctest.log
  shift
  step "Running the tests of $preset"
  ctest --preset "$preset" -j "$(nproc)" "$@" 2>&1 | tee "$log" || true
  summary=$(grep -E 'tests passed, [0-9]+ tests? failed out of' "$log") ||
    fail "no test of $preset ran; what ctest said is in $log"
  total=${summary##* }
  bad=$(sed -E 's/.*passed, ([0-9]+) tests? failed.*/\1/' <<<"$summary")
  count_part "$preset" $((total - bad)) "$bad" \
    "again with ctest --preset $preset --rerun-failed"
  show_skips "build/$preset/Testing/Temporary/LastTest.log"
}

show_skips() {
  local skips
  skips=$(grep -a -A 1 -E ': Skipped$' "$1" 2>/dev/null |
    grep -avE ': Skipped$|^--$|^$' | sort | uniq -c) || true
  [[ -z $skips ]] || printf 'Skipped, with the reason:\n%s\n' "$skips"
}

# Sanitizers and clang-tidy see whatever a request or a file can reach.
run_sanitizer() {
  build "$1" octet_unit_and_server_tests
  run_ctest "$1" -L '^(unit|server)$'
}

# run_python NAME FOLDER ARGUMENT...: what FOLDER/run.sh counts.
run_python() {
  local name=$1 folder=$2 log=build/$1.log status=0 good bad
  shift 2
  [[ -x $folder/run.sh ]] || return 0
  step "Running $folder/run.sh $*"
  OCTET_BIN_DIR=$root/build/release/bin OCTET_SOURCE_DIR=$root \
    "$folder/run.sh" "$@" 2>&1 | tee "$log" || status=1
  good=$(grep -aoE '[0-9]+ passed' "$log" | tail -n 1 | grep -oE '[0-9]+') ||
    good=0
  bad=$(grep -aoE '[0-9]+ failed' "$log" | tail -n 1 | grep -oE '[0-9]+') ||
    bad=0
  ((status == 0 || bad > 0)) || bad=1
  count_part "$name" "$good" "$bad" "again with $folder/run.sh $*"
}

run_clang_tidy() {
  step "Running clang-tidy"
  local files
  mapfile -t files < <(git ls-files 'engine/*.cc' 'server/*.cc' 'client/*.cc')
  local log=build/clang-tidy.log
  if printf '%s\0' "${files[@]}" | xargs -0 -n 4 -P "$(nproc)" \
    clang-tidy --quiet -p build/clang >"$log" 2>&1; then
    count_part clang-tidy 1 0 ""
  else
    grep -aE 'error:' "$log" | sort -u | head -n 40
    count_part clang-tidy 0 1 "what it said is in $log"
  fi
}

run_container_test() {
  step "Building and running the container image"
  local status=0
  tests/container/run.sh || status=$?
  case $status in
    0) count_part container 1 0 "" ;;
    77) ;;
    *) count_part container 0 1 "again with tests/container/run.sh" ;;
  esac
}

step "Checking the packages and oneDNN"
deploy/install-dependencies.sh "${install[@]}" >/dev/null
build release
run_ctest release
full=()
[[ $everything == no ]] || full=(--full)
run_python interop tests/interop
run_python report tests/report
run_python stress tests/stress "${full[@]}"
[[ $everything == no ]] || run_python topologies tests/topologies
if [[ $sanitize == yes ]]; then
  run_sanitizer asan
  build asan octet-server
  # The release server had all of them.
  [[ $everything == yes ]] || export OCTET_STRESS_REQUESTS=3000
  run_python stress-asan tests/stress "${full[@]}" \
    --server build/asan/bin/octet-server mixed_requests_test
  [[ $everything == yes ]] || run_python fuzz tests/fuzz 60 onnx_importer
fi
if [[ $everything == yes ]]; then
  run_python fuzz tests/fuzz
  build clang
  count_part clang 1 0 ""
  run_sanitizer tsan
  run_clang_tidy
  run_container_test
fi

for part in "${failed_parts[@]}"; do printf 'failed: %s\n' "$part"; done
step "Finished after $(elapsed $SECONDS)"
echo "$passed passed, $failed failed"
((failed == 0))
