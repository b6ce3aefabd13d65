// SPDX-License-Identifier: Apache-2.0
#include "server/api/tensor_codec.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "engine/base/dtype.h"
#include "engine/base/shape.h"
#include "engine/base/status_macros.h"
#include "proto/inference.pb.h"
#include "server/api/classification.h"
#include "server/api/output_codec.h"
#include "server/api/request_parameters.h"
#include "server/api/shared_memory.h"
#include "server/api/tensor_names.h"
#include "server/api/typed_contents.h"
#include "server/api/wire_type.h"
#include "server/models/loaded_model.h"

namespace octet {
namespace {

using inference::ModelInferRequest;
using InputTensor = inference::ModelInferRequest::InferInputTensor;

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
  // -1 stands for any extent that one can have.
  constexpr int64_t kMaxExtent = int64_t{1} << 31;
  const bool fits =
      shape.size() == static_cast<int>(spec.row_shape.size()) + leading &&
      std::equal(spec.row_shape.begin(), spec.row_shape.end(),
                 shape.begin() + leading, [](int64_t wanted, int64_t got) {
                   return wanted == -1 ? got >= 0 && got <= kMaxExtent
                                       : wanted == got;
                 });
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

// Booleans are bytes that a caller may fill with anything.
absl::Status CheckBooleans(const InputTensor& input, absl::string_view bytes) {
  const auto odd = std::find_if(bytes.begin(), bytes.end(), [](char byte) {
    return static_cast<unsigned char>(byte) > 1;
  });
  if (odd == bytes.end()) return absl::OkStatus();
  return InputError(
      input.name(),
      absl::StrCat("byte ", odd - bytes.begin(), " is ",
                   static_cast<unsigned char>(*odd), ", expected 0 or 1"));
}

absl::Status CheckByteSize(const InputTensor& input, const TensorSpec& spec,
                           int64_t rows, uint64_t got,
                           absl::string_view where) {
  const uint64_t expected = rows * spec.row_bytes();
  if (got == expected) return absl::OkStatus();
  return InputError(
      input.name(),
      absl::StrCat("got ", got, " bytes in ", where, ", expected ", expected,
                   " (", rows, " rows of ", spec.row_bytes(), " bytes)"));
}

absl::StatusOr<const void*> DecodeRaw(const InputTensor& input,
                                      const TensorSpec& spec, int64_t rows,
                                      const std::string& raw) {
  if (HasContents(input)) {
    return InputError(input.name(),
                      "got both contents and raw_input_contents, expected one "
                      "of them for all inputs");
  }
  OCTET_RETURN_IF_ERROR(
      CheckByteSize(input, spec, rows, raw.size(), "raw_input_contents"));
  if (spec.dtype == DType::kBool) {
    OCTET_RETURN_IF_ERROR(CheckBooleans(input, raw));
  }
  return raw.data();
}

std::string WrongType(const InputTensor& input, const TensorSpec& spec) {
  return absl::StrCat("got datatype ", Quote(input.datatype()), ", expected ",
                      WireName(spec.dtype),
                      input.datatype() == "BYTES"
                          ? ": octet runs no model that takes texts"
                          : "");
}

// Decodes the inputs of one request, in its order.
class InputDecoder {
 public:
  InputDecoder(const ModelInferRequest& request, const Model& model,
               const RequestLimits& limits, const SharedMemoryRegions& regions,
               DecodedRequest* decoded)
      : request_(request),
        model_(model),
        limits_(limits),
        regions_(regions),
        decoded_(decoded) {
    if (model.has_dynamic_shapes()) specs_ = model.inputs();
  }

  // Leaves out what ReadShared() does.
  absl::Status Decode();

  // Copies the inputs that are in shared memory. REQUIRES: the request's size
  // has been found to be within the limits.
  absl::Status ReadShared();

  // With dynamic shapes: makes tensors of the inputs, which are all there.
  void MakeTensors();

  // The specs that the request's inputs have.
  const std::vector<TensorSpec>& specs() const {
    return specs_.empty() ? model_.inputs() : specs_;
  }

 private:
  // An input whose bytes are in shared memory.
  struct Shared {
    const InputTensor* input;
    int index;  // among the model's inputs
    TensorParameters parameters;
  };

