// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_UPLOAD_H_
#define OCTET_SERVER_MODELS_UPLOAD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/models/load_request.h"
#include "server/models/staging.h"

namespace octet {

// Reads the name of a load parameter that brings a file,
// "file:<version>/<filename>". INVALID_ARGUMENT unless the version is a number
// from 1 up and the file's name is plain.
absl::StatusOr<UploadedFile> ParseUploadName(absl::string_view name);

// Versions that came with a load, on disk beside the repository's models but
// not among them until they are known to be good.
//
// Thread-compatible.
class Upload {
 public:
  // Writes `files`, and `configuration` as config.pbtxt for a model that is
  // new, into a hidden folder of the repository `root`. What an error leaves is
  // what was there before. REQUIRES: CheckModelName(model) is OK.
  //   RESOURCE_EXHAUSTED  the disk or a quota is full
  //   UNAVAILABLE         it cannot be written
  static absl::StatusOr<std::unique_ptr<Upload>> Create(
      const std::string& root, const std::string& model,
      const std::vector<UploadedFile>& files, const std::string& configuration);

  const std::vector<int64_t>& versions() const { return versions_; }
  bool Has(int64_t version) const;

  // Where the version is until Publish(), relative to the repository.
  std::string Folder(int64_t version) const;

  // `status`, with the places where the files will be in place of those where
  // they are.
  absl::Status Renamed(const absl::Status& status) const;

  // Makes all versions part of the repository: a new model appears in one step
  // with all of them, an existing version is replaced in one step. All or
  // nothing, unless the machine stops in between, which leaves whole versions.
  //   FAILED_PRECONDITION  the model's folder is a link, or a version exists
  //                        and the file system cannot replace a folder
  //   UNAVAILABLE          it cannot be written
  absl::Status Publish();

 private:
  Upload(std::string root, std::string model,
         std::unique_ptr<TemporaryFolder> folder)
      : root_(std::move(root)),
        model_(std::move(model)),
        folder_(std::move(folder)) {}

  absl::Status Stage(const std::vector<UploadedFile>& files,
                     const std::string& configuration);
  absl::Status PublishVersion(int64_t version, bool* replaced);
  void TakeBack(int64_t version, bool replaced);
  std::string Staged() const;
  std::string Target() const;

  const std::string root_;
  const std::string model_;
  const std::unique_ptr<TemporaryFolder> folder_;
  std::vector<int64_t> versions_;  // ascending
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_UPLOAD_H_
