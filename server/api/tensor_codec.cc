// SPDX-License-Identifier: Apache-2.0
#include "server/api/tensor_codec.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "engine/base/dtype.h"
#include "engine/base/shape.h"
#include "engine/base/status_macros.h"
#include "proto/inference.pb.h"
#include "server/api/wire_type.h"
#include "server/models/loaded_model.h"

namespace octet {
namespace {

using inference::InferTensorContents;
using inference::ModelInferRequest;
using InputTensor = inference::ModelInferRequest::InferInputTensor;

// Untrusted text in messages: enough to recognize it.
std::string Quote(absl::string_view text) {
  constexpr size_t kLongest = 128;
  if (text.size() <= kLongest) return absl::StrCat("'", text, "'");
  return absl::StrCat("'", text.substr(0, kLongest), "...'");
}

absl::Status InputError(absl::string_view name, absl::string_view fault) {
  return absl::InvalidArgumentError(
      absl::StrCat("input ", Quote(name), ": ", fault));
}

std::string Names(const std::vector<TensorSpec>& specs) {
  return absl::StrJoin(specs, ", ", [](std::string* out, const auto& spec) {
    absl::StrAppend(out, "'", spec.name, "'");
  });
}

std::optional<int> IndexOf(const std::vector<TensorSpec>& specs,
                           absl::string_view name) {
  for (size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].name == name) return static_cast<int>(i);
  }
  return std::nullopt;
}

// "[rows, 3, 32, 32]", or the whole shape of a model that does not batch.
std::string ExpectedShape(const TensorSpec& spec, bool batches) {
  if (!batches) return ShapeToString(spec.row_shape);
  std::vector<std::string> dims = {"rows"};
  for (const int64_t dim : spec.row_shape) dims.push_back(absl::StrCat(dim));
  return absl::StrCat("[", absl::StrJoin(dims, ", "), "]");
}

// The rows that `shape` holds.
absl::StatusOr<int64_t> CheckShape(const InputTensor& input,
                                   const TensorSpec& spec, bool batches,
                                   int64_t max_rows) {
  const auto& shape = input.shape();
  const int leading = batches ? 1 : 0;
  const bool fits =
      shape.size() == static_cast<int>(spec.row_shape.size()) + leading &&
      std::equal(spec.row_shape.begin(), spec.row_shape.end(),
                 shape.begin() + leading);
  if (!fits) {
    // A hostile shape may have millions of dimensions.
    constexpr int kMostDims = 16;
    const int shown = std::min(shape.size(), kMostDims);
    return InputError(
        input.name(),
        absl::StrCat("got shape ",
                     ShapeToString({shape.data(), static_cast<size_t>(shown)}),
                     shown < shape.size()
                         ? absl::StrCat(" and ", shape.size() - shown,
                                        " more dimensions")
                         : "",
                     ", expected ", ExpectedShape(spec, batches)));
  }
  const int64_t rows = batches ? shape[0] : 1;
  if (rows < 1) {
    return InputError(input.name(), absl::StrCat("got ", rows,
                                                 " rows in shape[0], expected "
                                                 "at least 1"));
  }
  if (rows > max_rows) {
    return InputError(
        input.name(),
        absl::StrCat("got ", rows, " rows, expected at most ", max_rows,
                     " in one request (the server's --queue-rows); send fewer "
                     "rows at a time"));
  }
  return rows;
}

struct ContentsField {
  const char* name;
  int elements;
};

std::vector<ContentsField> UsedFields(const InferTensorContents& contents) {
  const ContentsField fields[] = {
      {"bool_contents", contents.bool_contents_size()},
      {"int_contents", contents.int_contents_size()},
      {"int64_contents", contents.int64_contents_size()},
      {"uint_contents", contents.uint_contents_size()},
      {"uint64_contents", contents.uint64_contents_size()},
      {"fp32_contents", contents.fp32_contents_size()},
      {"fp64_contents", contents.fp64_contents_size()},
      {"bytes_contents", contents.bytes_contents_size()}};
  std::vector<ContentsField> used;
  for (const ContentsField& field : fields) {
    if (field.elements > 0) used.push_back(field);
  }
  return used;
}

