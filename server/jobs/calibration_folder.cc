// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/calibration_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "engine/base/contained_files.h"
#include "engine/base/status_macros.h"
#include "engine/base/tensor.h"
#include "engine/io/npy.h"
#include "engine/io/npz.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr char kArray[] = ".npy";
constexpr char kArchive[] = ".npz";
constexpr size_t kLongestPath = 1024;

// The same status, with the file in front where it is not named yet.
absl::Status InFile(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("calibration file ", path,
                                                  ": ", status.message()));
}

// The array of one .npy file, named as the file.
absl::StatusOr<NamedTensor> ReadArray(const ContainedFiles& files,
                                      const std::string& path,
                                      int64_t max_bytes) {
  OCTET_ASSIGN_OR_RETURN(const std::string bytes, files.Read(path, max_bytes));
  absl::StatusOr<Tensor> tensor = io::ParseNpy(bytes);
  if (!tensor.ok()) return InFile(path, tensor.status());
  std::string name = fs::path(path).filename().string();
  name.resize(name.size() - absl::string_view(kArray).size());
  return NamedTensor{std::move(name), *std::move(tensor)};
}

absl::StatusOr<std::vector<NamedTensor>> ReadArchive(
    const ContainedFiles& files, const std::string& path, int64_t max_bytes) {
  OCTET_ASSIGN_OR_RETURN(const std::string bytes, files.Read(path, max_bytes));
  auto tensors = io::ParseNpz(bytes, max_bytes);
  if (!tensors.ok()) return InFile(path, tensors.status());
  return tensors;
}

// The .npy files that lie in a folder, sorted.
absl::StatusOr<std::vector<std::string>> ListArrays(const ContainedFiles& files,
                                                    const std::string& path) {
  std::vector<std::string> arrays;
  const std::string folder = absl::StrCat(files.root(), "/", path);
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (absl::EndsWith(name, kArray)) {
      arrays.push_back(absl::StrCat(path, "/", name));
    }
    if (arrays.size() > static_cast<size_t>(io::kMaxNpzArrays)) {
      return absl::ResourceExhaustedError(
          absl::StrCat("calibration folder ", path, ": more than ",
                       io::kMaxNpzArrays, " .npy files"));
    }
  }
  if (error) {
    return absl::UnavailableError(absl::StrCat(
        "cannot read calibration folder ", path, ": ", error.message()));
  }
  if (arrays.empty()) {
    return absl::NotFoundError(absl::StrCat(
        "calibration folder ", path,
        ": there is no .npy file, expected one an input, named as the input"));
  }
  std::sort(arrays.begin(), arrays.end());
  return arrays;
}

absl::StatusOr<std::vector<NamedTensor>> ReadFolder(const ContainedFiles& files,
                                                    const std::string& path,
                                                    int64_t max_bytes) {
  OCTET_ASSIGN_OR_RETURN(const std::vector<std::string> arrays,
                         ListArrays(files, path));
  std::vector<NamedTensor> tensors;
  for (const std::string& array : arrays) {
    OCTET_ASSIGN_OR_RETURN(NamedTensor tensor,
                           ReadArray(files, array, max_bytes));
    max_bytes -= static_cast<int64_t>(tensor.tensor.byte_size());
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

absl::StatusOr<std::vector<NamedTensor>> ReadAny(const ContainedFiles& files,
                                                 const std::string& path,
                                                 int64_t max_bytes) {
  OCTET_ASSIGN_OR_RETURN(const struct stat facts, files.Stat(path));
  if (S_ISDIR(facts.st_mode)) return ReadFolder(files, path, max_bytes);
  if (absl::EndsWith(path, kArchive)) {
    return ReadArchive(files, path, max_bytes);
  }
  if (absl::EndsWith(path, kArray)) {
    std::vector<NamedTensor> tensors;
    OCTET_ASSIGN_OR_RETURN(NamedTensor tensor,
                           ReadArray(files, path, max_bytes));
    tensors.push_back(std::move(tensor));
    return tensors;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("calibration file ", path,
                   ": expected a .npz file, a .npy file or a folder of them"));
}

absl::Status CheckSampleCounts(const std::string& path,
                               const std::vector<NamedTensor>& tensors) {
  for (const NamedTensor& named : tensors) {
    const Shape& shape = named.tensor.shape();
    const Shape& first = tensors.front().tensor.shape();
    if (shape.empty() || shape[0] == 0 || shape[0] != first[0]) {
      return absl::InvalidArgumentError(absl::StrCat(
          "calibration ", path, ": array '", named.name.substr(0, 128),
          "' has the shape ", ShapeToString(shape), ", expected [samples, ...]",
          shape.empty() || first.empty() || shape[0] == first[0]
              ? std::string()
              : absl::StrCat(" with ", first[0], " samples as '",
                             tensors.front().name.substr(0, 128), "' has")));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckCalibrationPath(const std::string& folder,
                                  const std::string& path) {
  if (folder.empty()) {
    return absl::FailedPreconditionError(
        "settings.calibration_path: the server reads no calibration files; "
        "start it with --calibration-folder, or send the samples");
  }
  const char* fault = nullptr;
  const std::vector<absl::string_view> parts = absl::StrSplit(path, '/');
  if (path.size() > kLongestPath) {
    fault = "it is longer than 1,024 bytes";
  } else if (absl::StartsWith(path, "/")) {
    fault = "it is absolute, expected one relative to the server's folder";
  } else if (std::find(parts.begin(), parts.end(), "..") != parts.end()) {
    fault = "it contains '..'";
  } else if (std::any_of(path.begin(), path.end(), absl::ascii_iscntrl)) {
    fault = "it contains control characters";
  }
  if (fault == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("settings.calibration_path: '",
                                                 path.substr(0, kLongestPath),
                                                 "' cannot be used: ", fault));
}

absl::StatusOr<std::vector<NamedTensor>> ReadCalibration(
    const std::string& folder, const std::string& path, int64_t max_bytes) {
  OCTET_RETURN_IF_ERROR(CheckCalibrationPath(folder, path));
  const ContainedFiles files(folder);
  OCTET_ASSIGN_OR_RETURN(std::vector<NamedTensor> tensors,
                         ReadAny(files, path, max_bytes));
  if (tensors.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("calibration file ", path, ": there is no array in it"));
  }
  OCTET_RETURN_IF_ERROR(CheckSampleCounts(path, tensors));
  return tensors;
}

}  // namespace octet
