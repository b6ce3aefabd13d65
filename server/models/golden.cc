// SPDX-License-Identifier: Apache-2.0
#include "server/models/golden.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/base/contained_files.h"
#include "engine/base/dtype.h"
#include "engine/base/half_types.h"
#include "engine/base/shape.h"
#include "engine/base/status_macros.h"
#include "engine/base/tensor.h"
#include "engine/engine.h"
#include "engine/io/npy.h"
#include "server/models/engine_functions.h"

namespace octet {
namespace {

// Of one file; four rows of anything that fits a request are less.
constexpr int64_t kMostFileBytes = int64_t{256} << 20;

std::string InputPath(size_t i) {
  return absl::StrCat(kGoldenFolder, "/input_", i, ".npy");
}
std::string OutputPath(size_t i) {
  return absl::StrCat(kGoldenFolder, "/output_", i, ".npy");
}

Shape RowsShape(int64_t rows, const TensorSpec& spec) {
  Shape shape = spec.row_shape;
  shape.insert(shape.begin(), rows);
  return shape;
}

// INVALID_ARGUMENT unless `tensor` is rows of `spec`.
absl::Status CheckRows(const Tensor& tensor, const TensorSpec& spec,
                       int64_t rows, absl::string_view what) {
  if (tensor.dtype() == spec.dtype && rows >= 1 &&
      tensor.shape() == RowsShape(rows, spec)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      what, ": got ", Name(tensor.dtype()), " ", ShapeToString(tensor.shape()),
      ", expected ", Name(spec.dtype), " ",
      ShapeToString(RowsShape(std::max<int64_t>(rows, 1), spec)), " for '",
      spec.name, "'"));
}

int64_t RowsOf(const Tensor& tensor) {
  return tensor.shape().empty() ? 0 : tensor.shape()[0];
}

// Runs the rows of `inputs`, one at a time.
absl::StatusOr<std::vector<Tensor>> Answers(const EngineFunctions& engine,
                                            std::shared_ptr<const Model> model,
                                            const std::vector<Tensor>& inputs,
                                            int64_t rows) {
  OCTET_ASSIGN_OR_RETURN(const std::unique_ptr<Executor> executor,
                         engine.make_executor(model));
  std::vector<Tensor> outputs;
  for (const TensorSpec& spec : model->outputs()) {
    outputs.emplace_back(spec.dtype, RowsShape(rows, spec));
  }
  for (int64_t row = 0; row < rows; ++row) {
    const auto offset = [row](const TensorSpec& spec) {
      return static_cast<size_t>(row) * spec.row_bytes();
    };
    std::vector<const void*> from;
    std::vector<void*> to;
    for (size_t i = 0; i < inputs.size(); ++i) {
      from.push_back(inputs[i].bytes() + offset(model->inputs()[i]));
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      to.push_back(outputs[i].mutable_bytes() + offset(model->outputs()[i]));
    }
    const RowBlock block = {1, from, to};
    OCTET_RETURN_IF_ERROR(executor->Run({&block, 1}, nullptr));
  }
  return outputs;
}

template <typename T>
std::vector<double> Doubles(const Tensor& tensor) {
  const absl::Span<const T> values = tensor.data<T>();
  return {values.begin(), values.end()};
}

std::vector<double> HalfDoubles(const Tensor& tensor,
                                float (*widen)(uint16_t)) {
  std::vector<double> values(static_cast<size_t>(tensor.size()));
  const auto* const bits = reinterpret_cast<const uint16_t*>(tensor.bytes());
  for (size_t i = 0; i < values.size(); ++i) values[i] = widen(bits[i]);
  return values;
}

std::vector<double> ToDoubles(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::kFloat32:
      return Doubles<float>(tensor);
    case DType::kFloat64:
      return Doubles<double>(tensor);
    case DType::kFloat16:
      return HalfDoubles(tensor, FloatFromHalf);
    case DType::kBFloat16:
      return HalfDoubles(tensor, FloatFromBFloat16);
    case DType::kInt8:
      return Doubles<int8_t>(tensor);
    case DType::kUInt8:
      return Doubles<uint8_t>(tensor);
    case DType::kInt16:
      return Doubles<int16_t>(tensor);
    case DType::kUInt16:
      return Doubles<uint16_t>(tensor);
    case DType::kInt32:
      return Doubles<int32_t>(tensor);
    case DType::kUInt32:
      return Doubles<uint32_t>(tensor);
    case DType::kInt64:
      return Doubles<int64_t>(tensor);
    case DType::kUInt64:
      return Doubles<uint64_t>(tensor);
    case DType::kBool:
      return Doubles<bool>(tensor);
  }
  return {};
}

// Both the same, NaN and infinity included, or close enough.
bool Close(double got, double recorded, double allowed) {
  if (std::isnan(got) || std::isnan(recorded)) {
    return std::isnan(got) && std::isnan(recorded);
  }
  if (std::isinf(got) || std::isinf(recorded)) return got == recorded;
  return std::abs(got - recorded) <= allowed;
}

