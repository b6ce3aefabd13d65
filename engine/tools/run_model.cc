// SPDX-License-Identifier: Apache-2.0
#include "engine/tools/run_model.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status_macros.h"
#include "engine/io/named_files.h"
#include "engine/tools/report.h"

namespace octet::tools {
namespace {

// How often the model runs, and on how many rows each time.
struct Extent {
  int64_t runs = 1;
  int64_t rows_per_run = 1;
};

Shape WithRows(int64_t rows, const Shape& row_shape) {
  Shape shape = {rows};
  shape.insert(shape.end(), row_shape.begin(), row_shape.end());
  return shape;
}

absl::Status WrongInput(const TensorSpec& spec, const Tensor& tensor,
                        absl::string_view expected_shape) {
  return absl::InvalidArgumentError(
      absl::StrCat("input '", spec.name, "': got ", Name(tensor.dtype()), " ",
                   ShapeToString(tensor.shape()), "; expected ",
                   Name(spec.dtype), " ", expected_shape));
}

// The tensors in the order of the model's inputs, their types checked.
absl::StatusOr<std::vector<const Tensor*>> InOrder(
    const Model& model, absl::Span<const NamedTensor> tensors) {
  for (const NamedTensor& named : tensors) {
    const bool known = std::any_of(
        model.inputs().begin(), model.inputs().end(),
        [&](const TensorSpec& spec) { return spec.name == named.name; });
    if (known) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "the model has no input '", named.name, "'; it has: ",
        absl::StrJoin(model.inputs(), ", ",
                      [](std::string* out, const TensorSpec& spec) {
                        absl::StrAppend(out, FormatSpec(spec));
                      })));
  }
  std::vector<const Tensor*> ordered;
  for (const TensorSpec& spec : model.inputs()) {
    const auto found = std::find_if(
        tensors.begin(), tensors.end(),
        [&](const NamedTensor& named) { return named.name == spec.name; });
    if (found == tensors.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "no tensor for input '", spec.name, "' (", FormatSpec(spec),
          "); give --input ", spec.name, "=FILE.npy"));
    }
    ordered.push_back(&found->tensor);
  }
  return ordered;
}

// The extent of a model that batches.
absl::StatusOr<Extent> ExtentOfRows(const Model& model,
                                    const std::vector<const Tensor*>& tensors) {
  Extent extent;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TensorSpec& spec = model.inputs()[i];
    const Shape& shape = tensors[i]->shape();
    if (tensors[i]->dtype() != spec.dtype || shape.empty() ||
        shape != WithRows(shape[0], spec.row_shape)) {
      return WrongInput(
          spec, *tensors[i],
          absl::StrCat("[rows", spec.row_shape.empty() ? "" : ", ",
                       absl::StrJoin(spec.row_shape, ", "), "]"));
    }
    if (i > 0 && shape[0] != extent.rows_per_run) {
      return absl::InvalidArgumentError(
          absl::StrCat("input '", spec.name, "' has ", shape[0],
                       " rows, input '", model.inputs()[0].name, "' has ",
                       extent.rows_per_run, "; expected as many"));
    }
    extent.rows_per_run = shape[0];
  }
  if (extent.rows_per_run == 0) {
    return absl::InvalidArgumentError("the inputs have no rows");
  }
  return extent;
}

absl::StatusOr<Extent> ExtentOfWhole(
    const Model& model, const std::vector<const Tensor*>& tensors) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TensorSpec& spec = model.inputs()[i];
    if (tensors[i]->dtype() != spec.dtype ||
        tensors[i]->shape() != spec.row_shape) {
      return WrongInput(
          spec, *tensors[i],
          absl::StrCat(ShapeToString(spec.row_shape),
                       " as a whole, since the model does not batch: ",
                       model.why_not_batched()));
    }
  }
  return Extent{};
}

// Whether `shape` is a leading axis of samples and the shape of one; a sample
// may lack the leading axis of one that the model states.
bool HoldsSamples(const Shape& shape, const Shape& row_shape) {
  if (shape.empty()) return false;
  const Shape sample(shape.begin() + 1, shape.end());
  if (sample == row_shape) return true;
  return !row_shape.empty() && row_shape[0] == 1 &&
         sample == Shape(row_shape.begin() + 1, row_shape.end());
}

absl::StatusOr<Extent> ExtentOfSamples(
    const Model& model, const std::vector<const Tensor*>& tensors) {
  absl::StatusOr<Extent> whole = ExtentOfWhole(model, tensors);
  if (whole.ok()) return whole;
  Extent extent;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TensorSpec& spec = model.inputs()[i];
    const Shape& shape = tensors[i]->shape();
    if (tensors[i]->dtype() != spec.dtype ||
        !HoldsSamples(shape, spec.row_shape)) {
      return WrongInput(
          spec, *tensors[i],
          absl::StrCat(ShapeToString(spec.row_shape),
                       ", or samples of it along one more leading axis"));
    }
    if (i > 0 && shape[0] != extent.runs) {
      return absl::InvalidArgumentError(absl::StrCat(
          "input '", spec.name, "' has ", shape[0], " samples, input '",
          model.inputs()[0].name, "' has ", extent.runs, "; expected as many"));
    }
    extent.runs = shape[0];
  }
  if (extent.runs == 0) {
    return absl::InvalidArgumentError("the inputs have no samples");
  }
  return extent;
}

