// SPDX-License-Identifier: Apache-2.0
#include "server/models/publishing.h"

#include <dirent.h>
#include <stdio.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/base/status_macros.h"
#include "server/models/staging.h"

namespace octet {
namespace {

// The number behind all that are taken, by whatever kind of entry.
absl::StatusOr<int64_t> NextVersion(const std::string& folder) {
  DIR* const entries = opendir(folder.c_str());
  if (entries == nullptr) return SystemError("cannot read", folder);
  int64_t highest = 0;
  while (const dirent* const entry = readdir(entries)) {
    const absl::string_view name = entry->d_name;
    int64_t number = 0;
    if (std::all_of(name.begin(), name.end(), absl::ascii_isdigit) &&
        absl::SimpleAtoi(name, &number)) {
      highest = std::max(highest, number);
    }
  }
  closedir(entries);
  if (highest == std::numeric_limits<int64_t>::max()) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot publish into ", folder, ": version ", highest,
                     " is there, and no number is higher; remove it"));
  }
  return highest + 1;
}

// Moves the versions 1, 2, … of `staged` behind those of `folder`. On error
// `numbers` holds those that were moved.
absl::Status AddTo(const std::string& staged, const std::string& folder,
                   size_t count, std::vector<int64_t>* numbers) {
  OCTET_RETURN_IF_ERROR(CheckModelFolder(folder));
  while (numbers->size() < count) {
    OCTET_ASSIGN_OR_RETURN(const int64_t next, NextVersion(folder));
    OCTET_ASSIGN_OR_RETURN(
        const bool renamed,
        RenameToNew(absl::StrCat(staged, "/", numbers->size() + 1),
                    absl::StrCat(folder, "/", next)));
    // Someone else may have published meanwhile: count again.
    if (renamed) numbers->push_back(next);
  }
  return SyncFolder(folder);
}

}  // namespace

absl::StatusOr<std::vector<int64_t>> PublishVersions(
    const std::string& root, const std::string& name,
    absl::Span<const VersionFiles> versions) {
  OCTET_ASSIGN_OR_RETURN(const std::unique_ptr<TemporaryFolder> temporary,
                         TemporaryFolder::Create(root));
  const std::string staged = absl::StrCat(temporary->path(), "/", kStagedModel);
  OCTET_RETURN_IF_ERROR(MakeFolder(staged));
  for (size_t i = 0; i < versions.size(); ++i) {
    OCTET_RETURN_IF_ERROR(
        WriteVersion(absl::StrCat(staged, "/", i + 1), versions[i]));
  }
  OCTET_RETURN_IF_ERROR(SyncFolder(staged));

  const std::string folder = absl::StrCat(root, "/", name);
  std::vector<int64_t> numbers;
  // A new model appears with its versions, never without them.
  OCTET_ASSIGN_OR_RETURN(const bool is_new, RenameToNew(staged, folder));
  if (is_new) {
    for (size_t i = 0; i < versions.size(); ++i) {
      numbers.push_back(static_cast<int64_t>(i) + 1);
    }
    OCTET_RETURN_IF_ERROR(SyncFolder(root));
    return numbers;
  }
  const absl::Status added = AddTo(staged, folder, versions.size(), &numbers);
  if (added.ok()) return numbers;
  for (size_t i = 0; i < numbers.size(); ++i) {
    // Back to where they are removed; where even that fails they stay, whole.
    rename(absl::StrCat(folder, "/", numbers[i]).c_str(),
           absl::StrCat(staged, "/", i + 1).c_str());
  }
  return added;
}

}  // namespace octet
