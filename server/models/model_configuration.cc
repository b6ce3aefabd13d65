// SPDX-License-Identifier: Apache-2.0
#include "server/models/model_configuration.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "engine/base/dtype.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "proto/model_config.pb.h"
#include "server/models/class_labels.h"
#include "server/models/configuration_check.h"

namespace octet {
namespace {

using google::protobuf::TextFormat;
using inference::ModelConfig;

// Deeper than any field lies; deeper text would use up the stack.
constexpr int kMaxDepth = 32;

// Keeps the first complaint of a parser.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (!text_.empty()) return;
    text_ = line < 0 ? message
                     : absl::StrCat("line ", line + 1, ", column ", column + 1,
                                    ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

absl::Status At(const std::string& origin, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat(origin, ": ", status.message()));
}

absl::Status CheckSize(absl::string_view text, const std::string& origin) {
  if (text.size() <= kMaxConfigurationBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(origin, ": got ", text.size(),
                                                 " bytes, expected at most ",
                                                 kMaxConfigurationBytes));
}

// `says_batch` is whether max_batch_size was written, which 0 alone does not
// tell.
absl::StatusOr<ModelConfiguration> Check(ModelConfig config, bool says_batch,
                                         const ConfigurationSource& source) {
  ModelConfiguration configuration;
  configuration.proto = std::move(config);
  configuration.origin = source.origin;
  absl::Status status =
      RefuseUnsupported(configuration.proto, &configuration.notes);
  if (status.ok()) status = CheckValues(source, &configuration);
  if (!status.ok()) return At(source.origin, status);
  if (says_batch)
    configuration.max_batch = configuration.proto.max_batch_size();
  return configuration;
}

std::string Shown(const google::protobuf::RepeatedField<int64_t>& dims) {
  return absl::StrCat("[", absl::StrJoin(dims, ", "), "]");
}

// One declared input or output, whichever message it is.
struct Declared {
  absl::string_view kind;  // "input" or "output"
  const std::string& name;
  inference::DataType type;
  const google::protobuf::RepeatedField<int64_t>& dims;
};

// The shape that a configuration states of `spec`.
std::vector<int64_t> StatedShape(const TensorSpec& spec, bool with_batch_axis) {
  std::vector<int64_t> dims;
  if (with_batch_axis) dims.push_back(-1);
  dims.insert(dims.end(), spec.row_shape.begin(), spec.row_shape.end());
  return dims;
}

bool SameShape(const google::protobuf::RepeatedField<int64_t>& dims,
               const std::vector<int64_t>& expected) {
  if (dims.size() != static_cast<int>(expected.size())) return false;
  for (int i = 0; i < dims.size(); ++i) {
    const bool free = dims[i] == -1 || expected[i] == -1;
    if (!free && dims[i] != expected[i]) return false;
  }
  return true;
}

absl::Status CheckTensor(const Declared& declared,
                         const std::vector<TensorSpec>& specs,
                         bool with_batch_axis) {
  const TensorSpec* found = nullptr;
  std::vector<absl::string_view> names;
  for (const TensorSpec& spec : specs) {
    names.push_back(spec.name);
    if (spec.name == declared.name) found = &spec;
  }
  const std::string field =
      absl::StrCat(declared.kind, " '", declared.name, "'");
  if (found == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": the model has none of this name, only ",
                     absl::StrJoin(names, ", ")));
  }
  const inference::DataType type = ConfigurationType(found->dtype);
  if (declared.type != inference::TYPE_INVALID && declared.type != type) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, " data_type: got ", inference::DataType_Name(declared.type),
        ", expected ", inference::DataType_Name(type)));
  }
  const std::vector<int64_t> expected = StatedShape(*found, with_batch_axis);
  if (!declared.dims.empty() && !SameShape(declared.dims, expected)) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " dims: got ", Shown(declared.dims), ", expected [",
                     absl::StrJoin(expected, ", "),
                     with_batch_axis ? "], the batch axis in front"
                                     : "], without the batch "
                                       "axis"));
  }
  return absl::OkStatus();
}

// Whether shapes are declared with the batch axis, which in this format goes
// with max_batch_size 0.
bool DeclaresBatchAxis(const ModelConfig& config, const Model& model) {
  for (const inference::ModelInput& input : config.input()) {
    for (const TensorSpec& spec : model.inputs()) {
      if (spec.name == input.name() &&
          input.dims_size() == static_cast<int>(spec.row_shape.size()) + 1) {
        return true;
      }
    }
  }
  return false;
}

absl::Status CheckLabels(const ModelConfiguration& configuration,
                         const Model& model) {
  // Its rows have no size yet, and requests for its classes are refused.
  if (model.has_dynamic_shapes()) return absl::OkStatus();
  for (const TensorSpec& spec : model.outputs()) {
    const auto labels = configuration.class_labels.find(spec.name);
    if (labels == configuration.class_labels.end()) continue;
    const auto count = static_cast<int64_t>(labels->second->size());
    if (count <= spec.row_elements()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("output '", spec.name, "' label_filename: got ", count,
                     " labels, expected at most ", spec.row_elements(),
                     ", one an element of a row"));
  }
  return absl::OkStatus();
}

absl::Status CheckTensors(const ModelConfiguration& configuration,
                          const Model& model) {
  const ModelConfig& config = configuration.proto;
  if (!model.batches() && configuration.max_batch.value_or(0) > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_batch_size: got ", *configuration.max_batch,
                     ", expected 0: the model's rows are not independent: ",
                     model.why_not_batched()));
  }
  const bool with_batch_axis =
      model.batches() && EffectiveBatch(configuration, model) == 0;
  for (const inference::ModelInput& input : config.input()) {
    OCTET_RETURN_IF_ERROR(
        CheckTensor({"input", input.name(), input.data_type(), input.dims()},
                    model.inputs(), with_batch_axis));
  }
  for (const inference::ModelOutput& output : config.output()) {
    OCTET_RETURN_IF_ERROR(CheckTensor(
        {"output", output.name(), output.data_type(), output.dims()},
        model.outputs(), with_batch_axis));
  }
  return absl::OkStatus();
}

}  // namespace

