// SPDX-License-Identifier: Apache-2.0
#include "server/models/memory_limit.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace octet {
namespace {

// Version 2 says "max" where there is no limit, version 1 a number that is
// beyond all memory; neither tightens anything.
void Tighten(const std::string& file, int64_t* limit) {
  std::ifstream stream(file);
  int64_t bytes = 0;
  if (stream >> bytes && bytes > 0) *limit = std::min(*limit, bytes);
}

// A group's limit binds the groups below it, so every folder from the group up
// to the mount counts; in a container the path may be the host's and missing.
void TightenByGroup(const std::string& mount, absl::string_view group,
                    const std::string& file, int64_t* limit) {
  std::string path(group);
  while (!path.empty() && path != "/") {
    Tighten(absl::StrCat(mount, path, "/", file), limit);
    path.resize(path.rfind('/'));
  }
  Tighten(absl::StrCat(mount, "/", file), limit);
}

}  // namespace

int64_t ReadMemoryLimit(const std::string& root) {
  return ReadMemoryLimit(
      root, int64_t{sysconf(_SC_PHYS_PAGES)} * int64_t{sysconf(_SC_PAGESIZE)});
}

int64_t ReadMemoryLimit(const std::string& root, int64_t machine_bytes) {
  int64_t limit = machine_bytes;
  const std::string mount = root + "/sys/fs/cgroup";
  std::ifstream groups(root + "/proc/self/cgroup");
  // Lines of "<id>:<controllers>:<path>"; version 2 has no controllers.
  std::string line;
  while (std::getline(groups, line)) {
    const std::vector<absl::string_view> fields =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3 || !absl::StartsWith(fields[2], "/")) continue;
    if (fields[1].empty()) {
      TightenByGroup(mount, fields[2], "memory.max", &limit);
    }
    for (const absl::string_view controller : absl::StrSplit(fields[1], ',')) {
      if (controller != "memory") continue;
      TightenByGroup(mount + "/memory", fields[2], "memory.limit_in_bytes",
                     &limit);
    }
  }
  return limit;
}

}  // namespace octet
