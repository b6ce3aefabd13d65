// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_MODEL_REPOSITORY_H_
#define OCTET_SERVER_MODELS_MODEL_REPOSITORY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/base/contained_files.h"
#include "server/models/model_configuration.h"
#include "server/models/publishing.h"

namespace octet {

// INVALID_ARGUMENT unless `name` can be a model's folder: 1 to 255 bytes of
// UTF-8, no '/', no control characters, no dot in front. Every name that comes
// from outside is checked by this before it becomes part of a path.
absl::Status CheckModelName(absl::string_view name);

// A version as requests spell it: empty (the one that is served) gives
// nullopt. INVALID_ARGUMENT unless it is a positive decimal number without
// leading zeros.
absl::StatusOr<std::optional<int64_t>> ParseVersion(absl::string_view text);

// The models on disk: <root>/<model>/<version>/model.onnx.
//
// Folders in a model's folder that are no version numbers are ignored, as are
// models whose names start with a dot. Immutable and thread-safe; publishers
// in several processes may share a root.
class ModelRepository {
 public:
  // Removes what publishers that were killed left there.
  // FAILED_PRECONDITION unless `root` is a folder that can be read.
  static absl::StatusOr<std::unique_ptr<ModelRepository>> Open(
      const std::string& root);

  const std::string& root() const { return root_; }
  const ContainedFiles& files() const { return files_; }

  // Names, sorted. UNAVAILABLE when the root cannot be read any more.
  absl::StatusOr<std::vector<std::string>> ListModels() const;

  // The versions of `name`, ascending; may be empty. NOT_FOUND when there is
  // no such model.
  absl::StatusOr<std::vector<int64_t>> ListVersions(
      const std::string& name) const;

  // Where the model's file is, whether it exists or not.
  // REQUIRES: CheckModelName(name) is OK.
  std::string FilePath(const std::string& name, int64_t version,
                       const std::string& file = kDefaultModelFile) const;

  // Where config.pbtxt of `name` is, whether it exists or not.
  std::string ConfigurationPath(const std::string& name) const;

  // The content of config.pbtxt; nullopt where there is none. Errors as
  // ContainedFiles::Read().
  absl::StatusOr<std::optional<std::string>> ReadConfiguration(
      const std::string& name) const;

  // OK if the version's `file` is a regular file inside the repository; errors
  // as ContainedFiles.
  absl::Status CheckModelFile(const std::string& name, int64_t version,
                              const std::string& file) const;

  // The bytes of the model's file. NOT_FOUND, or UNAVAILABLE when it cannot be
  // read.
  absl::StatusOr<std::string> Read(
      const std::string& name, int64_t version,
      const std::string& file = kDefaultModelFile) const;

  // Adds a version with `bytes` as its only file; as PublishAll().
  absl::StatusOr<int64_t> Publish(const std::string& name,
                                  absl::string_view bytes) const;

  // Adds `versions` as the next versions of `name`, which may be new, and
  // returns their numbers. All or nothing; as PublishVersions().
  absl::StatusOr<std::vector<int64_t>> PublishAll(
      const std::string& name, absl::Span<const VersionFiles> versions) const;

 private:
  explicit ModelRepository(std::string root)
      : root_(std::move(root)), files_(root_) {}

  // As above; what could be meant as a model and is none goes to `ignored`,
  // with the reason.
  absl::StatusOr<std::vector<std::string>> ListModels(
      std::vector<std::string>* ignored) const;
  std::string Folder(const std::string& name) const;

  const std::string root_;
  const ContainedFiles files_;
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_MODEL_REPOSITORY_H_