  absl::Status CheckRawCount() const;
  absl::Status DecodeOne(const InputTensor& input);
  // The rows of `input`, which fit the model and the inputs before it.
  absl::Status CheckRows(const InputTensor& input, const TensorSpec& spec);
  // Sets specs_[index] to the shape that `input` has.
  absl::Status Settle(const InputTensor& input, int index);
  absl::StatusOr<const void*> Locate(const InputTensor& input, int index);
  absl::Status AddShared(const InputTensor& input, int index);

  const ModelInferRequest& request_;
  const Model& model_;
  const RequestLimits& limits_;
  const SharedMemoryRegions& regions_;
  DecodedRequest* const decoded_;
  // Of the model's inputs; open extents are filled in by the request.
  std::vector<TensorSpec> specs_;
  int next_raw_ = 0;
  std::vector<Shared> shared_;
};

// Takes the slot of an input without bytes, or whose bytes are still to come.
constexpr char kNothing = 0;

// Clients send raw contents for those inputs only that are in the message.
absl::Status InputDecoder::CheckRawCount() const {
  const int raw = request_.raw_input_contents_size();
  if (raw == 0) return absl::OkStatus();
  const auto in_message = static_cast<int>(
      std::count_if(request_.inputs().begin(), request_.inputs().end(),
                    [](const InputTensor& input) {
                      return !IsInSharedMemory(input.parameters());
                    }));
  if (raw == in_message) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "got ", raw, " raw_input_contents for ", in_message, " inputs",
      in_message < request_.inputs_size() ? " outside shared memory" : "",
      ", expected one for each input, or none"));
}

absl::Status InputDecoder::Decode() {
  OCTET_RETURN_IF_ERROR(CheckRawCount());
  decoded_->inputs.assign(model_.inputs().size(), nullptr);
  decoded_->converted.reserve(model_.inputs().size());
  for (const InputTensor& input : request_.inputs()) {
    OCTET_RETURN_IF_ERROR(DecodeOne(input));
  }
  for (size_t i = 0; i < decoded_->inputs.size(); ++i) {
    if (decoded_->inputs[i] == nullptr) {
      return InputError(model_.inputs()[i].name,
                        "it is missing from the request");
    }
  }
  // A model without inputs has one row to give.
  if (decoded_->inputs.empty()) decoded_->rows = 1;
  return absl::OkStatus();
}

absl::Status InputDecoder::DecodeOne(const InputTensor& input) {
  const std::optional<int> index = IndexOf(model_.inputs(), input.name());
  if (!index) {
    return InputError(input.name(),
                      absl::StrCat("the model has no such input, expected ",
                                   Names(model_.inputs())));
  }
  const void*& slot = decoded_->inputs[*index];
  if (slot != nullptr) return InputError(input.name(), "it is there twice");
  const TensorSpec& spec = model_.inputs()[*index];
  if (input.datatype() != WireName(spec.dtype)) {
    return InputError(input.name(), WrongType(input, spec));
  }
  OCTET_RETURN_IF_ERROR(CheckRows(input, spec));
  OCTET_RETURN_IF_ERROR(Settle(input, *index));
  if (IsInSharedMemory(input.parameters())) {
    OCTET_RETURN_IF_ERROR(AddShared(input, *index));
    slot = &kNothing;
    return absl::OkStatus();
  }
  OCTET_ASSIGN_OR_RETURN(const void* const data, Locate(input, *index));
  // A tensor without elements has no memory.
  slot = data == nullptr ? &kNothing : data;
  return absl::OkStatus();
}

absl::Status InputDecoder::CheckRows(const InputTensor& input,
                                     const TensorSpec& spec) {
  OCTET_ASSIGN_OR_RETURN(
      const int64_t rows,
      CheckShape(input, spec, model_.batches(), limits_.max_rows));
  if (&input != &request_.inputs(0) && rows != decoded_->rows) {
    return InputError(
        input.name(),
        absl::StrCat("got ", rows, " rows, expected ", decoded_->rows,
                     " as input ", Quote(request_.inputs(0).name()), " has"));
  }
  decoded_->rows = rows;
  return absl::OkStatus();
}

