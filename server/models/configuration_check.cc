// SPDX-License-Identifier: Apache-2.0
#include "server/models/configuration_check.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/status_macros.h"
#include "proto/model_config.pb.h"
#include "server/models/model_configuration.h"

namespace octet {
namespace {

using inference::ModelConfig;
using inference::ModelInstanceGroup;

constexpr int kMaxWarmUpRuns = 1000;

absl::Status Wrong(absl::string_view field, absl::string_view got,
                   absl::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": got ", got, ", expected ", expected));
}

// A field that is set, and what octet says of it.
struct Asked {
  bool set;
  absl::string_view field;
  absl::string_view why_not;
};

absl::Status RefuseFirst(absl::string_view prefix,
                         std::initializer_list<Asked> fields) {
  for (const Asked& asked : fields) {
    if (!asked.set) continue;
    return absl::UnimplementedError(absl::StrCat(
        prefix, asked.field, ": octet does not do this: ", asked.why_not,
        "; remove the field"));
  }
  return absl::OkStatus();
}

absl::Status RefuseTensorOptions(const ModelConfig& config) {
  constexpr char kFixed[] = "tensors have the model's own shape and order";
  for (const inference::ModelInput& input : config.input()) {
    OCTET_RETURN_IF_ERROR(RefuseFirst(
        absl::StrCat("input '", input.name(), "'"),
        {{input.has_reshape(), " reshape", kFixed},
         {input.is_shape_tensor(), " is_shape_tensor", kFixed},
         {input.is_non_linear_format_io(), " is_non_linear_format_io", kFixed},
         {input.allow_ragged_batch(), " allow_ragged_batch",
          "all rows have one shape"},
         {input.optional(), " optional", "every request brings all inputs"}}));
  }
  for (const inference::ModelOutput& output : config.output()) {
    OCTET_RETURN_IF_ERROR(
        RefuseFirst(absl::StrCat("output '", output.name(), "'"),
                    {{output.has_reshape(), " reshape", kFixed},
                     {output.is_shape_tensor(), " is_shape_tensor", kFixed},
                     {output.is_non_linear_format_io(),
                      " is_non_linear_format_io", kFixed}}));
  }
  return absl::OkStatus();
}

absl::Status RefuseInstanceOptions(const ModelConfig& config) {
  constexpr char kCpuOnly[] = "it computes on CPUs only";
  for (int i = 0; i < config.instance_group_size(); ++i) {
    const ModelInstanceGroup& group = config.instance_group(i);
    OCTET_RETURN_IF_ERROR(RefuseFirst(
        absl::StrCat("instance_group[", i, "]"),
        {{group.kind() != ModelInstanceGroup::KIND_AUTO &&
              group.kind() != ModelInstanceGroup::KIND_CPU,
          absl::StrCat(".kind ", ModelInstanceGroup::Kind_Name(group.kind())),
          kCpuOnly},
         {group.gpus_size() > 0, ".gpus", kCpuOnly},
         {group.secondary_devices_size() > 0, ".secondary_devices", kCpuOnly},
         {group.profile_size() > 0, ".profile", kCpuOnly},
         {group.passive(), ".passive", "every version serves"},
         {group.has_rate_limiter(), ".rate_limiter",
          "lanes are shared fairly between the models"},
         {!group.host_policy().empty(), ".host_policy",
          "--lanes and the process' affinity say which CPUs are used"}}));
  }
  return absl::OkStatus();
}

absl::Status RefuseOptimization(const inference::ModelOptimizationPolicy& asked,
                                std::vector<std::string>* notes) {
  const auto& engines = asked.execution_accelerators();
  OCTET_RETURN_IF_ERROR(RefuseFirst(
      "optimization.", {{asked.has_cuda(), "cuda", "it computes on CPUs only"},
                        {engines.gpu_execution_accelerator_size() > 0,
                         "execution_accelerators.gpu_execution_accelerator",
                         "it computes on CPUs only"},
                        {engines.cpu_execution_accelerator_size() > 0,
                         "execution_accelerators.cpu_execution_accelerator",
                         "it has an engine of its own"}}));
  const bool hints = asked.has_graph() || asked.eager_batching() ||
                     asked.priority() !=
                         inference::ModelOptimizationPolicy::PRIORITY_DEFAULT ||
                     asked.gather_kernel_buffer_threshold() > 0 ||
                     asked.has_input_pinned_memory() ||
                     asked.has_output_pinned_memory();
  if (hints) notes->push_back("optimization: its hints have no effect here");
  return absl::OkStatus();
}

absl::Status CheckQueuePolicy(const std::string& field,
                              const inference::ModelQueuePolicy& policy) {
  if (!inference::ModelQueuePolicy::TimeoutAction_IsValid(
          policy.timeout_action())) {
    return Wrong(absl::StrCat(field, ".timeout_action"),
                 absl::StrCat(static_cast<int>(policy.timeout_action())),
                 "REJECT or DELAY");
  }
  return absl::OkStatus();
}

