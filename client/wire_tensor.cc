// SPDX-License-Identifier: Apache-2.0
#include "client/wire_tensor.h"

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
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

absl::Status CheckBytes(const InputView& input) {
  const absl::StatusOr<int64_t> elements =
      CheckedElementCount(input.shape, std::numeric_limits<int32_t>::max());
  if (elements.ok() && static_cast<uint64_t>(*elements) * SizeOf(input.dtype) ==
                           input.bytes.size()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "input '", input.name, "': ", input.bytes.size(), " bytes do not fit ",
      Datatype(input.dtype), " of shape ", ShapeToString(input.shape)));
}

// REQUIRES: CheckBytes() is OK.
void AddInput(const InputView& input, inference::ModelInferRequest* message) {
  auto* tensor = message->add_inputs();
  tensor->set_name(input.name);
  tensor->set_datatype(std::string(Datatype(input.dtype)));
  for (const int64_t size : input.shape) tensor->add_shape(size);
  message->add_raw_input_contents(input.bytes.data(), input.bytes.size());
}

void SetParameters(const InferRequest& request,
                   inference::ModelInferRequest* message) {
  auto& parameters = *message->mutable_parameters();
  if (request.priority > 0) {
    parameters["priority"].set_uint64_param(request.priority);
  }
  if (request.queue_timeout > absl::ZeroDuration()) {
    // Rounded up: a timeout of nothing would mean none at all.
    parameters["timeout"].set_int64_param(absl::ToInt64Microseconds(
        absl::Ceil(request.queue_timeout, absl::Microseconds(1))));
  }
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

absl::StatusOr<inference::ModelInferRequest> MakeMessage(
    const InferRequest& request, int64_t max_bytes) {
  inference::ModelInferRequest message;
  message.set_model_name(request.model.name);
  message.set_model_version(request.model.version);
  message.set_id(request.id);
  SetParameters(request, &message);
  for (const std::string& output : request.outputs) {
    message.add_outputs()->set_name(output);
  }
  int64_t bytes = 0;
  for (const InputView& input : request.inputs) {
    OCTET_RETURN_IF_ERROR(CheckBytes(input));
    bytes += static_cast<int64_t>(input.bytes.size());
    if (bytes > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("inputs of ", bytes,
                       " bytes; expected at most ClientOptions::max_send_bytes",
                       ", ", max_bytes, ": send fewer rows in a request"));
    }
    AddInput(input, &message);
  }
  return message;
}

absl::StatusOr<InferResult> ReadResult(
    const inference::ModelInferResponse& response) {
  OCTET_ASSIGN_OR_RETURN(std::vector<NamedTensor> outputs,
                         ReadOutputs(response));
  return InferResult{{response.model_name(), response.model_version()},
                     response.id(),
                     std::move(outputs)};
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
