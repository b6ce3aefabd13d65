// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/simd/cpu_features.h"
#include "engine/simd/float_kernels.h"
#include "engine/simd/reduction.h"
#include "engine/simd/steps.h"

// Steps that combine floats along axes.
namespace octet::simd {
namespace {

using StepOr = absl::StatusOr<std::unique_ptr<plan::Step>>;

// Nanoseconds an element of these takes one thread, roughly.
constexpr double kReduceNs = 0.2;
constexpr double kSoftmaxNs = 1;
constexpr double kNormNs = 0.6;
constexpr double kLrnNs = 1.2;

const float* FloatsOf(const plan::Bindings& bindings, size_t i) {
  return reinterpret_cast<const float*>(bindings.inputs[i]);
}

float* OutputOf(const plan::Bindings& bindings) {
  return reinterpret_cast<float*>(bindings.outputs[0]);
}

int64_t NsOf(int64_t elements, double each) {
  return static_cast<int64_t>(static_cast<double>(elements) * each);
}

}  // namespace

StepOr CreateReduceStep(const plan::StepRequest& request,
                        const ir::Reduce& op) {
  OCTET_RETURN_IF_ERROR(ExpectFloats(request));
  ReductionParams params;
  params.kind = op.kind;
  params.shape = request.shape(request.node.inputs[0]);
  params.axes = op.axes;
  OCTET_ASSIGN_OR_RETURN(Reduction reduction, Reduction::Create(params));
  const int64_t ns = NsOf(reduction.input_size(), kReduceNs);
  return MakeKernelStep(
      KernelName("reduce"), 0,
      [reduction = std::move(reduction), ns](const plan::Bindings& bindings) {
        ShareOut(bindings.pool, reduction.work_items(), ns,
                 [&](int64_t begin, int64_t end) {
                   reduction.Run(FloatsOf(bindings, 0), OutputOf(bindings),
                                 begin, end);
                 });
      });
}

StepOr CreateSoftmaxStep(const plan::StepRequest& request,
                         const ir::Softmax& op) {
  OCTET_RETURN_IF_ERROR(ExpectFloats(request));
  const Shape shape = request.shape(request.node.inputs[0]);
  const absl::Span<const int64_t> dims(shape);
  const int64_t outer = ElementCount(dims.subspan(0, op.axis));
  const int64_t length = op.through_last_axis
                             ? ElementCount(dims.subspan(op.axis))
                             : shape[op.axis];
  const int64_t inner =
      op.through_last_axis ? 1 : ElementCount(dims.subspan(op.axis + 1));
  const auto softmax = internal::FloatKernelsFor(ActiveIsa()).softmax;
  const bool rows = inner == 1;
  const int64_t ns = NsOf(outer * length * inner, kSoftmaxNs);
  return MakeKernelStep(
      KernelName("softmax"), 0,
      [=, log = op.log](const plan::Bindings& bindings) {
        if (outer * length * inner == 0) return;
        // A row's size, or all columns' of one outer index.
        const int64_t step = length * inner;
        ShareOut(bindings.pool, outer, ns, [&](int64_t begin, int64_t end) {
          internal::SoftmaxTask task;
          task.length = length;
          task.stride = inner;
          task.log = log;
          task.columns = rows ? end - begin : inner;
          for (int64_t i = begin; i < end; i += rows ? end - begin : 1) {
            task.x = FloatsOf(bindings, 0) + i * step;
            task.y = OutputOf(bindings) + i * step;
            softmax(task);
          }
        });
      });
}

StepOr CreateLayerNormStep(const plan::StepRequest& request,
                           const ir::LayerNorm& op) {
  OCTET_RETURN_IF_ERROR(ExpectFloats(request));
  const Shape shape = request.shape(request.node.inputs[0]);
  internal::LayerNormTask task;
  task.length = ElementCount(absl::MakeConstSpan(shape).subspan(op.axis));
  task.epsilon = op.epsilon;
  task.subtract_mean = op.subtract_mean;
  const int64_t rows =
      ElementCount(absl::MakeConstSpan(shape).subspan(0, op.axis));
  for (size_t i = 1; i < request.node.inputs.size(); ++i) {
    if (ElementCount(request.shape(request.node.inputs[i])) != task.length) {
      return absl::UnimplementedError("a scale or bias of another shape");
    }
  }
  const auto layer_norm = internal::FloatKernelsFor(ActiveIsa()).layer_norm;
  const int64_t ns = NsOf(rows * task.length, kNormNs);
  return MakeKernelStep(
      KernelName("layer_norm"), 0,
      [=, has_scale = op.has_scale,
       has_bias = op.has_bias](const plan::Bindings& bindings) {
        ShareOut(bindings.pool, rows, ns, [&](int64_t begin, int64_t end) {
          internal::LayerNormTask part = task;
          part.x = FloatsOf(bindings, 0) + begin * task.length;
          part.y = OutputOf(bindings) + begin * task.length;
          if (has_scale) part.scale = FloatsOf(bindings, 1);
          if (has_bias) part.bias = FloatsOf(bindings, has_scale ? 2 : 1);
          part.rows = end - begin;
          layer_norm(part);
        });
      });
}

StepOr CreateLrnStep(const plan::StepRequest& request, const ir::Lrn& op) {
  OCTET_RETURN_IF_ERROR(ExpectFloats(request));
  if (op.bias < std::numeric_limits<float>::min() || op.alpha < 0 ||
      op.beta <= 0) {
    return absl::UnimplementedError("LRN of a base that is not above 0");
  }
  const Shape shape = request.shape(request.node.inputs[0]);
  const auto dims = absl::MakeConstSpan(shape);
  const int64_t outer = ElementCount(dims.subspan(0, op.axis));
  const int64_t channels = shape[op.axis];
  internal::LrnTask task;
  task.stride = ElementCount(dims.subspan(op.axis + 1));
  task.n = channels * task.stride;
  task.before = std::min((op.size - 1) / 2, channels - 1);
  task.behind = std::min(op.size - 1 - (op.size - 1) / 2, channels - 1);
  task.alpha = op.alpha / static_cast<float>(op.size);
  task.beta = op.beta;
  task.bias = op.bias;
  // All channels of a pixel, or one of all pixels.
  const int64_t part = task.stride == 1 ? channels : task.stride;
  const int64_t items = outer * task.n / std::max<int64_t>(part, 1);
  const auto lrn = internal::FloatKernelsFor(ActiveIsa()).lrn;
  return MakeKernelStep(
      KernelName("lrn"), 0, [=](const plan::Bindings& bindings) {
        ShareOut(bindings.pool, items, NsOf(outer * task.n, kLrnNs),
                 [&](int64_t begin, int64_t end) {
                   internal::LrnTask one = task;
                   for (int64_t i = begin; i < end; ++i) {
                     const int64_t at = i * part / task.n * task.n;
                     one.x = FloatsOf(bindings, 0) + at;
                     one.y = OutputOf(bindings) + at;
                     one.begin = i * part - at;
                     one.end = one.begin + part;
                     lrn(one);
                   }
                 });
      });
}

StepOr CreateBatchNormStep(const plan::StepRequest& request,
                           const ir::BatchNorm& op) {
  OCTET_RETURN_IF_ERROR(ExpectFloats(request));
  const Shape shape = request.shape(request.node.inputs[0]);
  const int64_t channels = shape[1];
  const int64_t inner = ElementCount(absl::MakeConstSpan(shape).subspan(2));
  const int64_t planes = shape[0] * channels;
  const auto affine_row = internal::FloatKernelsFor(ActiveIsa()).affine_row;
  const double epsilon = op.epsilon;
  return MakeKernelStep(
      KernelName("batch_norm"), 0, [=](const plan::Bindings& bindings) {
        ShareOut(bindings.pool, planes, NsOf(planes * inner, kNormNs),
                 [&](int64_t begin, int64_t end) {
                   internal::AffineRowTask task;
                   task.n = inner;
                   for (int64_t i = begin; i < end; ++i) {
                     const int64_t c = i % channels;
                     const double deviation =
                         std::sqrt(double{FloatsOf(bindings, 4)[c]} + epsilon);
                     task.x = FloatsOf(bindings, 0) + i * inner;
                     task.y = OutputOf(bindings) + i * inner;
                     task.scale = static_cast<float>(FloatsOf(bindings, 1)[c] /
                                                     deviation);
                     task.bias = FloatsOf(bindings, 2)[c];
                     task.mean = FloatsOf(bindings, 3)[c];
                     affine_row(task);
                   }
                 });
      });
}

}  // namespace octet::simd
