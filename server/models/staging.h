// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_STAGING_H_
#define OCTET_SERVER_MODELS_STAGING_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/models/publishing.h"

// The steps of which publishing is made. Errors are RESOURCE_EXHAUSTED where a
// disk or a quota is full, else UNAVAILABLE with the system's reason, unless a
// function says otherwise.
namespace octet {

// A folder of a repository for unfinished work, hidden from listings, removed
// with what is still in it. Locked while it is in use, which is how leftovers
// are told from work in progress.
class TemporaryFolder {
 public:
  static absl::StatusOr<std::unique_ptr<TemporaryFolder>> Create(
      const std::string& root);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path);
  bool Lock() const;

  const std::string path_;
  const int lock_;  // a descriptor
};

// The model as it is put together inside a temporary folder.
inline constexpr char kStagedModel[] = "model";

// What errno says about `path`.
absl::Status SystemError(absl::string_view what, absl::string_view path);

// Makes a folder, or finds it there.
absl::Status MakeFolder(const std::string& path);

absl::Status SyncFolder(const std::string& path);

// Makes a file, with its bytes on disk. It must not exist.
absl::Status WriteSynced(const std::string& path, absl::string_view bytes);

// Writes the files below `folder`, which is made, everything synced.
absl::Status WriteVersion(const std::string& folder, const VersionFiles& files);

// Renames a folder. False where `target` exists already.
absl::StatusOr<bool> RenameToNew(const std::string& path,
                                 const std::string& target);

// Lets two folders change places in one step. FAILED_PRECONDITION where the
// file system cannot.
absl::Status Exchange(const std::string& path, const std::string& target);

// FAILED_PRECONDITION where the model's folder is a link, or no folder.
absl::Status CheckModelFolder(const std::string& folder);

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_STAGING_H_
