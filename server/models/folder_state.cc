// SPDX-License-Identifier: Apache-2.0
#include "server/models/folder_state.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostFiles = 1000;

// One line about a file; moves `newest` on.
std::string Describe(const std::string& path, absl::Time* newest) {
  struct stat facts = {};
  if (lstat(path.c_str(), &facts) != 0) return "";
  const absl::Time changed = absl::TimeFromTimespec(facts.st_ctim);
  *newest = std::max(*newest, changed);
  return absl::StrCat(path, " ", facts.st_mode, " ", facts.st_ino, " ",
                      facts.st_size, " ",
                      absl::ToUnixNanos(absl::TimeFromTimespec(facts.st_mtim)),
                      " ", absl::ToUnixNanos(changed));
}

}  // namespace

FolderState ReadFolderState(const std::string& folder) {
  FolderState state;
  std::error_code error;
  std::vector<std::string> lines;
  fs::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != fs::recursive_directory_iterator() &&
         lines.size() < kMostFiles;
       entry.increment(error)) {
    lines.push_back(Describe(entry->path().string(), &state.newest));
  }
  if (error) return state;
  std::sort(lines.begin(), lines.end());
  lines.push_back(Describe(folder, &state.newest));
  state.text = absl::StrJoin(lines, "\n");
  return state;
}

}  // namespace octet