absl::StatusOr<ModelAnswer> Execute(std::shared_ptr<const Model> model,
                                    const std::vector<const Tensor*>& tensors,
                                    const Extent& extent) {
  OCTET_ASSIGN_OR_RETURN(auto executor, Executor::Create(model));
  ModelAnswer answer;
  answer.rows = extent.runs * extent.rows_per_run;
  std::vector<std::byte*> to;
  for (const TensorSpec& spec : model->outputs()) {
    const Shape shape = WithRows(answer.rows, spec.row_shape);
    OCTET_RETURN_IF_ERROR(
        CheckedElementCount(shape, std::numeric_limits<int64_t>::max() / 8)
            .status());
    answer.outputs.push_back({spec.name, Tensor(spec.dtype, shape)});
    to.push_back(answer.outputs.back().tensor.mutable_bytes());
  }
  for (int64_t run = 0; run < extent.runs; ++run) {
    const int64_t row = run * extent.rows_per_run;
    std::vector<const void*> inputs;
    for (size_t i = 0; i < tensors.size(); ++i) {
      inputs.push_back(tensors[i]->bytes() +
                       row * model->inputs()[i].row_bytes());
    }
    std::vector<void*> outputs;
    for (size_t i = 0; i < to.size(); ++i) {
      outputs.push_back(to[i] + row * model->outputs()[i].row_bytes());
    }
    const RowBlock block{extent.rows_per_run, inputs, outputs};
    OCTET_RETURN_IF_ERROR(executor->Run({&block, 1}, nullptr));
  }
  return answer;
}

// One run on the tensors as they are.
absl::StatusOr<ModelAnswer> RunWhole(
    std::shared_ptr<const Model> model,
    const std::vector<const Tensor*>& tensors) {
  OCTET_ASSIGN_OR_RETURN(auto executor, Executor::Create(model));
  std::vector<Tensor> inputs;
  for (const Tensor* tensor : tensors) inputs.push_back(*tensor);
  OCTET_ASSIGN_OR_RETURN(std::vector<Tensor> outputs,
                         executor->RunTensors(inputs, nullptr));
  ModelAnswer answer;
  answer.rows = 1;
  for (size_t i = 0; i < outputs.size(); ++i) {
    answer.outputs.push_back({model->outputs()[i].name, std::move(outputs[i])});
  }
  return answer;
}

}  // namespace

absl::StatusOr<ModelAnswer> RunModel(std::shared_ptr<const Model> model,
                                     absl::Span<const NamedTensor> inputs) {
  OCTET_ASSIGN_OR_RETURN(const std::vector<const Tensor*> tensors,
                         InOrder(*model, inputs));
  if (model->has_dynamic_shapes()) return RunWhole(std::move(model), tensors);
  OCTET_ASSIGN_OR_RETURN(const Extent extent,
                         model->batches() ? ExtentOfRows(*model, tensors)
                                          : ExtentOfWhole(*model, tensors));
  OCTET_ASSIGN_OR_RETURN(ModelAnswer answer, Execute(model, tensors, extent));
  if (!model->batches()) {
    for (size_t i = 0; i < answer.outputs.size(); ++i) {
      Tensor& tensor = answer.outputs[i].tensor;
      tensor = tensor.Reshaped(model->outputs()[i].row_shape);
    }
  }
  return answer;
}

absl::StatusOr<ModelAnswer> RunSamples(std::shared_ptr<const Model> model,
                                       absl::Span<const NamedTensor> inputs) {
  OCTET_ASSIGN_OR_RETURN(const std::vector<const Tensor*> tensors,
                         InOrder(*model, inputs));
  if (model->has_dynamic_shapes()) return RunWhole(std::move(model), tensors);
  OCTET_ASSIGN_OR_RETURN(const Extent extent,
                         model->batches() ? ExtentOfRows(*model, tensors)
                                          : ExtentOfSamples(*model, tensors));
  return Execute(std::move(model), tensors, extent);
}

absl::StatusOr<std::vector<Tensor>> ReadInputs(
    const Model& model, const std::vector<std::string>& arguments) {
  OCTET_ASSIGN_OR_RETURN(const std::vector<NamedTensor> named,
                         io::ReadNamedTensors(arguments));
  OCTET_ASSIGN_OR_RETURN(const std::vector<const Tensor*> ordered,
                         InOrder(model, named));
  std::vector<Tensor> tensors;
  for (const Tensor* tensor : ordered) tensors.push_back(*tensor);
  return tensors;
}

absl::Status PlanForInputs(std::shared_ptr<const Model> model,
                           const std::vector<std::string>& arguments) {
  if (arguments.empty()) return absl::OkStatus();
  if (!model->has_dynamic_shapes()) {
    return absl::InvalidArgumentError(
        "--input is for models with dynamic shapes; this one's are in the "
        "file");
  }
  OCTET_ASSIGN_OR_RETURN(const std::vector<Tensor> inputs,
                         ReadInputs(*model, arguments));
  OCTET_ASSIGN_OR_RETURN(auto executor, Executor::Create(model));
  return executor->RunTensors(inputs, nullptr).status();
}

}  // namespace octet::tools
