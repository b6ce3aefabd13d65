// SPDX-License-Identifier: Apache-2.0
#include "server/models/warm_up.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/base/contained_files.h"
#include "engine/base/dtype.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "proto/model_config.pb.h"
#include "server/models/model_configuration.h"

namespace octet {
namespace {

using Bytes = std::vector<std::byte>;

// Of all inputs of one run.
constexpr int64_t kMostBytes = int64_t{1} << 30;

// Memory for `rows` rows of every one of `specs`, all zero.
std::vector<Bytes> ZeroRows(const std::vector<TensorSpec>& specs,
                            int64_t rows) {
  std::vector<Bytes> memory;
  for (const TensorSpec& spec : specs) {
    // Never null, not even for a tensor without elements.
    memory.emplace_back(
        std::max<size_t>(static_cast<size_t>(rows) * spec.row_bytes(), 1));
  }
  return memory;
}

// Values from 0 to 1, or any bytes for integers; the same in every run.
Bytes RandomRow(const TensorSpec& spec) {
  std::mt19937 engine(1);
  Bytes row(spec.row_bytes());
  const auto fill = [&](auto draw) {
    using Value = decltype(draw());
    for (int64_t i = 0; i < spec.row_elements(); ++i) {
      const Value value = draw();
      std::memcpy(row.data() + static_cast<size_t>(i) * sizeof(value), &value,
                  sizeof(value));
    }
  };
  std::uniform_real_distribution<double> unit(0, 1);
  switch (spec.dtype) {
    case DType::kFloat32:
      fill([&] { return static_cast<float>(unit(engine)); });
      break;
    case DType::kFloat64:
      fill([&] { return unit(engine); });
      break;
    case DType::kFloat16:
    case DType::kBFloat16:
      // Positive, with an exponent below that of 1 in either type.
      fill([&] { return static_cast<uint16_t>(engine() % 0x3800); });
      break;
    case DType::kBool:
      fill([&] { return static_cast<uint8_t>(engine() % 2); });
      break;
    default:
      for (std::byte& byte : row) byte = static_cast<std::byte>(engine());
  }
  return row;
}

absl::Status CheckDeclaration(const inference::ModelWarmup::Input& input,
                              const TensorSpec& spec,
                              const std::string& field) {
  const inference::DataType type = ConfigurationType(spec.dtype);
  if (input.data_type() != type) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, " data_type: got ", inference::DataType_Name(input.data_type()),
        ", expected ", inference::DataType_Name(type)));
  }
  const bool same = std::equal(input.dims().begin(), input.dims().end(),
                               spec.row_shape.begin(), spec.row_shape.end());
  if (same) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " dims: got [", absl::StrJoin(input.dims(), ", "),
                   "], expected [", absl::StrJoin(spec.row_shape, ", "), "]"));
}

absl::StatusOr<Bytes> MakeRow(const inference::ModelWarmup::Input& input,
                              const TensorSpec& spec, const std::string& model,
                              const ContainedFiles& repository) {
  if (input.random_data()) return RandomRow(spec);
  Bytes row(spec.row_bytes());
  if (!input.has_input_data_file()) return row;
  const std::string path =
      absl::StrCat(model, "/warmup/", input.input_data_file());
  OCTET_ASSIGN_OR_RETURN(
      const std::string bytes,
      repository.Read(path, static_cast<int64_t>(row.size())));
  if (bytes.size() != row.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        repository.root(), "/", path, ": got ", bytes.size(),
        " bytes, expected ", row.size(), ", one row of '", spec.name, "'"));
  }
  std::memcpy(row.data(), bytes.data(), bytes.size());
  return row;
}

