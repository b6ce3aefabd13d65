// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_PUBLISHING_H_
#define OCTET_SERVER_MODELS_PUBLISHING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

// How versions come into a model repository: complete, on disk, in one step.
namespace octet {

// One file of a version.
struct VersionFile {
  // Relative to the version's folder, of this program's choice: "model.onnx",
  // "golden/input.npy".
  std::string path;
  absl::string_view bytes;  // the caller's
};

// All files of one version.
using VersionFiles = std::vector<VersionFile>;

// Adds `versions` to the model `name` below `root`, which may be new, as its
// next versions, in their order, and returns their numbers, ascending. All or
// nothing: they are written and synced in a hidden folder of `root` first, then
// renamed, so that each appears under its name in one step, complete; a machine
// that stops in between leaves whole versions only. Several processes may
// publish at once. What an error leaves is what was there before.
// REQUIRES: CheckModelName(name) is OK.
//   RESOURCE_EXHAUSTED   the disk or a quota is full
//   FAILED_PRECONDITION  the model's folder is a link or no folder, or no
//                        version number is left
//   UNAVAILABLE          it cannot be written; the system's reason
absl::StatusOr<std::vector<int64_t>> PublishVersions(
    const std::string& root, const std::string& name,
    absl::Span<const VersionFiles> versions);

// Removes what calls of PublishVersions() that were killed left in `root`; not
// the work of those that run, in whatever process.
void RemoveUnpublished(const std::string& root);

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_PUBLISHING_H_