absl::Status Compare(const Tensor& got, const Tensor& recorded,
                     const TensorSpec& spec, double tolerance) {
  const std::vector<double> is = ToDoubles(got);
  const std::vector<double> was = ToDoubles(recorded);
  double largest = 0;
  for (const double value : was) {
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  }
  const double allowed = tolerance * largest;
  for (size_t i = 0; i < is.size(); ++i) {
    if (Close(is[i], was[i], allowed)) continue;
    const auto row_elements = static_cast<size_t>(spec.row_elements());
    return absl::FailedPreconditionError(absl::StrCat(
        "golden inputs: output '", spec.name, "' row ", i / row_elements,
        " element ", i % row_elements, ": got ", is[i], ", recorded ", was[i],
        " when the version was published, allowed difference ", allowed, " (",
        tolerance,
        " of the largest): the file or this machine's "
        "arithmetic is not what was published"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Tensor> ReadTensor(const ContainedFiles& repository,
                                  const std::string& path) {
  OCTET_ASSIGN_OR_RETURN(const std::string bytes,
                         repository.Read(path, kMostFileBytes));
  absl::StatusOr<Tensor> tensor = io::ParseNpy(bytes);
  if (tensor.ok()) return tensor;
  return absl::Status(tensor.status().code(),
                      absl::StrCat(repository.root(), "/", path, ": ",
                                   tensor.status().message()));
}

}  // namespace

absl::StatusOr<std::vector<GoldenFile>> RecordGolden(
    const EngineFunctions& engine, std::shared_ptr<const Model> model,
    absl::Span<const NamedTensor> samples) {
  std::vector<Tensor> inputs;
  int64_t rows = 0;
  for (const TensorSpec& spec : model->inputs()) {
    const auto sample =
        std::find_if(samples.begin(), samples.end(),
                     [&](const auto& s) { return s.name == spec.name; });
    if (sample == samples.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("there are no samples of input '", spec.name, "'"));
    }
    const int64_t available = RowsOf(sample->tensor);
    OCTET_RETURN_IF_ERROR(
        CheckRows(sample->tensor, spec, available, "samples"));
    if (inputs.empty()) rows = std::min(available, kMostGoldenRows);
    if (available < rows) {
      return absl::InvalidArgumentError(
          absl::StrCat("samples of '", spec.name, "': got ", available,
                       " rows, fewer than of another input"));
    }
    inputs.push_back(sample->tensor.Rows(0, rows));
  }
  OCTET_ASSIGN_OR_RETURN(const std::vector<Tensor> outputs,
                         Answers(engine, model, inputs, rows));
  std::vector<GoldenFile> files;
  for (size_t i = 0; i < inputs.size(); ++i) {
    OCTET_ASSIGN_OR_RETURN(std::string bytes, io::SerializeNpy(inputs[i]));
    files.push_back({InputPath(i), std::move(bytes)});
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    OCTET_ASSIGN_OR_RETURN(std::string bytes, io::SerializeNpy(outputs[i]));
    files.push_back({OutputPath(i), std::move(bytes)});
  }
  return files;
}

bool HasGolden(const ContainedFiles& repository, const std::string& folder) {
  // Anything there is checked, also what cannot be read.
  return !absl::IsNotFound(
      repository.Stat(absl::StrCat(folder, "/", kGoldenFolder)).status());
}

absl::Status CheckGolden(const EngineFunctions& engine,
                         std::shared_ptr<const Model> model,
                         const ContainedFiles& repository,
                         const std::string& folder) {
  std::vector<Tensor> inputs;
  int64_t rows = 0;
  for (size_t i = 0; i < model->inputs().size(); ++i) {
    const std::string path = absl::StrCat(folder, "/", InputPath(i));
    OCTET_ASSIGN_OR_RETURN(Tensor tensor, ReadTensor(repository, path));
    if (i == 0) rows = RowsOf(tensor);
    OCTET_RETURN_IF_ERROR(CheckRows(tensor, model->inputs()[i], rows, path));
    inputs.push_back(std::move(tensor));
  }
  if (rows == 0) return absl::OkStatus();  // a model without inputs
  OCTET_ASSIGN_OR_RETURN(const std::vector<Tensor> outputs,
                         Answers(engine, model, inputs, rows));
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string path = absl::StrCat(folder, "/", OutputPath(i));
    const TensorSpec& spec = model->outputs()[i];
    OCTET_ASSIGN_OR_RETURN(const Tensor recorded, ReadTensor(repository, path));
    OCTET_RETURN_IF_ERROR(CheckRows(recorded, spec, rows, path));
    OCTET_RETURN_IF_ERROR(Compare(outputs[i], recorded, spec,
                                  model->quantized() ? kGoldenQuantizedTolerance
                                                     : kGoldenFloatTolerance));
  }
  return absl::OkStatus();
}

}  // namespace octet
