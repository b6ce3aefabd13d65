// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_EXTERNAL_DATA_H_
#define OCTET_ENGINE_ONNX_EXTERNAL_DATA_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/contained_files.h"
#include "engine/onnx/tensor_proto.h"

namespace octet::onnx {

// The files beside a model file that hold elements of its tensors
// (TensorProto.external_data). None of them lies outside the model's folder:
// absolute paths, "..", and links that lead out are refused.
//
// Elements are read into the tensors' own memory, once. They are not mapped:
// most are packed for the kernels and let go while the model loads, and a file
// that is cut short under a running server must not end it.
//
// Thread-compatible.
class ExternalData {
 public:
  // A model that came as bytes: there is no folder, and nothing is read.
  ExternalData() = default;
  explicit ExternalData(const std::string& folder)
      : files_(std::make_unique<ContainedFiles>(folder)) {}

  // Fills `bytes`, all elements of `tensor`, from where it says that they are.
  //   INVALID_ARGUMENT     no location, one that leaves the folder, a bad
  //                        number
  //   DATA_LOSS            another length, or beyond the file's end
  //   FAILED_PRECONDITION  there is no folder
  //   RESOURCE_EXHAUSTED   tensors read the same bytes over and over
  //   others               as ContainedFiles
  absl::Status Read(const pb::TensorProto& tensor, absl::Span<std::byte> bytes);

  // The same as a check, before `bytes` are allocated for it.
  absl::Status Check(const pb::TensorProto& tensor, int64_t bytes);

 private:
  // Where the elements are in the file that is open then.
  absl::StatusOr<int64_t> Find(const pb::TensorProto& tensor, int64_t bytes);
  absl::Status Open(const std::string& location);

  std::unique_ptr<ContainedFiles> files_;  // null: no folder
  std::string open_location_;
  std::unique_ptr<ContainedFile> open_;  // the file that was read last
  absl::flat_hash_set<std::string> seen_;
  int64_t file_bytes_ = 0;  // of all that were opened
  int64_t read_bytes_ = 0;
};

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_EXTERNAL_DATA_H_