// Which field carries a type; null for those that travel raw only.
const char* FieldFor(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return "bool_contents";
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32:
      return "int_contents";
    case DType::kInt64:
      return "int64_contents";
    case DType::kUInt8:
    case DType::kUInt16:
    case DType::kUInt32:
      return "uint_contents";
    case DType::kUInt64:
      return "uint64_contents";
    case DType::kFloat32:
      return "fp32_contents";
    case DType::kFloat64:
      return "fp64_contents";
    case DType::kFloat16:
    case DType::kBFloat16:
      return nullptr;
  }
  return nullptr;
}

// Elements of a 32-bit field as the narrower T that the model takes.
template <typename T, typename Field>
absl::StatusOr<std::string> Narrow(const InputTensor& input,
                                   const Field& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  for (int i = 0; i < values.size(); ++i) {
    if (values[i] < std::numeric_limits<T>::min() ||
        values[i] > std::numeric_limits<T>::max()) {
      return InputError(
          input.name(),
          absl::StrCat("element ", i, " is ", values[i],
                       ", expected a value that fits ", input.datatype()));
    }
    const T value = static_cast<T>(values[i]);
    std::memcpy(&bytes[i * sizeof(T)], &value, sizeof(T));
  }
  return bytes;
}

// The elements of typed contents: in place where the field has the type's own
// width, else converted. REQUIRES: the right field is used.
absl::StatusOr<const void*> TypedData(const InputTensor& input, DType dtype,
                                      std::vector<std::string>* converted) {
  const InferTensorContents& contents = input.contents();
  std::string narrow;
  switch (dtype) {
    case DType::kBool:
      return contents.bool_contents().data();
    case DType::kInt32:
      return contents.int_contents().data();
    case DType::kInt64:
      return contents.int64_contents().data();
    case DType::kUInt32:
      return contents.uint_contents().data();
    case DType::kUInt64:
      return contents.uint64_contents().data();
    case DType::kFloat32:
      return contents.fp32_contents().data();
    case DType::kFloat64:
      return contents.fp64_contents().data();
    case DType::kInt8: {
      OCTET_ASSIGN_OR_RETURN(narrow,
                             Narrow<int8_t>(input, contents.int_contents()));
      break;
    }
    case DType::kInt16: {
      OCTET_ASSIGN_OR_RETURN(narrow,
                             Narrow<int16_t>(input, contents.int_contents()));
      break;
    }
    case DType::kUInt8: {
      OCTET_ASSIGN_OR_RETURN(narrow,
                             Narrow<uint8_t>(input, contents.uint_contents()));
      break;
    }
    case DType::kUInt16: {
      OCTET_ASSIGN_OR_RETURN(narrow,
                             Narrow<uint16_t>(input, contents.uint_contents()));
      break;
    }
    case DType::kFloat16:
    case DType::kBFloat16:
      return absl::InternalError("half types have no typed contents");
  }
  converted->push_back(std::move(narrow));
  return converted->back().data();
}

absl::StatusOr<const void*> DecodeTyped(const InputTensor& input,
                                        const TensorSpec& spec, int64_t rows,
                                        std::vector<std::string>* converted) {
  const char* const field = FieldFor(spec.dtype);
  if (field == nullptr) {
    return InputError(
        input.name(),
        absl::StrCat(input.datatype(), " travels in raw_input_contents only"));
  }
  const int64_t expected = rows * spec.row_elements();
  const std::vector<ContentsField> used = UsedFields(input.contents());
  const auto wrong =
      std::find_if(used.begin(), used.end(), [&](const ContentsField& other) {
        return absl::string_view(other.name) != field;
      });
  if (wrong != used.end()) {
    return InputError(
        input.name(),
        absl::StrCat("got ", wrong->elements, " elements in contents.",
                     wrong->name, ", expected ", input.datatype(),
                     " in contents.", field));
  }
  const int64_t got = used.empty() ? 0 : used[0].elements;
  if (got != expected) {
    return InputError(input.name(),
                      absl::StrCat("got ", got, " elements in contents.", field,
                                   ", expected ", expected,
                                   used.empty() ? " there, or the bytes in "
                                                  "raw_input_contents"
                                                : ""));
  }
  return TypedData(input, spec.dtype, converted);
}

