// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_MODEL_WRITER_H_
#define OCTET_ENGINE_ONNX_MODEL_WRITER_H_

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/base/tensor.h"
#include "engine/ir/graph.h"
#include "engine/onnx/tensor_proto.h"

namespace octet::onnx {

// A ModelProto under construction for one graph, which must outlive it: names,
// initializers and the signature. What operators become is the exporter's.
class ModelWriter {
 public:
  explicit ModelWriter(const ir::Graph& graph);

  // The name of a value of the graph; a constant is written at its first use.
  const std::string& Name(ir::ValueId id);
  // A name that neither the graph nor the model has yet.
  std::string FreshName(absl::string_view stem);

  std::string AddInitializer(absl::string_view stem, const Tensor& tensor);
  std::string AddInts(absl::string_view stem, absl::Span<const int64_t> values);
  std::string AddFloat(absl::string_view stem, float value);

  // The names of the scale and the zero point of a quantized value; the zero
  // point's is empty where ONNX leaves it out (int32). One pair a value.
  const std::pair<std::string, std::string>& Quantization(ir::ValueId id);

  pb::NodeProto* AddNode(absl::string_view op_type, const std::string& name,
                         std::vector<std::string> inputs,
                         const std::string& output);

  // Makes `node` one of ONNX Runtime's domain com.microsoft, version 1, which
  // the model then imports.
  void SetMicrosoftDomain(pb::NodeProto* node);

  // The number of rows, int64 [1]: the leading dimension of an input. Empty
  // where no input leads with rows.
  const std::string& Rows();

  void AddMetadata(const std::string& key, const std::string& value);

  // Writes the signature and hands out the serialized model.
  // RESOURCE_EXHAUSTED beyond protobuf's limit of 2 GB.
  absl::StatusOr<std::string> Finish();

 private:
  const ir::Graph& graph_;
  pb::ModelProto model_;
  absl::flat_hash_set<std::string> names_;
  absl::flat_hash_set<std::string> node_names_;
  absl::flat_hash_set<ir::ValueId> written_;
  absl::flat_hash_map<ir::ValueId, std::pair<std::string, std::string>>
      quantizations_;
  std::string rows_;  // the value that holds their number; empty: none yet
};

void SetInt(pb::NodeProto* node, const char* name, int64_t value);
void SetFloat(pb::NodeProto* node, const char* name, float value);
void SetString(pb::NodeProto* node, const char* name, const char* value);
void SetFloats(pb::NodeProto* node, const char* name,
               const std::vector<float>& values);
void SetStrings(pb::NodeProto* node, const char* name,
                const std::vector<std::string>& values);
template <typename Numbers>
void SetInts(pb::NodeProto* node, const char* name, const Numbers& values) {
  pb::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(pb::AttributeProto::INTS);
  for (int64_t value : values) attribute->add_ints(value);
}

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_MODEL_WRITER_H_