absl::StatusOr<WarmUpRun> MakeRun(const inference::ModelWarmup& asked,
                                  const std::string& field, const Model& model,
                                  const std::string& name,
                                  const ContainedFiles& repository) {
  WarmUpRun run;
  run.name = asked.name();
  run.rows = model.batches() ? std::max<int64_t>(asked.batch_size(), 1) : 1;
  run.count = std::max<int>(static_cast<int>(asked.count()), 1);
  int64_t total = 0;
  for (const TensorSpec& spec : model.inputs()) {
    const auto input = asked.inputs().find(spec.name);
    if (input == asked.inputs().end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ": input '", spec.name, "' is missing"));
    }
    const std::string at = absl::StrCat(field, ".inputs['", spec.name, "']");
    OCTET_RETURN_IF_ERROR(CheckDeclaration(input->second, spec, at));
    total += run.rows * static_cast<int64_t>(spec.row_bytes());
    if (total > kMostBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          field, ": got ", total, " bytes, expected at most ", kMostBytes));
    }
    OCTET_ASSIGN_OR_RETURN(const Bytes row,
                           MakeRow(input->second, spec, name, repository));
    Bytes rows;
    for (int64_t i = 0; i < run.rows; ++i) {
      rows.insert(rows.end(), row.begin(), row.end());
    }
    rows.resize(std::max<size_t>(rows.size(), 1));
    run.inputs.push_back(std::move(rows));
  }
  if (asked.inputs().size() == model.inputs().size()) return run;
  return absl::InvalidArgumentError(
      absl::StrCat(field, ".inputs: got ", asked.inputs().size(),
                   " inputs, but the model has ", model.inputs().size()));
}

absl::Status RunRows(int64_t rows, const std::vector<Bytes>& inputs,
                     std::vector<Bytes>* outputs, Executor* executor) {
  std::vector<const void*> from;
  std::vector<void*> to;
  for (const Bytes& input : inputs) from.push_back(input.data());
  for (Bytes& output : *outputs) to.push_back(output.data());
  const RowBlock block = {rows, from, to};
  return executor->Run({&block, 1}, nullptr);
}

absl::Status Named(absl::string_view run, int64_t rows,
                   const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat("warm-up ", run, " with ", rows,
                                   " rows: ", status.message()));
}

}  // namespace

absl::StatusOr<std::vector<WarmUpRun>> MakeWarmUpRuns(
    const ModelConfiguration& configuration, const Model& model,
    const ContainedFiles& repository) {
  std::vector<WarmUpRun> runs;
  const inference::ModelConfig& config = configuration.proto;
  if (model.has_dynamic_shapes() && config.model_warmup_size() > 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        configuration.origin, ": got ", config.model_warmup_size(),
        " model_warmup, expected none: the model's shapes are not known before "
        "it runs (",
        model.why_dynamic(), ")"));
  }
  for (int i = 0; i < config.model_warmup_size(); ++i) {
    absl::StatusOr<WarmUpRun> run =
        MakeRun(config.model_warmup(i), absl::StrCat("model_warmup[", i, "]"),
                model, config.name(), repository);
    if (!run.ok()) {
      return absl::Status(
          run.status().code(),
          absl::StrCat(configuration.origin, ": ", run.status().message()));
    }
    runs.push_back(*std::move(run));
  }
  return runs;
}

absl::Status WarmUp(const Model& model, absl::Span<const WarmUpRun> runs,
                    Executor* executor) {
  if (model.has_dynamic_shapes()) return absl::OkStatus();
  for (const int rows : model.buckets()) {
    const std::vector<Bytes> inputs = ZeroRows(model.inputs(), rows);
    std::vector<Bytes> outputs = ZeroRows(model.outputs(), rows);
    const absl::Status status = RunRows(rows, inputs, &outputs, executor);
    if (!status.ok()) return Named("of zeros", rows, status);
  }
  for (const WarmUpRun& run : runs) {
    std::vector<Bytes> outputs = ZeroRows(model.outputs(), run.rows);
    for (int i = 0; i < run.count; ++i) {
      const absl::Status status =
          RunRows(run.rows, run.inputs, &outputs, executor);
      if (!status.ok()) {
        return Named(absl::StrCat("'", run.name, "'"), run.rows, status);
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace octet