absl::Status CheckDynamicBatching(const ConfigurationSource& source,
                                  ModelConfiguration* configuration) {
  const ModelConfig& config = configuration->proto;
  if (!config.has_dynamic_batching()) return absl::OkStatus();
  const inference::ModelDynamicBatching& asked = config.dynamic_batching();
  const std::string at = "dynamic_batching.";
  const int most = config.max_batch_size() > 0 ? config.max_batch_size()
                                               : source.limits.max_batch;
  for (const int rows : asked.preferred_batch_size()) {
    if (rows < 1 || rows > most) {
      return Wrong(absl::StrCat(at, "preferred_batch_size"), absl::StrCat(rows),
                   absl::StrCat("1 to ", most));
    }
  }
  if (asked.preferred_batch_size_size() > 0 ||
      asked.max_queue_delay_microseconds() > 0) {
    configuration->notes.push_back(
        "dynamic_batching: preferred_batch_size and "
        "max_queue_delay_microseconds have no effect; a free lane takes what "
        "waits at once");
  }
  if (asked.priority_levels() == 0 && asked.default_priority_level() != 0) {
    return Wrong(absl::StrCat(at, "default_priority_level"),
                 absl::StrCat(asked.default_priority_level()),
                 "priority_levels above 0 with it");
  }
  if (asked.priority_levels() > 0 &&
      (asked.default_priority_level() < 1 ||
       asked.default_priority_level() > asked.priority_levels())) {
    return Wrong(absl::StrCat(at, "default_priority_level"),
                 absl::StrCat(asked.default_priority_level()),
                 absl::StrCat("1 to ", asked.priority_levels(),
                              ", the number of priority_levels"));
  }
  OCTET_RETURN_IF_ERROR(CheckQueuePolicy(
      absl::StrCat(at, "default_queue_policy"), asked.default_queue_policy()));
  for (const auto& [level, policy] : asked.priority_queue_policy()) {
    const std::string field =
        absl::StrCat(at, "priority_queue_policy[", level, "]");
    if (level < 1 || level > asked.priority_levels()) {
      return Wrong(field, absl::StrCat("level ", level),
                   absl::StrCat("a level from 1 to ", asked.priority_levels()));
    }
    OCTET_RETURN_IF_ERROR(CheckQueuePolicy(field, policy));
  }
  return absl::OkStatus();
}