absl::StatusOr<const void*> DecodeRaw(const InputTensor& input,
                                      const TensorSpec& spec, int64_t rows,
                                      const std::string& raw) {
  if (input.has_contents() && !UsedFields(input.contents()).empty()) {
    return InputError(input.name(),
                      "got both contents and raw_input_contents, expected one "
                      "of them for all inputs");
  }
  const uint64_t expected = rows * spec.row_bytes();
  if (raw.size() != expected) {
    return InputError(input.name(),
                      absl::StrCat("got ", raw.size(),
                                   " bytes in raw_input_contents, "
                                   "expected ",
                                   expected, " (", rows, " rows of ",
                                   spec.row_bytes(), " bytes)"));
  }
  if (spec.dtype == DType::kBool) {
    const auto odd = std::find_if(raw.begin(), raw.end(), [](char byte) {
      return static_cast<unsigned char>(byte) > 1;
    });
    if (odd != raw.end()) {
      return InputError(
          input.name(),
          absl::StrCat("byte ", odd - raw.begin(), " is ",
                       static_cast<unsigned char>(*odd), ", expected 0 or 1"));
    }
  }
  return raw.data();
}

template <typename Parameters>
absl::Status RefuseParameters(absl::string_view tensor,
                              const Parameters& parameters) {
  for (const auto& [name, value] : parameters) {
    if (absl::StartsWith(name, "shared_memory_") || name == "classification") {
      return absl::UnimplementedError(absl::StrCat("tensor ", Quote(tensor),
                                                   ": parameter '", name,
                                                   "' is not supported"));
    }
  }
  return absl::OkStatus();
}

absl::Status DecodeInput(const ModelInferRequest& request, int position,
                         const Model& model, const RequestLimits& limits,
                         DecodedRequest* decoded) {
  const InputTensor& input = request.inputs(position);
  const std::optional<int> index = IndexOf(model.inputs(), input.name());
  if (!index) {
    return InputError(input.name(),
                      absl::StrCat("the model has no such input, expected ",
                                   Names(model.inputs())));
  }
  if (decoded->inputs[*index] != nullptr) {
    return InputError(input.name(), "it is there twice");
  }
  OCTET_RETURN_IF_ERROR(RefuseParameters(input.name(), input.parameters()));
  const TensorSpec& spec = model.inputs()[*index];
  if (input.datatype() != WireName(spec.dtype)) {
    return InputError(input.name(),
                      absl::StrCat("got datatype ", Quote(input.datatype()),
                                   ", expected ", WireName(spec.dtype)));
  }
  OCTET_ASSIGN_OR_RETURN(
      const int64_t rows,
      CheckShape(input, spec, model.batches(), limits.max_rows));
  if (position > 0 && rows != decoded->rows) {
    return InputError(
        input.name(),
        absl::StrCat("got ", rows, " rows, expected ", decoded->rows,
                     " as input ", Quote(request.inputs(0).name()), " has"));
  }
  decoded->rows = rows;
  const void* data = nullptr;
  if (request.raw_input_contents_size() > 0) {
    OCTET_ASSIGN_OR_RETURN(
        data,
        DecodeRaw(input, spec, rows, request.raw_input_contents(position)));
  } else {
    OCTET_ASSIGN_OR_RETURN(data,
                           DecodeTyped(input, spec, rows, &decoded->converted));
  }
  // A tensor without elements has no memory, but the slot must be taken.
  static constexpr char kNothing = 0;
  decoded->inputs[*index] = data == nullptr ? &kNothing : data;
  return absl::OkStatus();
}

