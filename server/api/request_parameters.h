// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_REQUEST_PARAMETERS_H_
#define OCTET_SERVER_API_REQUEST_PARAMETERS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/map.h"
#include "proto/inference.pb.h"
#include "server/api/shared_memory.h"

namespace octet {

using InferParameters =
    google::protobuf::Map<std::string, inference::InferParameter>;

// What the parameters of a request say. Those that are not here are accepted
// and mean nothing, as binary_data_output and those of the caller's own.
struct RequestParameters {
  uint64_t priority = 0;  // 1 = the highest; 0 = the model's default
  std::optional<absl::Duration> timeout;  // of waiting, from the arrival on
};

//   INVALID_ARGUMENT  a value of another kind than the parameter's
//   UNIMPLEMENTED     one that would change the answer: sequence_*
absl::StatusOr<RequestParameters> ReadRequestParameters(
    const InferParameters& parameters);

// What the parameters of an input or an output say.
struct TensorParameters {
  // Where the bytes are or go; null: in the message.
  std::shared_ptr<const SharedMemoryRegion> region;
  SharedMemoryRegion::Range range;
  // Of an output: answer with so many best elements of each row; 0 = with the
  // elements themselves.
  int64_t classes = 0;
};

// Whether an input says that its bytes are in shared memory, and not in the
// message.
bool IsInSharedMemory(const InferParameters& parameters);

// `regions` is where shared memory is looked up.
//   INVALID_ARGUMENT  a value of another kind than the parameter's, a range
//                     that is not within its region, a size without a region
//   NOT_FOUND         there is no such region
absl::StatusOr<TensorParameters> ReadTensorParameters(
    const InferParameters& parameters, const SharedMemoryRegions& regions);

}  // namespace octet

#endif  // OCTET_SERVER_API_REQUEST_PARAMETERS_H_
