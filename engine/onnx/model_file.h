// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_MODEL_FILE_H_
#define OCTET_ENGINE_ONNX_MODEL_FILE_H_

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "engine/base/dtype.h"
#include "engine/base/tensor.h"
#include "engine/onnx/declared_tensor.h"
#include "engine/onnx/model_source.h"
#include "engine/onnx/tensor_proto.h"

namespace octet::onnx {

// A parsed model whose names are known to hang together; what its operators
// mean is not looked at yet.
struct ModelFile {
  pb::ModelProto proto;
  int64_t opset = 0;                   // of the default domain
  std::vector<DeclaredTensor> inputs;  // without those that are initializers
  std::vector<std::string> outputs;
  // As many as outputs; float32 of no dimensions where the file says nothing.
  std::vector<DeclaredTensor> declared_outputs;
  // The nodes that the outputs need, each behind what it reads.
  std::vector<const pb::NodeProto*> nodes;
  // The initializers that these nodes or the outputs read, widened; and which
  // of them were.
  absl::flat_hash_map<std::string, Tensor> initializers;
  absl::flat_hash_map<std::string, NarrowType> narrow;
  // Every name of the file.
  absl::flat_hash_set<std::string> names;

  // The type of the output `name` where that is declared a half type, in which
  // callers get it although nothing computes in it.
  std::optional<DType> HalfOutput(const std::string& name) const;
};

// Errors as ImportModel() and ImportModelFile() have them.
absl::StatusOr<ModelFile> ReadModel(ModelSource source);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_MODEL_FILE_H_
