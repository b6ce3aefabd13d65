// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_MODEL_CONFIGURATION_H_
#define OCTET_SERVER_MODELS_MODEL_CONFIGURATION_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/engine.h"
#include "proto/model_config.pb.h"

namespace octet {

// The longest configuration that is read, bytes.
inline constexpr size_t kMaxConfigurationBytes = size_t{1} << 20;

// The file of a version unless its configuration names another.
inline constexpr char kDefaultModelFile[] = "model.onnx";

class ClassLabels;

// What the server can do, which a configuration stays within.
struct ConfigurationLimits {
  int max_batch = 8;  // rows
  int lanes = 1;      // batches at a time
};

// Where a configuration comes from, and for which model.
struct ConfigurationSource {
  std::string model;   // the model's folder
  std::string origin;  // for messages: a file's path or a parameter's name
  ConfigurationLimits limits;
};

// A model's configuration, read and checked: README.md says which fields of
// config.pbtxt have which effect. Plain data.
struct ModelConfiguration {
  inference::ModelConfig proto;  // as written, with the name filled in
  std::string origin;

  // Rows computed together: 0 = requests are never put together. Absent where
  // the configuration leaves it to the model and the server.
  std::optional<int> max_batch;
  // Batches of this model that are computed at a time; 1 to lanes.
  int instances = 1;
  // A plain name within the version's folder.
  std::string model_file = kDefaultModelFile;
  std::map<std::string, int64_t> labels;  // version by label
  std::vector<InputForm> input_forms;
  // Rows of requests to keep for quantization, of each version; 0: none.
  int64_t record_rows = 0;
  // Whether layers that are slower in int8 here are computed in float:
  // ModelOptions::keep_faster_float.
  bool keep_faster_float = false;
  // By output, of those that have some, and what tells changed files; see
  // ReadClassLabels().
  std::map<std::string, std::shared_ptr<const ClassLabels>> class_labels;
  std::string label_digest;
  // What is taken otherwise than written, a sentence each.
  std::vector<std::string> notes;
};

// That of a model without config.pbtxt.
ModelConfiguration DefaultConfiguration(const ConfigurationSource& source);

// Reads Protobuf's text format, which config.pbtxt is in, or its JSON, which
// the load parameter "config" is in, of inference.ModelConfig.
//
// The message names origin, field, what was got and what was expected.
//   INVALID_ARGUMENT  malformed, an unknown field, a value out of range
//   UNIMPLEMENTED     a field that asks for what octet does not do
absl::StatusOr<ModelConfiguration> ParseConfigurationText(
    absl::string_view text, const ConfigurationSource& source);
absl::StatusOr<ModelConfiguration> ParseConfigurationJson(
    absl::string_view json, const ConfigurationSource& source);

// Whether `configuration` declares what `model` has: inputs and outputs by
// name, type and shape, no more labels than an output's row has elements, and
// a batch only where rows are independent. The
// model was loaded with the configuration's input forms.
absl::Status CheckSignature(const ModelConfiguration& configuration,
                            const Model& model);

// The rows of several requests that are computed together; 0 = never. The
// batch is the model's own where the configuration does not say.
int EffectiveBatch(const ModelConfiguration& configuration, const Model& model);

// The configuration that is in effect: what was written, and for the rest what
// the model and the server make of it. Shapes leave out the batch axis where
// max_batch_size is above 0.
inference::ModelConfig CompleteConfiguration(
    const ModelConfiguration& configuration, const Model& model);

// The protocol's name of an element type: "TYPE_FP32".
inference::DataType ConfigurationType(DType dtype);

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_MODEL_CONFIGURATION_H_
