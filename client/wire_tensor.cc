// SPDX-License-Identifier: Apache-2.0
#include "client/wire_tensor.h"

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/shape.h"
#include "engine/base/status_macros.h"

namespace octet::client {
namespace {

constexpr std::pair<DType, const char*> kDatatypes[] = {
    {DType::kFloat32, "FP32"}, {DType::kFloat64, "FP64"},
    {DType::kFloat16, "FP16"}, {DType::kBFloat16, "BF16"},
    {DType::kInt8, "INT8"},    {DType::kUInt8, "UINT8"},
    {DType::kInt16, "INT16"},  {DType::kUInt16, "UINT16"},
    {DType::kInt32, "INT32"},  {DType::kUInt32, "UINT32"},
    {DType::kInt64, "INT64"},  {DType::kUInt64, "UINT64"},
    {DType::kBool, "BOOL"},
};

absl::StatusOr<NamedTensor> ReadOutput(
    const inference::ModelInferResponse::InferOutputTensor& output,
    const std::string& raw) {
  OCTET_ASSIGN_OR_RETURN(const DType dtype, ParseDatatype(output.datatype()));
  Shape shape(output.shape().begin(), output.shape().end());
  constexpr int64_t kMaxElements = std::numeric_limits<int32_t>::max();
  const absl::StatusOr<int64_t> elements =
      CheckedElementCount(shape, kMaxElements);
  if (!elements.ok() ||
      static_cast<uint64_t>(*elements) * SizeOf(dtype) != raw.size()) {
    return absl::InternalError(absl::StrCat(
        "output '", output.name(), "': ", raw.size(), " bytes do not fit ",
        output.datatype(), " of shape ", ShapeToString(shape)));
  }
  Tensor tensor(dtype, std::move(shape));
  if (!raw.empty()) {
    std::memcpy(tensor.mutable_bytes(), raw.data(), raw.size());
  }
  return NamedTensor{output.name(), std::move(tensor)};
}

}  // namespace

absl::string_view Datatype(DType dtype) {
  for (const auto& [value, name] : kDatatypes) {
    if (value == dtype) return name;
  }
  return "";
}

absl::StatusOr<DType> ParseDatatype(absl::string_view datatype) {
  for (const auto& [value, name] : kDatatypes) {
    if (datatype == name) return value;
  }
  return absl::UnimplementedError(
      absl::StrCat("tensors of datatype '", datatype, "' are not supported"));
}

void AddInput(const NamedTensor& input, inference::ModelInferRequest* request) {
  auto* tensor = request->add_inputs();
  tensor->set_name(input.name);
  tensor->set_datatype(std::string(Datatype(input.tensor.dtype())));
  for (const int64_t size : input.tensor.shape()) tensor->add_shape(size);
  request->add_raw_input_contents(input.tensor.bytes(),
                                  input.tensor.byte_size());
}

absl::StatusOr<std::vector<NamedTensor>> ReadOutputs(
    const inference::ModelInferResponse& response) {
  if (response.raw_output_contents_size() != response.outputs_size()) {
    return absl::UnimplementedError(absl::StrCat(
        "the answer has ", response.outputs_size(),
        " outputs but raw bytes of ", response.raw_output_contents_size(),
        "; typed contents in answers are not supported"));
  }
  std::vector<NamedTensor> outputs;
  for (int i = 0; i < response.outputs_size(); ++i) {
    OCTET_ASSIGN_OR_RETURN(
        NamedTensor output,
        ReadOutput(response.outputs(i), response.raw_output_contents(i)));
    outputs.push_back(std::move(output));
  }
  return outputs;
}

}  // namespace octet::client