absl::Status InputDecoder::Settle(const InputTensor& input, int index) {
  if (specs_.empty()) return absl::OkStatus();
  TensorSpec& spec = specs_[index];
  spec.row_shape.assign(input.shape().begin(), input.shape().end());
  const absl::StatusOr<int64_t> elements =
      CheckedElementCount(spec.row_shape, limits_.max_bytes);
  if (elements.ok()) return absl::OkStatus();
  return InputError(input.name(), elements.status().message());
}

void InputDecoder::MakeTensors() {
  for (size_t i = 0; i < specs_.size(); ++i) {
    Tensor tensor(specs_[i].dtype, specs_[i].row_shape);
    std::memcpy(tensor.mutable_bytes(), decoded_->inputs[i],
                tensor.byte_size());
    decoded_->whole_inputs.push_back(std::move(tensor));
  }
}

absl::StatusOr<const void*> InputDecoder::Locate(const InputTensor& input,
                                                 int index) {
  const TensorSpec& spec = specs()[index];
  if (request_.raw_input_contents_size() > 0) {
    return DecodeRaw(input, spec, decoded_->rows,
                     request_.raw_input_contents(next_raw_++));
  }
  return DecodeTyped(input, spec, decoded_->rows, &decoded_->converted);
}

absl::Status InputDecoder::AddShared(const InputTensor& input, int index) {
  if (HasContents(input)) {
    return InputError(input.name(),
                      "got both contents and shared memory, expected one of "
                      "them");
  }
  absl::StatusOr<TensorParameters> parameters =
      ReadTensorParameters(input.parameters(), regions_);
  if (!parameters.ok()) {
    return absl::Status(parameters.status().code(),
                        absl::StrCat("input ", Quote(input.name()), ": ",
                                     parameters.status().message()));
  }
  OCTET_RETURN_IF_ERROR(CheckByteSize(input, specs()[index], decoded_->rows,
                                      parameters->range.size, "shared memory"));
  shared_.push_back({&input, index, *std::move(parameters)});
  return absl::OkStatus();
}

absl::Status InputDecoder::ReadShared() {
  for (const Shared& shared : shared_) {
    const size_t size = shared.parameters.range.size;
    if (size == 0) continue;
    auto memory = std::make_unique_for_overwrite<char[]>(size);
    absl::Status read = shared.parameters.region->Read(
        shared.parameters.range.offset, size, memory.get());
    if (!read.ok()) {
      return absl::Status(
          read.code(), absl::StrCat("input ", Quote(shared.input->name()), ": ",
                                    read.message()));
    }
    if (model_.inputs()[shared.index].dtype == DType::kBool) {
      OCTET_RETURN_IF_ERROR(CheckBooleans(*shared.input, {memory.get(), size}));
    }
    decoded_->inputs[shared.index] = memory.get();
    decoded_->copies.push_back(std::move(memory));
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

absl::StatusOr<DecodedRequest> DecodeRequest(
    const ModelInferRequest& request, const Model& model,
    const RequestLimits& limits, const SharedMemoryRegions& regions) {
  DecodedRequest decoded;
  InputDecoder inputs(request, model, limits, regions, &decoded);
  OCTET_RETURN_IF_ERROR(inputs.Decode());
  OCTET_RETURN_IF_ERROR(DecodeOutputs(request, model, regions, &decoded));
  // What the outputs of dynamic shapes take is not known yet.
  int64_t row_bytes =
      RowBytes(inputs.specs()) +
      (model.has_dynamic_shapes() ? 0 : RowBytes(model.outputs()));
  for (const TensorParameters& output : decoded.output_parameters) {
    row_bytes += output.classes * (kClassBytes + limits.label_bytes);
  }
  // Divided, for the product might not fit.
  if (row_bytes > 0 && decoded.rows > limits.max_bytes / row_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the request has ", decoded.rows, " rows of ", row_bytes,
                     " bytes, inputs and outputs together; expected at most ",
                     limits.max_bytes, " bytes: send fewer rows at a time"));
  }
  decoded.bytes = decoded.rows * row_bytes;
  OCTET_RETURN_IF_ERROR(inputs.ReadShared());
  inputs.MakeTensors();
  return decoded;
}

}  // namespace octet
