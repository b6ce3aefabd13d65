// SPDX-License-Identifier: Apache-2.0
#include "server/models/upload.h"

#include <stdio.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "engine/base/status_macros.h"
#include "server/models/configuration_check.h"
#include "server/models/load_request.h"
#include "server/models/model_repository.h"
#include "server/models/publishing.h"
#include "server/models/staging.h"
#include "spdlog/spdlog.h"

namespace octet {
namespace {}  // namespace

absl::StatusOr<UploadedFile> ParseUploadName(absl::string_view name) {
  const absl::string_view path = absl::StripPrefix(name, "file:");
  const size_t slash = path.find('/');
  UploadedFile file;
  const absl::StatusOr<std::optional<int64_t>> version =
      ParseVersion(path.substr(0, slash));
  if (slash == absl::string_view::npos || !version.ok() || !*version) {
    return absl::InvalidArgumentError(absl::StrCat(
        "load parameter '", absl::CHexEscape(name.substr(0, 255)),
        "': expected file:<version>/<filename>, the version a number from 1 "
        "up"));
  }
  file.version = **version;
  file.name = std::string(path.substr(slash + 1));
  OCTET_RETURN_IF_ERROR(CheckFileName(
      absl::StrCat("load parameter 'file:", file.version, "/...'"), file.name));
  return file;
}

std::string Upload::Staged() const {
  return absl::StrCat(folder_->path(), "/", kStagedModel);
}

std::string Upload::Target() const { return absl::StrCat(root_, "/", model_); }

absl::StatusOr<std::unique_ptr<Upload>> Upload::Create(
    const std::string& root, const std::string& model,
    const std::vector<UploadedFile>& files, const std::string& configuration) {
  OCTET_ASSIGN_OR_RETURN(std::unique_ptr<TemporaryFolder> folder,
                         TemporaryFolder::Create(root));
  std::unique_ptr<Upload> upload(new Upload(root, model, std::move(folder)));
  OCTET_RETURN_IF_ERROR(upload->Stage(files, configuration));
  return upload;
}

absl::Status Upload::Stage(const std::vector<UploadedFile>& files,
                           const std::string& configuration) {
  OCTET_RETURN_IF_ERROR(MakeFolder(Staged()));
  std::map<int64_t, VersionFiles> versions;
  for (const UploadedFile& file : files) {
    versions[file.version].push_back({file.name, file.bytes});
  }
  for (const auto& [version, contents] : versions) {
    OCTET_RETURN_IF_ERROR(
        WriteVersion(absl::StrCat(Staged(), "/", version), contents));
    versions_.push_back(version);
  }
  OCTET_RETURN_IF_ERROR(
      WriteSynced(absl::StrCat(Staged(), "/config.pbtxt"), configuration));
  return SyncFolder(Staged());
}

bool Upload::Has(int64_t version) const {
  return std::binary_search(versions_.begin(), versions_.end(), version);
}

std::string Upload::Folder(int64_t version) const {
  return absl::StrCat(absl::StripPrefix(Staged(), absl::StrCat(root_, "/")),
                      "/", version);
}

absl::Status Upload::Renamed(const absl::Status& status) const {
  return absl::Status(
      status.code(),
      absl::StrReplaceAll(status.message(), {{Staged(), Target()}}));
}

absl::Status Upload::PublishVersion(int64_t version, bool* replaced) {
  const std::string from = absl::StrCat(Staged(), "/", version);
  const std::string to = absl::StrCat(Target(), "/", version);
  OCTET_ASSIGN_OR_RETURN(const bool is_new, RenameToNew(from, to));
  *replaced = !is_new;
  return is_new ? absl::OkStatus() : Exchange(from, to);
}

void Upload::TakeBack(int64_t version, bool replaced) {
  const std::string from = absl::StrCat(Staged(), "/", version);
  const std::string to = absl::StrCat(Target(), "/", version);
  const absl::Status status = replaced ? Exchange(from, to)
                              : rename(to.c_str(), from.c_str()) == 0
                                  ? absl::OkStatus()
                                  : SystemError("cannot take back", to);
  // It stays, whole.
  if (!status.ok()) spdlog::error("{}", status.ToString());
}

absl::Status Upload::Publish() {
  OCTET_ASSIGN_OR_RETURN(const bool is_new, RenameToNew(Staged(), Target()));
  if (is_new) return SyncFolder(root_);
  OCTET_RETURN_IF_ERROR(CheckModelFolder(Target()));
  std::vector<std::pair<int64_t, bool>> published;
  absl::Status status;
  for (const int64_t version : versions_) {
    bool replaced = false;
    status = PublishVersion(version, &replaced);
    if (!status.ok()) break;
    published.push_back({version, replaced});
  }
  if (status.ok()) status = SyncFolder(Target());
  if (status.ok()) return status;
  for (auto it = published.rbegin(); it != published.rend(); ++it) {
    TakeBack(it->first, it->second);
  }
  return status;
}

}  // namespace octet