absl::Status DecodeInputs(const ModelInferRequest& request, const Model& model,
                          const RequestLimits& limits,
                          DecodedRequest* decoded) {
  const int raw = request.raw_input_contents_size();
  if (raw > 0 && raw != request.inputs_size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "got ", raw, " raw_input_contents for ", request.inputs_size(),
        " inputs, expected one for each input, or none"));
  }
  decoded->inputs.assign(model.inputs().size(), nullptr);
  decoded->converted.reserve(model.inputs().size());
  for (int i = 0; i < request.inputs_size(); ++i) {
    OCTET_RETURN_IF_ERROR(DecodeInput(request, i, model, limits, decoded));
  }
  for (size_t i = 0; i < decoded->inputs.size(); ++i) {
    if (decoded->inputs[i] == nullptr) {
      return InputError(model.inputs()[i].name,
                        "it is missing from the request");
    }
  }
  // A model without inputs has one row to give.
  if (decoded->inputs.empty()) decoded->rows = 1;
  return absl::OkStatus();
}

absl::Status DecodeOutputs(const ModelInferRequest& request, const Model& model,
                           DecodedRequest* decoded) {
  const std::vector<TensorSpec>& outputs = model.outputs();
  if (request.outputs_size() == 0) {
    for (size_t i = 0; i < outputs.size(); ++i) {
      decoded->outputs.push_back(static_cast<int>(i));
    }
    return absl::OkStatus();
  }
  for (const auto& wanted : request.outputs()) {
    const std::optional<int> index = IndexOf(outputs, wanted.name());
    if (!index) {
      return absl::InvalidArgumentError(absl::StrCat(
          "output ", Quote(wanted.name()),
          ": the model has no such output, expected ", Names(outputs)));
    }
    if (std::count(decoded->outputs.begin(), decoded->outputs.end(), *index)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "output ", Quote(wanted.name()), ": it is asked for twice"));
    }
    OCTET_RETURN_IF_ERROR(RefuseParameters(wanted.name(), wanted.parameters()));
    decoded->outputs.push_back(*index);
  }
  return absl::OkStatus();
}

int64_t RowBytes(const std::vector<TensorSpec>& specs) {
  int64_t bytes = 0;
  for (const TensorSpec& spec : specs) {
    bytes += static_cast<int64_t>(spec.row_bytes());
  }
  return bytes;
}

}  // namespace

absl::StatusOr<DecodedRequest> DecodeRequest(const ModelInferRequest& request,
                                             const Model& model,
                                             const RequestLimits& limits) {
  DecodedRequest decoded;
  OCTET_RETURN_IF_ERROR(DecodeInputs(request, model, limits, &decoded));
  OCTET_RETURN_IF_ERROR(DecodeOutputs(request, model, &decoded));
  const int64_t row_bytes =
      RowBytes(model.inputs()) + RowBytes(model.outputs());
  // Divided, for the product might not fit.
  if (row_bytes > 0 && decoded.rows > limits.max_bytes / row_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the request has ", decoded.rows, " rows of ", row_bytes,
                     " bytes, inputs and outputs together; expected at most ",
                     limits.max_bytes, " bytes: send fewer rows at a time"));
  }
  decoded.bytes = decoded.rows * row_bytes;
  return decoded;
}

ResponseBuffers PrepareResponse(const DecodedRequest& request,
                                const Model& model,
                                inference::ModelInferResponse* response) {
  const std::vector<TensorSpec>& specs = model.outputs();
  ResponseBuffers buffers;
  buffers.outputs.assign(specs.size(), nullptr);
  response->mutable_outputs()->Reserve(
      static_cast<int>(request.outputs.size()));
  for (const int index : request.outputs) {
    const TensorSpec& spec = specs[index];
    auto* const output = response->add_outputs();
    output->set_name(spec.name);
    output->set_datatype(std::string(WireName(spec.dtype)));
    if (model.batches()) output->add_shape(request.rows);
    for (const int64_t dim : spec.row_shape) output->add_shape(dim);
    std::string* const bytes = response->add_raw_output_contents();
    bytes->resize(request.rows * spec.row_bytes());
    buffers.outputs[index] = bytes->data();
  }
  buffers.unwanted.reserve(specs.size());
  for (size_t i = 0; i < specs.size(); ++i) {
    if (buffers.outputs[i] != nullptr) continue;
    buffers.unwanted.emplace_back(request.rows * specs[i].row_bytes(), '\0');
    buffers.outputs[i] = buffers.unwanted.back().data();
  }
  return buffers;
}

}  // namespace octet
