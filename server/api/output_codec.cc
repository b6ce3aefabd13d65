// SPDX-License-Identifier: Apache-2.0
#include "server/api/output_codec.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/status_macros.h"
#include "proto/inference.pb.h"
#include "server/api/classification.h"
#include "server/api/request_parameters.h"
#include "server/api/tensor_codec.h"
#include "server/api/tensor_names.h"
#include "server/api/wire_type.h"
#include "server/models/loaded_model.h"

namespace octet {
namespace {

using OutputTensor = inference::ModelInferResponse::InferOutputTensor;

absl::Status OutputError(absl::string_view name, absl::string_view fault) {
  return absl::InvalidArgumentError(
      absl::StrCat("output ", Quote(name), ": ", fault));
}

// Whether `parameters` fit what the model gives. More classes than a row has
// elements are all of them.
absl::Status CheckPlace(const TensorSpec& spec, int64_t rows,
                        TensorParameters* parameters) {
  const uint64_t bytes = rows * spec.row_bytes();
  if (parameters->region != nullptr && parameters->classes > 0) {
    return OutputError(spec.name,
                       "got classification and shared memory, expected one of "
                       "them");
  }
  if (parameters->region != nullptr && parameters->range.size < bytes) {
    return OutputError(
        spec.name,
        absl::StrCat("got ", parameters->range.size,
                     " bytes of shared memory, expected at least ", bytes, " (",
                     rows, " rows of ", spec.row_bytes(), " bytes)"));
  }
  // The rest of the range is left as it is.
  if (parameters->region != nullptr) parameters->range.size = bytes;
  parameters->classes = std::min(parameters->classes, spec.row_elements());
  return absl::OkStatus();
}

// The same for an output whose size is not known before the model runs.
absl::Status CheckOpenPlace(const TensorSpec& spec,
                            const TensorParameters& parameters) {
  if (parameters.classes == 0) return absl::OkStatus();
  return OutputError(spec.name,
                     "got classification, expected none: the model's shapes "
                     "are not known before it runs");
}

absl::Status CheckApart(const DecodedRequest& decoded,
                        const std::vector<TensorSpec>& specs) {
  const std::vector<TensorParameters>& places = decoded.output_parameters;
  for (size_t i = 0; i < places.size(); ++i) {
    if (places[i].region == nullptr) continue;
    for (size_t j = 0; j < i; ++j) {
      if (places[j].region == nullptr ||
          !places[i].region->Overlaps(places[i].range, *places[j].region,
                                      places[j].range)) {
        continue;
      }
      return OutputError(
          specs[decoded.outputs[i]].name,
          absl::StrCat("its shared memory overlaps that of output ",
                       Quote(specs[decoded.outputs[j]].name)));
    }
  }
  return absl::OkStatus();
}

// Without room for it the bytes would be zeroed first.
std::unique_ptr<char[]> Memory(size_t size) {
  return std::make_unique_for_overwrite<char[]>(std::max<size_t>(size, 1));
}

void DescribeRange(const TensorParameters& parameters, OutputTensor* output) {
  auto& wire = *output->mutable_parameters();
  wire["shared_memory_region"].set_string_param(
      parameters.region->place().name);
  wire["shared_memory_byte_size"].set_int64_param(
      static_cast<int64_t>(parameters.range.size));
  if (parameters.range.offset > 0) {
    wire["shared_memory_offset"].set_int64_param(
        static_cast<int64_t>(parameters.range.offset));
  }
}

void Describe(const TensorSpec& spec, int64_t rows, bool batches,
              const TensorParameters* parameters, OutputTensor* output) {
  output->set_name(spec.name);
  if (batches) output->add_shape(rows);
  if (parameters != nullptr && parameters->classes > 0) {
    output->set_datatype("BYTES");
    output->add_shape(parameters->classes);
    return;
  }
  output->set_datatype(std::string(WireName(spec.dtype)));
  for (const int64_t dim : spec.row_shape) output->add_shape(dim);
  if (parameters != nullptr && parameters->region != nullptr) {
    DescribeRange(*parameters, output);
  }
}

}  // namespace

absl::Status DecodeOutputs(const inference::ModelInferRequest& request,
                           const Model& model,
                           const SharedMemoryRegions& regions,
                           DecodedRequest* decoded) {
  const std::vector<TensorSpec>& specs = model.outputs();
  if (request.outputs_size() == 0) {
    for (size_t i = 0; i < specs.size(); ++i) {
      decoded->outputs.push_back(static_cast<int>(i));
    }
    return absl::OkStatus();
  }
  for (const auto& wanted : request.outputs()) {
    const std::optional<int> index = IndexOf(specs, wanted.name());
    if (!index) {
      return OutputError(wanted.name(),
                         absl::StrCat("the model has no such output, expected ",
                                      Names(specs)));
    }
    if (std::count(decoded->outputs.begin(), decoded->outputs.end(), *index)) {
      return OutputError(wanted.name(), "it is asked for twice");
    }
    decoded->outputs.push_back(*index);
    if (wanted.parameters().empty()) continue;
    absl::StatusOr<TensorParameters> parameters =
        ReadTensorParameters(wanted.parameters(), regions);
    if (!parameters.ok()) {
      return absl::Status(parameters.status().code(),
                          absl::StrCat("output ", Quote(wanted.name()), ": ",
                                       parameters.status().message()));
    }
    OCTET_RETURN_IF_ERROR(
        model.has_dynamic_shapes()
            ? CheckOpenPlace(specs[*index], *parameters)
            : CheckPlace(specs[*index], decoded->rows, &*parameters));
    decoded->output_parameters.resize(decoded->outputs.size());
    decoded->output_parameters.back() = *std::move(parameters);
  }
  return CheckApart(*decoded, specs);
}

ResponseBuffers PrepareResponse(const DecodedRequest& request,
                                const Model& model,
                                inference::ModelInferResponse* response,
                                LabelsByOutput labels) {
  const std::vector<TensorSpec>& specs = model.outputs();
  ResponseBuffers buffers;
  buffers.rows = request.rows;
  buffers.outputs.assign(specs.size(), nullptr);
  response->mutable_outputs()->Reserve(
      static_cast<int>(request.outputs.size()));
  for (size_t i = 0; i < request.outputs.size(); ++i) {
    const int index = request.outputs[i];
    const TensorSpec& spec = specs[index];
    const TensorParameters* const parameters =
        i < request.output_parameters.size() ? &request.output_parameters[i]
                                             : nullptr;
    Describe(spec, request.rows, model.batches(), parameters,
             response->add_outputs());
    // There for every output, so that clients find theirs by its position.
    std::string* const bytes = response->add_raw_output_contents();
    const size_t size = request.rows * spec.row_bytes();
    if (parameters != nullptr &&
        (parameters->region != nullptr || parameters->classes > 0)) {
      buffers.staged.push_back({static_cast<int>(i), &spec, *parameters,
                                labels.empty() ? nullptr : labels[index].get(),
                                Memory(size)});
      buffers.outputs[index] = buffers.staged.back().memory.get();
    } else {
      bytes->resize(size);
      buffers.outputs[index] = bytes->data();
    }
  }
  for (size_t i = 0; i < specs.size(); ++i) {
    if (buffers.outputs[i] != nullptr) continue;
    buffers.staged.push_back({-1,
                              &specs[i],
                              {},
                              nullptr,
                              Memory(request.rows * specs[i].row_bytes())});
    buffers.outputs[i] = buffers.staged.back().memory.get();
  }
  return buffers;
}

absl::Status FinishResponse(const ResponseBuffers& buffers,
                            inference::ModelInferResponse* response) {
  for (const ResponseBuffers::Staged& staged : buffers.staged) {
    if (staged.position < 0) continue;
    const TensorParameters& parameters = staged.parameters;
    if (parameters.region != nullptr) {
      absl::Status written = parameters.region->Write(
          parameters.range.offset, parameters.range.size, staged.memory.get());
      if (!written.ok()) {
        return absl::Status(written.code(),
                            absl::StrCat("output ", Quote(staged.spec->name),
                                         ": ", written.message()));
      }
    } else {
      *response->mutable_raw_output_contents(staged.position) =
          Classify(*staged.spec, staged.memory.get(), buffers.rows,
                   parameters.classes, staged.labels);
    }
  }
  return absl::OkStatus();
}

absl::Status AnswerWhole(const DecodedRequest& request, const Model& model,
                         const std::vector<Tensor>& outputs,
                         inference::ModelInferResponse* response) {
  for (size_t i = 0; i < request.outputs.size(); ++i) {
    const Tensor& tensor = outputs[request.outputs[i]];
    const TensorSpec spec = {model.outputs()[request.outputs[i]].name,
                             tensor.dtype(), tensor.shape()};
    TensorParameters parameters;
    if (i < request.output_parameters.size()) {
      parameters = request.output_parameters[i];
    }
    std::string* const bytes = response->add_raw_output_contents();
    if (parameters.region == nullptr) {
      Describe(spec, request.rows, /*batches=*/false, nullptr,
               response->add_outputs());
      bytes->assign(reinterpret_cast<const char*>(tensor.bytes()),
                    tensor.byte_size());
      continue;
    }
    if (tensor.byte_size() > parameters.range.size) {
      return OutputError(
          spec.name,
          absl::StrCat("it has ", tensor.byte_size(),
                       " bytes, expected at most ", parameters.range.size,
                       ", its place in shared memory"));
    }
    parameters.range.size = tensor.byte_size();
    Describe(spec, request.rows, /*batches=*/false, &parameters,
             response->add_outputs());
    const absl::Status written =
        parameters.region->Write(parameters.range.offset, parameters.range.size,
                                 reinterpret_cast<const char*>(tensor.bytes()));
    if (!written.ok()) {
      return absl::Status(
          written.code(),
          absl::StrCat("output ", Quote(spec.name), ": ", written.message()));
    }
  }
  return absl::OkStatus();
}

}  // namespace octet
