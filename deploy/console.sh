# SPDX-License-Identifier: Apache-2.0
# Sourced by the project's scripts: how they speak.

# One line per step on standard error, so that standard output stays usable.
step() { printf '==> %s\n' "$*" >&2; }

# fail WHAT [WHAT TO DO]...: the reason, then one line for each thing to try.
fail() {
  printf 'error: %s\n' "$1" >&2
  shift
  for remedy in "$@"; do printf '       %s\n' "$remedy" >&2; done
  exit 1
}

# elapsed SECONDS: as 3m07s.
elapsed() { printf '%dm%02ds' $(($1 / 60)) $(($1 % 60)); }

# show_ninja_progress LABEL LOG PID: follows a ninja run whose output goes to
# LOG until process PID ends. On a terminal one line that is rewritten, else a
# line every 20 seconds.
show_ninja_progress() {
  local label=$1 log=$2 pid=$3 start=$SECONDS last=$SECONDS count=""
  while kill -0 "$pid" 2>/dev/null; do
    sleep 1
    count=$(grep -aoE '^\[[0-9]+/[0-9]+\]' "$log" 2>/dev/null | tail -n 1) ||
      continue
    if [[ -t 2 ]]; then
      printf '\r    %s %s %s  ' "$label" "$count" \
        "$(elapsed $((SECONDS - start)))" >&2
    elif ((SECONDS - last >= 20)); then
      last=$SECONDS
      printf '    %s %s %s\n' "$label" "$count" \
        "$(elapsed $((SECONDS - start)))" >&2
    fi
  done
  if [[ -t 2 && -n $count ]]; then printf '\n' >&2; fi
}

# run_ninja LABEL LOG NINJA-ARGUMENT...: ninja with progress; its output is in
# LOG, and the end of it is shown when ninja fails.
run_ninja() {
  local label=$1 log=$2 status=0
  shift 2
  NINJA_STATUS='[%f/%t] ' ninja "$@" >"$log" 2>&1 &
  local pid=$!
  show_ninja_progress "$label" "$log" "$pid"
  wait "$pid" || status=$?
  if ((status != 0)); then
    grep -a -A 25 -m 3 -E 'FAILED|error' "$log" >&2 || tail -n 40 "$log" >&2
  fi
  return "$status"
}

# as_root COMMAND...: directly when we are root, else through sudo.
as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "this needs root, and there is no sudo: $*" \
      "Run it as root, or ask for those packages to be installed."
  fi
}

# One compiler for a core, and for a gigabyte of memory.
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)
  ((memory < 1)) && memory=1
  echo $((cores < memory ? cores : memory))
}