int EffectiveBatch(const ModelConfiguration& configuration,
                   const Model& model) {
  if (!model.batches()) return 0;
  if (configuration.max_batch) return *configuration.max_batch;
  if (DeclaresBatchAxis(configuration.proto, model)) return 0;
  return model.options().max_batch;
}

inference::DataType ConfigurationType(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return inference::TYPE_FP32;
    case DType::kFloat64:
      return inference::TYPE_FP64;
    case DType::kFloat16:
      return inference::TYPE_FP16;
    case DType::kBFloat16:
      return inference::TYPE_BF16;
    case DType::kInt8:
      return inference::TYPE_INT8;
    case DType::kUInt8:
      return inference::TYPE_UINT8;
    case DType::kInt16:
      return inference::TYPE_INT16;
    case DType::kUInt16:
      return inference::TYPE_UINT16;
    case DType::kInt32:
      return inference::TYPE_INT32;
    case DType::kUInt32:
      return inference::TYPE_UINT32;
    case DType::kInt64:
      return inference::TYPE_INT64;
    case DType::kUInt64:
      return inference::TYPE_UINT64;
    case DType::kBool:
      return inference::TYPE_BOOL;
  }
  return inference::TYPE_INVALID;
}

ModelConfiguration DefaultConfiguration(const ConfigurationSource& source) {
  ModelConfiguration configuration;
  configuration.proto.set_name(source.model);
  configuration.origin = source.origin;
  configuration.instances = source.limits.lanes;
  return configuration;
}

absl::StatusOr<ModelConfiguration> ParseConfigurationText(
    absl::string_view text, const ConfigurationSource& source) {
  OCTET_RETURN_IF_ERROR(CheckSize(text, source.origin));
  FirstError error;
  TextFormat::ParseInfoTree places;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  parser.WriteLocationsTo(&places);
  parser.SetRecursionLimit(kMaxDepth);
  ModelConfig config;
  if (!parser.ParseFromString(std::string(text), &config)) {
    return absl::InvalidArgumentError(
        absl::StrCat(source.origin, ": ",
                     error.text().empty() ? "no configuration" : error.text()));
  }
  const auto* const field =
      ModelConfig::descriptor()->FindFieldByName("max_batch_size");
  const bool says_batch = places.GetLocation(field, -1).line >= 0;
  return Check(std::move(config), says_batch, source);
}

absl::StatusOr<ModelConfiguration> ParseConfigurationJson(
    absl::string_view json, const ConfigurationSource& source) {
  OCTET_RETURN_IF_ERROR(CheckSize(json, source.origin));
  const std::string text(json);
  ModelConfig config;
  const auto parsed =
      google::protobuf::util::JsonStringToMessage(text, &config);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        source.origin, ": ",
        absl::string_view(parsed.message().data(), parsed.message().size())));
  }
  // Only to see which keys are there.
  google::protobuf::Struct keys;
  const bool read =
      google::protobuf::util::JsonStringToMessage(text, &keys).ok();
  const bool says_batch = read && (keys.fields().contains("max_batch_size") ||
                                   keys.fields().contains("maxBatchSize"));
  return Check(std::move(config), says_batch, source);
}

absl::Status CheckSignature(const ModelConfiguration& configuration,
                            const Model& model) {
  absl::Status status = CheckTensors(configuration, model);
  if (status.ok()) status = CheckLabels(configuration, model);
  return status.ok() ? status : At(configuration.origin, status);
}

ModelConfig CompleteConfiguration(const ModelConfiguration& configuration,
                                  const Model& model) {
  ModelConfig config = configuration.proto;
  config.set_platform("octet_onnx");
  config.set_backend("octet");
  const int batch = EffectiveBatch(configuration, model);
  config.set_max_batch_size(batch);
  const bool with_batch_axis = model.batches() && batch == 0;

  const ModelConfig written = config;
  config.clear_input();
  for (const TensorSpec& spec : model.inputs()) {
    inference::ModelInput* const input = config.add_input();
    for (const inference::ModelInput& declared : written.input()) {
      if (declared.name() == spec.name) *input = declared;
    }
    input->set_name(spec.name);
    input->set_data_type(ConfigurationType(spec.dtype));
    const std::vector<int64_t> dims = StatedShape(spec, with_batch_axis);
    input->mutable_dims()->Assign(dims.begin(), dims.end());
  }
  config.clear_output();
  for (const TensorSpec& spec : model.outputs()) {
    inference::ModelOutput* const output = config.add_output();
    for (const inference::ModelOutput& declared : written.output()) {
      if (declared.name() == spec.name) *output = declared;
    }
    output->set_name(spec.name);
    output->set_data_type(ConfigurationType(spec.dtype));
    const std::vector<int64_t> dims = StatedShape(spec, with_batch_axis);
    output->mutable_dims()->Assign(dims.begin(), dims.end());
  }

  if (batch > 0) config.mutable_dynamic_batching();
  config.clear_instance_group();
  inference::ModelInstanceGroup* const group = config.add_instance_group();
  group->set_name(absl::StrCat(config.name(), "_0"));
  group->set_kind(inference::ModelInstanceGroup::KIND_CPU);
  group->set_count(configuration.instances);
  config.set_default_model_filename(configuration.model_file);
  if (!config.has_version_policy()) {
    config.mutable_version_policy()->mutable_latest()->set_num_versions(1);
  }
  return config;
}

}  // namespace octet