absl::Status CheckVersionPolicy(const inference::ModelVersionPolicy& policy) {
  if (!policy.has_specific()) return absl::OkStatus();
  if (policy.specific().versions_size() == 0) {
    return Wrong("version_policy.specific.versions", "none",
                 "at least one version's number");
  }
  for (const int64_t version : policy.specific().versions()) {
    if (version < 1) {
      return Wrong("version_policy.specific.versions", absl::StrCat(version),
                   "numbers from 1 up");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckInstances(const ConfigurationSource& source,
                            ModelConfiguration* configuration) {
  configuration->instances = source.limits.lanes;
  const ModelConfig& config = configuration->proto;
  if (config.instance_group_size() == 0) return absl::OkStatus();
  int64_t asked = 0;
  for (int i = 0; i < config.instance_group_size(); ++i) {
    const int count = config.instance_group(i).count();
    if (count < 0) {
      return Wrong(absl::StrCat("instance_group[", i, "].count"),
                   absl::StrCat(count), "0 (one) or more");
    }
    asked += std::max(count, 1);
  }
  const int lanes = source.limits.lanes;
  if (asked > lanes) {
    configuration->notes.push_back(absl::StrCat(
        "instance_group: ", asked, " instances asked for, ", lanes,
        " given: batches are computed on the server's lanes (--lanes)"));
  }
  configuration->instances = static_cast<int>(std::min<int64_t>(asked, lanes));
  return absl::OkStatus();
}

absl::Status CheckWarmUp(const ConfigurationSource& source,
                         const ModelConfig& config) {
  for (int i = 0; i < config.model_warmup_size(); ++i) {
    const inference::ModelWarmup& run = config.model_warmup(i);
    const std::string at = absl::StrCat("model_warmup[", i, "]");
    if (run.batch_size() > static_cast<uint32_t>(source.limits.max_batch)) {
      return Wrong(
          absl::StrCat(at, ".batch_size"), absl::StrCat(run.batch_size()),
          absl::StrCat("at most ", source.limits.max_batch, " (--max-batch)"));
    }
    if (run.count() > kMaxWarmUpRuns) {
      return Wrong(absl::StrCat(at, ".count"), absl::StrCat(run.count()),
                   absl::StrCat("at most ", kMaxWarmUpRuns));
    }
    for (const auto& [name, input] : run.inputs()) {
      const std::string field = absl::StrCat(at, ".inputs['", name, "']");
      if (input.has_input_data_file()) {
        OCTET_RETURN_IF_ERROR(CheckFileName(
            absl::StrCat(field, ".input_data_file"), input.input_data_file()));
      } else if (!input.zero_data() && !input.random_data()) {
        return Wrong(field, "no data",
                     "zero_data, random_data or input_data_file");
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckNames(const ConfigurationSource& source,
                        const ModelConfig& config) {
  if (!config.name().empty() && config.name() != source.model) {
    return Wrong(
        "name", absl::StrCat("'", config.name(), "'"),
        absl::StrCat("'", source.model, "', the model's folder, or nothing"));
  }
  for (const auto& [field, got] : {std::pair{"platform", config.platform()},
                                   std::pair{"backend", config.backend()}}) {
    if (got.empty() || got == "octet" || got == "octet_onnx" ||
        got == "onnxruntime" || got == "onnxruntime_onnx") {
      continue;
    }
    return Wrong(field, absl::StrCat("'", got, "'"),
                 "'octet', 'onnxruntime', 'onnxruntime_onnx' or nothing: "
                 "octet runs ONNX models");
  }
  for (const inference::ModelOutput& output : config.output()) {
    if (output.label_filename().empty()) continue;
    OCTET_RETURN_IF_ERROR(CheckFileName(
        absl::StrCat("output '", output.name(), "' label_filename"),
        output.label_filename()));
  }
  return absl::OkStatus();
}

}  // namespace

bool IsVersionLabel(absl::string_view text) {
  constexpr size_t kLongest = 64;
  if (text.empty() || text.size() > kLongest) return false;
  if (!absl::ascii_isalpha(text.front()) && text.front() != '_') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.';
  });
}

absl::Status CheckFileName(absl::string_view field, absl::string_view name) {
  const bool plain =
      !name.empty() && name.size() <= 255 && name.front() != '.' &&
      std::none_of(name.begin(), name.end(),
                   [](char c) { return c == '/' || absl::ascii_iscntrl(c); });
  if (plain) return absl::OkStatus();
  return Wrong(field,
               absl::StrCat("'", absl::CHexEscape(name.substr(0, 255)), "'"),
               "a file's plain name, without '/' and without a dot in front");
}

absl::Status RefuseUnsupported(const ModelConfig& config,
                               std::vector<std::string>* notes) {
  OCTET_RETURN_IF_ERROR(RefuseFirst(
      "",
      {{config.has_sequence_batching(), "sequence_batching",
        "models keep no state between requests"},
       {config.has_ensemble_scheduling(), "ensemble_scheduling",
        "a model is one ONNX file"},
       {config.model_transaction_policy().decoupled(),
        "model_transaction_policy.decoupled",
        "a request has exactly one answer"},
       {config.response_cache().enable(), "response_cache",
        "every request is computed"},
       {config.batch_input_size() > 0, "batch_input",
        "all inputs come from the request"},
       {config.batch_output_size() > 0, "batch_output",
        "outputs are cut by rows"},
       {config.model_operations().op_library_filename_size() > 0,
        "model_operations", "operators are octet's own"},
       {config.model_repository_agents().agents_size() > 0,
        "model_repository_agents", "files are taken as they are"},
       {config.cc_model_filenames_size() > 0, "cc_model_filenames",
        "it computes on CPUs only"},
       {!config.runtime().empty(), "runtime", "it has an engine of its own"},
       {config.metric_tags_size() > 0, "metric_tags",
        "metrics have the labels model and version"},
       {config.model_metrics().metric_control_size() > 0, "model_metrics",
        "all models have the same metrics"},
       {config.dynamic_batching().preserve_ordering(),
        "dynamic_batching.preserve_ordering",
        "an answer goes out when it is ready"}}));
  OCTET_RETURN_IF_ERROR(RefuseTensorOptions(config));
  OCTET_RETURN_IF_ERROR(RefuseInstanceOptions(config));
  return RefuseOptimization(config.optimization(), notes);
}

absl::Status CheckValues(const ConfigurationSource& source,
                         ModelConfiguration* configuration) {
  ModelConfig& config = configuration->proto;
  OCTET_RETURN_IF_ERROR(CheckNames(source, config));
  config.set_name(source.model);
  if (config.max_batch_size() < 0 ||
      config.max_batch_size() > source.limits.max_batch) {
    return Wrong("max_batch_size", absl::StrCat(config.max_batch_size()),
                 absl::StrCat("0 (requests are not put together) to ",
                              source.limits.max_batch,
                              ", which --max-batch of the server can raise"));
  }
  if (!config.default_model_filename().empty()) {
    OCTET_RETURN_IF_ERROR(CheckFileName("default_model_filename",
                                        config.default_model_filename()));
    configuration->model_file = config.default_model_filename();
  }
  OCTET_RETURN_IF_ERROR(CheckVersionPolicy(config.version_policy()));
  OCTET_RETURN_IF_ERROR(CheckDynamicBatching(source, configuration));
  OCTET_RETURN_IF_ERROR(CheckInstances(source, configuration));
  OCTET_RETURN_IF_ERROR(CheckWarmUp(source, config));
  return ReadParameters(configuration);
}

}  // namespace octet
